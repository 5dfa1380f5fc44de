"""Maintenance of every namespace by scheduled runs that remember nothing: what no event will ever wake anybody for.

Each run looks at what is noted as pending, and at its turn of all the others, so that one in which nothing happens
costs next to nothing. The order differs from run to run: where there is more to do than time, everyone has their turn.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import field, replace

import xxhash

from quartzdb.domain.clock import Clock
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.domain.values import dataclass
from quartzdb.maintenance.budget import Budget
from quartzdb.maintenance.erasing import Erasing, OpenErasures
from quartzdb.maintenance.folding import Folding
from quartzdb.maintenance.garbage_collection import GarbageCollection
from quartzdb.maintenance.lease_owner import LeaseOwner
from quartzdb.maintenance.merging import Merged, Merging
from quartzdb.maintenance.policy import MINUTE_MS, MaintenancePolicy
from quartzdb.maintenance.ports import PendingWork, PendingWorkList
from quartzdb.maintenance.purging import PURGE_AT_ONCE, purge_some
from quartzdb.maintenance.sweep import sweep
from quartzdb.storage.erasure_ledger import OpenShard
from quartzdb.storage.lease_guard import LeaseGuard
from quartzdb.storage.ports import KeyValueTable, Leases, NamespaceCatalog, Retention
from quartzdb.storage.snapshot.manifest import Manifest
from quartzdb.storage.snapshot.store import SnapshotStore

logger = logging.getLogger(__name__)

LOOK_MS = 5_000
"""Looking at one namespace and sweeping it."""


@dataclass(slots=True)
class MaintenanceReport:
    """What one run found and did. `lag_ms` is the largest, that of namespaces not reached included."""

    lag_ms: int = 0
    published: int = 0
    merges: dict[Merged, int] = field(default_factory=dict)
    degraded: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    not_reached: int = 0


class ScheduledMaintenance:
    """One per process."""

    def __init__(
        self,
        catalog: NamespaceCatalog,
        table: KeyValueTable,
        store: SnapshotStore,
        leases: Leases,
        pending_work: PendingWorkList,
        folding: Folding,
        merging: Merging,
        garbage_collection: GarbageCollection,
        clock: Clock,
        owner: LeaseOwner,
        policy: MaintenancePolicy,
        erasing: Erasing,
        retention: Retention | None = None,
    ) -> None:
        self._catalog = catalog
        self._table = table
        self._store = store
        self._leases = leases
        self._pending_work = pending_work
        self._folding = folding
        self._merging = merging
        self._garbage_collection = garbage_collection
        self._clock = clock
        self._owner = owner
        self._policy = policy
        self._erasing = erasing
        self._erasures = OpenErasures({}, ())
        self._retention = retention

    def run(self, budget: Budget) -> MaintenanceReport:
        """One run. A namespace's trouble is reported and does not stop the maintenance of the others."""
        report = MaintenanceReport()
        minute = self._clock.unix_ms() // MINUTE_MS
        self._erasures = self._erasing.opened()  # before the namespaces: see Erasing.close
        noted = {one.partition: one for one in self._pending_work.all_pending()}
        namespaces = {
            shard.partition: shard for one in self._catalog.all_namespaces() for shard in one.each_shard
        }
        pending_deletion = {one.partition: one for one in self._catalog.pending_deletion()}
        for partition in _shuffled({*noted, *namespaces, *pending_deletion}, minute):
            note = noted.get(partition)
            if (
                note is None
                and partition not in self._erasures.shards
                and partition not in pending_deletion
                and not _turn(partition, minute, self._policy.thresholds.look_every_ms)
            ):
                continue
            if not budget.allows(LOOK_MS):
                report.not_reached += 1
                if note is not None:
                    report.lag_ms = max(report.lag_ms, self._clock.unix_ms() - note.since_ms)
                continue
            try:
                if partition in pending_deletion:
                    self._garbage_collection.collect(pending_deletion[partition], noted)
                elif partition in namespaces:
                    self._maintain(namespaces[partition], note, minute, budget, report)
                elif note is not None and self._is_gone(partition):
                    self._pending_work.settle(note)
            except Exception:
                # Whatever it was, the others must not wait for it; it is counted, alarmed on and tried again.
                logger.exception("maintenance of %s failed", partition)
                report.failed.append(str(partition))
                if note is not None and partition in namespaces:
                    report.lag_ms = max(report.lag_ms, self._clock.unix_ms() - note.since_ms)
        if self._erasures.files and budget.allows(LOOK_MS):
            try:
                self._erasing.close(
                    self._erasures, {shard.partition for shard in namespaces.values() if not shard.shard}
                )
            except Exception:
                # They stay open, which is what is told of them, and are tried again.
                logger.exception("erasures could not be closed")
                report.failed.append("erasures")
        return report

    def _maintain(
        self,
        namespace: Namespace,
        note: PendingWork | None,
        minute: int,
        budget: Budget,
        report: MaintenanceReport,
    ) -> None:
        partition = namespace.partition
        with LeaseGuard(
            self._leases, f"maintenance/{namespace.shard_name}", self._owner.name, self._clock
        ) as lease:
            if not lease.held:
                return  # an earlier run is still at it
            # Key-values are in the first shard's partition.
            if namespace.shard == 0 and _turn(partition, minute, self._policy.thresholds.purge_every_ms):
                self._purge(partition)
            settled = True
            if namespace.settings.holds_records:
                settled = self._maintain_segments(namespace, budget, report)
            if settled and note is not None:
                self._pending_work.settle(note)
            elif not settled and note is None:
                self._pending_work.note(partition, self._clock.unix_ms())

    def _maintain_segments(self, namespace: Namespace, budget: Budget, report: MaintenanceReport) -> bool:
        """Fold, merge and sweep one shard; whether nothing is left to do until something is written."""
        partition = namespace.partition
        opened = self._erasures.shards.get(partition, ())
        folded = self._folding.fold_if_due(namespace, budget, erasing=bool(opened))
        report.published += folded.published
        report.lag_ms = max(report.lag_ms, folded.lag_ms)
        if folded.degraded is not None:
            report.degraded.append(str(partition))
        backlog = folded.backlog
        assert backlog is not None, "a namespace with a dimension has a log"
        if backlog.manifest is None and not opened:
            return self._policy.due(backlog).settled
        running = self._merging.under_way(partition)
        if opened:
            self._fold_erased(namespace, opened)
        merged = Merged.PUBLISHED
        while merged is Merged.PUBLISHED:
            erasing: Collection[str] | None = None
            if opened:
                erasing = self._erasing.to_rewrite(namespace, self._opened(partition))
                backlog = replace(backlog, manifest=self._manifest(partition))
            due = self._policy.due(
                backlog,
                running.segments if running else (),
                purge_after_days=namespace.settings.purge_after_days,
                erasing=erasing,
                searched=namespace.settings.searched,
            )
            merged = Merged.UNDER_WAY if due.merging_elsewhere else Merged.NOT_NEEDED
            if due.merge is not None:
                merged = self._merging.merge(namespace, due.merge, budget, running)
            report.merges[merged] = report.merges.get(merged, 0) + 1
            if not opened:
                break  # One is enough, but where all that was erased is to go: what is folded meanwhile adds to it.
        if due.release_previous:
            self._merging.release_previous(partition)
        self._merging.drop_old_changes(partition)
        sweep(self._store, self._clock, partition)
        if opened:
            self._erasing.sweep(namespace, self._opened(partition))
        return due.settled

    def _fold_erased(self, namespace: Namespace, opened: Sequence[OpenShard]) -> None:
        with LeaseGuard(
            self._leases, f"index/{namespace.shard_name}", self._owner.name, self._clock
        ) as lease:
            if lease.held:
                self._erasing.fold(namespace, opened)

    def _opened(self, partition: Partition) -> Sequence[OpenShard]:
        return self._erasing.opened().shards.get(partition, ())

    def _manifest(self, partition: Partition) -> Manifest | None:
        pointer = self._store.pointer(partition)
        return self._store.manifest(pointer.current) if pointer else None

    def _is_gone(self, partition: Partition) -> bool:
        """It was not there a moment ago; has it been created since?"""
        namespace = self._catalog.get(partition.tenant, partition.namespace)
        return namespace is None or namespace.shard_at(partition) is None

    def _purge(self, partition: Partition) -> None:
        while purge_some(self._table, self._clock, partition, self._retention) == PURGE_AT_ONCE:
            pass


def _shuffled(partitions: Iterable[Partition], minute: int) -> list[Partition]:
    return sorted(partitions, key=lambda one: xxhash.xxh3_64_intdigest(f"{minute}/{one}".encode()))


def _turn(partition: Partition, minute: int, every_ms: int) -> bool:
    return (xxhash.xxh3_64_intdigest(str(partition).encode()) - minute) % (every_ms // MINUTE_MS) == 0
