"""A namespace: records, queries, and its key-values."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from quartzdb_client._async.key_values import AsyncKeyValues
from quartzdb_client.calls import (
    JSON,
    Answer,
    Call,
    answer_of,
    body_of,
    given,
    path_of,
    query_of,
    with_vector,
)
from quartzdb_client.freshness import LastWritten, Written, freshness
from quartzdb_client.items import condition
from quartzdb_client.types import (
    AggregateAnswer,
    CountResult,
    Deleted,
    Fetched,
    FieldsAnswer,
    IdPage,
    ListedRecord,
    NamespaceDeleted,
    NamespaceDescription,
    PatchResult,
    QueryBatchAnswer,
    QueryInBatch,
    QueryResult,
    Record,
    RecordPage,
    RecordPatch,
    RecordToUpsert,
    Upserted,
)

if TYPE_CHECKING:
    from quartzdb_client._async.transport import AsyncTransport
    from quartzdb_client.vectors import VectorLike

T = TypeVar("T")
W = TypeVar("W", bound=Written)
Filter = Mapping[str, Any]


class AsyncNamespace:
    """One namespace of a client. Vectors are numbers, arrays of numpy or anything with a buffer of 32-bit floats.

    Reads take `consistency` ("strong", the default of the server, or "eventual") and `version`, the token of a write
    that the answer must include.
    """

    def __init__(self, transport: AsyncTransport, name: str, written: LastWritten | None = None) -> None:
        self.name = name
        self._transport = transport
        self._written = written

    @cached_property
    def kv(self) -> AsyncKeyValues:
        """Its key-values."""
        return AsyncKeyValues(self._transport, self.name, self._written)

    async def describe(
        self, *, consistency: str | None = None, version: str | None = None
    ) -> NamespaceDescription:
        """Its settings, and how much is in it."""
        query = self._fresh(consistency, version)
        return await self._transport.send(
            Call("GET", self._path(), answer_of(NamespaceDescription), query_of(**query))
        )

    async def delete_namespace(self) -> NamespaceDeleted:
        """Delete it with all that it has."""
        deleted = await self._transport.send(
            Call("DELETE", self._path(), answer_of(NamespaceDeleted), writes=True)
        )
        if self._written is not None:
            self._written.forget(self.name)
        return deleted

    async def upsert(
        self, records: Sequence[RecordToUpsert | Mapping[str, Any]], *, version: str | None = None
    ) -> Upserted:
        """Write records, all or none: each has `id`, `vector`, `metadata`, maybe `if_absent` or `if_version`.

        Raises PreconditionFailed, whose `failures` name the records whose condition does not hold. For more than one
        request can carry there is `quartzdb_client.batches`.
        """
        content = body_of(vectors=[with_vector(record) for record in records], version=version)
        return await self._write("POST", answer_of(Upserted), content, "vectors")

    async def query(
        self,
        vector: VectorLike | None = None,
        *,
        id: str | None = None,
        top_k: int | None = None,
        filter: Filter | None = None,
        recall: float | None = None,
        min_score: float | None = None,
        include_vectors: bool = False,
        include_metadata: bool | None = None,
        consistency: str | None = None,
        version: str | None = None,
        **options: Any,
    ) -> QueryResult:
        """The nearest records to a vector, or to the record that has an `id`, best first.

        `recall` is which share of the nearest must be found: 1 looks at all. `options` are sent as they are.
        """
        asked = {
            "vector": vector,
            "id": id,
            "top_k": top_k,
            "filter": filter,
            "recall": recall,
            "min_score": min_score,
            "include_vectors": "base64" if include_vectors else None,
            "include_metadata": include_metadata,
            **options,
        }
        content = body_of(**with_vector(asked), **self._fresh(consistency, version))
        return await self._read(answer_of(QueryResult), content, "query")

    async def query_batch(
        self,
        queries: Sequence[QueryInBatch | Mapping[str, Any]],
        *,
        consistency: str | None = None,
        version: str | None = None,
    ) -> QueryBatchAnswer:
        """Several queries in one request, all of one moment. Each has what `query` takes, `include_vectors` as true."""
        asked = [
            with_vector({**one, **({"include_vectors": "base64"} if one.get("include_vectors") else {})})
            for one in queries
        ]
        content = body_of(queries=asked, **self._fresh(consistency, version))
        return await self._read(answer_of(QueryBatchAnswer), content, "query", "batch")

    async def get(self, id: str, *, consistency: str | None = None, version: str | None = None) -> Record:
        """A record. Raises NotFound."""
        query = query_of(encoding="base64", **self._fresh(consistency, version))
        return await self._transport.send(Call("GET", self._path("vectors", id), answer_of(Record), query))

    async def fetch(
        self, ids: Sequence[str], *, consistency: str | None = None, version: str | None = None
    ) -> Fetched:
        """Several records, and which ids have none."""
        content = body_of(ids=list(ids), encoding="base64", **self._fresh(consistency, version))
        return await self._read(answer_of(Fetched), content, "vectors", "fetch")

    async def count(
        self, filter: Filter | None = None, *, consistency: str | None = None, version: str | None = None
    ) -> CountResult:
        """How many records there are, or match a filter."""
        content = body_of(filter=filter, **self._fresh(consistency, version))
        return await self._read(answer_of(CountResult), content, "vectors", "count")

    async def list(
        self,
        *,
        filter: Filter | None = None,
        order_by: str | None = None,
        descending: bool = False,
        include_vectors: bool = False,
        include_metadata: bool | Sequence[str] | None = None,
        page_size: int | None = None,
        consistency: str | None = None,
        version: str | None = None,
    ) -> AsyncIterator[ListedRecord]:
        """All records that match, ordered by a field of metadata, or by id; pages are asked for as they are needed."""
        direction = "desc" if descending else None
        order = given({"field": order_by, "direction": direction}) or None
        cursor = None
        while True:
            content = body_of(
                filter=filter,
                order_by=order,
                limit=page_size,
                cursor=cursor,
                include_vectors="base64" if include_vectors else None,
                include_metadata=include_metadata,
                **self._fresh(consistency, version),
            )
            page = await self._read(answer_of(RecordPage), content, "vectors", "list")
            for record in page.records:
                yield record
            cursor = page.cursor
            if cursor is None:
                return

    async def list_ids(
        self,
        *,
        prefix: str | None = None,
        page_size: int | None = None,
        consistency: str | None = None,
        version: str | None = None,
    ) -> AsyncIterator[str]:
        """The ids of all records in order; pages are asked for as they are needed."""
        cursor = None
        while True:
            query = query_of(
                prefix=prefix, limit=page_size, cursor=cursor, **self._fresh(consistency, version)
            )
            page = await self._transport.send(Call("GET", self._path("vectors"), answer_of(IdPage), query))
            for one in page.ids:
                yield one
            cursor = page.cursor
            if cursor is None:
                return

    async def patch(
        self, patches: Sequence[RecordPatch | Mapping[str, Any]], *, version: str | None = None
    ) -> PatchResult:
        """Change metadata of records, all or none: each has `id`, `set` and `unset`."""
        content = body_of(patches=list(patches), version=version)
        return await self._write("POST", answer_of(PatchResult), content, "vectors", "patch")

    async def patch_one(
        self,
        id: str,
        *,
        set: Mapping[str, Any] | None = None,
        unset: Sequence[str] | None = None,
        if_version: str | None = None,
    ) -> PatchResult:
        """Change metadata of one record. Raises NotFound; PreconditionFailed where it has another version."""
        content = body_of(set=set, unset=unset)
        return await self._write(
            "PATCH",
            answer_of(PatchResult),
            content,
            "vectors",
            id,
            headers=condition(if_version, if_absent=False),
        )

    async def patch_matching(
        self, filter: Filter, *, set: Mapping[str, Any] | None = None, unset: Sequence[str] | None = None
    ) -> PatchResult:
        """Change metadata of all records that match, in as many steps as it takes, each all or none.

        The answer's `patched` counts those of all steps; its receipt is the last one's.
        """
        patched, cursor = 0, None
        while True:
            content = body_of(filter=filter, set=set, unset=unset, cursor=cursor)
            done = await self._write("POST", answer_of(PatchResult), content, "vectors", "patch")
            patched, cursor = patched + done.patched, done.cursor
            if cursor is None:
                return PatchResult(patched=patched, version=done.version, usage=done.usage, cursor=None)

    async def delete(self, ids: Sequence[str], *, version: str | None = None) -> Deleted:
        """Delete records. Ids that have none are no error."""
        content = body_of(ids=list(ids), version=version)
        return await self._write("POST", answer_of(Deleted), content, "vectors", "delete")

    async def delete_one(self, id: str, *, if_version: str | None = None) -> Deleted:
        """Delete one record. Raises PreconditionFailed where it has another version."""
        return await self._write(
            "DELETE", answer_of(Deleted), None, "vectors", id, headers=condition(if_version, if_absent=False)
        )

    async def delete_matching(self, filter: Filter) -> Deleted:
        """Delete all records that match, in as many steps as it takes. `deleted` counts those of all steps."""
        deleted = 0
        while True:
            done = await self._write("POST", answer_of(Deleted), body_of(filter=filter), "vectors", "delete")
            deleted += done.deleted
            if not done.more:
                return Deleted(deleted=deleted, version=done.version, more=False, usage=done.usage)

    async def aggregate(
        self,
        aggregates: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        filter: Filter | None = None,
        group_by: Sequence[str] | None = None,
        limit: int | None = None,
        consistency: str | None = None,
        version: str | None = None,
    ) -> AggregateAnswer:
        """Numbers over records: `{"total": {"kind": "sum", "field": "price"}}`, for each group of `group_by`."""
        content = body_of(
            aggregates=aggregates,
            filter=filter,
            group_by=group_by,
            limit=limit,
            **self._fresh(consistency, version),
        )
        return await self._read(answer_of(AggregateAnswer), content, "aggregate")

    async def schema(self, *, consistency: str | None = None, version: str | None = None) -> FieldsAnswer:
        """The fields of metadata that records have, with types, counts and ranges."""
        query = query_of(**self._fresh(consistency, version))
        return await self._transport.send(Call("GET", self._path("schema"), answer_of(FieldsAnswer), query))

    async def _read(self, read: Callable[[Answer], T], content: bytes, *path: str) -> T:
        return await self._transport.send(Call("POST", self._path(*path), read, {}, JSON, content))

    async def _write(
        self,
        method: str,
        read: Callable[[Answer], W],
        content: bytes | None,
        *path: str,
        headers: Mapping[str, str] | None = None,
    ) -> W:
        sent = {**(headers or {}), **(JSON if content is not None else {})}
        answer = await self._transport.send(
            Call(method, self._path(*path), read, {}, sent, content, writes=True)
        )
        if self._written is not None:
            self._written.note(self.name, answer.version)
        return answer

    def _path(self, *parts: str) -> str:
        return path_of("namespaces", self.name, *parts)

    def _fresh(self, consistency: str | None, version: str | None) -> dict[str, str]:
        return freshness(self._written, self.name, consistency, version)
