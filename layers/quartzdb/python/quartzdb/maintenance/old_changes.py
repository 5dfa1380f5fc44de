"""Dropping entries of the log and expiries that were kept for who follows changes, once they are too old for that.

Publications do it in passing. A namespace at rest has none, and so its log is looked at now and then.
"""

from __future__ import annotations

from quartzdb.domain.namespace import Partition
from quartzdb.storage.log.protocol import margin_of
from quartzdb.storage.ports import SEALED, BlobMissing, ChangeLog
from quartzdb.storage.snapshot.manifest import Manifest
from quartzdb.storage.snapshot.publication import Publisher
from quartzdb.storage.snapshot.store import Pointer, SnapshotStore


def drop_old_changes(
    log: ChangeLog,
    store: SnapshotStore,
    publisher: Publisher,
    partition: Partition,
    *,
    keep_changes: bool = True,
) -> None:
    """A look at the log and one at the pointer where nothing is to go. Without `keep_changes` nothing is too young."""
    has_entries = publisher.has_entries(partition, SEALED)
    pointer = store.pointer(partition)
    if pointer is None:
        return
    manifest = store.current(pointer)
    if publisher.too_old(manifest, keep_changes=keep_changes):
        _drop_expired(store, publisher, manifest, pointer, keep_changes=keep_changes)
    if not has_entries:
        return
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


def _drop_expired(
    store: SnapshotStore, publisher: Publisher, manifest: Manifest, pointer: Pointer, *, keep_changes: bool
) -> None:
    """Publish the same once more, without them; and again where nothing at all may be left of them."""
    partition = manifest.partition
    for _ in range(1 if keep_changes else 2):
        if not publisher.publish(
            manifest,
            pointer.current,
            pointer.tag,
            segments=manifest.segments,
            watermark=manifest.watermark,
            folded=manifest.folded,
            previous_released=manifest.previous_released,
            keep_changes=keep_changes,
        ):
            return
        again = store.pointer(partition)
        if again is None:
            return
        pointer, manifest = again, store.current(again)
