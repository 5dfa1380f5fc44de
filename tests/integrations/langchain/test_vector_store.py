"""The vector store: LangChain's tests of such stores, and what they do not ask."""

from __future__ import annotations

import asyncio
import gc
import os
from datetime import date
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import VectorStoreIntegrationTests

from langchain_quartzdb import QuartzDBVectorStore
from quartzdb_client import AsyncClient, Client, InvalidRequest


class TestStandard(VectorStoreIntegrationTests):
    """As LangChain has them, synchronous and asynchronous."""

    @pytest.fixture
    def vectorstore(self, namespace: str) -> VectorStore:
        return QuartzDBVectorStore(self.get_embeddings(), namespace)


class Corners(Embeddings):
    """Texts stand where their numbers say: "1 0.5 a cat" at (1, 0.5)."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return [float(number) for number in text.split(" ", 2)[:2]]


ANIMALS = {
    "cat": ("1 0 A cat sleeps.", {"legs": 4, "tame": True, "colours": ["grey", "red"]}),
    "lion": ("1 0.1 A lion sleeps.", {"legs": 4, "tame": False}),
    "hen": ("0 1 A hen wakes.", {"legs": 2, "tame": True}),
    "eel": ("-1 0.1 An eel swims.", {"legs": 0}),
}


def animals(namespace: str, **options: Any) -> QuartzDBVectorStore:
    """Four of them."""
    texts, metadatas = zip(*ANIMALS.values(), strict=True)
    return QuartzDBVectorStore.from_texts(
        list(texts), Corners(), list(metadatas), ids=list(ANIMALS), namespace=namespace, **options
    )


def found(documents: list[Document]) -> list[str | None]:
    """Their ids."""
    return [document.id for document in documents]


async def test_by_vector_by_words_and_by_both(namespace: str) -> None:
    """Words are found where vectors are not near, and what is good in both rankings comes first."""
    store = animals(namespace)
    assert found(store.similarity_search("1 0", 2)) == ["cat", "lion"]
    assert found(store.similarity_search("1 0 waking", mode="text")) == ["hen"]
    assert found(store.similarity_search("1 0.1 lions", 2, mode="hybrid")) == ["lion", "cat"]
    assert found(await store.asimilarity_search("1 0 waking", mode="text")) == ["hen"]
    weighted = {"method": "weighted", "vector": 0.1, "text": 0.9}
    assert found(await store.asimilarity_search("1 0 wakes", mode="hybrid", fusion=weighted))[0] == "hen"
    retriever = store.as_retriever(search_kwargs={"mode": "hybrid", "k": 1, "filter": {"legs": 2}})
    assert found(retriever.invoke("1 0 sleeps")) == ["hen"]
    assert found(await retriever.ainvoke("1 0 sleeps")) == ["hen"]


@pytest.mark.parametrize(
    ("filter", "matching"),
    [
        ({"legs": 4}, {"cat", "lion"}),
        ({"legs": {"$eq": 4}, "tame": True}, {"cat"}),
        ({"legs": {"$ne": 4}}, {"hen", "eel"}),
        ({"legs": {"$gt": 2}}, {"cat", "lion"}),
        ({"legs": {"$gte": 2, "$lt": 4}}, {"hen"}),
        ({"legs": {"$lte": 2}}, {"hen", "eel"}),
        ({"legs": {"$between": [1, 3]}}, {"hen"}),
        ({"legs": {"$in": [0, 2]}}, {"hen", "eel"}),
        ({"legs": {"$nin": [0, 2]}}, {"cat", "lion"}),
        ({"tame": {"$exists": False}}, {"eel"}),
        ({"colours": {"$contains": "red"}}, {"cat"}),
        ({"text": {"$like": "1 0%"}}, {"cat", "lion"}),
        ({"$and": [{"legs": 4}, {"$or": [{"tame": False}, {"legs": {"$between": [9, 10]}}]}]}, {"lion"}),
        ({"$not": {"legs": {"$like": "4%"}}}, {"cat", "lion", "hen", "eel"}),
        ({"$not": [{"legs": 4}, {"legs": 2}]}, {"eel"}),
        ({"legs": {"$not": {"$between": [2, 4]}}}, {"eel"}),
    ],
)
def test_filters(shared: QuartzDBVectorStore, filter: dict[str, Any], matching: set[str]) -> None:
    """All operators of LangChain's stores, alone and combined."""
    assert set(found(shared.similarity_search("1 0", filter=filter))) == matching


