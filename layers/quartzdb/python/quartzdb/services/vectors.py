"""Use cases of records: upsert, patch, delete, fetch, list, count, query. Every rule on their input is kept here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from quartzdb.domain.change import OWN, Change, Delete, Metadata, Patch, Upsert
from quartzdb.domain.cursor import decode_cursor, encode_cursor
from quartzdb.domain.errors import (
    DuplicateId,
    InvalidArgument,
    InvalidVector,
    RecordNotFound,
    TooLarge,
    within_field,
)
from quartzdb.domain.filter import Filter
from quartzdb.domain.hlc import HybridClock, Version
from quartzdb.domain.limits import (
    DELETE_BY_FILTER_MAX,
    DELETE_IDS_MAX,
    FETCH_IDS_MAX,
    QUERIES_MAX,
    RECALL_MIN,
    TOP_K_MAX,
    UPSERT_RECORDS_MAX,
)
from quartzdb.domain.metadata import check_metadata
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import Namespace, Precision
from quartzdb.domain.record import Match, Record, check_id
from quartzdb.domain.vector import Vector, check_dimension, check_direction
from quartzdb.services.consistency import STRONG, Consistency, honour
from quartzdb.services.page import Page, check_limit
from quartzdb.services.shard_answers import found_in_all, ids_in_order
from quartzdb.services.shard_reads import SHARD_THREADS, ShardReads
from quartzdb.storage.index.query import Found, Question, SearchWork, search, search_each
from quartzdb.storage.index.view import View
from quartzdb.storage.log.append import LogWriter
from quartzdb.storage.snapshot.readers import Readers

Read = TypeVar("Read")

F16_MAX = 65_504.0


@dataclass(frozen=True, slots=True, eq=False)
class NewRecord:
    """A record to be written."""

    id: str
    vector: Vector
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MetadataPatch:
    """Top-level metadata fields to set and to remove; the rest of the record stays."""

    id: str
    set: Metadata = field(default_factory=dict)
    unset: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class QueryRequest:
    """What to search for: a vector, or the id of a record whose vector is the question.

    `recall` is what share of the true nearest the answer shall have: 1 scores every record that matches; without it,
    what each index was calibrated to find by default.
    """

    vector: Vector | None = None
    id: str | None = None
    top_k: int = 10
    condition: Filter | None = None
    include_values: bool = False
    consistency: Consistency = STRONG
    recall: float | None = None


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """Matches, best first, what it took, and how long in milliseconds."""

    matches: Sequence[Match]
    effort: SearchWork
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Deletion:
    """What a delete did; `version` None where nothing matched. `more`: the filter matches further records."""

    version: Version | None
    deleted: int
    more: bool = False


class Vectors:
    """One instance serves every namespace. `timer` gives seconds and is only for the figures in answers."""

    def __init__(
        self,
        writer: LogWriter,
        readers: Readers,
        versions: HybridClock,
        *,
        timer: Callable[[], float] = time.perf_counter,
        shard_threads: int = SHARD_THREADS,
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._shards = ShardReads(readers, shard_threads)
        self._versions = versions
        self._timer = timer

    def upsert(
        self, namespace: Namespace, records: Sequence[NewRecord], *, after: Version | None = None
    ) -> Version:
        """Write all records or none; each replaces what its id had. Returns the version of the write."""
        _check_batch([record.id for record in records], UPSERT_RECORDS_MAX, "vectors")
        for position, record in enumerate(records):
            self.check_record(namespace, record, f"vectors[{position}]")
        vectors = [_rounded(namespace, record.vector) for record in records]
        return self._append(
            namespace,
            [
                Upsert(record.id, OWN, vector, record.metadata)
                for record, vector in zip(records, vectors, strict=True)
            ],
            after,
        )

    def check_record(self, namespace: Namespace, record: NewRecord, field: str) -> None:
        """Raises what is wrong with one record; `field` is its place in the request."""
        prefix = f"{field}." if field else ""
        check_id(record.id, f"{prefix}id")
        self._check_vector(namespace, record.vector, f"{prefix}vector")
        check_metadata(record.metadata, field=f"{prefix}metadata")

    def patch(
        self, namespace: Namespace, patches: Sequence[MetadataPatch], *, after: Version | None = None
    ) -> Version:
        """Patch the metadata of all records or of none. Raises RecordNotFound where one does not exist."""
        _check_batch([patch.id for patch in patches], UPSERT_RECORDS_MAX, "patches")
        for position, patch in enumerate(patches):
            self._check_patch(patch, f"patches[{position}]")
        honour(self._versions, after)
        ids = [patch.id for patch in patches]
        present = self._fetched(namespace, ids, STRONG, to_change=True)
        for position, patch in enumerate(patches):
            record = present.get(patch.id)
            if record is None:
                raise _record_not_found(patch.id, f"patches[{position}].id")
            result = {**record.metadata, **patch.set}
            check_metadata(
                {name: value for name, value in result.items() if name not in patch.unset},
                field=f"patches[{position}].set",
            )
        return self._append(
            namespace,
            [Patch(patch.id, OWN, patch.set, patch.unset) for patch in patches],
            after,
        )

    def delete(self, namespace: Namespace, ids: Sequence[str], *, after: Version | None = None) -> Deletion:
        """Delete all those ids; one that does not exist is no error. `deleted` counts those that did exist."""
        _check_batch(ids, DELETE_IDS_MAX, "ids")
        for position, record_id in enumerate(ids):
            check_id(record_id, f"ids[{position}]")
        honour(self._versions, after)
        of_shard = namespace.by_shard(ids)
        present = self._read(
            list(of_shard), STRONG, lambda shard, view: view.existing(of_shard[shard]), to_change=True
        )
        version = self._append(namespace, [Delete(record_id, OWN) for record_id in ids], after)
        return Deletion(version, deleted=sum(map(len, present)))

    def delete_matching(
        self, namespace: Namespace, condition: Filter, *, after: Version | None = None
    ) -> Deletion:
        """Delete the records that match when this begins, up to DELETE_BY_FILTER_MAX, in one atomic write."""
        honour(self._versions, after)
        found = self._read(
            namespace.each_shard,
            STRONG,
            lambda _, view: view.ids_matching(condition, DELETE_BY_FILTER_MAX + 1),
            to_change=True,
        )
        ids = [record_id for some in found for record_id in some]
        more = len(ids) > DELETE_BY_FILTER_MAX
        ids = ids[:DELETE_BY_FILTER_MAX]
        if not ids:
            return Deletion(None, 0)
        version = self._append(namespace, [Delete(record_id, OWN) for record_id in ids], after)
        return Deletion(version, len(ids), more)

    def known(self, namespace: Namespace, record_id: str) -> bool:
        """Whether the id is live, or remembered as deleted."""
        check_id(record_id)
        shard = namespace.shard_of(record_id)
        reader = self._readers.of(shard)
        return self._read_one(shard, STRONG, lambda _: reader.knows(record_id))

    def fetch(
        self, namespace: Namespace, ids: Sequence[str], consistency: Consistency = STRONG
    ) -> Mapping[str, Record]:
        """The live records of those ids that have one."""
        if not 1 <= len(ids) <= FETCH_IDS_MAX:
            raise TooLarge(f"Name 1 to {FETCH_IDS_MAX} ids, not {len(ids)}.", field="ids")
        for position, record_id in enumerate(ids):
            check_id(record_id, f"ids[{position}]")
        return self._fetched(namespace, ids, consistency)

    def fetch_one(self, namespace: Namespace, record_id: str, consistency: Consistency = STRONG) -> Record:
        """The live record of an id. Raises RecordNotFound."""
        check_id(record_id)
        found = self._fetched(namespace, [record_id], consistency)
        if record_id not in found:
            raise _record_not_found(record_id, "id")
        return found[record_id]

    def list(
        self,
        namespace: Namespace,
        *,
        prefix: str = "",
        cursor: str | None = None,
        limit: int = 100,
        consistency: Consistency = STRONG,
    ) -> Page[str]:
        """A page of ids in order. Records written while a listing goes on may or may not be in it."""
        if prefix:
            check_id(prefix, "prefix")
        listing = f"records/{namespace.generation}/{prefix}"
        after = decode_cursor(listing, cursor) if cursor else None
        asked = check_limit(limit) + 1
        pages = self._read(
            namespace.each_shard, consistency, lambda _, view: view.list_ids(prefix, after, asked)
        )
        ids = ids_in_order(pages, asked)
        more = len(ids) > limit
        return Page(ids[:limit], encode_cursor(listing, ids[limit - 1]) if more else None)

    def count(
        self, namespace: Namespace, condition: Filter | None = None, consistency: Consistency = STRONG
    ) -> int:
        """How many records there are, or match."""
        return sum(
            self._read(namespace.each_shard, consistency, lambda _, view: view.count_matching(condition))
        )

    def query(self, namespace: Namespace, request: QueryRequest) -> QueryAnswer:
        """The nearest records by the namespace's metric."""
        begun = self._timer()
        self._check_query(namespace, request)
        found = self._found(namespace, request)
        return QueryAnswer(found.matches, found.effort, (self._timer() - begun) * 1000)

    def query_batch(
        self, namespace: Namespace, requests: Sequence[QueryRequest], consistency: Consistency = STRONG
    ) -> Sequence[QueryAnswer]:
        """The answers to several queries, in order, of one moment: each shard's log is read once for all of them.

        `consistency` is that of all. What is wrong with one fails them all; its field is in `queries[i]`. The time of
        each answer is that of the whole batch.
        """
        begun = self._timer()
        if not 1 <= len(requests) <= QUERIES_MAX:
            raise TooLarge(
                f"A batch has 1 to {QUERIES_MAX} queries, not {len(requests)}.",
                field="queries",
                hint="Split the batch.",
            )
        for position, request in enumerate(requests):
            with within_field(f"queries[{position}]"):
                self._check_query(namespace, request)
        shards = namespace.each_shard
        # Records that are named by id may lie in other shards than their neighbours: then they are looked up first.
        known = self._questions(namespace, requests, consistency) if len(shards) > 1 else None

        def find(_: Namespace, view: View) -> list[Found]:
            vectors = known or self._vectors_of(namespace, requests, view.fetch)
            return search_each(
                view,
                [
                    Question(vector, one.top_k, one.condition, one.include_values, one.recall)
                    for vector, one in zip(vectors, requests, strict=True)
                ],
            )

        of_shards = self._read(shards, consistency, find)
        milliseconds = (self._timer() - begun) * 1000
        answers = []
        for position, request in enumerate(requests):
            found = found_in_all([of_shard[position] for of_shard in of_shards], request.top_k)
            answers.append(QueryAnswer(found.matches, found.effort, milliseconds))
        return answers

    def _questions(
        self, namespace: Namespace, requests: Sequence[QueryRequest], consistency: Consistency
    ) -> Sequence[Vector]:
        return self._vectors_of(
            namespace, requests, lambda ids: self._fetched(namespace, ids, consistency) if ids else {}
        )

    def _vectors_of(
        self,
        namespace: Namespace,
        requests: Sequence[QueryRequest],
        fetch: Callable[[Sequence[str]], Mapping[str, Record]],
    ) -> Sequence[Vector]:
        """The vector of each question. Raises RecordNotFound."""
        ids = list(dict.fromkeys(request.id for request in requests if request.id is not None))
        records = fetch(ids)
        vectors = []
        for position, request in enumerate(requests):
            if request.vector is not None:
                vectors.append(request.vector)
                continue
            field = f"queries[{position}].id"
            record = records.get(request.id or "")
            if record is None:
                raise _record_not_found(str(request.id), field)
            self._check_vector(namespace, record.vector, field)
            vectors.append(record.vector)
        return vectors

    def _check_query(self, namespace: Namespace, request: QueryRequest) -> None:
        """Raises what is wrong with a query as far as that can be seen from it alone."""
        if not 1 <= request.top_k <= TOP_K_MAX:
            raise InvalidArgument(f"top_k must be 1 to {TOP_K_MAX}, not {request.top_k}.", field="top_k")
        _check_recall(request.recall)
        if (request.vector is None) == (request.id is None):
            raise InvalidArgument(
                "A query needs exactly one of `vector` and `id`.",
                field="vector",
                hint="Send a vector, or the id of a record whose vector is the question.",
            )
        if request.vector is not None:
            self._check_vector(namespace, request.vector, "vector")
        else:
            check_id(request.id)

    def _found(self, namespace: Namespace, request: QueryRequest) -> Found:
        if request.vector is not None:
            question = request.vector
            found = self._read(
                namespace.each_shard,
                request.consistency,
                lambda _, view: _search(view, question, request),
            )
            return found_in_all(found, request.top_k)
        home = namespace.shard_of(check_id(request.id))
        question, nearest = self._read_one(
            home, request.consistency, lambda view: self._near_record(namespace, request, view)
        )
        others = [shard for shard in namespace.each_shard if shard != home]
        further = (
            self._read(others, request.consistency, lambda _, view: _search(view, question, request))
            if others
            else ()
        )
        return found_in_all([nearest, *further], request.top_k)

    def _near_record(self, namespace: Namespace, request: QueryRequest, view: View) -> tuple[Vector, Found]:
        """The vector of the record that a query names, and what its own shard has near it."""
        record_id = check_id(request.id)
        records = view.fetch([record_id])
        if record_id not in records:
            raise _record_not_found(record_id, "id")
        question = records[record_id].vector
        self._check_vector(namespace, question, "vector")
        return question, _search(view, question, request)

    def _fetched(
        self, namespace: Namespace, ids: Sequence[str], consistency: Consistency, *, to_change: bool = False
    ) -> dict[str, Record]:
        of_shard = namespace.by_shard(ids)
        found = self._read(
            list(of_shard), consistency, lambda shard, view: view.fetch(of_shard[shard]), to_change=to_change
        )
        return {record_id: record for some in found for record_id, record in some.items()}

    def _append(self, namespace: Namespace, changes: Sequence[Change], after: Version | None) -> Version:
        _dimension(namespace)
        honour(self._versions, after)
        return self._writer.write(namespace, changes)

    def _read_one(self, shard: Namespace, consistency: Consistency, use: Callable[[View], Read]) -> Read:
        _dimension(shard)
        honour(self._versions, consistency.at_least)
        return self._shards.one(shard, use, consistency)

    def _read(
        self,
        shards: Sequence[Namespace],
        consistency: Consistency,
        use: Callable[[Namespace, View], Read],
        *,
        to_change: bool = False,
    ) -> Sequence[Read]:
        """What `use` makes of each shard. `to_change`: what is written next is later than anything in any of them."""
        _dimension(shards[0])
        honour(self._versions, consistency.at_least)

        def read(shard: Namespace, view: View) -> Read:
            self._versions.resume_after(view.highest)
            return use(shard, view)

        return self._shards.each(shards, read if to_change else use, consistency)

    @staticmethod
    def _check_vector(namespace: Namespace, vector: Vector, field: str) -> None:
        check_dimension(vector, _dimension(namespace), field)
        if namespace.settings.metric is Metric.COSINE:
            check_direction(vector, field)
        if namespace.settings.precision is Precision.F16 and np.max(np.abs(vector)) > F16_MAX:
            raise InvalidVector(
                f"An entry is larger than {F16_MAX:g}, the largest number of this namespace's f16 precision.",
                field=field,
                hint="Scale the vectors down, or use a namespace with precision f32.",
            )

    @staticmethod
    def _check_patch(patch: MetadataPatch, field: str) -> None:
        check_id(patch.id, f"{field}.id")
        check_metadata(patch.set, field=f"{field}.set")
        check_metadata(dict.fromkeys(patch.unset), field=f"{field}.unset")
        if not patch.set and not patch.unset:
            raise InvalidArgument(
                "The patch changes nothing.", field=field, hint="Give `set`, `unset` or both."
            )
        both = patch.set.keys() & set(patch.unset)
        if both:
            raise InvalidArgument(f"{sorted(both)[0]!r} is both set and unset.", field=f"{field}.unset")


