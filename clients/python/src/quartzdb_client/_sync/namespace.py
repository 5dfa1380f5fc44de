"""A namespace: records, queries, and its key-values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from quartzdb_client._sync.changes import WAIT_SECONDS, Changes
from quartzdb_client._sync.key_values import KeyValues
from quartzdb_client._sync.pages import Pages
from quartzdb_client.calls import (
    JSON,
    Answer,
    Call,
    answer_of,
    body_of,
    given,
    json_of,
    path_of,
    query_of,
)
from quartzdb_client.decoding import change_page
from quartzdb_client.freshness import LastWritten, Written, freshness
from quartzdb_client.items import condition
from quartzdb_client.moments import Expiry, Moment, expiry
from quartzdb_client.questions import feed_place, order, patch_to_send, question, record_to_send
from quartzdb_client.types import (
    AggregateAnswer,
    AggregateBody,
    Change,
    ChangePage,
    CountResult,
    Deleted,
    ErasureBegun,
    ErasurePage,
    ErasureReport,
    Fetched,
    FieldsAnswer,
    Fusion,
    GroupByField,
    IdPage,
    ListedRecord,
    NamespaceDeleted,
    NamespaceDescription,
    OrderBy,
    PatchResult,
    QueryBatchAnswer,
    QueryInBatch,
    QueryResult,
    Record,
    RecordPage,
    RecordPatch,
    RecordToUpsert,
    SparseVector,
    TextQuery,
    Upserted,
)

if TYPE_CHECKING:
    from quartzdb_client._sync.transport import Transport
    from quartzdb_client.vectors import VectorLike

T = TypeVar("T")
W = TypeVar("W", bound=Written)
Filter = Mapping[str, Any]


class Namespace:
    """One namespace of a client. Vectors are numbers, arrays of numpy or anything with a buffer of 32-bit floats.

    Reads take `consistency` ("strong", the default of the server, or "eventual") and `version`, the token of a write
    that the answer must include.
    """

    def __init__(self, transport: Transport, name: str, written: LastWritten | None = None) -> None:
        self.name = name
        self._transport = transport
        self._written = written

    @cached_property
    def kv(self) -> KeyValues:
        """Its key-values."""
        return KeyValues(self._transport, self.name, self._written)

    def describe(self, *, consistency: str | None = None, version: str | None = None) -> NamespaceDescription:
        """Its settings, and how much is in it."""
        query = self._fresh(consistency, version)
        return self._transport.send(
            Call("GET", self._path(), answer_of(NamespaceDescription), query_of(**query))
        )

    def delete_namespace(self) -> NamespaceDeleted:
        """Delete it with all that it has."""
        deleted = self._transport.send(Call("DELETE", self._path(), answer_of(NamespaceDeleted), writes=True))
        if self._written is not None:
            self._written.forget(self.name)
        return deleted

    def upsert(
        self, records: Sequence[RecordToUpsert | Mapping[str, Any]], *, version: str | None = None
    ) -> Upserted:
        """Write records, all or none: each has `id`, `vector`, `metadata`, maybe `if_absent` or `if_version`,
        and `ttl_seconds` or `expires_at` (a datetime, seconds since 1970, or RFC 3339) for one that expires.

        Raises PreconditionFailed, whose `failures` name the records whose condition does not hold. For more than one
        request can carry there is `quartzdb_client.batches`.
        """
        content = body_of(vectors=[record_to_send(record) for record in records], version=version)
        return self._write("POST", answer_of(Upserted), content, "vectors")

    def query(
        self,
        vector: VectorLike | None = None,
        *,
        id: str | None = None,
        text: str | TextQuery | None = None,
        sparse: SparseVector | None = None,
        fusion: Fusion | None = None,
        top_k: int | None = None,
        filter: Filter | None = None,
        recall: float | None = None,
        min_recall: float | None = None,
        min_score: float | None = None,
        include_vectors: bool = False,
        include_metadata: bool | None = None,
        explain: bool | None = None,
        group_by: str | GroupByField | None = None,
        distinct: str | None = None,
        page: bool | None = None,
        cursor: str | None = None,
        consistency: str | None = None,
        version: str | None = None,
        **options: Any,
    ) -> QueryResult:
        """The best records, best first: the nearest to a vector or to the record that has an `id`, those with the
        words of `text`, those with the greatest products with `sparse`; of several of these, what `fusion` makes of
        them.

        `text` is words, or `{"query": …, "fields": {"title": 2}, "must_not": […]}`. `recall` is which share of the
        nearest to find, 1 looks at all; `min_recall` which share at least, never less than the usual.
        `explain` says of each match how it stands in each part. `group_by` is
        a field of metadata, or `{"field": …, "per_group": 3, "groups": 10}`: the answer has `groups` then; with
        `distinct`, a field, it has the best match of each of its values. With `page` it has a `cursor`, by which the
        same question goes on: `query_pages` does that. `options` are sent as they are.
        """
        asked = {
            "vector": vector,
            "id": id,
            "text": text,
            "sparse": sparse,
            "fusion": fusion,
            "top_k": top_k,
            "filter": filter,
            "recall": recall,
            "min_recall": min_recall,
            "min_score": min_score,
            "include_vectors": include_vectors or None,
            "include_metadata": include_metadata,
            "explain": explain,
            "group_by": group_by,
            "distinct": distinct,
            "page": page,
            "cursor": cursor,
            **options,
        }
        content = json_of({**question(asked), **self._fresh(consistency, version)})
        return self._read(answer_of(QueryResult), content, "query")

    def query_pages(
        self,
        vector: VectorLike | None = None,
        *,
        cursor: str | None = None,
        consistency: str | None = None,
        version: str | None = None,
        **asked: Any,
    ) -> Pages[QueryResult, QueryResult]:
        """The same question page by page, each with its `matches` or `groups`, and the `cursor` with which it goes on.

        It takes what `query` takes; `top_k` is the size of a page, or `groups` of `group_by`.
        """
        body = {**question({"vector": vector, **asked}), "page": True}

        def ask(cursor: str | None) -> QueryResult:
            content = body_of(**{**body, "cursor": cursor}, **self._fresh(consistency, version))
            return self._read(answer_of(QueryResult), content, "query")

        return Pages(ask, lambda page: [page], cursor)

    def query_batch(
        self,
        queries: Sequence[QueryInBatch | Mapping[str, Any]],
        *,
        consistency: str | None = None,
        version: str | None = None,
    ) -> QueryBatchAnswer:
        """Several queries in one request, all of one moment. Each has what `query` takes."""
        asked = [question(one) for one in queries]
        content = body_of(queries=asked, **self._fresh(consistency, version))
        return self._read(answer_of(QueryBatchAnswer), content, "query", "batch")

    def get(self, id: str, *, consistency: str | None = None, version: str | None = None) -> Record:
        """A record. Raises NotFound."""
        query = query_of(encoding="base64", **self._fresh(consistency, version))
        return self._transport.send(Call("GET", self._path("vectors", id), answer_of(Record), query))

    def fetch(
        self, ids: Sequence[str], *, consistency: str | None = None, version: str | None = None
    ) -> Fetched:
        """Several records, and which ids have none."""
        content = body_of(ids=list(ids), encoding="base64", **self._fresh(consistency, version))
        return self._read(answer_of(Fetched), content, "vectors", "fetch")

    def count(
        self, filter: Filter | None = None, *, consistency: str | None = None, version: str | None = None
    ) -> CountResult:
        """How many records there are, or match a filter."""
        content = body_of(filter=filter, **self._fresh(consistency, version))
        return self._read(answer_of(CountResult), content, "vectors", "count")

    def list(
        self,
        *,
        filter: Filter | None = None,
        order_by: str | OrderBy | None = None,
        descending: bool = False,
        include_vectors: bool = False,
        include_metadata: bool | Sequence[str] | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
        consistency: str | None = None,
        version: str | None = None,
    ) -> Pages[RecordPage, ListedRecord]:
        """All records that match, ordered by a field of metadata, or by id; pages are asked for as they are needed.

        `.pages()` gives these, each with the `cursor` by which the same list goes on.
        """
        body = given(
            {
                "filter": filter,
                "order_by": order(order_by, descending),
                "limit": page_size,
                "include_vectors": "base64" if include_vectors else None,
                "include_metadata": include_metadata,
            }
        )

        def ask(cursor: str | None) -> RecordPage:
            content = body_of(**body, cursor=cursor, **self._fresh(consistency, version))
            return self._read(answer_of(RecordPage), content, "vectors", "list")

        return Pages(ask, lambda page: page.records, cursor)

    def list_ids(
        self,
        *,
        prefix: str | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
        consistency: str | None = None,
        version: str | None = None,
    ) -> Pages[IdPage, str]:
        """The ids of all records in order; pages are asked for as they are needed."""

        def ask(cursor: str | None) -> IdPage:
            query = query_of(
                prefix=prefix, limit=page_size, cursor=cursor, **self._fresh(consistency, version)
            )
            return self._transport.send(Call("GET", self._path("vectors"), answer_of(IdPage), query))

        return Pages(ask, lambda page: page.ids, cursor)

    def patch(
        self, patches: Sequence[RecordPatch | Mapping[str, Any]], *, version: str | None = None
    ) -> PatchResult:
        """Change metadata of records, all or none: each has `id`, `set` and `unset`, maybe `ttl_seconds` or
        `expires_at`, of which None says that the record does not expire any more."""
        content = body_of(patches=[patch_to_send(one) for one in patches], version=version)
        return self._write("POST", answer_of(PatchResult), content, "vectors", "patch")

    def patch_one(
        self,
        id: str,
        *,
        set: Mapping[str, Any] | None = None,
        unset: Sequence[str] | None = None,
        ttl_seconds: float | None = None,
        expires_at: Expiry | None = None,
        if_version: str | None = None,
        version: str | None = None,
    ) -> PatchResult:
        """Change metadata of one record, and when it expires: NEVER takes that back.

        Raises NotFound; PreconditionFailed where it has another version.
        """
        changed = given({"set": set, "unset": unset, "version": version})
        content = json_of({**changed, **expiry(ttl_seconds, expires_at)})
        return self._write(
            "PATCH",
            answer_of(PatchResult),
            content,
            "vectors",
            id,
            headers=condition(if_version, if_absent=False),
        )

    def patch_matching(
        self,
        filter: Filter,
        *,
        set: Mapping[str, Any] | None = None,
        unset: Sequence[str] | None = None,
        ttl_seconds: float | None = None,
        expires_at: Expiry | None = None,
        version: str | None = None,
    ) -> PatchResult:
        """Change all records that match, in as many steps as it takes, each all or none. NEVER has them expire no more.

        The answer's `patched` counts those of all steps; its receipt is the last one's.
        """
        changed = given({"filter": filter, "set": set, "unset": unset, "version": version})
        body = {**changed, **expiry(ttl_seconds, expires_at)}
        patched, cursor = 0, None
        while True:
            content = json_of({**body, **given({"cursor": cursor})})
            done = self._write("POST", answer_of(PatchResult), content, "vectors", "patch")
            patched, cursor = patched + done.patched, done.cursor
            if cursor is None:
                return PatchResult(patched=patched, version=done.version, usage=done.usage, cursor=None)

    def delete(self, ids: Sequence[str], *, version: str | None = None) -> Deleted:
        """Delete records. Ids that have none are no error."""
        content = body_of(ids=list(ids), version=version)
        return self._write("POST", answer_of(Deleted), content, "vectors", "delete")

    def delete_one(self, id: str, *, if_version: str | None = None) -> Deleted:
        """Delete one record. Raises PreconditionFailed where it has another version."""
        return self._write(
            "DELETE", answer_of(Deleted), None, "vectors", id, headers=condition(if_version, if_absent=False)
        )

    def delete_matching(self, filter: Filter, *, version: str | None = None) -> Deleted:
        """Delete all records that match, in as many steps as it takes. `deleted` counts those of all steps."""
        deleted, content = 0, body_of(filter=filter, version=version)
        while True:
            done = self._write("POST", answer_of(Deleted), content, "vectors", "delete")
            deleted += done.deleted
            if not done.more:
                return Deleted(deleted=deleted, version=done.version, more=False, usage=done.usage)

    def erase(
        self,
        ids: Sequence[str] | None = None,
        *,
        keys: Sequence[str] | None = None,
        filter: Filter | None = None,
        version: str | None = None,
    ) -> ErasureBegun:
        """Delete records, or the values of `keys`, and have all that is stored rewritten without them.

        Give one of the three. The answer has an `id`, by which `describe_erasure` says how far that is; where a filter
        matches `more` than one step takes, erase again.
        """
        content = body_of(
            ids=None if ids is None else list(ids),
            keys=None if keys is None else list(keys),
            filter=filter,
            version=version,
        )
        return self._write("POST", answer_of(ErasureBegun), content, "erase")

    def describe_erasure(self, id: str) -> ErasureReport:
        """From which places it is gone, and when it will be from the others. Raises NotFound."""
        call = Call("GET", self._path("erasures", id), answer_of(ErasureReport))
        return self._transport.send(call)

    def list_erasures(
        self, *, page_size: int | None = None, cursor: str | None = None
    ) -> Pages[ErasurePage, ErasureReport]:
        """All erasures of the namespace; pages are asked for as they are needed."""

        def ask(cursor: str | None) -> ErasurePage:
            query = query_of(limit=page_size, cursor=cursor)
            return self._transport.send(Call("GET", self._path("erasures"), answer_of(ErasurePage), query))

        return Pages(ask, lambda page: page.erasures, cursor)

    def aggregate(
        self,
        aggregates: Mapping[str, AggregateBody | Mapping[str, Any]] | None = None,
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
        return self._read(answer_of(AggregateAnswer), content, "aggregate")

    def schema(self, *, consistency: str | None = None, version: str | None = None) -> FieldsAnswer:
        """The fields of metadata that records have, with types, counts and ranges."""
        query = query_of(**self._fresh(consistency, version))
        return self._transport.send(Call("GET", self._path("schema"), answer_of(FieldsAnswer), query))

    def changes(
        self,
        cursor: str | None = None,
        *,
        from_beginning: bool = False,
        since: Moment | None = None,
        include_metadata: bool = False,
        include_vectors: bool = False,
        page_size: int | None = None,
        wait_seconds: float = WAIT_SECONDS,
        follow: bool = True,
    ) -> Changes[ChangePage, Change]:
        """What changes from now on: an iterator that waits for more until it is stopped; not to `follow` ends it where
        nothing more has changed yet.

        It begins when the first change is asked for; or where another one stood whose `cursor` is given; or with the
        first change that is kept; or `since` a moment or the version of a write.
        """
        query = query_of(
            limit=page_size,
            include_metadata=include_metadata or None,
            include_vectors="base64" if include_vectors else None,
        )
        wait = self._transport.wait(wait_seconds) if follow else None

        def ask(cursor: str | None) -> ChangePage:
            place = feed_place(cursor, from_beginning, since, wait)
            call = Call("GET", self._path("changes"), _change_page, {**query, **place})
            return self._transport.send(call)

        return Changes(ask, lambda page: page.changes, cursor, follow=follow)

    def _read(self, read: Callable[[Answer], T], content: bytes, *path: str) -> T:
        return self._transport.send(Call("POST", self._path(*path), read, {}, JSON, content))

    def _write(
        self,
        method: str,
        read: Callable[[Answer], W],
        content: bytes | None,
        *path: str,
        headers: Mapping[str, str] | None = None,
    ) -> W:
        sent = {**(headers or {}), **(JSON if content is not None else {})}
        answer = self._transport.send(Call(method, self._path(*path), read, {}, sent, content, writes=True))
        if self._written is not None:
            self._written.note(self.name, answer.version)
        return answer

    def _path(self, *parts: str) -> str:
        return path_of("namespaces", self.name, *parts)

    def _fresh(self, consistency: str | None, version: str | None) -> dict[str, str]:
        return freshness(self._written, self.name, consistency, version)


def _change_page(answer: Answer) -> ChangePage:
    return change_page(answer.document())
