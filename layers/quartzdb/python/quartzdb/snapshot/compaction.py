"""Tiered compaction: which segments to merge next. Pure; the indexer does the merging.

Segments fall into tiers by size, each FANOUT times larger than the one below. A tier that has FANOUT segments is merged
into one of the next, so a record is rebuilt once per tier: amortised O(log n).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

from quartzdb.snapshot.manifest import SegmentRef

FANOUT = 4
TIER_ROWS_MIN = 4_096
DEAD_SHARE_MAX = 0.25
"""A segment with more dead rows than this is rebuilt alone: they cost space, and every search steps over them."""


def tier(rows: int) -> int:
    """The tier of a segment with so many live rows; 0 is the smallest."""
    return 0 if rows < TIER_ROWS_MIN else 1 + int(math.log(rows / TIER_ROWS_MIN, FANOUT))


IDLE_SHARE = 8
"""When nothing is written, everything is merged into one once the smaller segments are this part of the largest."""

Policy = Callable[[Sequence[SegmentRef]], tuple[SegmentRef, ...]]
"""Which of the live segments to merge into one now; empty when all is well."""


def full_tier(segments: Sequence[SegmentRef]) -> tuple[SegmentRef, ...]:
    """While writes go on: a tier that is full, smallest first, or a segment of which too much is dead."""
    by_tier: dict[int, list[SegmentRef]] = defaultdict(list)
    for segment in segments:
        by_tier[tier(segment.live_rows)].append(segment)
    for level in sorted(by_tier):
        if len(by_tier[level]) >= FANOUT:
            # Everything smaller goes along: it costs little and leaves fewer segments to search.
            return tuple(segment for lower in range(level + 1) for segment in by_tier.get(lower, ()))
    for segment in segments:
        if segment.dead_rows > DEAD_SHARE_MAX * segment.shape.rows:
            return (segment,)
    return ()


def idle(segments: Sequence[SegmentRef]) -> tuple[SegmentRef, ...]:
    """When nothing is written: one segment where that is worth its cost, else at most two. Queries pay for each."""
    by_size = sorted(segments, key=lambda segment: segment.live_rows)
    if len(by_size) < 2:
        return ()
    *smaller, largest = by_size
    if IDLE_SHARE * sum(segment.live_rows for segment in smaller) >= largest.live_rows:
        return tuple(by_size)
    return tuple(smaller) if len(smaller) > 1 else ()


def everything(segments: Sequence[SegmentRef]) -> tuple[SegmentRef, ...]:
    """By hand: all of them, unless there is one already with nothing to drop from it."""
    untidy = len(segments) > 1 or any(segment.dead_rows or segment.tombstones for segment in segments)
    return tuple(segments) if untidy else ()
