"""What of one shard's log is not in segments yet, from one manifest and one read of the log; opens no segment."""

from __future__ import annotations

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Corrupted
from quartzdb.domain.expiry import PURGED_AFTER_MS
from quartzdb.domain.hlc import COUNTER_BITS, Version
from quartzdb.domain.namespace import Partition
from quartzdb.domain.values import dataclass
from quartzdb.storage.log.codec import decode_entry
from quartzdb.storage.log.protocol import OVERLAP_MS, margin_of
from quartzdb.storage.ports import SEALED, BlobMissing, ChangeLog
from quartzdb.storage.snapshot.manifest import Manifest
from quartzdb.storage.snapshot.publication import FOLDED_MAX
from quartzdb.storage.snapshot.store import SnapshotStore

LOOKED_AT_BYTES = 8 * 1024 * 1024
"""More than this is worth folding whatever it is, so no more is read in order to find out."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """`oldest_ms` is the unix time of the oldest waiting entry, None for none. `manifest` None: nothing was published.

    Rows and bytes are those of entries old enough to be folded, and may end before all are counted. `damaged`: the
    current manifest or its segments cannot be read, and what is said here goes by the one before it.
    """

    manifest: Manifest | None
    oldest_ms: int | None
    rows: int
    bytes: int
    now_ms: int
    damaged: bool = False

    @property
    def lag_ms(self) -> int:
        """How long the oldest entry has waited."""
        return 0 if self.oldest_ms is None else max(0, self.now_ms - self.oldest_ms)

    @property
    def purged_until_ms(self) -> int:
        """The moment (unix) up to which a merge drops what has expired: see Indexer."""
        complete_ms = self.now_ms
        if self.manifest is not None and self.oldest_ms is not None:
            complete_ms = min(complete_ms, self.manifest.watermark >> COUNTER_BITS)
        return complete_ms - PURGED_AFTER_MS


def read_backlog(log: ChangeLog, store: SnapshotStore, clock: Clock, partition: Partition) -> Backlog:
    """What waits now; nothing in a sealed log. Raises Corrupted where an entry cannot be decoded."""
    manifest, damaged = _manifest(store, partition)
    after = 0
    known: frozenset[Version] = frozenset()
    if manifest is not None:
        after, known = max(0, manifest.watermark - margin_of(log)), frozenset(manifest.folded)
        if len(manifest.folded) >= FOLDED_MAX:
            # The list was cut off: what lies before its beginning is in the segments, but not named.
            after = max(after, manifest.folded[0].stamp - 1)
    page = log.read(partition, after, known, bytes_max=LOOKED_AT_BYTES)
    now_ms = clock.unix_ms()
    if page.floor == SEALED or not page.entries:
        return Backlog(manifest, None, 0, 0, now_ms, damaged)
    foldable_until_ms = now_ms if log.ordered else now_ms - OVERLAP_MS
    rows = size = 0
    for key, body in page.entries:
        changes = decode_entry(body, key)
        if key.milliseconds <= foldable_until_ms:
            rows += len(changes)
            size += len(body)
    return Backlog(manifest, page.entries[0][0].milliseconds, rows, size, now_ms, damaged)


def _manifest(store: SnapshotStore, partition: Partition) -> tuple[Manifest | None, bool]:
    """The current manifest, or else the one before it; and whether the current one is damaged."""
    pointer = store.pointer(partition)
    if pointer is None:
        return None, False
    try:
        return store.manifest(pointer.current), False
    except (Corrupted, BlobMissing):
        again = store.pointer(partition)
        if again is not None and again.current != pointer.current:
            return store.manifest(again.current), False  # it was swept, because a newer one is there
        if pointer.previous is None:
            return None, True
        return store.manifest(pointer.previous), True
