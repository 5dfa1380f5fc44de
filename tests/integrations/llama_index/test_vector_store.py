"""The vector store, as LlamaIndex uses one: query modes, filters beside its own store's, indexes and retrievers."""

from __future__ import annotations

import itertools
import secrets
from typing import Any

import pytest
from llama_index.core import MockEmbedding, StorageContext, VectorStoreIndex
from llama_index.core.schema import (
    BaseNode,
    Document,
    ImageNode,
    IndexNode,
    MediaResource,
    Node,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)
from llama_index.vector_stores.quartzdb import QuartzDBVectorStore

from quartzdb_client import AsyncClient, Client, InvalidRequest

Op = FilterOperator
Mode = VectorStoreQueryMode


def node(
    id: str, content: str, embedding: list[float], document: str | None = None, /, **metadata: Any
) -> TextNode:
    """A node of a document, where one is given."""
    source = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id=document)} if document else {}
    return TextNode(id_=id, text=content, embedding=embedding, relationships=source, metadata=metadata)


def animals() -> list[BaseNode]:
    """Four of them, of two documents."""
    return [
        node("cat", "A cat sleeps.", [1, 0], "house", legs=4, tags=["soft", "tame"], name="Felis catus"),
        node("lion", "A lion sleeps.", [1, 0.1], "wild", legs=4, tags=["soft"], name="Panthera leo"),
        node("hen", "A hen wakes.", [0, 1], "house", legs=2, tags=[], name="Gallus gallus"),
        node("eel", "An eel swims.", [-1, 0.1], "wild", legs=0, name=""),
    ]


@pytest.fixture(scope="module")
def shared() -> QuartzDBVectorStore:
    """Animals that nobody changes."""
    store = QuartzDBVectorStore(f"test-shared-{secrets.token_hex(4)}")
    store.add(animals())
    return store


@pytest.fixture(scope="module")
def simple() -> SimpleVectorStore:
    """The same animals in LlamaIndex's own store."""
    store = SimpleVectorStore()
    store.add(animals())
    return store


def asked(
    mode: Mode = Mode.DEFAULT, text: str | None = None, top_k: int = 4, **more: Any
) -> VectorStoreQuery:
    """A query from the side of the cats."""
    return VectorStoreQuery(
        query_embedding=[1.0, 0.0], query_str=text, similarity_top_k=top_k, mode=mode, **more
    )


def test_it_is_one() -> None:
    """Of the class that LlamaIndex has for stores."""
    assert issubclass(QuartzDBVectorStore, BasePydanticVectorStore)


# --- modes ---


async def test_modes(shared: QuartzDBVectorStore) -> None:
    """By vectors, by words, by both, and by what differs, synchronous and asynchronous."""
    for query, expected in [
        (asked(), ["cat", "lion", "hen", "eel"]),
        (asked(Mode.TEXT_SEARCH, "waking"), ["hen"]),
        (asked(Mode.HYBRID, "lions", 2), ["lion", "cat"]),
        (asked(Mode.HYBRID, "wakes", alpha=0.0, hybrid_top_k=1), ["hen"]),
        (asked(Mode.HYBRID, "wakes", 1, alpha=1.0), ["cat"]),
        (asked(Mode.MMR, top_k=2, mmr_threshold=0.1), ["cat", "eel"]),
        (asked(Mode.MMR, top_k=2, mmr_threshold=1.0), ["cat", "lion"]),
        (asked(node_ids=["hen", "eel", "nobody"]), ["hen", "eel"]),
        (asked(doc_ids=["wild"]), ["lion", "eel"]),
        (asked(node_ids=[], top_k=1), ["cat"]),
    ]:
        assert shared.query(query).ids == expected
        answer = await shared.aquery(query)
        assert answer.ids == [one.node_id for one in answer.nodes or ()] == expected
    assert shared.query(asked(top_k=2)).similarities == pytest.approx([1, 0.995], abs=0.001)
    assert shared.query(asked(Mode.MMR, top_k=2), mmr_threshold=0.1, recall=1).ids == ["cat", "eel"]