@pytest.fixture(scope="module")
def shared() -> QuartzDBVectorStore:
    """Animals that nobody changes."""
    import secrets

    return animals(f"test-shared-{secrets.token_hex(4)}")


async def test_marginal_relevance(shared: QuartzDBVectorStore) -> None:
    """The second is another kind, though a third is nearer."""
    assert found(shared.max_marginal_relevance_search("1 0.2", 2, lambda_mult=0.1)) == ["lion", "eel"]
    assert found(shared.max_marginal_relevance_search("1 0.2", 2, lambda_mult=1)) == ["lion", "cat"]
    assert found(await shared.amax_marginal_relevance_search("1 0.2", 2, fetch_k=2, lambda_mult=0.1)) == [
        "lion",
        "cat",
    ]
    assert found(shared.max_marginal_relevance_search("1 0.2", 1, filter={"legs": 2})) == ["hen"]


@pytest.mark.parametrize(("metric", "lion"), [("cosine", 0.995), ("dot", 1.0), ("euclidean", 0.929)])
async def test_relevance(namespace: str, metric: str, lion: float) -> None:
    """From 0 to 1 whatever the metric is, and what is below the threshold is left out."""
    store = animals(namespace, metric=metric)
    found_ = {doc.id: score for doc, score in store.similarity_search_with_relevance_scores("1 0")}
    assert found_ == pytest.approx({"cat": 1, "lion": lion, "hen": 0, "eel": 0}, abs=0.001)
    assert found_ == {
        doc.id: score for doc, score in await store.asimilarity_search_with_relevance_scores("1 0")
    }
    retriever = store.as_retriever(
        search_type="similarity_score_threshold", search_kwargs={"score_threshold": 0.5}
    )
    assert found(retriever.invoke("1 0")) == ["cat", "lion"]


def test_relevance_of_words_is_not_known(namespace: str) -> None:
    """Rather than to make something up, it says what to do."""
    with pytest.raises(ValueError, match="relevance_score_fn"):
        QuartzDBVectorStore(Corners(), namespace).similarity_search_with_relevance_scores("1 0", mode="text")


def test_many_are_written_in_parts(namespace: str, client: Client) -> None:
    """Also where one id comes twice: then the last text counts."""
    store = QuartzDBVectorStore(Corners(), namespace, batch_size=10, text_search=False)
    ids = [str(number) for number in range(35)]
    assert store.add_texts([f"1 {n}" for n in [*ids, "7"]], ids=[*ids[:-1], "34", "0"]) == [*ids, "0"]
    assert client.namespace(namespace).count().count == 35
    assert found(store.get_by_ids(["3", "no", "0"])) == ["3", "0"]
    assert store.get_by_ids(["0"])[0].page_content == "1 7"


async def test_deletion(namespace: str) -> None:
    """By id, by filter, and all."""
    store = animals(namespace)
    assert store.delete(["cat", "nobody"])
    assert await store.adelete(filter={"legs": 0})
    assert set(found(store.similarity_search("1 0"))) == {"lion", "hen"}
    assert await store.adelete()
    assert store.similarity_search("1 0") == []
    with pytest.raises(ValueError, match="not both"):
        store.delete(["lion"], filter={"legs": 4})


async def test_nothing_is_there_yet(namespace: str) -> None:
    """A namespace that nobody has written to is empty, whatever is asked."""
    store = QuartzDBVectorStore(Corners(), namespace)
    assert store.similarity_search("1 0", mode="hybrid") == []
    assert store.max_marginal_relevance_search("1 0") == []
    assert await store.aget_by_ids(["a"]) == []
    assert store.similarity_search_with_relevance_scores("1 0") == []
    assert store.delete(["a"])
    assert store.add_texts([]) == []


