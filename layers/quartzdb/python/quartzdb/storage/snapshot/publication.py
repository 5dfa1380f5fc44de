"""Publishing one step of an indexer as the next manifest, and trimming the log to what manifests still need."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from quartzdb.domain.clock import Clock
from quartzdb.domain.hlc import COUNTER_BITS, Version, stamp_at
from quartzdb.domain.namespace import Partition
from quartzdb.storage.log.protocol import margin_of
from quartzdb.storage.ports import ChangeLog
from quartzdb.storage.snapshot.expired_files import ExpiredSince, KeptExpiries, kept_expiries
from quartzdb.storage.snapshot.manifest import Manifest, SegmentRef
from quartzdb.storage.snapshot.store import SnapshotStore

logger = logging.getLogger(__name__)

FOLDED_MAX = 5_000
"""Entries near the watermark that a manifest names. Beyond that readers apply some again, which is harmless."""
EXPIRED_KEPT_MS_MIN = 600_000
"""Expiries are kept so long however short the log is: whoever has read everything a moment ago must find them."""
_END = (1 << 63) - 1


class Publisher:
    """Safe to use from anywhere at once: of several who publish on one base, one wins.

    `log_needed_from` gives, for a partition, the lowest stamp of the log that must be kept for a peer. Entries of the
    last `changes_kept_ms` are kept as well, for whoever follows what changes.
    """

    def __init__(
        self,
        log: ChangeLog,
        store: SnapshotStore,
        clock: Clock,
        log_needed_from: Callable[[Partition], int] | None = None,
        *,
        changes_kept_ms: int = 0,
    ) -> None:
        self._log = log
        self._store = store
        self._clock = clock
        self._log_needed_from = log_needed_from
        self._changes_kept_ms = changes_kept_ms

    def publish(
        self,
        base: Manifest,
        key: str | None,
        tag: str | None,
        *,
        segments: Sequence[SegmentRef],
        watermark: int,
        folded: Sequence[Version],
        previous_released: bool = False,
        keep_changes: bool = True,
        expired: ExpiredSince | None = None,
    ) -> bool:
        """Publish what follows `base`, which has this blob key and pointer's tag. False: another was faster.

        Without `keep_changes` nothing is kept for who follows changes: what was erased has to go. `expired` is what has
        expired since `base`, where somebody looked.
        """
        margin = margin_of(self._log)
        recent = sorted({one for one in folded if one.stamp > watermark - margin})[-FOLDED_MAX:]
        now_ms = self._clock.unix_ms()
        kept = self._kept_expiries(base, expired, now_ms, keep_changes=keep_changes)
        manifest = Manifest(
            partition=base.partition,
            sequence=base.sequence + 1,
            watermark=watermark,
            segments=tuple(_dated(ref, now_ms) for ref in segments if ref.live_rows or ref.tombstones),
            folded=tuple(recent),
            previous=key,
            created_at_ms=now_ms,
            previous_released=previous_released,
            expired=kept.files,
            expired_through=kept.through,
            expired_floor=kept.floor,
        )
        if self._store.publish(manifest, tag) is None:
            logger.info("another indexer published %s first", manifest.partition)
            return False
        # Kept back to the previous manifest's margin, so that a reader that falls back to it still has its whole tail.
        self.trim(manifest.partition, base.watermark - margin, keep_changes=keep_changes)
        return True

    def too_old(self, manifest: Manifest, *, keep_changes: bool = True) -> bool:
        """Whether a manifest has expiries that are kept no longer."""
        kept_from = self._expired_from(self._clock.unix_ms()) if keep_changes else _END
        return any(one.through < kept_from for one in manifest.expired)

    def _kept_expiries(
        self, base: Manifest, expired: ExpiredSince | None, now_ms: int, *, keep_changes: bool
    ) -> KeptExpiries:
        if expired is None and not base.expired:
            return KeptExpiries((), base.expired_through, base.expired_floor)
        if not keep_changes:
            through = max(base.expired_through, expired.through if expired else 0)
            return KeptExpiries((), through, through)
        kept_ms = max(self._changes_kept_ms, EXPIRED_KEPT_MS_MIN)
        return kept_expiries(
            self._store, base, expired, self._expired_from(now_ms), kept=kept_ms << COUNTER_BITS
        )

    def _expired_from(self, now_ms: int) -> int:
        return stamp_at(max(0, now_ms - max(self._changes_kept_ms, EXPIRED_KEPT_MS_MIN)))

    def trim(self, partition: Partition, upto: int, *, keep_changes: bool = True) -> None:
        """Drop what of the log nobody needs any more, at most up to a stamp."""
        floor = upto
        if self._log_needed_from is not None:
            floor = min(floor, self._log_needed_from(partition) - 1)
        if keep_changes and self._changes_kept_ms:
            kept_from = stamp_at(max(0, self._clock.unix_ms() - self._changes_kept_ms))
            floor = min(floor, kept_from - 1)
            # A floor is not raised where nothing goes: whoever has read everything would be told of a gap.
            if not self.has_entries(partition, floor):
                return
        if floor > 0:
            self._log.trim(partition, floor)

    def has_entries(self, partition: Partition, upto: int) -> bool:
        """Whether the log has anything up to a stamp: one small read."""
        return any(key.stamp <= upto for key, _ in self._log.read(partition, 0, entries_max=1).entries)


def _dated(ref: SegmentRef, now_ms: int) -> SegmentRef:
    """The segment, with when it first had something that a rewrite would drop."""
    undated = ref.dead_since_ms is None and (ref.dead_rows or ref.tombstones)
    return replace(ref, dead_since_ms=now_ms) if undated else ref
