"""The indexer: folds the log into segments, merges segments, and publishes each step as a new manifest.

Safe to run twice at once and to be killed at any point: what it builds is invisible until the manifest pointer is
swapped, and only one swap can win. It never touches the log before its result is published.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from quartzdb.domain.hlc import Version, stamp_at
from quartzdb.domain.merge import UNKNOWN, RecordState, apply
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.domain.vector import Mask
from quartzdb.index.located import Located
from quartzdb.log.codec import decode_entry
from quartzdb.log.protocol import MARGIN, OVERLAP
from quartzdb.ports import SEALED, ChangeLog, Clock
from quartzdb.snapshot.build import SegmentBuild
from quartzdb.snapshot.cache import SegmentCache
from quartzdb.snapshot.compaction import Policy, full_tier
from quartzdb.snapshot.manifest import Manifest, SegmentRef
from quartzdb.snapshot.snapshot import Snapshot, open_snapshot
from quartzdb.snapshot.store import SnapshotStore, dead_bitmap

logger = logging.getLogger(__name__)

FOLD_BYTES_MAX = 256 * 1024 * 1024
"""Log bytes folded in one step; the rest waits for the next."""
FOLDED_MAX = 5_000
"""Entries near the watermark that a manifest names. Beyond that readers apply some again, which is harmless."""
_TOMBSTONES_AT_ONCE = 1_000

Entries = Sequence[tuple[Version, bytes]]


@dataclass(frozen=True, slots=True)
class IndexingResult:
    """What one step did. `published` False with entries or segments means that another indexer was faster."""

    published: bool
    entries: int = 0
    records: int = 0
    merged_segments: int = 0


NOTHING_TO_DO = IndexingResult(published=False)


class Indexer:
    """Builds segments for any namespace. `workspace` is a local directory for builds in progress.

    `tombstones_needed_from` gives, for a partition, the oldest stamp from which tombstones must be kept for a peer.
    `new_name` makes a name that no segment had before.
    """

    def __init__(
        self,
        log: ChangeLog,
        store: SnapshotStore,
        cache: SegmentCache,
        clock: Clock,
        workspace: Path,
        *,
        threads: int = 1,
        tombstones_needed_from: Callable[[Partition], int] | None = None,
        new_name: Callable[[], str] = lambda: secrets.token_hex(12),
    ) -> None:
        self._log = log
        self._store = store
        self._cache = cache
        self._clock = clock
        self._workspace = workspace
        self._threads = threads
        self._tombstones_needed_from = tombstones_needed_from
        self._new_name = new_name

    def fold(self, namespace: Namespace) -> IndexingResult:
        """Fold the entries that no earlier one can still join into one new segment."""
        snapshot = open_snapshot(self._store, self._cache, namespace.partition)
        entries, upto = self._unfolded(snapshot)
        if not entries and snapshot.degraded is None:
            return NOTHING_TO_DO
        before, changed = _changed_states(snapshot, entries)
        segments: list[SegmentRef] = list(snapshot.manifest.segments)
        if changed:
            segments = self._bury(snapshot, before, changed)
            with self._build(namespace) as build:
                for record_id, state in changed.items():
                    build.writer.add(record_id, state)
                segments.append(build.finish(seed=snapshot.manifest.sequence))
        folded = [key for key, _ in entries] + list(snapshot.manifest.folded)
        # Never backwards: an older watermark would promise entries that the log may no longer have.
        watermark = max(upto, snapshot.manifest.watermark)
        published = self._publish(snapshot, segments, watermark, folded)
        return IndexingResult(published, entries=len(entries), records=len(changed))

    def compact(self, namespace: Namespace, policy: Policy = full_tier) -> IndexingResult:
        """Merge the segments that the policy names, dropping dead rows and old tombstones."""
        snapshot = open_snapshot(self._store, self._cache, namespace.partition)
        refs = snapshot.manifest.segments
        group = policy(refs)
        if not group or snapshot.degraded:
            return NOTHING_TO_DO
        names = {ref.name for ref in group}
        with self._build(namespace) as build:
            for segment, alive in zip(snapshot.segments, snapshot.alive, strict=True):
                if segment.name in names:
                    build.writer.copy(segment, alive)
            for record_id, state in self._tombstones_to_keep(snapshot, names):
                build.writer.add(record_id, state)
            merged = build.finish(seed=snapshot.manifest.sequence)
        segments = [ref for ref in refs if ref.name not in names] + [merged]
        published = self._publish(snapshot, segments, snapshot.manifest.watermark, snapshot.manifest.folded)
        return IndexingResult(published, records=merged.shape.rows, merged_segments=len(group))

    def _unfolded(self, snapshot: Snapshot) -> tuple[Entries, int]:
        """Entries to fold now, and the watermark once they are folded."""
        manifest = snapshot.manifest
        head = self._log.head(manifest.partition)
        upto = head if self._log.ordered else max(stamp_at(self._clock.unix_ms()), head) - OVERLAP
        page = self._log.read(
            manifest.partition,
            max(0, manifest.watermark - MARGIN),
            frozenset(manifest.folded),
            bytes_max=FOLD_BYTES_MAX,
        )
        if page.floor == SEALED:
            return (), manifest.watermark
        if page.more:
            upto = min(upto, page.entries[-1][0].stamp)
        return [(key, body) for key, body in page.entries if key.stamp <= upto], upto

    def _bury(
        self, snapshot: Snapshot, before: Mapping[str, Located], changed: Iterable[str]
    ) -> list[SegmentRef]:
        """The present segments with the rows of changed records marked dead."""
        newly_dead: dict[int, list[int]] = {}
        for record_id in changed:
            located = before.get(record_id)
            if located is not None and located.row is not None:
                newly_dead.setdefault(located.segment, []).append(located.row)
        segments = list(snapshot.manifest.segments)
        for number, rows in newly_dead.items():
            alive = snapshot.alive[number].copy()
            alive[rows] = False
            segments[number] = self._with_dead(snapshot.manifest.partition, segments[number], alive)
        return segments

    def _with_dead(self, partition: Partition, ref: SegmentRef, alive: Mask) -> SegmentRef:
        key = f"{partition}/dead/{ref.name}-{self._new_name()}"
        dead = self._store.store_file(key, dead_bitmap(alive))
        return replace(ref, dead=dead, dead_rows=int(np.count_nonzero(~alive)))

    def _tombstones_to_keep(
        self, snapshot: Snapshot, names: Iterable[str]
    ) -> Iterable[tuple[str, RecordState]]:
        """Tombstones of the merged segments that something late could still need, each id once."""
        keep_from = snapshot.manifest.watermark - MARGIN
        if self._tombstones_needed_from is not None:
            keep_from = min(keep_from, self._tombstones_needed_from(snapshot.manifest.partition))
        members = [segment for segment in snapshot.segments if segment.name in names]
        ids = sorted({stone.id for segment in members for stone in segment.records.all_tombstones()})
        for start in range(0, len(ids), _TOMBSTONES_AT_ONCE):
            for record_id, located in snapshot.locate(ids[start : start + _TOMBSTONES_AT_ONCE]).items():
                if located.row is None and located.state.version.stamp > keep_from:
                    yield record_id, located.state

    def _build(self, namespace: Namespace) -> SegmentBuild:
        return SegmentBuild(self._store, namespace, self._new_name(), self._workspace, self._threads)

    def _publish(
        self, base: Snapshot, segments: Sequence[SegmentRef], watermark: int, folded: Sequence[Version]
    ) -> bool:
        recent = sorted({key for key in folded if key.stamp > watermark - MARGIN})[-FOLDED_MAX:]
        manifest = Manifest(
            partition=base.manifest.partition,
            sequence=base.manifest.sequence + 1,
            watermark=watermark,
            segments=tuple(ref for ref in segments if ref.live_rows or ref.tombstones),
            folded=tuple(recent),
            previous=base.key,
            created_at_ms=self._clock.unix_ms(),
        )
        if self._store.publish(manifest, base.tag) is None:
            logger.info("another indexer published %s first", manifest.partition)
            return False
        # Kept back to the previous manifest's margin, so that a reader that falls back to it still has its whole tail.
        floor = base.manifest.watermark - MARGIN
        if floor > 0:
            self._log.trim(manifest.partition, floor)
        return True


def _changed_states(
    snapshot: Snapshot, entries: Entries
) -> tuple[Mapping[str, Located], dict[str, RecordState]]:
    """What the segments know of the entries' ids, and the new state of each id about which that is not all."""
    batches = [decode_entry(body, key) for key, body in entries]
    before = snapshot.locate({change.id for batch in batches for change in batch})
    after: dict[str, RecordState] = {}
    for batch in batches:
        for change in batch:
            known = after.get(change.id)
            if known is None:
                known = before[change.id].state if change.id in before else UNKNOWN
            after[change.id] = apply(known, change)
    changed = {
        record_id: state
        for record_id, state in after.items()
        if record_id not in before or state is not before[record_id].state
    }
    return before, changed
