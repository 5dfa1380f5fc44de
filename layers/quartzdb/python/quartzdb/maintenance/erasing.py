"""Erasures: what of a shard has to be rewritten for them, and when nothing is left. Decides no merge and makes none.

First the rows that were dead leave the segments, then the tombstones that name them. From the manifest on that has
neither, no later one can have them: a merge that began with an older segment is void, because that one is gone. What is
left then are the log, older manifests, and what only those name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from quartzdb.domain.clock import Clock
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.domain.values import dataclass
from quartzdb.maintenance.indexer import Indexer
from quartzdb.maintenance.purging import purge_some
from quartzdb.maintenance.sweep import SUPERSEDED_MS, sweep
from quartzdb.storage.erasure_ledger import LEDGER, ErasureLedger, OpenErasure, OpenShard
from quartzdb.storage.log.protocol import margin_of
from quartzdb.storage.ports import ChangeLog, KeyValueTable, Retention
from quartzdb.storage.snapshot.cache import SegmentCache
from quartzdb.storage.snapshot.manifest import Manifest
from quartzdb.storage.snapshot.snapshot import Snapshot, open_snapshot
from quartzdb.storage.snapshot.store import SnapshotStore


@dataclass(frozen=True, slots=True)
class OpenErasures:
    """All that was open when somebody looked."""

    shards: Mapping[Partition, Sequence[OpenShard]]
    files: Sequence[OpenErasure]


class Erasing:
    """One per process. `scrub` leaves nothing of deleted rows in files of this machine; False: it must be done again.

    One process looks after a shard at a time. Two would only do the same twice.
    """

    def __init__(
        self,
        table: KeyValueTable,
        log: ChangeLog,
        store: SnapshotStore,
        cache: SegmentCache,
        indexer: Indexer,
        clock: Clock,
        *,
        scrub: Callable[[], bool] = lambda: True,
        retention: Retention | None = None,
    ) -> None:
        self._ledger = ErasureLedger(table)
        self._table = table
        self._log = log
        self._store = store
        self._cache = cache
        self._indexer = indexer
        self._clock = clock
        self._scrub = scrub
        self._retention = retention

    def opened(self) -> OpenErasures:
        """All that is open: one listing, for nothing where there is none."""
        shards, files = self._ledger.open(self._clock.unix_ms())
        of_partition: defaultdict[Partition, list[OpenShard]] = defaultdict(list)
        for one in shards:
            of_partition[one.partition].append(one)
        return OpenErasures(of_partition, files)

    def fold(self, shard: Namespace, opened: Sequence[OpenShard]) -> None:
        """Fold until the log up to every erasure is in segments, or as far as that goes now.

        In a log without order the watermark has to be some seconds past that, too, before tombstones can go.
        """
        wanted = max(one.head for one in opened) + margin_of(self._log)
        while True:
            pointer = self._store.pointer(shard.partition)
            if pointer is not None:
                manifest = self._store.current(pointer)
                if manifest.watermark >= wanted:
                    if _has_expired(manifest, max(one.head for one in opened)):
                        self._indexer.drop_old_changes(shard.partition, keep_changes=False)
                    return
            if not self._indexer.fold(shard, advance=True).entries:
                return

    def to_rewrite(self, shard: Namespace, opened: Sequence[OpenShard]) -> Collection[str]:
        """The segments to be rewritten, by name; notes how far each erasure is."""
        snapshot = open_snapshot(self._store, self._cache, shard.partition)
        manifest = snapshot.manifest
        if snapshot.degraded is not None:
            return ()
        names: set[str] = set()
        for one in opened:
            if one.clean is not None or manifest.watermark < one.head:
                continue
            dead = {ref.name for ref in manifest.segments if ref.dead_rows and not one.rows_gone}
            names |= dead
            with_ids: set[str] | None = None
            if self._tombstones_may_go(manifest, one.head):
                with_ids = _with_tombstones(snapshot, one.head)
                names |= with_ids
            rows_gone = not dead
            gone = rows_gone and with_ids == set() and not _has_expired(manifest, one.head)
            clean = manifest.sequence if gone else None
            if rows_gone != one.rows_gone or clean is not None:
                self._ledger.keep(replace(one, rows_gone=rows_gone, clean=clean))
        return names

    def sweep(self, shard: Namespace, opened: Sequence[OpenShard]) -> None:
        """Close what nothing is left of: neither in the log, nor in a file that any manifest names, or none does."""
        cleaned = [one for one in opened if one.clean is not None]
        if not cleaned:
            return
        partition = shard.partition
        behind = any(self._floor(one) < one.head and self._log_may_go(one) for one in cleaned)
        if behind and not self._indexer.release_previous(partition, keep_changes=False):
            # The log is trimmed by publications, and the last one was made when somebody still needed it.
            self._indexer.fold(shard, advance=True)
        self._indexer.release_previous(partition, keep_changes=False)
        remote = self._store.blobs.remote
        # In a directory at once: a reader that is just opening what goes begins again.
        sweep(self._store, self._clock, partition, superseded_ms=SUPERSEDED_MS if remote else 0)
        kept = {key for key, _, _ in self._store.blobs.list(f"{partition}/")}
        manifests = [self._store.manifest(key) for key in kept if key.startswith(f"{partition}/manifests/")]
        named = {blob for manifest in manifests for blob in manifest.blob_keys}
        built = (f"{partition}/segments/", f"{partition}/expired/")
        if {key for key in kept if key.startswith(built)} - named:
            return  # somebody builds, or died building: it may have begun before
        oldest = min((manifest.sequence for manifest in manifests), default=0)
        for one in cleaned:
            assert one.clean is not None
            if oldest >= one.clean and self._floor(one) >= one.head:
                self._ledger.close_shard(one)

    def close(self, seen: OpenErasures, namespaces: Collection[Partition]) -> None:
        """Close the erasures that were seen open and of which no shard is any more, once files that all share have
        nothing left, either.

        `namespaces`: the first partition of each that there is. Erasures of others went with them.

        HAZARD: `seen` has to be older than `namespaces`, or erasures of one that is new would be taken for a deleted
        one's. And a listing may have a part of what is just being added: so it takes two to tell that no shard is open.
        """
        for partition, shards in seen.shards.items():
            if replace(partition, shard=0) not in namespaces:
                for one in shards:
                    self._ledger.close_shard(one)
        waiting = {one.erasure for shards in self.opened().shards.values() for one in shards}
        done = [one for one in seen.files if one.erasure not in waiting]
        if not done or not self._scrub():
            return
        now_ms = self._clock.unix_ms()
        for erasure in done:
            self._ledger.close(erasure, now_ms)
        purge_some(self._table, self._clock, LEDGER)

    def _floor(self, one: OpenShard) -> int:
        return self._log.read(one.partition, one.head, bytes_max=1).floor

    def _log_may_go(self, one: OpenShard) -> bool:
        return self._retention is None or self._retention.log_needed_from(one.partition) > one.head

    def _tombstones_may_go(self, manifest: Manifest, head: int) -> bool:
        if manifest.watermark - margin_of(self._log) < head:
            return False
        return self._retention is None or self._retention.tombstones_needed_from(manifest.partition) > head


def _has_expired(manifest: Manifest, upto: int) -> bool:
    """Whether it names records that expired before a stamp: what was erased may be among them."""
    return any(one.after < upto for one in manifest.expired)


def _with_tombstones(snapshot: Snapshot, upto: int) -> set[str]:
    """The segments that name records which were deleted by then."""
    return {
        ref.name
        for ref, segment in zip(snapshot.manifest.segments, snapshot.segments, strict=True)
        if ref.tombstones and any(stone.version.stamp <= upto for stone in segment.records.all_tombstones())
    }
