"""The document store: Haystack's tests of such stores, all that there are, and what they do not ask."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from haystack import Document
from haystack.dataclasses import ByteStream, SparseEmbedding
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy
from haystack.errors import FilterError
from haystack.testing.document_store import (
    CountDocumentsByFilterTest,
    CountUniqueMetadataByFilterTest,
    DocumentStoreBaseExtendedTests,
    GetMetadataFieldMinMaxTest,
    GetMetadataFieldsInfoTest,
    GetMetadataFieldUniqueValuesTest,
)
from haystack.testing.document_store_async import (
    CountDocumentsAsyncTest,
    CountDocumentsByFilterAsyncTest,
    CountUniqueMetadataByFilterAsyncTest,
    DeleteAllAsyncTest,
    DeleteByFilterAsyncTest,
    DeleteDocumentsAsyncTest,
    FilterDocumentsAsyncTest,
    GetMetadataFieldMinMaxAsyncTest,
    GetMetadataFieldsInfoAsyncTest,
    GetMetadataFieldUniqueValuesAsyncTest,
    UpdateByFilterAsyncTest,
    WriteDocumentsAsyncTest,
)
from haystack.utils import Secret, document_matches_filter

from haystack_integrations.document_stores.quartzdb import QuartzDBDocumentStore
from quartzdb_client import Client, InvalidRequest


@pytest.fixture
def document_store(namespace: str) -> QuartzDBDocumentStore:
    """An empty one."""
    return QuartzDBDocumentStore(namespace)


def assert_equal(received: list[Document], expected: list[Document]) -> None:
    """The same documents. They come by id; embeddings are of 32 bits here, and of 64 in the tests."""
    received, expected = (sorted(documents, key=lambda one: one.id) for documents in (received, expected))
    for one, other in zip(received, expected, strict=True):
        assert (one.embedding is None) == (other.embedding is None)
        np.testing.assert_allclose(one.embedding or [], other.embedding or [], rtol=1e-6)
        assert {**one.to_dict(flatten=False), "embedding": 0} == {
            **other.to_dict(flatten=False),
            "embedding": 0,
        }


class TestStandard(
    CountDocumentsByFilterTest,
    CountUniqueMetadataByFilterTest,
    DocumentStoreBaseExtendedTests,
    GetMetadataFieldMinMaxTest,
    GetMetadataFieldsInfoTest,
    GetMetadataFieldUniqueValuesTest,
):
    """As Haystack has them."""

    @pytest.fixture
    def document_store(self, namespace: str) -> QuartzDBDocumentStore:
        return QuartzDBDocumentStore(namespace)

    @staticmethod
    def assert_documents_are_equal(received: list[Document], expected: list[Document]) -> None:
        assert_equal(received, expected)

    def test_write_documents(self, document_store: QuartzDBDocumentStore) -> None:
        """Which policy is the default is for each store to say: documents that are there are refused."""
        document = Document(content="test doc")
        assert document_store.write_documents([document]) == 1
        with pytest.raises(DuplicateDocumentError, match=document.id):
            document_store.write_documents([document])


class TestStandardAsync(
    CountDocumentsAsyncTest,
    CountDocumentsByFilterAsyncTest,
    CountUniqueMetadataByFilterAsyncTest,
    DeleteAllAsyncTest,
    DeleteByFilterAsyncTest,
    DeleteDocumentsAsyncTest,
    FilterDocumentsAsyncTest,
    GetMetadataFieldMinMaxAsyncTest,
    GetMetadataFieldsInfoAsyncTest,
    GetMetadataFieldUniqueValuesAsyncTest,
    UpdateByFilterAsyncTest,
    WriteDocumentsAsyncTest,
):
    """As Haystack has them."""

    @staticmethod
    def assert_documents_are_equal(received: list[Document], expected: list[Document]) -> None:
        assert_equal(received, expected)

    async def test_write_documents_async(self, document_store: QuartzDBDocumentStore) -> None:
        """As it is without waiting."""
        document = Document(content="test doc")
        assert await document_store.write_documents_async([document]) == 1
        with pytest.raises(DuplicateDocumentError, match=document.id):
            await document_store.write_documents_async([document])


def test_nothing_of_haystacks_is_left_out() -> None:
    """A mixin that a later version adds fails this test until it is taken in."""
    from haystack.testing import document_store, document_store_async

    taken = {base for suite in (TestStandard, TestStandardAsync) for base in suite.__mro__}
    for module in (document_store, document_store_async):
        there = {one for name, one in vars(module).items() if name.endswith(("Test", "Tests"))}
        assert there <= taken


def test_whole_documents(document_store: QuartzDBDocumentStore) -> None:
    """All that a document may have comes back."""
    documents = [
        Document(
            id="a", content="Text", embedding=[0.5] * 768, meta={"a.b": {"c": [1, None]}, "content": "mine"}
        ),
        Document(id="b", blob=ByteStream(b"\x00\xff", {"page": 1}, "image/png")),
        Document(id="c", sparse_embedding=SparseEmbedding([3, 1], [0.5, 2.0])),
        Document(id="d", content=""),
    ]
    document_store.write_documents(documents)
    assert document_store.filter_documents() == documents


def test_many(namespace: str) -> None:
    """More than a request carries, with each policy."""
    document_store = QuartzDBDocumentStore(namespace, embedding_dim=2)
    many = [Document(id=f"{n:04}", content="old") for n in range(1_101)]
    assert document_store.write_documents(many[:600]) == 600
    assert document_store.write_documents(many[:1_100], DuplicatePolicy.SKIP) == 500
    new = [Document(id=one.id, content="new") for one in many]
    assert document_store.write_documents(new, DuplicatePolicy.OVERWRITE) == 1_101
    assert {one.content for one in document_store.filter_documents()} == {"new"}
    document_store.delete_documents([one.id for one in many])
    assert document_store.count_documents() == 0


def test_an_id_that_comes_twice(document_store: QuartzDBDocumentStore) -> None:
    """Of one call, as of two."""
    twice = [Document(id="a", content="first"), Document(id="a", content="second")]
    with pytest.raises(DuplicateDocumentError, match="twice"):
        document_store.write_documents(twice)
    assert document_store.write_documents(twice, DuplicatePolicy.SKIP) == 1
    assert document_store.filter_documents()[0].content == "first"
    assert document_store.write_documents(twice, DuplicatePolicy.OVERWRITE) == 2
    assert document_store.filter_documents()[0].content == "second"


DOCUMENTS = [
    Document(id="1", content="One.", meta={"n": 1, "s": "a", "deep": {"n": 1}, "date": "2024-01-01"}),
    Document(id="2", content="Two.", meta={"n": 2, "s": "b", "date": "2025-06-01T10:00:00"}),
    Document(id="3", content="Three.", meta={"n": None, "b": True}),
    Document(id="4", meta={"n": 2.5, "deep": {"n": 2}}),
]


@pytest.fixture(scope="module")
def shared() -> QuartzDBDocumentStore:
    """DOCUMENTS, which nobody changes."""
    import secrets

    store = QuartzDBDocumentStore(f"test-shared-{secrets.token_hex(4)}", embedding_dim=2)
    store.write_documents(DOCUMENTS)
    return store


def compared(field: str, operator: str, value: object) -> dict[str, Any]:
    """A comparison."""
    return {"field": field, "operator": operator, "value": value}


@pytest.mark.parametrize(
    "filters",
    [
        compared("meta.n", "==", 2),
        compared("n", "==", 2),
        compared("meta.n", "==", None),
        compared("meta.n", "!=", None),
        compared("meta.n", "!=", 2),
        compared("meta.n", ">", 1),
        compared("meta.n", "<=", 2.5),
        compared("meta.n", "<", None),
        compared("meta.n", "in", [1, 2.5]),
        compared("meta.n", "in", [1, None]),
        compared("meta.n", "not in", [1, None]),
        compared("meta.n", "in", []),
        compared("meta.n", "not in", []),
        compared("meta.deep.n", "==", 2),
        compared("meta.deep.n", "==", None),
        compared("meta.date", ">=", "2025-01-01"),
        compared("meta.b", "==", True),
        compared("id", "in", ["1", "4"]),
        compared("content", "==", "Two."),
        compared("content", "==", None),
        compared("content", "!=", None),
        {"operator": "AND", "conditions": []},
        {"operator": "OR", "conditions": []},
        {"operator": "NOT", "conditions": []},
        {"operator": "NOT", "conditions": [compared("meta.n", ">", 1), compared("meta.s", "==", "b")]},
        {
            "operator": "OR",
            "conditions": [
                {"operator": "NOT", "conditions": [compared("meta.n", "!=", None)]},
                {
                    "operator": "AND",
                    "conditions": [compared("meta.s", "==", "a"), compared("meta.n", "<", 2)],
                },
            ],
        },
    ],
    ids=str,
)
def test_filters_mean_what_they_mean_to_haystack(
    shared: QuartzDBDocumentStore, filters: dict[str, Any]
) -> None:
    """The same documents as Haystack's own evaluation chooses."""
    chosen = [one.id for one in DOCUMENTS if document_matches_filter(filters, one)]
    assert [one.id for one in shared.filter_documents(filters)] == chosen
    assert shared.count_documents_by_filter(filters) == len(chosen)


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        (compared("embedding", "==", 1), "cannot be filtered by 'embedding'"),
        (compared("meta.n", "~", 1), "There is no operator '~'"),
        ({"operator": "XOR", "conditions": []}, "There is no operator 'XOR'"),
        (compared("meta.n", "==", [1]), "use 'in'"),
        ({"operator": "AND", "conditions": ["n > 1"]}, "A filter is a dictionary"),
        (compared("meta.n", ">", "soon"), "dates in ISO form"),
    ],
)
def test_filters_that_make_no_sense(
    shared: QuartzDBDocumentStore, filters: dict[str, Any], said: str
) -> None:
    """It is said what is wrong."""
    with pytest.raises(FilterError, match=said):
        shared.filter_documents(filters)


