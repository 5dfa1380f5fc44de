"""The indexer: folds the log into segments, merges segments (merger.py), and publishes each step as a new manifest.

Safe to run twice at once and to be killed at any point: what it builds is invisible until the manifest pointer is
swapped, and only one swap can win. It never touches the log before its result is published.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from quartzdb.domain.change import Change
from quartzdb.domain.clock import Clock
from quartzdb.domain.expiry import PURGED_AFTER_MS
from quartzdb.domain.hlc import COUNTER_BITS, Version, stamp_at
from quartzdb.domain.merge import UNKNOWN, RecordState, apply
from quartzdb.domain.namespace import EngineChoice, Namespace, Partition
from quartzdb.domain.values import dataclass
from quartzdb.maintenance.dead_rows import with_dead
from quartzdb.maintenance.merge_plan import BuiltShard, MergePlan
from quartzdb.maintenance.merge_policy import MergePolicy, full_tier
from quartzdb.maintenance.merger import Merger
from quartzdb.maintenance.old_changes import drop_old_changes
from quartzdb.maintenance.previous_manifest import release_previous
from quartzdb.storage.index.segments.located import Located
from quartzdb.storage.log.codec import decode_entry
from quartzdb.storage.log.protocol import OVERLAP, margin_of
from quartzdb.storage.ports import SEALED, ChangeLog, Retention
from quartzdb.storage.snapshot.build import SegmentBuild
from quartzdb.storage.snapshot.cache import SegmentCache
from quartzdb.storage.snapshot.expirations import Expirations, sets_moment
from quartzdb.storage.snapshot.expired_files import ExpiredSince
from quartzdb.storage.snapshot.manifest import SegmentRef
from quartzdb.storage.snapshot.publication import Publisher
from quartzdb.storage.snapshot.snapshot import Snapshot, open_snapshot
from quartzdb.storage.snapshot.store import SnapshotStore

FOLD_BYTES_MAX = 256 * 1024 * 1024
"""Log bytes folded in one step; the rest waits for the next."""

Entries = Sequence[tuple[Version, bytes]]
Batches = Sequence[tuple[Version, Sequence[Change]]]


@dataclass(frozen=True, slots=True)
class IndexingResult:
    """What one step did. `published` False with entries or segments means that another indexer was faster.

    `degraded` says why it began from an older manifest than the current one, which it then replaced.
    """

    published: bool
    entries: int = 0
    records: int = 0
    merged_segments: int = 0
    degraded: str | None = None


NOTHING_TO_DO = IndexingResult(published=False)


class Indexer:
    """Builds segments for any namespace. `workspace` is a local directory for builds in progress.

    `default_engine` is for namespaces that say `auto`. `retention` says what must be kept for peers; None: nothing.
    Entries of the log stay for `changes_kept_ms`, for who follows what changes.
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
        default_engine: EngineChoice = EngineChoice.AUTO,
        fold_bytes_max: int = FOLD_BYTES_MAX,
        retention: Retention | None = None,
        changes_kept_ms: int = 0,
        new_name: Callable[[], str] = lambda: secrets.token_hex(12),
    ) -> None:
        self._log = log
        self._store = store
        self._cache = cache
        self._clock = clock
        self._workspace = workspace
        self._threads = threads
        self._default_engine = default_engine
        self._new_name = new_name
        self._fold_bytes_max = fold_bytes_max
        self._publisher = Publisher(
            log,
            store,
            clock,
            retention.log_needed_from if retention else None,
            changes_kept_ms=changes_kept_ms,
        )
        self._keeps_changes = changes_kept_ms > 0
        self.merger = Merger(
            store,
            cache,
            self._publisher,
            self._build,
            new_name,
            margin=margin_of(log),
            now_ms=clock.unix_ms,
            purged_until_ms=self._purged_until_ms,
            tombstones_needed_from=retention.tombstones_needed_from if retention else None,
        )

    def fold(self, namespace: Namespace, *, advance: bool = False) -> IndexingResult:
        """Fold the entries that no earlier one can still join into one new segment.

        With `advance` a manifest is published where there are none, too: its watermark says that there were none. What
        is kept because of how close it is to the watermark can go then, and so can what is kept for change feeds.
        """
        snapshot = open_snapshot(self._store, self._cache, namespace.partition)
        entries, upto = self._unfolded(snapshot)
        if not entries and snapshot.degraded is None and not (advance and snapshot.key is not None):
            return NOTHING_TO_DO
        batches = [(key, decode_entry(body, key)) for key, body in entries]
        before, changed = _changed_states(snapshot, batches)
        # Never backwards: an older watermark would promise entries that the log may no longer have.
        watermark = max(upto, snapshot.manifest.watermark)
        expired = self._expired(snapshot, before, batches, watermark)
        keys, records = [key for key, _ in entries], len(changed)
        segments: list[SegmentRef] = list(snapshot.manifest.segments)
        if changed:
            segments = self._with_dead_rows(snapshot, before, changed)
            with self._build(namespace) as build:
                for record_id, state in self._unexpired(namespace.partition, changed, upto).items():
                    build.writer.add(record_id, state)
                # All of it is in files by now, and an index over a full fold takes as much memory again.
                del before, changed, entries, batches
                segments.append(build.finish(seed=snapshot.manifest.sequence))
        folded = keys + list(snapshot.manifest.folded)
        published = self._publisher.publish(
            snapshot.manifest,
            snapshot.key,
            snapshot.tag,
            segments=segments,
            watermark=watermark,
            folded=folded,
            keep_changes=not advance,
            expired=expired,
        )
        return IndexingResult(published, entries=len(keys), records=records, degraded=snapshot.degraded)

    def note_expired(self, partition: Partition) -> None:
        """Publish what has expired and is to be dropped by a merge now: afterwards nobody could find it any more.

        One look at the manifest where nothing has.
        """
        pointer = self._store.pointer(partition)
        if pointer is None or not self._store.current(pointer).expires:
            return
        snapshot = open_snapshot(self._store, self._cache, partition)
        manifest = snapshot.manifest
        until_ms = self._purged_until_ms(partition, manifest.watermark)
        expired_before = any(ref.expiring and ref.expiring[0][0] <= until_ms for ref in manifest.segments)
        if snapshot.degraded is None and expired_before and stamp_at(until_ms) > manifest.expired_through:
            self._publisher.publish(
                manifest,
                snapshot.key,
                snapshot.tag,
                segments=manifest.segments,
                watermark=manifest.watermark,
                folded=manifest.folded,
                previous_released=manifest.previous_released,
                expired=self._expired(snapshot, {}, [], manifest.watermark),
            )

    def compact(self, namespace: Namespace, policy: MergePolicy = full_tier) -> IndexingResult:
        """Merge the segments that the policy names into one, dropping dead rows and old tombstones."""
        self.note_expired(namespace.partition)
        plan = self.merger.plan(namespace.partition, policy)
        return self.merge(namespace, plan) if plan else NOTHING_TO_DO

    def merge(self, namespace: Namespace, plan: MergePlan) -> IndexingResult:
        """Carry a plan out here and now, shard after shard."""
        self.note_expired(namespace.partition)
        built: list[BuiltShard] = []
        for shard in range(plan.shards):
            one = self.merger.build_shard(namespace, plan, shard)
            if one is None:
                return NOTHING_TO_DO
            built.append(one)
        published = self.merger.publish(plan, built)
        rows = sum(one.segment.shape.rows for one in built)
        return IndexingResult(published, records=rows, merged_segments=len(plan.segments))

    def release_previous(self, partition: Partition, *, keep_changes: bool = True) -> bool:
        """Let go of what is kept for the manifest before the current one. See previous_manifest.py."""
        return release_previous(self._store, self._publisher, partition, keep_changes=keep_changes)

    def drop_old_changes(self, partition: Partition, *, keep_changes: bool = True) -> None:
        """Let go of what of the log was kept for who follows changes, where it is too old. See old_changes.py."""
        if self._keeps_changes or not keep_changes:  # else publications have dropped what nobody else needs
            drop_old_changes(self._log, self._store, self._publisher, partition, keep_changes=keep_changes)

    def _unfolded(self, snapshot: Snapshot) -> tuple[Entries, int]:
        """Entries to fold now, and the watermark once they are folded."""
        manifest = snapshot.manifest
        head = self._log.head(manifest.partition)
        upto = head if self._log.ordered else max(stamp_at(self._clock.unix_ms()), head) - OVERLAP
        page = self._log.read(
            manifest.partition,
            max(0, manifest.watermark - margin_of(self._log)),
            frozenset(manifest.folded),
            bytes_max=self._fold_bytes_max,
        )
        if page.floor == SEALED:
            return (), manifest.watermark
        if page.more:
            upto = min(upto, page.entries[-1][0].stamp)
        return [(key, body) for key, body in page.entries if key.stamp <= upto], upto

    def _purged_until_ms(self, partition: Partition, watermark: int) -> int:
        """The moment (unix ms) up to which what has expired may go, once the log is folded up to a watermark: no patch
        that prolonged it in time is still to be folded.
        """
        now_ms = self._clock.unix_ms()
        if self._log.head(partition) > watermark:
            now_ms = min(now_ms, watermark >> COUNTER_BITS)
        return now_ms - PURGED_AFTER_MS

    def _expired(
        self, snapshot: Snapshot, before: Mapping[str, Located], batches: Batches, watermark: int
    ) -> ExpiredSince | None:
        """What has expired since the snapshot's manifest, up to the watermark and to what is purged with it."""
        manifest = snapshot.manifest
        if not manifest.expires and not any(sets_moment(one) for _, batch in batches for one in batch):
            return None
        through = max(watermark, stamp_at(self._purged_until_ms(manifest.partition, watermark)))
        reckoned = Expirations(
            list(zip(snapshot.segments, snapshot.alive, strict=True)),
            lambda ids: {one: before[one] for one in ids if one in before},
            manifest.expired_through,
        )
        for key, batch in batches:
            reckoned.apply(key.stamp, batch)
        reckoned.advance(through)
        return ExpiredSince(reckoned.found, max(through, manifest.expired_through))

    def _unexpired(
        self, partition: Partition, states: Mapping[str, RecordState], watermark: int
    ) -> Mapping[str, RecordState]:
        """The states as they go into a segment: of records that expired a while ago, what stays of them."""
        if all(state.expires_at_ms is None for state in states.values()):
            return states
        until_ms = self._purged_until_ms(partition, watermark)
        return {
            record_id: state if (state.expires_at_ms or until_ms + 1) > until_ms else state.without_record()
            for record_id, state in states.items()
        }

    def _with_dead_rows(
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
            segments[number] = with_dead(
                self._store, snapshot.manifest.partition, segments[number], alive, self._new_name()
            )
        return segments

    def _build(self, namespace: Namespace) -> SegmentBuild:
        return SegmentBuild(
            self._store, namespace, self._new_name(), self._workspace, self._threads, self._default_engine
        )


def _changed_states(
    snapshot: Snapshot, batches: Batches
) -> tuple[Mapping[str, Located], dict[str, RecordState]]:
    """What the segments know of the entries' ids, and the new state of each id about which that is not all."""
    before = snapshot.locate({change.id for _, batch in batches for change in batch})
    after: dict[str, RecordState] = {}
    for _, batch in batches:
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
