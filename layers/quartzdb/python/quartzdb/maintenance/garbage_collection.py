"""Dropping what deleted generations had, by runs that remember nothing.

When a generation was first seen deleted is noted in the list of pending work. Its data goes soon after, and once
more when whatever was at work on it at that time must have ended.
"""

from __future__ import annotations

from collections.abc import Mapping

from quartzdb.domain.clock import Clock
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.maintenance.ports import PendingWork, PendingWorkList
from quartzdb.maintenance.sweep import ORPHANED_MS
from quartzdb.storage.ports import BlobStore, ChangeLog, KeyValueTable, NamespaceCatalog

DROP_AFTER_MS = 60_000
"""Requests that were under way have ended by then."""
_DROPPED_BY_MS = DROP_AFTER_MS + 180_000
"""Some runs of a schedule of one minute fall into this time, so that one that failed is made good."""
FORGET_AFTER_MS = ORPHANED_MS
"""Nothing that was begun before, not even a large merge, writes anything any more."""


def drop(namespace: Namespace, log: ChangeLog, table: KeyValueTable, blobs: BlobStore) -> None:
    """Remove all data of a deleted generation. Safe to repeat."""
    for partition in namespace.partitions:
        log.seal(partition)
        blobs.delete([key for key, _, _ in blobs.list(f"{partition}/")])
    table.drop(namespace.partition)


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
    ) -> None:
        self._catalog = catalog
        self._log = log
        self._table = table
        self._blobs = blobs
        self._pending_work = pending_work
        self._clock = clock

    def collect(self, namespace: Namespace, noted: Mapping[Partition, PendingWork]) -> None:
        """Do for one deleted generation what is due now."""
        note = noted.get(namespace.partition)
        now_ms = self._clock.unix_ms()
        if note is None:
            self._pending_work.note(namespace.partition, now_ms)
            return
        age_ms = now_ms - note.since_ms
        if DROP_AFTER_MS <= age_ms < _DROPPED_BY_MS:
            drop(namespace, self._log, self._table, self._blobs)
        elif age_ms >= FORGET_AFTER_MS:
            drop(namespace, self._log, self._table, self._blobs)
            self._catalog.forget_deleted(namespace)
            self._pending_work.settle(note)
