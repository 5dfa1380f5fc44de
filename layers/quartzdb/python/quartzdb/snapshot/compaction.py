"""Tiered compaction: which segments to merge next. Pure; the indexer does the merging.

Segments fall into tiers by size, each FANOUT times larger than the one below. A tier that has FANOUT segments is merged
into one of the next, so a record is rebuilt once per tier: amortised O(log n).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from quartzdb.snapshot.manifest import SegmentRef

FANOUT = 4
TIER_ROWS_MIN = 4_096
DEAD_SHARE_MAX = 0.25
"""A segment with more dead rows than this is rebuilt alone: they cost space, and every search steps over them."""


def tier(rows: int) -> int:
    """The tier of a segment with so many live rows; 0 is the smallest."""
    return 0 if rows < TIER_ROWS_MIN else 1 + int(math.log(rows / TIER_ROWS_MIN, FANOUT))


def pick(segments: Sequence[SegmentRef]) -> tuple[SegmentRef, ...]:
    """The segments to merge now, smallest tier first; empty when all is well."""
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
