"""Digests and entries of records: over segments by what was computed once for each, over the tail anew.

A segment never changes but for which of its rows are alive, so the hash and bucket of each row are kept for as long as
the segment is open: five bytes a row. No vector is read.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quartzdb.domain.hlc import BEGINNING
from quartzdb.replication.ports import Entry, EntryPage
from quartzdb.replication.repair.state_hash import bucket_of, state_hash
from quartzdb.replication.wire.limits import BUCKETS
from quartzdb.storage.index.segments.outline import Outline, outline_of, outline_of_row
from quartzdb.storage.index.segments.segment import Segment
from quartzdb.storage.snapshot.record_states import RecordStates

Sums = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class _Hashed:
    """Bucket and state hash of each row of a segment, and the ids of its tombstones by bucket."""

    buckets: npt.NDArray[np.uint8]
    hashes: npt.NDArray[np.uint32]
    tombstones: Sequence[Sequence[str]]


class RecordDigests:
    """Thread-safe. One per process, so that what was computed for a segment serves again."""

    def __init__(self) -> None:
        self._hashed: weakref.WeakKeyDictionary[Segment, _Hashed] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def digests(self, record_states: RecordStates) -> Sequence[tuple[int, int]]:
        """(count, sum of state hashes) of each bucket."""
        counts, sums = np.zeros(BUCKETS, dtype=np.uint64), np.zeros(BUCKETS, dtype=np.uint64)
        snapshot = record_states.snapshot
        for segment, alive in zip(snapshot.segments, snapshot.alive, strict=True):
            hashed = self._of(segment)
            _add(counts, sums, hashed.buckets[alive], hashed.hashes[alive])
        # What the tail knows of replaces what segments have: that is taken out again, and the tail's put in.
        replaced = [
            (bucket_of(record_id), state_hash(record_id, outline.base, outline.patches))
            for record_id, outline in _in_segments(record_states).items()
            if outline.live
        ]
        present = [
            (bucket_of(record_id), state_hash(record_id, outline.base, outline.patches))
            for record_id, outline in ((one, outline_of(state)) for one, state in record_states.tail.items())
            if outline.live
        ]
        for bucket, number in present:
            counts[bucket] += np.uint64(1)
            sums[bucket] += np.uint64(number)
        for bucket, number in replaced:
            counts[bucket] -= np.uint64(1)
            sums[bucket] -= np.uint64(number)
        return list(zip(counts.tolist(), sums.tolist(), strict=True))

    def entries(self, record_states: RecordStates, bucket: int, after: str | None, limit: int) -> EntryPage:
        """The states of one bucket in order of id, tombstones included."""
        found = {
            record_id: outline_of(state)
            for record_id, state in record_states.tail.items()
            if bucket_of(record_id) == bucket
        }
        snapshot = record_states.snapshot
        stones: set[str] = set()
        for segment, alive in zip(snapshot.segments, snapshot.alive, strict=True):
            hashed = self._of(segment)
            rows = np.flatnonzero((hashed.buckets == bucket) & alive).tolist()
            for stored in segment.records.at_rows(rows).values():
                found.setdefault(stored.id, outline_of_row(stored))
            stones.update(hashed.tombstones[bucket])
        ids = sorted(one for one in found.keys() | stones if after is None or one > after)
        page = ids[:limit]
        missing = [one for one in page if one not in found]
        found |= record_states.outlines(missing) if missing else {}
        return EntryPage([_entry(one, found[one]) for one in page], len(ids) > limit)

    def _of(self, segment: Segment) -> _Hashed:
        with self._lock:
            known = self._hashed.get(segment)
        if known is None:
            known = _hash_rows(segment)
            with self._lock:
                self._hashed[segment] = known
        return known


def _in_segments(record_states: RecordStates) -> dict[str, Outline]:
    """What segments say of the ids that are in the tail."""
    beneath = RecordStates(record_states.snapshot, {})
    return beneath.outlines(list(record_states.tail))


def _hash_rows(segment: Segment) -> _Hashed:
    rows = segment.shape.rows
    buckets, hashes = np.zeros(rows, dtype=np.uint8), np.zeros(rows, dtype=np.uint32)
    for stored in segment.records.without_metadata():
        outline = outline_of_row(stored)
        buckets[stored.row] = bucket_of(stored.id)
        hashes[stored.row] = state_hash(stored.id, outline.base, outline.patches)
    tombstones: list[list[str]] = [[] for _ in range(BUCKETS)]
    for stone in segment.records.all_tombstones():
        tombstones[bucket_of(stone.id)].append(stone.id)
    return _Hashed(buckets, hashes, tombstones)


def _add(counts: Sums, sums: Sums, buckets: npt.NDArray[np.uint8], hashes: npt.NDArray[np.uint32]) -> None:
    counts += np.bincount(buckets, minlength=BUCKETS).astype(np.uint64)
    # Weights are float64, which adds halves of 32-bit numbers exactly for far more rows than a segment can have.
    low = np.bincount(buckets, weights=hashes & 0xFFFF, minlength=BUCKETS).astype(np.uint64)
    high = np.bincount(buckets, weights=hashes >> 16, minlength=BUCKETS).astype(np.uint64)
    sums += low + (high << np.uint64(16))


def _entry(record_id: str, outline: Outline) -> Entry:
    base = None if outline.base == BEGINNING else outline.base
    return Entry(record_id, base, outline.patches, outline.live)