def by_letters(texts: list[str]) -> tuple[list[list[int]], list[list[float]]]:
    """Sparse vectors of how often letters come."""
    letters = [sorted(set(filter(str.isalpha, text.lower()))) for text in texts]
    counts = [
        [float(text.lower().count(one)) for one in mine] for text, mine in zip(texts, letters, strict=True)
    ]
    return [[ord(one) for one in mine] for mine in letters], counts


def test_sparse_vectors(namespace: str) -> None:
    """With functions that make them there is one more mode, and hybrid is of these."""
    store = QuartzDBVectorStore(namespace, sparse_doc_fn=by_letters, sparse_query_fn=by_letters)
    store.add(animals())
    assert store.query(asked(Mode.SPARSE, "k", 1)).ids == ["hen"]
    assert store.query(asked(Mode.HYBRID, "k", 1, alpha=0.1)).ids == ["hen"]
    with pytest.raises(ValueError, match="neither"):
        QuartzDBVectorStore(namespace, sparse_doc_fn=by_letters)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (asked(Mode.SPARSE, "a"), "sparse_doc_fn"),
        (asked(Mode.TEXT_SEARCH), "query_str"),
        (VectorStoreQuery(mode=Mode.HYBRID, query_str="a"), "query_embedding"),
        (asked(Mode.SVM), "one of default, hybrid, text_search, sparse, mmr"),
    ],
)
def test_what_a_mode_lacks(shared: QuartzDBVectorStore, query: VectorStoreQuery, said: str) -> None:
    """It is said."""
    with pytest.raises(ValueError, match=said):
        shared.query(query)


# --- filters ---

LEAVES = [
    *(
        MetadataFilter(key="legs", value=2, operator=one)
        for one in (Op.EQ, Op.NE, Op.GT, Op.GTE, Op.LT, Op.LTE)
    ),
    *(MetadataFilter(key="name", value="Felis catus", operator=one) for one in (Op.EQ, Op.NE, Op.GT, Op.LTE)),
    *(MetadataFilter(key="legs", value=[0, 2], operator=one) for one in (Op.IN, Op.NIN)),
    *(MetadataFilter(key="legs", value=[], operator=one) for one in (Op.IN, Op.NIN)),
    *(MetadataFilter(key="nothing", value="a", operator=one) for one in (Op.EQ, Op.NE, Op.GT)),
    *(MetadataFilter(key="legs", value=None, operator=one) for one in (Op.EQ, Op.NE)),
    *(MetadataFilter(key="tags", value=["soft", "tame"], operator=one) for one in (Op.ANY, Op.ALL)),
    *(MetadataFilter(key="tags", value=[], operator=one) for one in (Op.ANY, Op.ALL)),
    MetadataFilter(key="tags", value="tame", operator=Op.CONTAINS),
    MetadataFilter(key="name", value="l", operator=Op.TEXT_MATCH),
    MetadataFilter(key="name", value="nobody", operator=Op.TEXT_MATCH),
    MetadataFilter(key="name", value="PAN", operator=Op.TEXT_MATCH_INSENSITIVE),
    *(
        MetadataFilter(key=key, value=None, operator=Op.IS_EMPTY)
        for key in ("tags", "name", "legs", "nothing")
    ),
]


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda one: f"{one.key} {one.operator.value} {one.value}")
def test_each_operator(shared: QuartzDBVectorStore, simple: SimpleVectorStore, leaf: MetadataFilter) -> None:
    """It chooses what LlamaIndex's own store chooses."""
    query = asked(filters=MetadataFilters(filters=[leaf]))
    assert sorted(shared.query(query).ids or ()) == sorted(simple.query(query).ids or ())


@pytest.mark.parametrize("condition", FilterCondition)
def test_groups(shared: QuartzDBVectorStore, simple: SimpleVectorStore, condition: FilterCondition) -> None:
    """Pairs of all of them, in each kind of group."""
    for pair in list(itertools.combinations(LEAVES, 2))[::9]:
        query = asked(filters=MetadataFilters(filters=list(pair), condition=condition))
        assert sorted(shared.query(query).ids or ()) == sorted(simple.query(query).ids or ()), pair


