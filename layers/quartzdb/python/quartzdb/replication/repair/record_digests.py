"""Digests and entries of records: over segments by what was computed once for each, over the tail anew.

A segment never changes but for which of its rows are alive, so the hash and bucket of each row are kept for as long as
the segment is open: five bytes a row. No vector is read.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from quartzdb.domain.hlc import BEGINNING
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask
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

    def digests(self, record_states: RecordStates, now_ms: int) -> Sequence[tuple[int, int]]:
        """(count, sum of state hashes) of each bucket, without what has expired: sites drop it at different times."""
        counts, sums = np.zeros(BUCKETS, dtype=np.uint64), np.zeros(BUCKETS, dtype=np.uint64)
        snapshot = record_states.snapshot
        unexpired = [
            alive & ~_expired(segment, now_ms) if _has_expired(segment, now_ms) else alive
            for segment, alive in zip(snapshot.segments, snapshot.alive, strict=True)
        ]
        for segment, alive in zip(snapshot.segments, unexpired, strict=True):
            hashed = self._of(segment)
            _add(counts, sums, hashed.buckets[alive], hashed.hashes[alive])
        # What the tail knows of replaces what segments have: that is taken out again, and the tail's put in.
        replaced = [
            (bucket_of(record_id), state_hash(record_id, outline.base, outline.patches))
            for record_id, outline in _in_segments(record_states, unexpired).items()
            if outline.live
        ]
        present = [
            (bucket_of(record_id), state_hash(record_id, outline.base, outline.patches))
            for record_id, outline in (
                (one, outline_of(state))
                for one, state in record_states.tail.items()
                if state.live and not _is_over(state.expires_at_ms, now_ms)
            )
        ]
        for bucket, number in present:
            counts[bucket] += np.uint64(1)
            sums[bucket] += np.uint64(number)
        for bucket, number in replaced:
            counts[bucket] -= np.uint64(1)
            sums[bucket] -= np.uint64(number)
        return list(zip(counts.tolist(), sums.tolist(), strict=True))

    def entries(
        self, record_states: RecordStates, bucket: int, after: str | None, limit: int, now_ms: int
    ) -> EntryPage:
        """The states of one bucket in order of id, tombstones included; what has expired is not live."""
        of_bucket = {one: state for one, state in record_states.tail.items() if bucket_of(one) == bucket}
        found = {one: outline_of(state) for one, state in of_bucket.items()}
        over = {one for one, state in of_bucket.items() if _is_over(state.expires_at_ms, now_ms)}
        snapshot = record_states.snapshot
        stones: set[str] = set()
        for segment, alive in zip(snapshot.segments, snapshot.alive, strict=True):
            hashed = self._of(segment)
            rows = np.flatnonzero((hashed.buckets == bucket) & alive).tolist()
            expired = _expired(segment, now_ms) if _has_expired(segment, now_ms) else None
            for stored in segment.records.at_rows(rows).values():
                if stored.id not in found:
                    found[stored.id] = outline_of_row(stored)
                    if expired is not None and expired[stored.row]:
                        over.add(stored.id)
            stones.update(hashed.tombstones[bucket])
        ids = sorted(one for one in found.keys() | stones if after is None or one > after)
        page = ids[:limit]
        missing = [one for one in page if one not in found]
        found |= record_states.outlines(missing) if missing else {}
        return EntryPage([_entry(one, found[one], live=one not in over) for one in page], len(ids) > limit)

    def _of(self, segment: Segment) -> _Hashed:
        with self._lock:
            known = self._hashed.get(segment)
        if known is None:
            known = _hash_rows(segment)
            with self._lock:
                self._hashed[segment] = known
        return known


def _in_segments(record_states: RecordStates, alive: Sequence[Mask]) -> dict[str, Outline]:
    """What segments say of the ids that are in the tail, by rows that are alive."""
    beneath = RecordStates(replace(record_states.snapshot, alive=alive), {})
    return beneath.outlines(list(record_states.tail))


def _has_expired(segment: Segment, now_ms: int) -> bool:
    return _is_over(segment.expires_from_ms, now_ms)


def _is_over(moment_ms: int | None, now_ms: int) -> bool:
    return moment_ms is not None and moment_ms <= now_ms


def _expired(segment: Segment, now_ms: int) -> Mask:
    expired = np.zeros(segment.shape.rows, dtype=np.bool_)
    expired[segment.expiries.expired(now_ms)] = True
    return expired


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


def _entry(record_id: str, outline: Outline, *, live: bool) -> Entry:
    base = None if outline.base == BEGINNING else outline.base
    return Entry(record_id, base, outline.patches, outline.live and live)
