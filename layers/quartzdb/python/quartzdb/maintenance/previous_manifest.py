"""Releasing what is kept for the manifest before the current one: the current segments are published once more.

A manifest's predecessor and the log since then are kept in case its own files prove damaged: twice the bytes of a
namespace at rest. Published twice, the predecessor names the same segments, so that sweeping and trimming, which go on
as ever, give back what only the older one needed. Where files are on this machine, every byte is checked before.
"""

from __future__ import annotations

from quartzdb.domain.namespace import Partition
from quartzdb.storage.snapshot.publication import Publisher
from quartzdb.storage.snapshot.store import SnapshotStore


def release_previous(
    store: SnapshotStore, publisher: Publisher, partition: Partition, *, keep_changes: bool = True
) -> bool:
    """Whether it was published: not without a manifest, nor twice, nor where another publication came first.

    Raises Corrupted or BlobMissing where the segments are not what they must be: then everything is kept.
    """
    pointer = store.pointer(partition)
    if pointer is None:
        return False
    manifest = store.current(pointer)
    if manifest.previous_released:
        return False
    if not store.blobs.remote:
        for segment in manifest.segments:
            for file in (*segment.files.values(), *filter(None, [segment.dead])):
                store.verified_file(file)
    return publisher.publish(
        manifest,
        pointer.current,
        pointer.tag,
        segments=manifest.segments,
        watermark=manifest.watermark,
        folded=manifest.folded,
        previous_released=True,
        keep_changes=keep_changes,
    )
