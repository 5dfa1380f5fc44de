"""A view: everything a reader sees of one namespace at one moment, segments and tail together, each id once."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.expiry import split_expiry
from quartzdb.domain.filter import Filter
from quartzdb.domain.hlc import Version
from quartzdb.domain.metric import Metric
from quartzdb.domain.record import Record
from quartzdb.domain.text_fields import TextField
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask, Vector
from quartzdb.storage.index.fields.field_index import FieldIndex
from quartzdb.storage.index.fields.filtering import evaluate
from quartzdb.storage.index.fields.selections import Selection
from quartzdb.storage.index.fields.trimmed_fields import ReadFields, TrimmedFields
from quartzdb.storage.index.segments.records import decode_metadata, decode_patches
from quartzdb.storage.index.segments.segment import Segment
from quartzdb.storage.index.segments.stored_record import StoredRecord
from quartzdb.storage.index.tail import TailView

if TYPE_CHECKING:
    from quartzdb.storage.index.text.inverted import ReadInverted

_LIST_BLOCK = 256


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One segment of a view. `alive` flags the rows that neither a newer segment nor the tail replaced, and that had
    not expired when the view was taken; it cannot be written to.
    """

    segment: Segment
    alive: Mask
    alive_count: int

    def matching(self, condition: Filter | None) -> Mask:
        """Live rows that the filter accepts."""
        if condition is None:
            return self.alive
        matching: Mask = evaluate(condition, self.segment.records.fields) & self.alive
        return matching

    def selected(self, condition: Filter) -> Selection:
        """The same, as what is remembered of recent filters."""
        return self.segment.records.selections.of(condition, self.alive, self.alive_count)

    def with_ids(self, ids: Sequence[str]) -> dict[str, Record]:
        """The live records of those ids that this segment has."""
        stored = self.segment.records.with_ids(ids).values()
        alive = [record for record in stored if self.alive[record.row]]
        return {record.id: seen for record, seen in self._seen(alive)}

    def vectors_of(self, rows: Sequence[int]) -> dict[int, Vector]:
        """The vectors of rows, as float32."""
        numbers = np.array(rows, dtype=np.int64)
        self.segment.vectors.expect(numbers)
        vectors, _ = self.segment.vectors.gather(numbers)
        return dict(zip(rows, vectors.astype(np.float32), strict=True))

    def _seen(self, stored: Iterable[StoredRecord]) -> Iterator[tuple[StoredRecord, Record]]:
        """Stored records as a reader sees them."""
        records = list(stored)
        vectors = self.vectors_of([record.row for record in records])
        for record in records:
            metadata = decode_metadata(record.metadata)
            expires_at_ms = None if self.segment.expires_from_ms is None else split_expiry(metadata)
            vector = vectors[record.row]
            yield record, Record(record.id, version_of(record), vector, metadata, expires_at_ms)


@dataclass(frozen=True, eq=False)
class View:
    """Immutable; safe to read from several threads. `read_tail_fields` reads the tail's field index, which goes on
    growing: `tail_fields` has the rows of this view.

    `read_tail_inverted` reads its inverted index of the fields `text` and `sparse`, which grows likewise; None where no
    field is searched.

    `highest` is the highest append stamp in it: a write that was decided from this view must be later.
    `until_ms` is when the next of its records expires (unix), None for never: from then on it is good for nobody.
    """

    metric: Metric
    parts: Sequence[Part]
    tail: TailView
    read_tail_fields: ReadFields
    highest: int
    until_ms: int | None = None
    read_tail_inverted: ReadInverted | None = None
    text: Mapping[str, TextField] = field(default_factory=dict)
    sparse: Sequence[str] = ()

    @cached_property
    def count(self) -> int:
        """Live records."""
        return sum(part.alive_count for part in self.parts) + self.tail.alive_count

    @cached_property
    def tail_fields(self) -> FieldIndex:
        """The field index of the tail's rows."""
        return TrimmedFields(self.read_tail_fields, len(self.tail.alive))

    def tail_matching(self, condition: Filter | None) -> Mask:
        """Live tail rows that the filter accepts."""
        if condition is None or not self.tail.alive_count:
            return self.tail.alive
        mask: Mask = evaluate(condition, self.tail_fields) & self.tail.alive
        return mask

    def count_matching(self, condition: Filter | None) -> int:
        """Live records that the filter accepts."""
        if condition is None:
            return self.count
        in_segments = sum(part.selected(condition).matches for part in self.parts)
        return in_segments + int(np.count_nonzero(self.tail_matching(condition)))

    def tail_record(self, row: int) -> Record:
        """The record of a tail row."""
        state = self.tail.states[row]
        if state.vector is None:
            raise ValueError(f"tail row {row} holds no vector")
        metadata = state.visible_metadata()
        expires_at_ms = split_expiry(metadata)
        return Record(self.tail.ids[row], state.version, state.vector, metadata, expires_at_ms)

    def fetch(self, ids: Sequence[str]) -> dict[str, Record]:
        """The live records of those ids that have one."""
        in_tail = self._tail_rows
        found = {record_id: self.tail_record(in_tail[record_id]) for record_id in ids if record_id in in_tail}
        missing = [record_id for record_id in ids if record_id not in found]
        for part in self.parts:
            if not missing:
                break
            check_deadline()
            found |= part.with_ids(missing)
            missing = [record_id for record_id in missing if record_id not in found]
        return found

    def existing(self, ids: Sequence[str]) -> set[str]:
        """Which of those ids have a live record."""
        found = {record_id for record_id in ids if record_id in self._tail_rows}
        for part in self.parts:
            missing = [record_id for record_id in ids if record_id not in found]
            stored = part.segment.records.with_ids(missing)
            found |= {record_id for record_id, record in stored.items() if part.alive[record.row]}
        return found

    def ids_matching(self, condition: Filter, limit: int) -> list[str]:
        """Ids of live records that the filter accepts, at most `limit`, in no particular order."""
        ids = [self.tail.ids[row] for row in np.flatnonzero(self.tail_matching(condition))[:limit].tolist()]
        for part in self.parts:
            rows = np.flatnonzero(part.matching(condition))[: limit - len(ids)]
            ids += [record.id for record in part.segment.records.at_rows(rows.tolist()).values()]
        return ids

    def list_ids(self, prefix: str, after: str | None, limit: int) -> list[str]:
        """Ids of live records in order: with the prefix, after an id, at most `limit`."""
        in_tail = sorted(
            record_id
            for record_id in self._tail_rows
            if record_id.startswith(prefix) and (after is None or record_id > after)
        )
        streams = [iter(in_tail), *(_live_ids(part, prefix, after) for part in self.parts)]
        merged = heapq.merge(*streams)
        return [record_id for record_id, _ in zip(merged, range(limit), strict=False)]

    @cached_property
    def _tail_rows(self) -> dict[str, int]:
        return {self.tail.ids[row]: row for row in np.flatnonzero(self.tail.alive).tolist()}


def _live_ids(part: Part, prefix: str, after: str | None) -> Iterator[str]:
    while block := part.segment.records.ids_from(prefix, after, _LIST_BLOCK):
        check_deadline()
        yield from (record_id for record_id, row in block if part.alive[row])
        after = block[-1][0]


def version_of(record: StoredRecord) -> Version:
    """The latest change that shows in a stored record."""
    return latest_version(record.version, record.patches)


def latest_version(version: Version, patches: bytes | None) -> Version:
    """The latest change of a record that was written at this version and patched since."""
    if patches is None:
        return version
    return max([version, *(patch.version for patch in decode_patches(patches).values())])
