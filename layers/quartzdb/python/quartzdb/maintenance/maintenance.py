"""Background work of an embedded server: folding, compaction, sweeping, expiry. One pass at a time, never urgent.

On AWS the stream and a schedule do this; here one thread of each process calls `run_once`, and leases keep processes
from doing the same work twice. Correctness never depends on it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError
from quartzdb.domain.namespace import Namespace
from quartzdb.maintenance import previous_manifest as confirmation
from quartzdb.maintenance.backlog import LOOKED_AT_BYTES, read_backlog
from quartzdb.maintenance.garbage_collection import drop
from quartzdb.maintenance.indexer import NOTHING_TO_DO, Indexer
from quartzdb.maintenance.merge_policy import full_tier, idle
from quartzdb.maintenance.purging import purge_some
from quartzdb.maintenance.sweep import sweep
from quartzdb.services.ports import IdempotencyTable
from quartzdb.storage.lease_guard import LeaseGuard
from quartzdb.storage.ports import (
    BlobMissing,
    BlobStore,
    ChangeLog,
    KeyValueTable,
    Leases,
    NamespaceCatalog,
    Retention,
)
from quartzdb.storage.snapshot.readers import Readers
from quartzdb.storage.snapshot.store import SnapshotStore

logger = logging.getLogger(__name__)

FOLD_ROWS = 4_096
"""Rows in the tail that make a fold worth its while at once."""
FOLD_AFTER_MS = 20_000
"""The longest that entries wait in the log when fewer come."""
IDLE_AFTER_MS = 45_000
"""A namespace that was not folded for so long is idle: time to leave it few segments."""
UNUSED_SECONDS = 60.0
"""A reader that nobody used for so long is not kept up with a log that grows faster than it is folded."""
SWEEP_EVERY_MS = 60_000
DROP_AFTER_MS = 10_000
"""A deleted generation's data goes this long after its deletion: requests that were under way have ended by then."""


@dataclass(slots=True)
class _Progress:
    folded_ms: int
    first_unfolded_ms: int | None = None
    swept_ms: int = 0
    seen_deleted_ms: int | None = None
    settled: tuple[int, str | None] | None = None
    previous_released: tuple[int, str | None] | None = None