def test_settings_of_the_namespace(namespace: str, client: Client) -> None:
    """They are for a namespace that is made; one that is there stays as it is."""
    animals(namespace, language="german", settings={"shards": 2, "precision": "f16"}, text_field="body")
    made = client.namespace(namespace).describe()
    assert (made.dimension, made.shards, made.precision, list(made.text)) == (2, 2, "f16", ["body"])
    assert made.text["body"]["language"] == "german"
    QuartzDBVectorStore(Corners(), namespace, text_field="body", metric="dot").add_texts(["0 1 A gnu."])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"filter": "legs > 2"}, "A filter is a dictionary"),
        ({"filter": {"text": {"$like": "%sleeps%"}}}, "mode='text'"),
        ({"mode": "fuzzy"}, "one of vector, text, hybrid"),
    ],
)
def test_what_makes_no_sense(shared: QuartzDBVectorStore, wrong: dict[str, Any], said: str) -> None:
    """It is said what is wrong, and what to do."""
    with pytest.raises((TypeError, ValueError), match=said):
        shared.similarity_search("1 0", **wrong)


def test_what_the_database_refuses(shared: QuartzDBVectorStore) -> None:
    """Its own words come through: an operator that there is not, an option that there is not, too many at once."""
    with pytest.raises(InvalidRequest, match="\\$regex"):
        shared.similarity_search("1 0", filter={"legs": {"$regex": "x"}})
    with pytest.raises(InvalidRequest, match="recal"):
        shared.similarity_search("1 0", recal=0.5)
    with pytest.raises(InvalidRequest, match="1000"):
        shared.similarity_search("1 0", k=1_001)


def test_a_document_that_does_not_fit(namespace: str) -> None:
    """A text that is too long for a record is refused with the limit; so is metadata where the text goes."""
    store = QuartzDBVectorStore(Corners(), namespace)
    with pytest.raises(InvalidRequest, match="32"):
        store.add_texts(["1 0 " + "long " * 10_000])
    with pytest.raises(ValueError, match="text_field"):
        store.add_texts(["1 0"], [{"text": "mine"}])
    with pytest.raises(TypeError, match="isoformat"):
        store.add_texts(["1 0"], [{"on": date(2026, 1, 1)}])
    with pytest.raises(ValueError, match="2 ids for 1 texts"):
        store.add_texts(["1 0"], ids=["a", "b"])
    with pytest.raises(ValueError, match="2 metadatas for 1 texts"):
        store.add_texts(["1 0"], [{}, {}])


def test_event_loops_come_and_go(namespace: str) -> None:
    """A store may be used in one after another; what an ended one had open is let go of."""
    store = animals(namespace)

    def sockets() -> int:
        gc.collect()
        return sum(
            "socket:" in os.path.realpath(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd")
        )

    found_, open_ = [], []
    for _ in range(5):
        found_.append(found(asyncio.run(store.asimilarity_search("1 0", 1))))
        open_.append(sockets())
    assert found_ == [["cat"]] * 5
    assert open_[-1] <= open_[0]


def test_the_indexing_api(namespace: str) -> None:
    """Documents that are there as they are are skipped, changed ones are written again, and others go."""
    store = QuartzDBVectorStore(Corners(), namespace)
    manager = InMemoryRecordManager(namespace)
    manager.create_schema()
    documents = [Document(f"1 {n}", metadata={"source": str(n)}) for n in range(3)]

    def indexed(documents: list[Document]) -> tuple[int, int, int]:
        done = index(
            documents,
            manager,
            store,
            cleanup="full",
            source_id_key="source",
            key_encoder="sha256",
            batch_size=2,
        )
        return done["num_added"], done["num_skipped"], done["num_deleted"]

    assert indexed(documents) == (3, 0, 0)
    assert indexed([*documents[:2], Document("0 7", metadata={"source": "2"})]) == (1, 2, 1)
    assert {one.page_content for one in store.similarity_search("1 0")} == {"1 0", "1 1", "0 7"}


async def test_clients_of_ones_own(namespace: str) -> None:
    """Both clients may be given."""
    async with AsyncClient() as asynchronous:
        with Client() as synchronous:
            store = animals(namespace, client=synchronous, async_client=asynchronous)
            assert found(await store.asimilarity_search("1 0", 1)) == ["cat"]
            assert found(store.similarity_search("1 0", 1)) == ["cat"]
