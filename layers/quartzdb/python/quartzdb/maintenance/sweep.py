"""Sweeping: removing blobs that no reader can need any more.

The current manifest and the one before it are always kept. An older one goes, with what only it named, when it has been
superseded for a while, so that a reader that is still opening it can finish. Blobs that no manifest ever named (a build
that was killed, or that lost the race to publish) go when they are old.
"""

from __future__ import annotations

from itertools import zip_longest

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Corrupted
from quartzdb.domain.namespace import Partition
from quartzdb.maintenance.merge_notice import MERGE_MS_MAX
from quartzdb.storage.snapshot.manifest import Manifest
from quartzdb.storage.snapshot.store import SnapshotStore

SUPERSEDED_MS = 60_000
ORPHANED_MS = MERGE_MS_MAX + 3_600_000
"""Longer than any merge takes: what it built is not named by a manifest before all of it is published."""


def sweep(
    store: SnapshotStore, clock: Clock, partition: Partition, *, superseded_ms: int = SUPERSEDED_MS
) -> int:
    """Remove what is not needed of one partition; returns how many blobs went. Safe to run at any time, twice.

    With less `superseded_ms` a reader that is just opening an older manifest has to begin again.
    """
    now_ms = clock.unix_ms()
    pointer = store.pointer(partition)
    written = {key: at_ms for key, _, at_ms in store.blobs.list(f"{partition}/")}
    manifests = sorted(key for key in written if key.startswith(f"{partition}/manifests/"))
    kept: list[Manifest] = []
    retired: list[tuple[str, Manifest | None]] = []
    current = pointer.current if pointer else None
    for key, successor in zip_longest(manifests, manifests[1:]):
        named = pointer is not None and key in (pointer.current, pointer.previous)
        # One later than the current is being published right now, or lost its race.
        fresh = successor is None or now_ms - written[successor] < superseded_ms
        if named or fresh or current is None or key > current:
            if pointer is not None and key == pointer.current:
                kept.append(store.current(pointer))
            # One that is damaged serves nobody: what only it named goes when it is old.
            elif (named or now_ms - written[key] < ORPHANED_MS) and (manifest := _readable(store, key)):
                kept.append(manifest)
            continue
        retired.append((key, _readable(store, key)))
    needed = {blob for manifest in kept for blob in manifest.blob_keys}
    gone = {blob for _, manifest in retired if manifest for blob in manifest.blob_keys} - needed
    seen = needed | gone | set(manifests) | {f"{partition}/CURRENT"}
    orphans = {key for key, at_ms in written.items() if key not in seen and now_ms - at_ms > ORPHANED_MS}
    # Manifests last: killed half-way, the next sweep still knows what they named.
    store.blobs.delete(sorted((gone | orphans) & set(written)))
    store.blobs.delete([key for key, _ in retired])
    return len(gone | orphans) + len(retired)


def _readable(store: SnapshotStore, key: str) -> Manifest | None:
    """A manifest that nobody begins with any more; None where it is damaged: what it named goes when it is old."""
    try:
        return store.manifest(key)
    except Corrupted:
        return None