class Maintenance:
    """Not thread-safe: one thread per process calls it. `holder` names this process in leases."""

    def __init__(
        self,
        *,
        catalog: NamespaceCatalog,
        log: ChangeLog,
        table: KeyValueTable,
        blobs: BlobStore,
        leases: Leases,
        idempotency: IdempotencyTable,
        store: SnapshotStore,
        readers: Readers,
        indexer: Indexer,
        clock: Clock,
        holder: str,
        retention: Retention | None = None,
    ) -> None:
        self._catalog = catalog
        self._log = log
        self._table = table
        self._blobs = blobs
        self._leases = leases
        self._idempotency = idempotency
        self._store = store
        self._readers = readers
        self._indexer = indexer
        self._clock = clock
        self._holder = holder
        self._retention = retention
        self._progress: dict[str, _Progress] = {}
        self._damaged: dict[str, str] = {}

    @property
    def damaged(self) -> Mapping[str, str]:
        """Namespaces (tenant/name) whose segments cannot be served as they should, and why."""
        return dict(self._damaged)

    def run_once(self) -> bool:
        """One pass over everything. Whether there was work, so that more may follow at once."""
        busy = False
        namespaces = self._catalog.all_namespaces()
        for namespace in namespaces:
            trouble: str | None = None
            for shard in namespace.each_shard:
                try:
                    busy = self._maintain(shard) or busy
                except (QuartzError, BlobMissing, OSError) as error:
                    # One shard's trouble must not stop the others' care; it is tried again at the next pass.
                    trouble = trouble or str(error)
                    logger.exception("maintenance of %s failed", shard.partition)
            if trouble is None:
                self._damaged.pop(f"{namespace.tenant}/{namespace.name}", None)
            else:
                self._damaged[f"{namespace.tenant}/{namespace.name}"] = trouble
        pending_deletion = self._catalog.pending_deletion()
        for namespace in pending_deletion:
            self._collect(namespace)
        present = {shard.shard_name for one in [*namespaces, *pending_deletion] for shard in one.each_shard}
        self._progress = {name: kept for name, kept in self._progress.items() if name in present}
        self._idempotency.purge(self._clock.unix_ms())
        return busy

    def _maintain(self, namespace: Namespace) -> bool:
        """Care for one shard."""
        now_ms = self._clock.unix_ms()
        progress = self._progress.setdefault(namespace.shard_name, _Progress(folded_ms=now_ms))
        busy = False
        if namespace.settings.dimension is not None:
            busy = self._fold_and_compact(namespace, progress)
        if now_ms - progress.swept_ms >= SWEEP_EVERY_MS:
            progress.swept_ms = now_ms
            self._confirm(namespace, progress)
            sweep(self._store, self._clock, namespace.partition)
            if namespace.shard == 0:
                purge_some(self._table, self._clock, namespace.partition, self._retention)
        return busy

    def _fold_and_compact(self, namespace: Namespace, progress: _Progress) -> bool:
        now_ms = self._clock.unix_ms()
        pointer = self._store.pointer(namespace.partition)
        present = (self._log.head(namespace.partition), pointer.current if pointer else None)
        if progress.settled == present:
            return False  # nobody's reader has to be opened to find that there is nothing to do
        reader = self._readers.of(namespace)
        if reader.unused_seconds >= UNUSED_SECONDS and self._far_behind(namespace):
            # A bulk load: all that waits would be held in memory, decoded, to find that it is worth folding.
            reader.let_go()
            return self._fold_unseen(namespace, progress)
        reader.view()
        reader.reload()
        snapshot = reader.snapshot
        degraded = snapshot is not None and snapshot.degraded is not None
        worth_folding = degraded or self._worth_folding(reader.tail_rows, progress)
        is_idle = now_ms - progress.folded_ms >= IDLE_AFTER_MS
        if not worth_folding and not (is_idle and snapshot and idle(snapshot.manifest.segments)):
            progress.settled = present if is_idle and not reader.tail_rows else None
            return False
        with LeaseGuard(self._leases, f"index/{namespace.shard_name}", self._holder, self._clock) as claim:
            if not claim.held:
                return False
            folded = NOTHING_TO_DO
            if worth_folding:
                folded = self._indexer.fold(namespace)
                progress.first_unfolded_ms = None
                progress.folded_ms = now_ms
            compacted = self._indexer.compact(namespace, idle if is_idle else full_tier)
        reader.reload()
        return folded.entries > 0 or compacted.merged_segments > 0

    def _far_behind(self, namespace: Namespace) -> bool:
        return read_backlog(self._log, self._store, self._clock, namespace.partition).bytes >= LOOKED_AT_BYTES

    def _fold_unseen(self, namespace: Namespace, progress: _Progress) -> bool:
        """Fold as much as one fold takes. Whether there was something."""
        with LeaseGuard(self._leases, f"index/{namespace.shard_name}", self._holder, self._clock) as claim:
            if not claim.held:
                return False
            folded = self._indexer.fold(namespace)
            progress.first_unfolded_ms = None
            progress.folded_ms = self._clock.unix_ms()
            self._indexer.compact(namespace, full_tier)
        return folded.entries > 0

    def _confirm(self, namespace: Namespace, progress: _Progress) -> None:
        """Let go of what is kept beside a manifest at rest, once that has stood for a while."""
        if (
            progress.settled is None
            or progress.settled == progress.previous_released
            or progress.settled[1] is None
        ):
            return
        manifest = self._store.manifest(progress.settled[1])
        if manifest.previous_released:
            progress.previous_released = progress.settled
        elif confirmation.due(manifest, self._clock.unix_ms()):
            with LeaseGuard(
                self._leases, f"index/{namespace.shard_name}", self._holder, self._clock
            ) as claim:
                if claim.held:
                    self._indexer.confirm(manifest.partition)

    def _worth_folding(self, rows: int, progress: _Progress) -> bool:
        now_ms = self._clock.unix_ms()
        if rows == 0:
            progress.first_unfolded_ms = None
            return False
        if progress.first_unfolded_ms is None:
            progress.first_unfolded_ms = now_ms
        return rows >= FOLD_ROWS or now_ms - progress.first_unfolded_ms >= FOLD_AFTER_MS

    def _collect(self, namespace: Namespace) -> None:
        """Drop a deleted generation's data, some time after this process first saw that it was deleted."""
        now_ms = self._clock.unix_ms()
        progress = self._progress.setdefault(namespace.generation, _Progress(folded_ms=now_ms))
        if progress.seen_deleted_ms is None:
            progress.seen_deleted_ms = now_ms
        if now_ms - progress.seen_deleted_ms < DROP_AFTER_MS:
            return
        drop(namespace, self._log, self._table, self._blobs)
        self._catalog.forget_deleted(namespace)
