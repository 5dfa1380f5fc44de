"""Tiered compaction: which segments to merge next. Pure; the indexer does the merging.

Segments fall into tiers by size, each FANOUT times larger than the one below. A tier that has FANOUT segments is merged
into one of the next, so a record is rebuilt once per tier: amortised O(log n).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence

from quartzdb.domain.expiry import PURGED_AFTER_MS
from quartzdb.domain.values import dataclass
from quartzdb.storage.index.segments.segment_files import INVERTED_FILE
from quartzdb.storage.snapshot.manifest import SegmentRef

FANOUT = 4
TIER_ROWS_MIN = 4_096
DEAD_SHARE_MAX = 0.25
"""A segment with more dead rows than this is rebuilt alone: they cost space, and every search steps over them."""


def tier(rows: int) -> int:
    """The tier of a segment with so many live rows; 0 is the smallest."""
    return 0 if rows < TIER_ROWS_MIN else 1 + int(math.log(rows / TIER_ROWS_MIN, FANOUT))


IDLE_SHARE = 8
"""When nothing is written, everything is merged into one once the smaller segments are this part of the largest."""

MergePolicy = Callable[[Sequence[SegmentRef]], tuple[SegmentRef, ...]]
"""Which of the live segments to merge into one now; empty when all is well."""

Worn = Callable[[SegmentRef], bool]
"""Whether a segment is to be rewritten whether or not that makes fewer of them."""


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
        if too_dead(segment):
            return (segment,)
    return ()


def dead_for(age_ms: int, now_ms: int) -> Worn:
    """Whether a segment has had something to drop for so long."""
    return lambda segment: segment.dead_since_ms is not None and now_ms - segment.dead_since_ms >= age_ms


def named(names: Collection[str]) -> Worn:
    """Whether a segment is one of these."""
    return lambda segment: segment.name in names


def without_inverted(segment: SegmentRef) -> bool:
    """Whether no field was searched when its records were written."""
    return segment.live_rows > 0 and INVERTED_FILE not in segment.files


def any_of(*kinds: Worn) -> Worn:
    """Whether a segment is worn in any of these ways."""
    return lambda segment: any(worn(segment) for worn in kinds)


def alone(worn: Worn) -> MergePolicy:
    """The first segment that is worn, to be rewritten by itself."""
    return lambda segments: next(((one,) for one in segments if worn(one)), ())


def either(first: MergePolicy, second: MergePolicy) -> MergePolicy:
    """The first policy or, where all is well by it, the second."""
    return lambda segments: first(segments) or second(segments)


def too_dead(segment: SegmentRef) -> bool:
    """Whether so much of it is dead that it is worth being rebuilt."""
    return segment.dead_rows > DEAD_SHARE_MAX * segment.shape.rows


def worn_from_ms(segment: SegmentRef, purge_after_ms: int) -> int | None:
    """From when (unix ms) a segment is worth being rebuilt though nothing is written; None for never.

    What is dead in it, or expires, is dropped after so long, and so much of it that is dead or expires at once.
    """
    since = [ms for ms in (segment.dead_since_ms, segment.expires_from_ms) if ms is not None]
    moments = [min(since) + purge_after_ms] if since else []
    moments += [at + PURGED_AFTER_MS for at, _ in segment.expiring if too_dead(segment.at(at))]
    return min(moments, default=None)


def idle(segments: Sequence[SegmentRef]) -> tuple[SegmentRef, ...]:
    """When nothing is written: one segment where that is worth its cost, else at most two. Queries pay for each."""
    by_size = sorted(segments, key=lambda segment: segment.live_rows)
    if len(by_size) < 2:
        return ()
    *smaller, largest = by_size
    if IDLE_SHARE * sum(segment.live_rows for segment in smaller) >= largest.live_rows:
        return tuple(by_size)
    return tuple(smaller) if len(smaller) > 1 else ()


def all_segments(segments: Sequence[SegmentRef]) -> tuple[SegmentRef, ...]:
    """By hand: all of them, unless there is one already with nothing to drop from it."""
    untidy = len(segments) > 1 or any(segment.dead_rows or segment.tombstones for segment in segments)
    return tuple(segments) if untidy else ()


@dataclass(frozen=True, slots=True)
class MergeLimits:
    """What one process can surely merge: in rows, and in bytes of segment files.

    `shard_*`: one segment being built, within one run. `sources_bytes`: all segments being merged, which every builder
    has on its disk beside what it builds.
    """

    shard_rows: int
    shard_bytes: int
    sources_bytes: int

    def shards(self, segments: Sequence[SegmentRef]) -> int:
        """Into how many segments to build what is alive in these."""
        rows = sum(segment.live_rows for segment in segments)
        size = sum(_live_bytes(segment) for segment in segments)
        return max(1, math.ceil(rows / self.shard_rows), math.ceil(size / self.shard_bytes))

    def full_grown(self, segment: SegmentRef) -> bool:
        """Whether it is so large that merging it with others would hardly make fewer segments."""
        return 2 * segment.live_rows > self.shard_rows or 2 * _live_bytes(segment) > self.shard_bytes


def within(limits: MergeLimits, policy: MergePolicy, worn: Worn = too_dead) -> MergePolicy:
    """The policy, for as much as one merge within the limits can do: smallest first, and never one for nothing."""

    def limited(segments: Sequence[SegmentRef]) -> tuple[SegmentRef, ...]:
        group = policy([one for one in segments if not limits.full_grown(one) or worn(one)])
        chosen: list[SegmentRef] = []
        for segment in sorted(group, key=lambda one: one.bytes):
            if sum(one.bytes for one in chosen) + segment.bytes > limits.sources_bytes:
                break
            chosen.append(segment)
        fewer = limits.shards(chosen) < len(chosen)
        return tuple(chosen) if chosen and (fewer or any(map(worn, chosen))) else ()

    return limited


def except_for(names: Collection[str], policy: MergePolicy) -> MergePolicy:
    """The policy, leaving alone the segments of a merge that is under way."""
    return lambda segments: policy([segment for segment in segments if segment.name not in names])


def _live_bytes(segment: SegmentRef) -> int:
    return segment.bytes * segment.live_rows // max(1, segment.shape.rows)