async def test_groups_of_groups(shared: QuartzDBVectorStore) -> None:
    """Within each other, which LlamaIndex's own store does not have."""
    soft = MetadataFilter(key="tags", value="soft", operator=Op.CONTAINS)
    legs = MetadataFilter(key="legs", value=4)
    leo = MetadataFilter(key="name", value="leo", operator=Op.TEXT_MATCH)
    inner = MetadataFilters(filters=[soft, leo], condition=FilterCondition.AND)
    others = MetadataFilters(filters=[inner], condition=FilterCondition.NOT)
    for filters, expected in [
        (MetadataFilters(filters=[legs, others]), ["cat"]),
        (
            MetadataFilters(
                filters=[inner, MetadataFilter(key="legs", value=0)], condition=FilterCondition.OR
            ),
            ["lion", "eel"],
        ),
        (MetadataFilters(filters=[MetadataFilters(filters=[]), legs]), ["cat", "lion"]),
    ]:
        assert shared.query(asked(filters=filters)).ids == expected
        assert (await shared.aquery(asked(filters=filters))).ids == expected
        assert {one.node_id for one in await shared.aget_nodes(filters=filters)} == set(expected)


def test_parts_of_the_text(shared: QuartzDBVectorStore) -> None:
    """Text matches are also for the text itself."""
    sleeps = MetadataFilters(
        filters=[MetadataFilter(key="text", value="SLEEP", operator=Op.TEXT_MATCH_INSENSITIVE)]
    )
    assert shared.query(asked(filters=sleeps)).ids == ["cat", "lion"]


def test_filters_that_make_no_sense(shared: QuartzDBVectorStore) -> None:
    """It is said what is wrong."""
    with pytest.raises(ValueError, match="takes a list"):
        shared.query(
            asked(filters=MetadataFilters(filters=[MetadataFilter(key="legs", value=4, operator=Op.IN)]))
        )
    with pytest.raises(InvalidRequest, match="recal"):
        shared.query(asked(), recal=1)


# --- nodes ---


def test_whole_nodes(namespace: str) -> None:
    """All kinds of nodes come back as they were, also metadata with names that have a meaning here."""
    nodes: list[BaseNode] = [
        node(
            "a", "Text", [1, 0], "d", text="mine", doc_id="mine", deep={"a": [1, None]}, _empty=1, none=None
        ),
        ImageNode(id_="b", image="aGk=", text="An image", embedding=[1, 0]),
        IndexNode(id_="c", text="Summary", index_id="other", embedding=[1, 0]),
        Node(id_="d", text_resource=MediaResource(text="Resource"), embedding=[1, 0]),
        TextNode(
            id_="e", text="", embedding=[0.5, 0.25], excluded_embed_metadata_keys=["x"], metadata={"x": 1}
        ),
    ]
    store = QuartzDBVectorStore(namespace)
    store.add(nodes)
    found = store.get_nodes(["e", "d", "c", "b", "a", "nobody"])
    assert [one.to_dict() for one in found] == [one.to_dict() for one in reversed(nodes)]
    assert [type(one) for one in found] == [type(one) for one in reversed(nodes)]


def test_records_of_others(namespace: str, client: Client) -> None:
    """What no LlamaIndex wrote is a text node, too."""
    metadata = {"text": "A desert planet.", "year": 1965}
    client.create_namespace(namespace, dimension=2, text={"text": {}}).upsert(
        [{"id": "dune", "vector": [1, 0], "metadata": metadata}, {"id": "none", "vector": [0, 1]}]
    )
    dune, none = QuartzDBVectorStore(namespace).query(asked(top_k=2)).nodes or ()
    assert (dune.node_id, dune.get_content(), dune.metadata) == ("dune", "A desert planet.", {"year": 1965})
    assert (none.node_id, none.get_content(), none.metadata) == ("none", "", {})


