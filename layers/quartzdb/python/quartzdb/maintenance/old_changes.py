"""Dropping entries of the log that were kept for who follows changes, once they are too old for that.

Publications do it in passing. A namespace at rest has none, and so its log is looked at now and then.
"""

from __future__ import annotations

from quartzdb.domain.namespace import Partition
from quartzdb.storage.log.protocol import margin_of
from quartzdb.storage.ports import SEALED, BlobMissing, ChangeLog
from quartzdb.storage.snapshot.publication import Publisher
from quartzdb.storage.snapshot.store import SnapshotStore


def drop_old_changes(
    log: ChangeLog,
    store: SnapshotStore,
    publisher: Publisher,
    partition: Partition,
    *,
    keep_changes: bool = True,
) -> None:
    """One small look at the log where nothing is to go. Without `keep_changes` nothing is too young to go."""
    if not publisher.has_entries(partition, SEALED):
        return
    pointer = store.pointer(partition)
    if pointer is None:
        return
    manifest = store.current(pointer)
    watermark = manifest.watermark
    if not manifest.previous_released:
        # A reader that finds the current one damaged goes back to the one before, with all of the log since.
        if manifest.previous is None:
            return
        try:
            watermark = store.manifest(manifest.previous).watermark
        except BlobMissing:
            return
    upto = watermark - margin_of(log)
    if publisher.has_entries(partition, upto):
        publisher.trim(partition, upto, keep_changes=keep_changes)
