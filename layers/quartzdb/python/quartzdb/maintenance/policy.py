"""What is due for one shard, and for a deleted generation, given what is seen of it. Pure; owns every threshold.

Two drivers see and do it: a thread beside a database in a directory (embedded_maintenance.py), which remembers when it
first saw something, and runs on AWS that remember nothing (scheduled_maintenance.py, folding.py). Correctness never
depends on what is decided here.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from quartzdb.domain.namespace import DEFAULT_PURGE_AFTER_DAYS
from quartzdb.domain.values import dataclass
from quartzdb.maintenance.backlog import Backlog
from quartzdb.maintenance.merge_policy import (
    MergeLimits,
    MergePolicy,
    alone,
    any_of,
    dead_for,
    either,
    except_for,
    full_tier,
    idle,
    named,
    too_dead,
    within,
    without_inverted,
    worn_from_ms,
)
from quartzdb.maintenance.sweep import ORPHANED_MS, SUPERSEDED_MS
from quartzdb.storage.snapshot.manifest import SegmentRef

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class MaintenanceThresholds:
    """When something is worth doing. The drivers differ in what a look costs them, and in nothing else."""

    fold_rows: int = 4_096
    """Changes waiting that make a fold worth its while at once: every search looks through them."""
    fold_bytes: int = 4 * 1024 * 1024
    """The same in bytes, where they were counted."""
    fold_after_ms: int = 20_000
    """The longest that an entry should wait when few come: larger folds make fewer segments to be merged later."""
    idle_after_ms: int = 45_000
    """A shard in which nothing waits, and whose manifest is so old, is idle: time to leave it few segments."""
    release_previous_after_ms: int = 60 * MINUTE_MS
    """How long a manifest has to stand at rest before what is kept beside it, in case it is damaged, may go."""
    settled_after_ms: int = SUPERSEDED_MS + 30_000
    """A manifest so old has nothing before it that still has to be kept for a reader."""
    sweep_every_ms: int = MINUTE_MS
    sweep_at_rest_ms_max: int = 60 * MINUTE_MS
    """The longest between two sweeps where nothing changes and nothing is to be swept: each in vain doubles it."""
    look_every_ms: int = MINUTE_MS
    """How often a shard is looked at that nobody said anything about."""
    purge_every_ms: int = MINUTE_MS
    drop_after_ms: int = MINUTE_MS
    """A deleted generation's data goes this long after its deletion was seen. Requests that were under way have ended
    by then, and no process takes the namespace to be there any more."""
    drop_until_ms: int = 4 * MINUTE_MS
    """Who does not remember whether it was dropped does it again until then."""
    forget_after_ms: int = MINUTE_MS
    """When the generation is forgotten, along with whatever was written by those who were at work on it."""
    retry_first_ms: int = 500
    retry_ms_max: int = MINUTE_MS
    """What fails is left alone for so long, the first time and in the end; each failure in a row doubles it."""


EMBEDDED_THRESHOLDS = MaintenanceThresholds()
"""Of a process that looks at everything all the time, because that costs it next to nothing."""
SCHEDULED_THRESHOLDS = MaintenanceThresholds(
    look_every_ms=60
    * MINUTE_MS,  # what is pending is noted: this is for lost notes, and for builds that died
    purge_every_ms=DAY_MS,  # the table's own expiry removes most items for nothing, and each purge is paid for
    # Nothing that was begun before, not even a large merge elsewhere, writes anything any more. In a directory each
    # build is below a lease, and ends with its process.
    forget_after_ms=ORPHANED_MS,
)
"""Of runs once a minute that pay for each request."""


class FoldReason(Enum):
    """Why to fold now rather than wait for more."""

    DAMAGE = "its newest snapshot is damaged, and is replaced by the one before it and the log"
    MANY_ROWS = "many changes wait"
    MANY_BYTES = "many bytes wait"
    LONG_WAIT = "what waits has waited for long"
    ERASURE = "what was erased waits"


class MergeReason(Enum):
    """Why to merge now."""

    TIER = "a tier of segments is full, or one has many dead rows"
    IDLE = "nothing is written, and queries pay for each segment"
    AGE = "a segment has had dead rows for as long as its namespace allows"
    ERASURE = "a segment has what was erased"
    DECLARED = "a segment is older than the fields that its namespace declares"


@dataclass(frozen=True, slots=True)
class DueMerge:
    """These segments into fewer."""

    segments: tuple[SegmentRef, ...]
    reason: MergeReason


@dataclass(frozen=True, slots=True)
class ShardDue:
    """What to do for one shard, a fold first: after it the rest is decided anew.

    `merging_elsewhere`: a merge is due but for one that is under way. `settled`: nothing will be due until something is
    written, but for the release of the previous manifest and, from `purge_ms` (unix) on, for rows that are dead too
    long.
    """

    fold: FoldReason | None = None
    merge: DueMerge | None = None
    merging_elsewhere: bool = False
    release_previous: bool = False
    settled: bool = False
    purge_ms: int | None = None


class DeletionStep(Enum):
    """What to do for a deleted generation."""

    WAIT = "wait"
    DROP = "drop"
    DROP_AND_FORGET = "drop and forget"


class MaintenancePolicy:
    """Immutable. `merge_limits` are of whoever builds what is merged; None: whatever fits on this machine."""

    def __init__(self, thresholds: MaintenanceThresholds, merge_limits: MergeLimits | None = None) -> None:
        self.thresholds = thresholds
        self._merge_limits = merge_limits

    def due(
        self,
        seen: Backlog,
        merging: Collection[str] = (),
        *,
        purge_after_days: int = DEFAULT_PURGE_AFTER_DAYS,
        erasing: Collection[str] | None = None,
        searched: bool = False,
    ) -> ShardDue:
        """What is due for a shard. `merging` names segments of a merge that may be under way elsewhere.

        `purge_after_days` is the namespace's. `erasing`: an erasure is open, and these segments have what was erased.
        `searched`: the namespace declares text or sparse fields, so segments without an index of them are rewritten.
        """
        fold = self._fold(seen)
        if fold is None and erasing is not None and seen.rows:
            fold = FoldReason.ERASURE
        if seen.manifest is None:
            return ShardDue(fold, settled=seen.oldest_ms is None and fold is None)
        age_ms = seen.now_ms - seen.manifest.created_at_ms
        is_idle = seen.oldest_ms is None and age_ms >= self.thresholds.idle_after_ms
        purge_after_ms = purge_after_days * DAY_MS
        erased = named(erasing or ())
        expired = any_of(erased, dead_for(purge_after_ms, seen.now_ms))
        if searched:
            expired = any_of(expired, without_inverted)
        # Records expire also where nothing is written.
        for_speed: MergePolicy = either(idle, alone(too_dead)) if is_idle else full_tier
        for_age = alone(expired)
        if self._merge_limits is not None:
            for_speed = within(self._merge_limits, for_speed)
            for_age = within(self._merge_limits, for_age, expired)
        choose = either(for_age, for_speed) if erasing else either(for_speed, for_age)
        present = [one.at(seen.purged_until_ms) for one in seen.manifest.segments]
        wanted = choose(present)
        segments = except_for(merging, choose)(present) if wanted else ()
        reason = MergeReason.IDLE if is_idle else MergeReason.TIER
        if segments and any(map(expired, segments)):
            reason = MergeReason.AGE
            if any(map(erased, segments)):
                reason = MergeReason.ERASURE
            elif searched and any(map(without_inverted, segments)):
                reason = MergeReason.DECLARED
        worn_ms = [ms for one in present if (ms := worn_from_ms(one, purge_after_ms)) is not None]
        at_rest = is_idle and not wanted and not merging and not seen.damaged
        return ShardDue(
            fold,
            DueMerge(segments, reason) if segments else None,
            merging_elsewhere=bool(wanted) and not segments,
            release_previous=at_rest
            and not seen.manifest.previous_released
            and age_ms >= self.thresholds.release_previous_after_ms,
            settled=at_rest and erasing is None and age_ms >= self.thresholds.settled_after_ms,
            purge_ms=min(worn_ms, default=None),
        )

    def deletion(self, age_ms: int) -> DeletionStep:
        """What to do for a generation that was first seen deleted so long ago."""
        if age_ms >= self.thresholds.forget_after_ms:
            return DeletionStep.DROP_AND_FORGET
        if self.thresholds.drop_after_ms <= age_ms < self.thresholds.drop_until_ms:
            return DeletionStep.DROP
        return DeletionStep.WAIT

    def sweep_pause_ms(self, in_vain: int) -> int:
        """How long after a sweep the next is due, after so many in a row that found nothing."""
        return min(self.thresholds.sweep_at_rest_ms_max, self.thresholds.sweep_every_ms << min(in_vain, 16))

    def retry_after_ms(self, failures: int) -> int:
        """How long to leave alone what has failed so many times in a row."""
        return min(self.thresholds.retry_ms_max, self.thresholds.retry_first_ms << min(failures - 1, 16))

    def _fold(self, seen: Backlog) -> FoldReason | None:
        if seen.damaged:
            return FoldReason.DAMAGE
        if seen.rows >= self.thresholds.fold_rows:
            return FoldReason.MANY_ROWS
        if seen.bytes >= self.thresholds.fold_bytes:
            return FoldReason.MANY_BYTES
        if seen.rows > 0 and seen.lag_ms >= self.thresholds.fold_after_ms:
            return FoldReason.LONG_WAIT
        return None
