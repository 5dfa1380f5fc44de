"""Publishing one step of an indexer as the next manifest, and trimming the log to what manifests still need."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from quartzdb.domain.clock import Clock
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Partition
from quartzdb.storage.log.protocol import margin_of
from quartzdb.storage.ports import ChangeLog
from quartzdb.storage.snapshot.manifest import Manifest, SegmentRef
from quartzdb.storage.snapshot.store import SnapshotStore

logger = logging.getLogger(__name__)

FOLDED_MAX = 5_000
"""Entries near the watermark that a manifest names. Beyond that readers apply some again, which is harmless."""


class Publisher:
    """Safe to use from anywhere at once: of several who publish on one base, one wins.

    `log_needed_from` gives, for a partition, the lowest stamp of the log that must be kept for a peer.
    """

    def __init__(
        self,
        log: ChangeLog,
        store: SnapshotStore,
        clock: Clock,
        log_needed_from: Callable[[Partition], int] | None = None,
    ) -> None:
        self._log = log
        self._store = store
        self._clock = clock
        self._log_needed_from = log_needed_from

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
    ) -> bool:
        """Publish what follows `base`, which has this blob key and pointer's tag. False: another was faster."""
        margin = margin_of(self._log)
        recent = sorted({one for one in folded if one.stamp > watermark - margin})[-FOLDED_MAX:]
        now_ms = self._clock.unix_ms()
        manifest = Manifest(
            partition=base.partition,
            sequence=base.sequence + 1,
            watermark=watermark,
            segments=tuple(_dated(ref, now_ms) for ref in segments if ref.live_rows or ref.tombstones),
            folded=tuple(recent),
            previous=key,
            created_at_ms=now_ms,
            previous_released=previous_released,
        )
        if self._store.publish(manifest, tag) is None:
            logger.info("another indexer published %s first", manifest.partition)
            return False
        # Kept back to the previous manifest's margin, so that a reader that falls back to it still has its whole tail.
        floor = base.watermark - margin
        if self._log_needed_from is not None:
            floor = min(floor, self._log_needed_from(manifest.partition) - 1)
        if floor > 0:
            self._log.trim(manifest.partition, floor)
        return True


def _dated(ref: SegmentRef, now_ms: int) -> SegmentRef:
    """The segment, with when it first had something that a rewrite would drop."""
    undated = ref.dead_since_ms is None and (ref.dead_rows or ref.tombstones)
    return replace(ref, dead_since_ms=now_ms) if undated else ref