async def test_nothing_is_there_yet(document_store: QuartzDBDocumentStore) -> None:
    """A namespace that nobody has written to is empty, whatever is asked."""
    one = compared("meta.n", "==", 1)
    assert document_store.delete_by_filter(one) == document_store.update_by_filter(one, {"n": 2}) == 0
    assert await document_store.count_unique_metadata_by_filter_async(one, ["n"]) == {"n": 0}
    assert await document_store.get_metadata_field_min_max_async("n") == {"min": None, "max": None}
    document_store.delete_all_documents(recreate_index=True)


def test_what_is_refused(document_store: QuartzDBDocumentStore) -> None:
    """Names that are taken, an embedding of another length, and a document that is too long."""
    with pytest.raises(ValueError, match="'_content'"):
        document_store.write_documents([Document(content="a", meta={"_content": "b"})])
    with pytest.raises(TypeError, match="isoformat"):
        document_store.write_documents([Document(content="a", meta={"on": date(2026, 1, 1)})])
    with pytest.raises(ValueError, match="'_id'"):
        document_store.update_by_filter(compared("meta.n", "==", 1), {"_id": "b"})
    with pytest.raises(InvalidRequest, match="768"):
        document_store.write_documents([Document(content="a", embedding=[1.0])])
    with pytest.raises(InvalidRequest, match="32"):
        document_store.write_documents([Document(content="long " * 10_000)])


def test_settings_of_the_namespace(namespace: str, client: Client) -> None:
    """They are for a namespace that is made."""
    store = QuartzDBDocumentStore(
        namespace, embedding_dim=2, metric="dot", language="german", settings={"shards": 2}
    )
    store.write_documents([Document(content="Ein Haus.")])
    made = client.namespace(namespace).describe()
    assert (made.dimension, made.metric, made.shards) == (2, "dot", 2)
    assert made.text["_content"]["language"] == "german"


def test_serialisation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is named, and not written; what is read back is the same."""
    monkeypatch.setenv("ANOTHER_KEY", "qdb_live_secret")
    store = QuartzDBDocumentStore(
        "books", embedding_dim=3, settings={"shards": 2}, api_key=Secret.from_env_var("ANOTHER_KEY")
    )
    written = store.to_dict()
    assert "secret" not in str(written)
    assert written["type"].startswith("haystack_integrations.document_stores.quartzdb")
    assert QuartzDBDocumentStore.from_dict(written).to_dict() == store.to_dict()
    with pytest.raises(ValueError, match="token-based"):
        QuartzDBDocumentStore("books", api_key=Secret.from_token("qdb_live_secret")).to_dict()