async def test_deletion(namespace: str) -> None:
    """By document, by id, by filter, by both, and all."""
    store = QuartzDBVectorStore(namespace)
    await store.async_add(animals())
    store.delete("nobody")
    store.delete_nodes(
        ["cat", "lion"], MetadataFilters(filters=[MetadataFilter(key="name", value="Felis catus")])
    )
    assert [one.node_id for one in store.get_nodes()] == ["eel", "hen", "lion"]
    await store.adelete("house")
    await store.adelete_nodes(filters=MetadataFilters(filters=[MetadataFilter(key="legs", value=0)]))
    assert [one.node_id for one in await store.aget_nodes()] == ["lion"]
    with pytest.raises(ValueError, match="clear"):
        store.delete_nodes()
    store.clear()
    await store.aclear()
    assert store.get_nodes() == []


async def test_many(namespace: str, client: Client) -> None:
    """More than a request carries; of an id that comes twice the last counts."""
    many = [node(str(n % 1_100), f"number {n}", [1, n]) for n in range(1_101)]
    store = QuartzDBVectorStore(namespace)
    assert await store.async_add(many) == [one.node_id for one in many]
    assert client.namespace(namespace).count().count == 1_100
    assert store.get_nodes(["0"])[0].get_content() == "number 1100"
    assert len(store.get_nodes()) == 1_100


async def test_nothing_is_there_yet(namespace: str) -> None:
    """A namespace that nobody has written to is empty, whatever is asked."""
    store = QuartzDBVectorStore(namespace)
    match = MetadataFilters(filters=[MetadataFilter(key="name", value="a", operator=Op.TEXT_MATCH)])
    assert store.query(asked(Mode.MMR, filters=match)).ids == []
    assert (await store.aquery(asked(filters=match))).nodes == []
    assert store.get_nodes(["a"]) == await store.aget_nodes() == []
    store.delete("a")
    assert store.add([]) == []


def test_what_is_refused(namespace: str) -> None:
    """A node without an embedding, and one that is too long."""
    store = QuartzDBVectorStore(namespace)
    with pytest.raises(ValueError, match="embedding not set"):
        store.add([TextNode(text="a")])
    with pytest.raises(InvalidRequest, match="32"):
        store.add([TextNode(text="long " * 10_000, embedding=[1.0])])


async def test_settings(namespace: str, client: Client) -> None:
    """They are for a namespace that is made; what is written down of a store has no key; clients may be given."""
    async with AsyncClient() as asynchronous:
        store = QuartzDBVectorStore(
            namespace,
            metric="dot",
            language="german",
            settings={"shards": 2},
            api_key="qdb_live_secret",
            client=client,
            async_client=asynchronous,
        )
        await store.async_add(animals())
    made = client.namespace(namespace).describe()
    assert (made.dimension, made.metric, made.shards, made.text["text"]["language"]) == (
        2,
        "dot",
        2,
        "german",
    )
    written = store.to_dict()
    assert "secret" not in str(written)
    assert (written["class_name"], written["namespace"]) == ("QuartzDBVectorStore", namespace)
    assert store.client is client


# --- indexes ---


async def test_an_index(namespace: str) -> None:
    """Documents go in, are found by retrievers, are changed, and go; a second index sees the same."""
    store = QuartzDBVectorStore(namespace)
    documents = [
        Document(id_=name, text=f"A {name} is there.", metadata={"of": name})
        for name in ("lion", "hen", "eel")
    ]
    storage = StorageContext.from_defaults(vector_store=store)
    index = VectorStoreIndex.from_documents(
        documents, storage_context=storage, embed_model=MockEmbedding(embed_dim=4)
    )
    words = index.as_retriever(vector_store_query_mode="text_search", similarity_top_k=1)
    assert [found.node.metadata for found in words.retrieve("hens")] == [{"of": "hen"}]
    assert [found.node.ref_doc_id for found in await words.aretrieve("eels")] == ["eel"]
    filters = MetadataFilters(filters=[MetadataFilter(key="of", value="lion")])
    assert [found.node.ref_doc_id for found in index.as_retriever(filters=filters).retrieve("?")] == ["lion"]
    index.update_ref_doc(Document(id_="hen", text="A hen wakes."))
    await index.adelete_ref_doc("eel")
    again = VectorStoreIndex.from_vector_store(store, embed_model=MockEmbedding(embed_dim=4))
    texts = {found.node.get_content() for found in again.as_retriever(similarity_top_k=9).retrieve("?")}
    assert texts == {"A lion is there.", "A hen wakes."}
