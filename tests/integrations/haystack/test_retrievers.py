"""Retrievers: by embeddings, by words, by both, alone and in a pipeline."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from haystack import Document, Pipeline
from haystack.dataclasses import SparseEmbedding
from haystack.document_stores.types import FilterPolicy

from haystack_integrations.components.retrievers.quartzdb import (
    QuartzDBBM25Retriever,
    QuartzDBEmbeddingRetriever,
    QuartzDBHybridRetriever,
)
from haystack_integrations.document_stores.quartzdb import QuartzDBDocumentStore

DOCUMENTS = [
    Document(id="cat", content="A cat sleeps.", embedding=[1, 0], meta={"legs": 4}),
    Document(
        id="lion",
        content="A lion sleeps.",
        embedding=[1, 0.1],
        meta={"legs": 4},
        sparse_embedding=SparseEmbedding([7], [1.0]),
    ),
    Document(id="hen", content="A hen wakes.", embedding=[0, 1], meta={"legs": 2}),
    Document(id="owl", content="An owl wakes at night, nobody knows where.", meta={"legs": 2}),
]


@pytest.fixture(scope="module")
def store() -> QuartzDBDocumentStore:
    """DOCUMENTS, which nobody changes."""
    made = QuartzDBDocumentStore(f"test-shared-{secrets.token_hex(4)}", embedding_dim=2)
    made.write_documents(DOCUMENTS)
    return made


def found(answer: dict[str, Any]) -> list[str]:
    """The ids of the documents."""
    return [document.id for document in answer["documents"]]


async def test_by_embeddings(store: QuartzDBDocumentStore) -> None:
    """The nearest, with scores; documents without an embedding are not among them."""
    retriever = QuartzDBEmbeddingRetriever(store, top_k=3)
    answer = retriever.run([1.0, 0.0])
    assert found(answer) == ["cat", "lion", "hen"]
    assert [one.score for one in answer["documents"]] == pytest.approx([1, 0.995, 0], abs=0.001)
    assert answer["documents"][0].embedding is None
    assert found(await retriever.run_async([1.0, 0.0], top_k=1)) == ["cat"]
    with_embedding = QuartzDBEmbeddingRetriever(store, return_embedding=True).run([1.0, 0.0], top_k=4)
    assert [one.embedding for one in with_embedding["documents"]][::2] == [[1, 0], [0, 1]]


async def test_by_words(store: QuartzDBDocumentStore) -> None:
    """Words by their stems, phrases, beginnings."""
    retriever = QuartzDBBM25Retriever(store)
    assert found(retriever.run("waking")) == ["hen", "owl"]
    assert found(retriever.run('"wakes at night"')) == ["owl"]
    assert found(await retriever.run_async("lio*")) == ["lion"]
    assert found(QuartzDBBM25Retriever(store, options={"min_score": 100.0}).run("waking")) == []


async def test_by_both(store: QuartzDBDocumentStore) -> None:
    """What is good in several rankings comes first, and rankings may be weighted."""
    retriever = QuartzDBHybridRetriever(store, top_k=2)
    assert found(retriever.run("lions", [1.0, 0.1])) == ["lion", "cat"]
    assert found(await retriever.run_async("nothing", [0.0, 1.0], SparseEmbedding([7], [1.0]))) == [
        "lion",
        "hen",
    ]
    words = QuartzDBHybridRetriever(store, fusion={"method": "weighted", "vector": 0.1, "text": 0.9})
    assert found(words.run("wakes", [1.0, 0.0]))[0] == "hen"


@pytest.mark.parametrize(
    ("policy", "matching"), [(FilterPolicy.REPLACE, {"lion", "cat"}), (FilterPolicy.MERGE, {"lion"})]
)
def test_filters(store: QuartzDBDocumentStore, policy: FilterPolicy, matching: set[str]) -> None:
    """Those of a run take the place of the retriever's, or are added to them."""
    retriever = QuartzDBBM25Retriever(
        store, filters={"field": "id", "operator": "!=", "value": "cat"}, filter_policy=policy
    )
    legs = {"field": "meta.legs", "operator": "==", "value": 4}
    assert set(found(retriever.run("sleeps wakes", filters=legs))) == matching
    assert "cat" not in found(retriever.run("sleeps wakes"))


async def test_in_a_pipeline(store: QuartzDBDocumentStore) -> None:
    """It is written as YAML and read back, and runs, synchronous and asynchronous."""
    pipeline = Pipeline()
    pipeline.add_component("words", QuartzDBBM25Retriever(store, top_k=1, filter_policy=FilterPolicy.MERGE))
    pipeline.add_component("vectors", QuartzDBEmbeddingRetriever(store, top_k=1, options={"recall": 1}))
    pipeline.add_component("both", QuartzDBHybridRetriever(store, top_k=1, fusion={"method": "rrf", "k": 20}))
    asked = {
        "words": {"query": "owl"},
        "vectors": {"query_embedding": [0.0, 1.0]},
        "both": {"query": "lion", "query_embedding": [1.0, 0.0]},
    }
    expected = {"words": ["owl"], "vectors": ["hen"], "both": ["lion"]}
    read = Pipeline.loads(pipeline.dumps())
    assert read.to_dict() == pipeline.to_dict()
    assert {name: found(one) for name, one in read.run(asked).items()} == expected
    assert {name: found(one) for name, one in (await read.run_async(asked)).items()} == expected


def test_another_store() -> None:
    """It is said which one is meant."""
    with pytest.raises(TypeError, match="QuartzDBDocumentStore"):
        QuartzDBBM25Retriever("a store")
