"""The vector store: nodes in one namespace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.indices.query.embedding_utils import get_top_k_mmr_embeddings
from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from llama_index.vector_stores.quartzdb.connection import Connection
from llama_index.vector_stores.quartzdb.filters import Filter, filter_of, is_match, text_matches
from llama_index.vector_stores.quartzdb.nodes import DOCUMENT, NODE_ID, SPARSE, TEXT, node_of, record_of
from llama_index.vector_stores.quartzdb.questions import SparseFunction, question

from quartzdb_client import (
    AsyncClient,
    AsyncNamespace,
    Client,
    Namespace,
    NotFound,
    Report,
    upsert_many,
    upsert_many_async,
)
from quartzdb_client.types import ListedRecord, Match

BATCH_SIZE = 500
"""Records of one write; several are under way at once."""
PAGE_SIZE = 500
"""Records of one page of a list."""
IDS_MAX = 1_000
"""Ids of one request, and records of a page that shows one field."""


class QuartzDBVectorStore(BasePydanticVectorStore):
    """Nodes in a namespace, which is made with the first of them; until then nothing is found.

    Query modes: default, text_search (BM25), sparse, hybrid (vectors with words, or with sparse vectors where there are
    functions for these), mmr. Further keywords of a query are those of the database's: `recall`, `min_score` and so on.

    `metric`, `language` and `settings` (`shards`, `engine`, `precision` …) are for the namespace when it is made: one
    that is there stays as it is. `sparse_doc_fn` and `sparse_query_fn` make of texts the indices and values of sparse
    vectors.
    """

    stores_text: bool = True
    flat_metadata: bool = False
    namespace: str
    metric: str
    language: str
    settings: dict[str, Any]

    _connection: Connection = PrivateAttr()
    _sparse_doc: SparseFunction | None = PrivateAttr()
    _sparse_query: SparseFunction | None = PrivateAttr()

    def __init__(
        self,
        namespace: str = "llama-index",
        *,
        metric: str = "cosine",
        language: str = "english",
        settings: dict[str, Any] | None = None,
        sparse_doc_fn: SparseFunction | None = None,
        sparse_query_fn: SparseFunction | None = None,
        url: str | None = None,
        api_key: str | None = None,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
    ) -> None:
        if (sparse_doc_fn is None) != (sparse_query_fn is None):
            raise ValueError("Give `sparse_doc_fn` and `sparse_query_fn`, or neither.")
        super().__init__(
            namespace=namespace,  # type: ignore[call-arg]  # pydantic takes the fields of the class that is made
            metric=metric,
            language=language,
            settings=settings or {},
        )
        self._connection = Connection(url, api_key, client, async_client)
        self._sparse_doc = sparse_doc_fn
        self._sparse_query = sparse_query_fn

    @classmethod
    def class_name(cls) -> str:
        """What it is called where it is written down."""
        return "QuartzDBVectorStore"

    @property
    def client(self) -> Client:
        """The synchronous client."""
        return self._connection.client

    # --- writing ---

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:  # noqa: ARG002  # as LlamaIndex has it
        """Write nodes over those that have the ids, 500 at a time. Raises ValueError where one has no embedding."""
        records = self._records(nodes)
        if records:
            first, rest = records[:BATCH_SIZE], records[BATCH_SIZE:]
            try:
                self._sync.upsert(first)
            except NotFound:
                self.client.create_namespace(self.namespace, **self._settings(first))
                self._sync.upsert(first)
            _check(upsert_many(self._sync, rest, batch_size=BATCH_SIZE))
        return [node.node_id for node in nodes]

    async def async_add(
        self,
        nodes: Sequence[BaseNode],
        **kwargs: Any,  # noqa: ARG002  # as LlamaIndex has it
    ) -> list[str]:
        """The same, to be awaited."""
        records = self._records(nodes)
        if records:
            first, rest = records[:BATCH_SIZE], records[BATCH_SIZE:]
            try:
                await self._async.upsert(first)
            except NotFound:
                client = self._connection.async_client
                await client.create_namespace(self.namespace, **self._settings(first))
                await self._async.upsert(first)
            _check(await upsert_many_async(self._async, rest, batch_size=BATCH_SIZE))
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:  # noqa: ARG002  # as LlamaIndex has it
        """Delete all nodes of a document."""
        self._delete({DOCUMENT: ref_doc_id})

    async def adelete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:  # noqa: ARG002  # likewise
        """The same, to be awaited."""
        await self._delete_async({DOCUMENT: ref_doc_id})

    def delete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **delete_kwargs: Any,  # noqa: ARG002  # as LlamaIndex has it
    ) -> None:
        """Delete nodes by id and filter: where both are given, those that are meant by both. Raises ValueError."""
        condition = filter_of(filters, self._found(filters), node_ids=node_ids)
        self._delete(_some(condition))

    async def adelete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **delete_kwargs: Any,  # noqa: ARG002  # as LlamaIndex has it
    ) -> None:
        """The same, to be awaited."""
        condition = filter_of(filters, await self._found_async(filters), node_ids=node_ids)
        await self._delete_async(_some(condition))

    def clear(self) -> None:
        """Delete all nodes."""
        self._delete({})

    async def aclear(self) -> None:
        """The same, to be awaited."""
        await self._delete_async({})

    # --- reading ---

    def get_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """Nodes by id and filter, with embeddings: in the order of the ids that are given, else in that of all."""
        condition = filter_of(filters, self._found(filters), node_ids=node_ids)
        listed = self._sync.list(
            filter=condition, include_vectors=True, include_metadata=True, page_size=PAGE_SIZE
        )
        try:
            return _ordered([node_of(record) for record in listed], node_ids)
        except NotFound:
            return []

    async def aget_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """The same, to be awaited."""
        condition = filter_of(filters, await self._found_async(filters), node_ids=node_ids)
        listed = self._async.list(
            filter=condition, include_vectors=True, include_metadata=True, page_size=PAGE_SIZE
        )
        try:
            return _ordered([node_of(record) async for record in listed], node_ids)
        except NotFound:
            return []

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """The best nodes, best first, with scores: those of the metric, BM25's, or fused ones. Raises ValueError."""
        threshold = kwargs.pop("mmr_threshold", query.mmr_threshold)
        asked = question(query, self._filter(query, self._found(query.filters)), self._sparse_query, kwargs)
        try:
            matches = self._sync.query(**asked).matches
        except NotFound:
            matches = []
        return _result(query, matches, threshold)

    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """The same, to be awaited."""
        threshold = kwargs.pop("mmr_threshold", query.mmr_threshold)
        found = await self._found_async(query.filters)
        asked = question(query, self._filter(query, found), self._sparse_query, kwargs)
        try:
            matches = (await self._async.query(**asked)).matches
        except NotFound:
            matches = []
        return _result(query, matches, threshold)

    # --- what these share ---

    @property
    def _sync(self) -> Namespace:
        return self._connection.client.namespace(self.namespace)

    @property
    def _async(self) -> AsyncNamespace:
        return self._connection.async_client.namespace(self.namespace)

    def _records(self, nodes: Sequence[BaseNode]) -> list[dict[str, Any]]:
        """Of an id that comes twice the last node counts."""
        latest = {node.node_id: node for node in nodes}
        sparse: dict[str, dict[str, Any]] = {}
        if self._sparse_doc is not None and latest:
            texts = [node.get_content(metadata_mode=MetadataMode.EMBED) for node in latest.values()]
            for name, indices, values in zip(latest, *self._sparse_doc(texts), strict=True):
                sparse[name] = {"indices": list(indices), "values": list(values)}
        return [record_of(node, sparse.get(name)) for name, node in latest.items()]

    def _settings(self, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        text = {TEXT: {"language": self.language}}
        own = {
            "dimension": len(records[0]["vector"]),
            "metric": self.metric,
            "text": text,
            "sparse": [SPARSE],
        }
        return {**own, **self.settings}

    def _filter(self, query: VectorStoreQuery, found: Mapping[int, Filter]) -> Filter | None:
        # An index over a store that keeps texts sends an empty list, and means any node.
        return filter_of(
            query.filters, found, node_ids=query.node_ids or None, document_ids=query.doc_ids or None
        )

    def _delete(self, condition: Filter) -> None:
        try:
            self._sync.delete_matching(condition)
        except NotFound:
            return  # no namespace: nothing is there

    async def _delete_async(self, condition: Filter) -> None:
        try:
            await self._async.delete_matching(condition)
        except NotFound:
            return  # no namespace: nothing is there

    def _found(self, filters: MetadataFilters | None) -> dict[int, Filter]:
        """What each text match stands for: it reads the field of all nodes that have it."""
        found: dict[int, Filter] = {}
        for one in text_matches(filters):
            listed = self._sync.list(**_field_of_all(one))
            try:
                found[id(one)] = _matching(one, list(listed))
            except NotFound:
                found[id(one)] = _matching(one, [])
        return found

    async def _found_async(self, filters: MetadataFilters | None) -> dict[int, Filter]:
        found: dict[int, Filter] = {}
        for one in text_matches(filters):
            listed = self._async.list(**_field_of_all(one))
            try:
                found[id(one)] = _matching(one, [record async for record in listed])
            except NotFound:
                found[id(one)] = _matching(one, [])
        return found


def _field_of_all(one: MetadataFilter) -> dict[str, Any]:
    return {"filter": {one.key: {"$exists": True}}, "include_metadata": [one.key], "page_size": IDS_MAX}


def _matching(one: MetadataFilter, records: Sequence[ListedRecord]) -> Filter:
    """By their values, of which there may be few; by their ids for the text, of which there are as many as nodes."""
    matching = [
        (record.id, value)
        for record in records
        if is_match(one, value := (record.metadata or {}).get(one.key))
    ]
    if one.key == TEXT:
        return (
            {NODE_ID: {"$in": [name for name, _ in matching]}} if matching else {NODE_ID: {"$exists": False}}
        )
    values = list(dict.fromkeys(value for _, value in matching))
    return {one.key: {"$in": values}} if values else {NODE_ID: {"$exists": False}}


def _check(report: Report) -> None:
    if report.parts_failed:
        raise report.parts_failed[0].error


def _some(condition: Filter | None) -> Filter:
    if not condition:
        raise ValueError("Give ids or filters of what to delete; `clear` deletes all.")
    return condition


def _ordered(nodes: list[BaseNode], node_ids: Sequence[str] | None) -> list[BaseNode]:
    if node_ids is None:
        return nodes
    by_id = {node.node_id: node for node in nodes}
    return [by_id[one] for one in dict.fromkeys(node_ids) if one in by_id]


def _result(query: VectorStoreQuery, matches: list[Match], threshold: float | None) -> VectorStoreQueryResult:
    scores = {match.id: match.score for match in matches}
    by_id = {match.id: match for match in matches}
    if query.mode is VectorStoreQueryMode.MMR:
        _, ids = get_top_k_mmr_embeddings(
            query.query_embedding or [],
            [list(match.vector or ()) for match in matches],
            similarity_top_k=query.similarity_top_k,
            embedding_ids=list(by_id),
            mmr_threshold=threshold,
        )
        matches = [by_id[one] for one in ids]
    nodes = [node_of(match) for match in matches]
    similarities = [scores[match.id] for match in matches]
    return VectorStoreQueryResult(nodes=nodes, similarities=similarities, ids=[match.id for match in matches])
