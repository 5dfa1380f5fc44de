"""Merging segments in three steps that may run in different processes: plan, build each shard, publish.

Nothing is held between the steps, and folds go on meanwhile: the last step rebases what was built onto the manifest
that is current by then. It publishes only if every planned segment is still live and every record that lives in them
was copied; whatever died in them since it was copied is marked dead. Any step may be repeated or come to nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from pyroaring import BitMap

from quartzdb.domain.errors import InvalidArgument, Unavailable
from quartzdb.domain.expired import reached_by
from quartzdb.domain.merge import RecordState
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.domain.vector import Rows
from quartzdb.maintenance.dead_rows import with_dead
from quartzdb.maintenance.merge_plan import BuiltShard, MergePlan, rows_of_shard, share
from quartzdb.maintenance.merge_policy import MergePolicy
from quartzdb.storage.index.segments.records import decode_patches
from quartzdb.storage.index.segments.segment import Segment
from quartzdb.storage.index.view import version_of
from quartzdb.storage.snapshot.build import SegmentBuild
from quartzdb.storage.snapshot.cache import SegmentCache
from quartzdb.storage.snapshot.manifest import SegmentRef
from quartzdb.storage.snapshot.publication import Publisher
from quartzdb.storage.snapshot.snapshot import Snapshot, open_snapshot
from quartzdb.storage.snapshot.store import SnapshotStore

logger = logging.getLogger(__name__)

_PUBLISH_ATTEMPTS = 8
_TOMBSTONES_AT_ONCE = 1_000

NewBuild = Callable[[Namespace], SegmentBuild]


class Merger:
    """Plans, builds and publishes merges of any namespace. `new_build` starts a segment under a name never used.

    `margin` is that of the log, in stamp units: what is so close to a watermark may be read once more.
    `purged_until_ms` says, for a partition and its watermark, up to which moment (unix) what has expired may go.
    `tombstones_needed_from` gives, for a partition, the oldest stamp from which tombstones must be kept for a peer.
    """

    def __init__(
        self,
        store: SnapshotStore,
        cache: SegmentCache,
        publisher: Publisher,
        new_build: NewBuild,
        new_name: Callable[[], str],
        *,
        margin: int,
        now_ms: Callable[[], int],
        purged_until_ms: Callable[[Partition, int], int],
        tombstones_needed_from: Callable[[Partition], int] | None = None,
    ) -> None:
        self._store = store
        self._cache = cache
        self._publisher = publisher
        self._new_build = new_build
        self._new_name = new_name
        self._margin = margin
        self._now_ms = now_ms
        self._purged_until_ms = purged_until_ms
        self._tombstones_needed_from = tombstones_needed_from

    def plan(self, partition: Partition, policy: MergePolicy) -> MergePlan | None:
        """Merge into one what the policy names now; None where all is well. Reads the manifest only."""
        pointer = self._store.pointer(partition)
        if pointer is None:
            return None
        now_ms = self._now_ms()
        group = policy([ref.at(now_ms) for ref in self._store.manifest(pointer.current).segments])
        return MergePlan(partition, tuple(ref.name for ref in group)) if group else None

    def build_shard(self, namespace: Namespace, plan: MergePlan, shard: int) -> BuiltShard | None:
        """Build one shard and upload it. None where the plan is void: its segments are not live as it knew them."""
        snapshot = open_snapshot(self._store, self._cache, namespace.partition)
        numbers = {segment.name: number for number, segment in enumerate(snapshot.segments)}
        if snapshot.degraded or not set(plan.segments) <= numbers.keys():
            logger.info("the merge %s of %s is void", plan.name, namespace.partition)
            return None
        copied: list[BitMap] = []
        purged: list[BitMap] = []
        planned = [snapshot.segments[numbers[name]] for name in plan.segments]
        until_ms = 0
        if any(segment.expires_from_ms is not None for segment in planned):
            # What was not noted among the expiries stays: nobody would be told of it any more.
            until_ms = min(
                self._purged_until_ms(namespace.partition, snapshot.manifest.watermark),
                reached_by(snapshot.manifest.expired_through),
            )
        with self._new_build(namespace) as build:
            for name in plan.segments:
                segment, alive = snapshot.segments[numbers[name]].whole(), snapshot.alive[numbers[name]]
                rows = alive & rows_of_shard(segment, plan, shard)
                expired = segment.expiries.expired(until_ms)
                gone = expired[rows[expired]]
                rows[gone] = False
                build.writer.copy(segment, rows)
                copied.append(BitMap(np.flatnonzero(rows).astype(np.uint32)))
                purged.append(BitMap(gone.astype(np.uint32)))
                for record_id, state in self._of_purged(snapshot, segment, gone):
                    build.writer.add(record_id, state)
            for record_id, state in self._tombstones_to_keep(snapshot, plan, shard):
                build.writer.add(record_id, state)
            ref = build.finish(seed=plan.seed + shard)
        return BuiltShard(shard, ref, copied, build.order, snapshot.manifest.watermark, purged)

    def publish(self, plan: MergePlan, built: Sequence[BuiltShard]) -> bool:
        """Put what was built in the place of the planned segments; False where the plan is void. Repeating is harmless.

        Raises Unavailable where others published faster, again and again; InvalidArgument where a shard is missing.
        """
        if [one.shard for one in built] != list(range(plan.shards)):
            raise InvalidArgument(
                f"The merge {plan.name} has {plan.shards} shards; given were {[one.shard for one in built]}.",
                field="segments",
                hint="Pass on the result of every shard, in their order.",
            )
        for _ in range(_PUBLISH_ATTEMPTS):
            pointer = self._store.pointer(plan.partition)
            if pointer is None:
                return False
            base = self._store.manifest(pointer.current)
            live = {ref.name: ref for ref in base.segments}
            if any(one.segment.name in live for one in built):
                return True
            # A watermark that went back means that readers fell back to an older manifest: what it holds is another set
            # of rows than what was copied.
            void = not set(plan.segments) <= live.keys() or base.watermark < max(
                one.watermark for one in built
            )
            merged = None if void else self._rebased(plan, built, live)
            if merged is None:
                logger.info("the merge %s of %s is void", plan.name, plan.partition)
                return False
            others = [ref for ref in base.segments if ref.name not in plan.segments]
            if self._publisher.publish(
                base,
                pointer.current,
                pointer.tag,
                segments=[*others, *merged],
                watermark=base.watermark,
                folded=base.folded,
            ):
                # What had nothing to keep is in no manifest, so that sweeping would take it to be under construction.
                empty = [ref for ref in merged if not (ref.live_rows or ref.tombstones)]
                self._store.blobs.delete([file.key for ref in empty for file in ref.files.values()])
                return True
        raise Unavailable(
            f"The merge {plan.name} of {plan.partition} lost {_PUBLISH_ATTEMPTS} races to publish.",
            hint="Publish it again: what was built is still there.",
        )

    def is_live(self, partition: Partition, segment: str) -> bool:
        """Whether the current manifest has a segment of that name."""
        pointer = self._store.pointer(partition)
        return pointer is not None and any(
            ref.name == segment for ref in self._store.manifest(pointer.current).segments
        )

    def _rebased(
        self, plan: MergePlan, built: Sequence[BuiltShard], live: Mapping[str, SegmentRef]
    ) -> list[SegmentRef] | None:
        """The built segments with the rows dead that died since; None where a living record was not copied."""
        alive_in = [self._store.alive(live[name].shape.rows, live[name].dead) for name in plan.segments]
        for number, alive in enumerate(alive_in):
            everywhere = BitMap.union(
                *(one.copied[number] for one in built), *(one.purged[number] for one in built if one.purged)
            )
            if not BitMap(np.flatnonzero(alive).astype(np.uint32)) <= everywhere:
                return None
        merged: list[SegmentRef] = []
        for one in built:
            still = [
                alive[np.asarray(rows.to_array(), dtype=np.int64)]
                for rows, alive in zip(one.copied, alive_in, strict=True)
            ]
            alive = np.concatenate(still) if still else np.ones(0, dtype=np.bool_)
            if one.order is not None:
                alive = alive[one.order]
            merged.append(
                one.segment
                if alive.all()
                else with_dead(self._store, plan.partition, one.segment, alive, self._new_name())
            )
        return merged

    def _tombstones_to_keep(
        self, snapshot: Snapshot, plan: MergePlan, shard: int
    ) -> Iterable[tuple[str, RecordState]]:
        """Tombstones of the planned segments that something late could still need, each id once."""
        keep_from = self._keep_from(snapshot)
        members = [segment for segment in snapshot.segments if segment.name in plan.segments]
        ids = sorted({stone.id for segment in members for stone in segment.records.all_tombstones()})
        ids = [one for one, own in zip(ids, share(ids, plan.shards, shard), strict=True) if own]
        for start in range(0, len(ids), _TOMBSTONES_AT_ONCE):
            for record_id, located in snapshot.locate(ids[start : start + _TOMBSTONES_AT_ONCE]).items():
                if located.row is None and located.state.version.stamp > keep_from:
                    yield record_id, located.state

    def _of_purged(
        self, snapshot: Snapshot, segment: Segment, rows: Rows
    ) -> Iterable[tuple[str, RecordState]]:
        """Tombstones in the place of rows that have expired, where something late could still need them."""
        keep_from = self._keep_from(snapshot)
        for start in range(0, len(rows), _TOMBSTONES_AT_ONCE):
            for stored in segment.records.each_at(rows[start : start + _TOMBSTONES_AT_ONCE].tolist()):
                if version_of(stored).stamp > keep_from:
                    yield stored.id, RecordState(stored.version, patches=decode_patches(stored.patches))

    def _keep_from(self, snapshot: Snapshot) -> int:
        """From which stamp on tombstones are kept."""
        keep_from = snapshot.manifest.watermark - self._margin
        if self._tombstones_needed_from is not None:
            keep_from = min(keep_from, self._tombstones_needed_from(snapshot.manifest.partition))
        return keep_from
