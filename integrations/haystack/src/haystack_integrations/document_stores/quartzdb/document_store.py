"""The document store: documents in one namespace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from haystack import default_from_dict, default_to_dict
from haystack.dataclasses import Document, SparseEmbedding
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy
from haystack.utils import Secret, deserialize_secrets_inplace

from haystack_integrations.document_stores.quartzdb.connection import Connection
from haystack_integrations.document_stores.quartzdb.documents import (
    CONTENT,
    OWN,
    SPARSE,
    check,
    document_of,
    record_of,
)
from haystack_integrations.document_stores.quartzdb.filters import (
    WITH_EMBEDDING,
    both,
    field_of,
    filter_of,
)
from haystack_integrations.document_stores.quartzdb.unique_values import UniqueValues
from quartzdb_client import AsyncNamespace, Namespace, NotFound, PreconditionFailed
from quartzdb_client.types import FieldsAnswer, Match

Records = list[dict[str, Any]]
Filters = dict[str, Any]

BATCH_SIZE = 500
"""Records of one write."""
PAGE_SIZE = 500
"""Records of one page of a list."""
IDS_MAX = 1_000
"""Ids of one request."""


class QuartzDBDocumentStore:
    """Documents in a namespace, which is made with the first of them; until then it is empty.

    `metric`, `language` (of the words in `content`) and `settings` (`shards`, `engine`, `precision` …) are for that
    moment: a namespace that is there stays as it is. `embedding_dim` must be its dimension. The URL is taken from
    QUARTZDB_URL where none is given.
    """

    def __init__(
        self,
        namespace: str = "haystack",
        *,
        embedding_dim: int = 768,
        metric: str = "cosine",
        language: str = "english",
        settings: dict[str, Any] | None = None,
        url: str | None = None,
        api_key: Secret = Secret.from_env_var("QUARTZDB_API_KEY"),  # noqa: B008  # it names a variable, and reads none
    ) -> None:
        self.namespace = namespace
        self.embedding_dim = embedding_dim
        self.metric = metric
        self.language = language
        self.settings = settings
        self.url = url
        self.api_key = api_key
        self._connection = Connection(url, api_key)

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a pipeline's file. Raises ValueError for a key that is no variable's."""
        return default_to_dict(
            self,
            namespace=self.namespace,
            embedding_dim=self.embedding_dim,
            metric=self.metric,
            language=self.language,
            settings=self.settings,
            url=self.url,
            api_key=self.api_key.to_dict(),
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> QuartzDBDocumentStore:
        """What `to_dict` gave."""
        deserialize_secrets_inplace(data["init_parameters"], ["api_key"])
        store: QuartzDBDocumentStore = default_from_dict(cls, data)
        return store

    # --- writing ---

    def write_documents(
        self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE
    ) -> int:
        """How many were written. Without a policy, documents that are there already are refused, as with FAIL.

        They are written 500 at a time, each part whole or not at all. Raises DuplicateDocumentError, ValueError.
        """
        written = 0
        for part in self._parts(documents, policy):
            written += self._write(part, policy)
        return len(documents) if policy is DuplicatePolicy.OVERWRITE else written

    async def write_documents_async(
        self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE
    ) -> int:
        """The same, to be awaited."""
        written = 0
        for part in self._parts(documents, policy):
            written += await self._write_async(part, policy)
        return len(documents) if policy is DuplicatePolicy.OVERWRITE else written

    def delete_documents(self, document_ids: list[str]) -> None:
        """Delete documents by id; one that is not there is no error."""
        try:
            for start in range(0, len(document_ids), IDS_MAX):
                self._sync.delete(document_ids[start : start + IDS_MAX])
        except NotFound:
            return  # no namespace: nothing is there

    async def delete_documents_async(self, document_ids: list[str]) -> None:
        """The same, to be awaited."""
        try:
            for start in range(0, len(document_ids), IDS_MAX):
                await self._async.delete(document_ids[start : start + IDS_MAX])
        except NotFound:
            return  # no namespace: nothing is there

    def delete_all_documents(self, recreate_index: bool = False) -> None:
        """Delete all documents. With `recreate_index` the namespace goes, key-values too; the next make another."""
        try:
            if recreate_index:
                self._sync.delete_namespace()
            else:
                self._sync.delete_matching({})
        except NotFound:
            return  # no namespace: nothing is there

    async def delete_all_documents_async(self, recreate_index: bool = False) -> None:
        """The same, to be awaited."""
        try:
            if recreate_index:
                await self._async.delete_namespace()
            else:
                await self._async.delete_matching({})
        except NotFound:
            return  # no namespace: nothing is there

    def delete_by_filter(self, filters: Filters) -> int:
        """How many matched, and are deleted. Raises FilterError."""
        condition = filter_of(filters) or {}
        try:
            return self._sync.delete_matching(condition).deleted
        except NotFound:
            return 0

    async def delete_by_filter_async(self, filters: Filters) -> int:
        """The same, to be awaited."""
        condition = filter_of(filters) or {}
        try:
            return (await self._async.delete_matching(condition)).deleted
        except NotFound:
            return 0

    def update_by_filter(self, filters: Filters, meta: dict[str, Any]) -> int:
        """Set metadata fields of all that match, and say how many. Raises FilterError, ValueError."""
        condition = filter_of(filters) or {}
        try:
            return self._sync.patch_matching(condition, set=_checked(meta)).patched
        except NotFound:
            return 0

    async def update_by_filter_async(self, filters: Filters, meta: dict[str, Any]) -> int:
        """The same, to be awaited."""
        condition = filter_of(filters) or {}
        try:
            return (await self._async.patch_matching(condition, set=_checked(meta))).patched
        except NotFound:
            return 0

    # --- reading ---

    def count_documents(self) -> int:
        """How many there are."""
        return self.count_documents_by_filter({})

    async def count_documents_async(self) -> int:
        """The same, to be awaited."""
        return await self.count_documents_by_filter_async({})

    def count_documents_by_filter(self, filters: Filters) -> int:
        """How many match. Raises FilterError."""
        condition = filter_of(filters)
        try:
            return self._sync.count(condition).count
        except NotFound:
            return 0

    async def count_documents_by_filter_async(self, filters: Filters) -> int:
        """The same, to be awaited."""
        condition = filter_of(filters)
        try:
            return (await self._async.count(condition)).count
        except NotFound:
            return 0

    def filter_documents(self, filters: Filters | None = None) -> list[Document]:
        """All that match, with their embeddings, in the order of their ids. Raises FilterError."""
        condition = filter_of(filters)
        listed = self._sync.list(
            filter=condition, include_vectors=True, include_metadata=True, page_size=PAGE_SIZE
        )
        try:
            return [document_of(record) for record in listed]
        except NotFound:
            return []

    async def filter_documents_async(self, filters: Filters | None = None) -> list[Document]:
        """The same, to be awaited."""
        condition = filter_of(filters)
        listed = self._async.list(
            filter=condition, include_vectors=True, include_metadata=True, page_size=PAGE_SIZE
        )
        try:
            return [document_of(record) async for record in listed]
        except NotFound:
            return []

    def get_metadata_fields_info(self) -> dict[str, dict[str, str]]:
        """The type of each metadata field: "keyword" of texts, "number", "boolean"."""
        try:
            return _types(self._sync.schema())
        except NotFound:
            return {}

    async def get_metadata_fields_info_async(self) -> dict[str, dict[str, str]]:
        """The same, to be awaited."""
        try:
            return _types(await self._async.schema())
        except NotFound:
            return {}

    def get_metadata_field_min_max(self, metadata_field: str) -> dict[str, Any]:
        """Its least and its greatest value as "min" and "max", None where it has none."""
        least = _extremes(metadata_field)
        try:
            [group] = self._sync.aggregate(least).groups
        except NotFound:
            return dict.fromkeys(least)
        return group.aggregates

    async def get_metadata_field_min_max_async(self, metadata_field: str) -> dict[str, Any]:
        """The same, to be awaited."""
        least = _extremes(metadata_field)
        try:
            [group] = (await self._async.aggregate(least)).groups
        except NotFound:
            return dict.fromkeys(least)
        return group.aggregates

    def count_unique_metadata_by_filter(self, filters: Filters, metadata_fields: list[str]) -> dict[str, int]:
        """How many different values each field has among what matches. Raises FilterError."""
        distinct = _distinct(metadata_fields)
        try:
            [group] = self._sync.aggregate(distinct, filter=filter_of(filters)).groups
        except NotFound:
            return dict.fromkeys(metadata_fields, 0)
        return group.aggregates

    async def count_unique_metadata_by_filter_async(
        self, filters: Filters, metadata_fields: list[str]
    ) -> dict[str, int]:
        """The same, to be awaited."""
        distinct = _distinct(metadata_fields)
        try:
            [group] = (await self._async.aggregate(distinct, filter=filter_of(filters))).groups
        except NotFound:
            return dict.fromkeys(metadata_fields, 0)
        return group.aggregates

    def get_metadata_field_unique_values(
        self,
        metadata_field: str,
        search_term: str | None = None,
        from_: int = 0,
        size: int = 10,
        filters: Filters | None = None,
    ) -> tuple[list[Any], int]:
        """A page of its different values, and how many there are. It reads the field of all documents that match."""
        path = field_of(metadata_field)
        values = UniqueValues(path)
        condition = both(filter_of(filters), {path: {"$exists": True}})
        try:
            for record in self._sync.list(filter=condition, include_metadata=[path], page_size=IDS_MAX):
                values.note(record.metadata)
        except NotFound:
            return [], 0
        return values.page(search_term, from_, size)

    async def get_metadata_field_unique_values_async(
        self,
        metadata_field: str,
        search_term: str | None = None,
        from_: int = 0,
        size: int = 10,
        filters: Filters | None = None,
    ) -> tuple[list[Any], int]:
        """The same, to be awaited."""
        path = field_of(metadata_field)
        values = UniqueValues(path)
        condition = both(filter_of(filters), {path: {"$exists": True}})
        try:
            async for record in self._async.list(
                filter=condition, include_metadata=[path], page_size=IDS_MAX
            ):
                values.note(record.metadata)
        except NotFound:
            return [], 0
        return values.page(search_term, from_, size)

    # --- what retrievers ask ---

    def retrieve(self, asked: Mapping[str, Any]) -> list[Document]:
        """What a query with these arguments finds, best first."""
        try:
            return _scored(self._sync.query(**asked).matches)
        except NotFound:
            return []

    async def retrieve_async(self, asked: Mapping[str, Any]) -> list[Document]:
        """The same, to be awaited."""
        try:
            return _scored((await self._async.query(**asked)).matches)
        except NotFound:
            return []

    # --- what these share ---

    @property
    def _sync(self) -> Namespace:
        return self._connection.client.namespace(self.namespace)

    @property
    def _async(self) -> AsyncNamespace:
        return self._connection.async_client.namespace(self.namespace)

    def _parts(self, documents: list[Document], policy: DuplicatePolicy) -> Iterator[Records]:
        records: dict[str, dict[str, Any]] = {}
        for document in check(documents):
            if document.id in records:
                if policy is DuplicatePolicy.SKIP:
                    continue
                if policy is not DuplicatePolicy.OVERWRITE:
                    raise DuplicateDocumentError(f"The id {document.id!r} comes twice.")
            records[document.id] = record_of(document, self.embedding_dim)
            if policy is not DuplicatePolicy.OVERWRITE:
                records[document.id]["if_absent"] = True
        all_of_them = list(records.values())
        for start in range(0, len(all_of_them), BATCH_SIZE):
            yield all_of_them[start : start + BATCH_SIZE]

    def _write(self, records: Records, policy: DuplicatePolicy) -> int:
        while records:
            try:
                return self._sync.upsert(records).upserted
            except NotFound:
                self._connection.client.create_namespace(self.namespace, **self._settings())
            except PreconditionFailed as refused:
                records = _new_ones(records, refused, policy)
        return 0

    async def _write_async(self, records: Records, policy: DuplicatePolicy) -> int:
        while records:
            try:
                return (await self._async.upsert(records)).upserted
            except NotFound:
                await self._connection.async_client.create_namespace(self.namespace, **self._settings())
            except PreconditionFailed as refused:
                records = _new_ones(records, refused, policy)
        return 0

    def _settings(self) -> dict[str, Any]:
        text = {CONTENT: {"language": self.language}}
        own = {"dimension": self.embedding_dim, "metric": self.metric, "text": text, "sparse": [SPARSE]}
        return {**own, **(self.settings or {})}


def question(
    *,
    embedding: Sequence[float] | None = None,
    text: str | None = None,
    sparse: SparseEmbedding | None = None,
    filters: Filters | None,
    top_k: int,
    return_embedding: bool,
    **options: Any,
) -> dict[str, Any]:
    """The arguments of a query by what is given of an embedding, a text and a sparse embedding. Raises FilterError."""
    asked: dict[str, Any] = {
        "top_k": top_k,
        "filter": filter_of(filters),
        "include_vectors": return_embedding,
        **options,
    }
    if embedding is not None:
        asked["vector"] = embedding
        asked["filter"] = both(WITH_EMBEDDING, asked["filter"])
    if text is not None:
        asked["text"] = {"query": text, "fields": {CONTENT: 1.0}}
    if sparse is not None:
        asked["sparse"] = {**sparse.to_dict(), "field": SPARSE}
    return asked


def _scored(matches: Iterable[Match]) -> list[Document]:
    return [document_of(match, match.score) for match in matches]


def _new_ones(records: Records, refused: PreconditionFailed, policy: DuplicatePolicy) -> Records:
    """Those that are not there yet. Raises DuplicateDocumentError where that is what was asked for."""
    there = {str(one["id"]) for one in refused.failures}
    if policy is not DuplicatePolicy.SKIP:
        raise DuplicateDocumentError(
            f"Documents with these ids are there already: {', '.join(sorted(there))}. Nothing of this part was written."
        ) from refused
    if not there:
        raise refused
    return [record for record in records if record["id"] not in there]


def _checked(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    taken = OWN & meta.keys()
    if taken:
        raise ValueError(f"{min(taken)!r} is no field of metadata.")
    return meta


def _extremes(metadata_field: str) -> dict[str, dict[str, Any]]:
    path = field_of(metadata_field)
    return {kind: {"kind": kind, "field": path} for kind in ("min", "max")}


def _distinct(metadata_fields: Iterable[str]) -> dict[str, dict[str, Any]]:
    return {name: {"kind": "distinct", "field": field_of(name)} for name in metadata_fields}


def _types(answer: FieldsAnswer) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for field in answer.fields:
        if field.values and field.field.partition(".")[0] not in OWN:
            most = max(field.values, key=lambda values: values.count)
            found[field.field] = {"type": "keyword" if most.type == "string" else most.type}
    return found
