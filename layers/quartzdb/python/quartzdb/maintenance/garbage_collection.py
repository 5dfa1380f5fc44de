"""Dropping what deleted generations had; `GarbageCollection` does it in runs that remember nothing.

When a generation was first seen deleted is noted in the list of pending work. Its data goes soon after, and once
more when whatever was at work on it at that time must have ended.
"""

from __future__ import annotations

from collections.abc import Mapping

from quartzdb.domain.clock import Clock
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.maintenance.policy import DeletionStep, MaintenancePolicy
from quartzdb.maintenance.ports import PendingWork, PendingWorkList
from quartzdb.storage.erasure_ledger import ErasureLedger
from quartzdb.storage.ports import BlobStore, ChangeLog, KeyValueTable, NamespaceCatalog


def drop(namespace: Namespace, log: ChangeLog, table: KeyValueTable, blobs: BlobStore) -> None:
    """Remove all data of a deleted generation. Safe to repeat."""
    for partition in namespace.partitions:
        log.seal(partition)
        blobs.delete([key for key, _, _ in blobs.list(f"{partition}/")])
    table.drop(namespace.partition)
    ErasureLedger(table).forget(namespace)


class GarbageCollection:
    """One per process."""

    def __init__(
        self,
        catalog: NamespaceCatalog,
        log: ChangeLog,
        table: KeyValueTable,
        blobs: BlobStore,
        pending_work: PendingWorkList,
        clock: Clock,
        policy: MaintenancePolicy,
    ) -> None:
        self._catalog = catalog
        self._log = log
        self._table = table
        self._blobs = blobs
        self._pending_work = pending_work
        self._clock = clock
        self._policy = policy

    def collect(self, namespace: Namespace, noted: Mapping[Partition, PendingWork]) -> None:
        """Do for one deleted generation what is due now."""
        note = noted.get(namespace.partition)
        now_ms = self._clock.unix_ms()
        if note is None:
            self._pending_work.note(namespace.partition, now_ms)
            return
        step = self._policy.deletion(now_ms - note.since_ms)
        if step is DeletionStep.WAIT:
            return
        drop(namespace, self._log, self._table, self._blobs)
        if step is DeletionStep.DROP_AND_FORGET:
            self._catalog.forget_deleted(namespace)
            self._pending_work.settle(note)