def _search(view: View, question: Vector, request: QueryRequest) -> Found:
    return search(
        view,
        question,
        request.top_k,
        request.condition,
        with_vectors=request.include_values,
        recall=request.recall,
    )


def _dimension(namespace: Namespace) -> int:
    dimension = namespace.settings.dimension
    if dimension is None:
        raise InvalidArgument(
            f"The namespace {namespace.name!r} was created without a dimension: it holds key-values only.",
            field="namespace",
            hint="Create a namespace with a dimension for vectors.",
        )
    return dimension


def _check_recall(recall: float | None) -> None:
    # What is no number compares as neither.
    if recall is not None and not RECALL_MIN <= recall <= 1.0:
        raise InvalidArgument(
            f"recall must be {RECALL_MIN:g} to 1, not {recall:g}.",
            field="recall",
            hint="It is a share, such as 0.95. Leave it out for the usual one; 1 scores every matching record.",
        )


def _check_batch(ids: Sequence[str], most: int, field: str) -> None:
    if not 1 <= len(ids) <= most:
        raise TooLarge(
            f"A batch has 1 to {most} entries, not {len(ids)}.", field=field, hint="Split the batch."
        )
    seen: set[str] = set()
    for position, record_id in enumerate(ids):
        if record_id in seen:
            raise DuplicateId(
                f"The id {record_id!r} comes twice in one batch.",
                field=f"{field}[{position}]",
                hint="A batch is applied at once, so each id may come once.",
            )
        seen.add(record_id)


def _rounded(namespace: Namespace, vector: Vector) -> Vector:
    # Rounded when it is written, so that a record reads the same before and after it is folded into a segment.
    if namespace.settings.precision is Precision.F16:
        return vector.astype(np.float16).astype(np.float32)
    return vector


def _record_not_found(record_id: str, field: str) -> RecordNotFound:
    return RecordNotFound(f"There is no record {record_id!r}.", field=field)
