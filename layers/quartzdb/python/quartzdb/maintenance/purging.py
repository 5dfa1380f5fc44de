"""Forgetting key-value items that are over: those that expired, and tombstones that nothing late can need any more."""

from __future__ import annotations

from quartzdb.domain.clock import Clock
from quartzdb.domain.hlc import COUNTER_BITS, stamp_at
from quartzdb.domain.namespace import Partition
from quartzdb.storage.log.protocol import OVERLAP_MS
from quartzdb.storage.ports import KeyValueTable, Retention

TOMBSTONES_KEPT_MS = 7 * 24 * 3_600_000
PURGE_AT_ONCE = 1_000


def purge_history(table: KeyValueTable, clock: Clock, partition: Partition) -> int:
    """Forget notes of the history of key-values that are kept no longer; returns how many, as `purge_some`."""
    return table.purge(partition.of_history, clock.unix_ms(), 0, PURGE_AT_ONCE)


def purge_some(
    table: KeyValueTable, clock: Clock, partition: Partition, retention: Retention | None = None
) -> int:
    """Forget some; returns how many. PURGE_AT_ONCE of them: there may be more."""
    now_ms = clock.unix_ms()
    expired_before_ms = now_ms - OVERLAP_MS
    deleted_before = stamp_at(now_ms - TOMBSTONES_KEPT_MS)
    if retention is not None:
        needed = retention.keys_needed_from(partition)
        deleted_before = min(deleted_before, needed)
        # An item ends after it was put, so one that a peer has yet to read ends after that, too.
        expired_before_ms = min(expired_before_ms, needed >> COUNTER_BITS)
    return table.purge(partition, expired_before_ms, deleted_before, PURGE_AT_ONCE)
