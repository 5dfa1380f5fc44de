"""What is due for a shard or a deleted generation, given what is seen of it: the same rules for both drivers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quartzdb.domain.expiry import PURGED_AFTER_MS
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import Partition, Precision
from quartzdb.maintenance.backlog import Backlog
from quartzdb.maintenance.merge_policy import FANOUT, MergeLimits
from quartzdb.maintenance.policy import (
    DAY_MS,
    EMBEDDED_THRESHOLDS,
    SCHEDULED_THRESHOLDS,
    DeletionStep,
    FoldReason,
    MaintenancePolicy,
    MaintenanceThresholds,
    MergeReason,
    ShardDue,
)
from quartzdb.storage.index.segments.segment import SegmentShape
from quartzdb.storage.snapshot.manifest import FileRef, Manifest, SegmentRef

NOW_MS = 1_700_000_000_000
BOTH = pytest.mark.parametrize("thresholds", [EMBEDDED_THRESHOLDS, SCHEDULED_THRESHOLDS])
T = MaintenanceThresholds()


def segment(name: str, rows: int, dead: int = 0, dead_ms: int | None = None) -> SegmentRef:
    """`dead_ms`: for how long it has had dead rows."""
    shape = SegmentShape(rows, 8, Precision.F32, Metric.COSINE, "exact", {})
    files = {"vectors": FileRef(f"k/{name}", rows * 32, "0")}
    since_ms = None if dead_ms is None else NOW_MS - dead_ms
    return SegmentRef(name, shape, 0, files, dead_rows=dead, dead_since_ms=since_ms)


def manifest(age_ms: int, *segments: SegmentRef, released: bool = False) -> Manifest:
    return Manifest(
        Partition("t", "n", "g"),
        sequence=3,
        watermark=1,
        segments=segments,
        created_at_ms=NOW_MS - age_ms,
        previous_released=released,
    )


def seen(
    published: Manifest | None, *, waited_ms: int | None = None, rows: int = 0, size: int = 0
) -> Backlog:
    oldest_ms = None if waited_ms is None else NOW_MS - waited_ms
    return Backlog(published, oldest_ms, rows, size, NOW_MS)


@BOTH
def test_a_fold_is_due_for_many_or_for_long(thresholds: MaintenanceThresholds) -> None:
    """By rows, by bytes, or by the age of the oldest; not for entries that are too young to be folded at all."""
    policy = MaintenancePolicy(thresholds)

    def fold(**waiting: int) -> FoldReason | None:
        return policy.due(seen(None, **waiting)).fold

    assert fold(waited_ms=0, rows=T.fold_rows - 1, size=T.fold_bytes - 1) is None
    assert fold(waited_ms=0, rows=T.fold_rows) is FoldReason.MANY_ROWS
    assert fold(waited_ms=0, rows=1, size=T.fold_bytes) is FoldReason.MANY_BYTES
    assert fold(waited_ms=T.fold_after_ms - 1, rows=1) is None
    assert fold(waited_ms=T.fold_after_ms, rows=1) is FoldReason.LONG_WAIT
    assert fold(waited_ms=T.fold_after_ms, rows=0) is None


def test_damage_is_folded_away_at_once() -> None:
    """Whether or not anything waits; and nothing is settled or given up while it lasts."""
    damaged = Backlog(manifest(10**9, segment("a", 10)), None, 0, 0, NOW_MS, damaged=True)
    assert MaintenancePolicy(T).due(damaged) == ShardDue(fold=FoldReason.DAMAGE)


@BOTH
def test_a_shard_that_is_written_to_is_not_idle(thresholds: MaintenanceThresholds) -> None:
    """Two segments are left alone while anything waits or the manifest is young, and become one afterwards."""
    policy = MaintenancePolicy(thresholds)
    two = (segment("a", 100), segment("b", 90))
    assert policy.due(seen(manifest(T.idle_after_ms - 1, *two))).merge is None
    assert policy.due(seen(manifest(T.idle_after_ms, *two), waited_ms=1, rows=1)).merge is None
    merge = policy.due(seen(manifest(T.idle_after_ms, *two))).merge
    assert merge is not None
    assert (sorted(one.name for one in merge.segments), merge.reason) == (["a", "b"], MergeReason.IDLE)


def test_a_full_tier_is_merged_whenever_it_is_seen() -> None:
    """Also where no fold is due: what an earlier merge filled does not wait for the next write."""
    full = [segment(f"s{number}", 100) for number in range(FANOUT)]
    merge = MaintenancePolicy(T).due(seen(manifest(0, *full), waited_ms=1, rows=1)).merge
    assert merge is not None
    assert (merge.segments, merge.reason) == (tuple(full), MergeReason.TIER)


def test_segments_of_a_merge_that_runs_elsewhere_are_left_alone() -> None:
    """Nothing is settled or released meanwhile."""
    limits = MergeLimits(shard_rows=10**6, shard_bytes=10**9, sources_bytes=10**9)
    policy = MaintenancePolicy(SCHEDULED_THRESHOLDS, limits)
    old = manifest(10**9, segment("a", 100), segment("b", 90))
    assert policy.due(seen(old), {"a", "b"}) == ShardDue(merging_elsewhere=True)
    one = manifest(10**9, segment("a", 100))
    assert policy.due(seen(one), {"z"}) == ShardDue()
    assert policy.due(seen(one)) == ShardDue(release_previous=True, settled=True)


def test_what_cannot_be_merged_within_the_limits_is_not_due() -> None:
    """Full-grown segments are what a shard at rest has."""
    limits = MergeLimits(shard_rows=100, shard_bytes=10**9, sources_bytes=10**9)
    grown = manifest(10**9, segment("a", 100), segment("b", 90), released=True)
    assert MaintenancePolicy(T, limits).due(seen(grown)) == ShardDue(settled=True)
    assert MaintenancePolicy(T).due(seen(grown)).merge is not None


def test_the_previous_manifest_is_released_once() -> None:
    """When the current one has stood at rest for long enough."""
    policy, one = MaintenancePolicy(T), segment("a", 100)
    after_ms = T.release_previous_after_ms
    assert not policy.due(seen(manifest(after_ms - 1, one))).release_previous
    assert policy.due(seen(manifest(after_ms, one))).release_previous
    assert not policy.due(seen(manifest(after_ms, one, released=True))).release_previous
    assert not policy.due(seen(manifest(after_ms, one), waited_ms=0)).release_previous


def test_a_shard_is_settled_when_nothing_is_left_to_sweep_either() -> None:
    """And one in which nothing was ever published when nothing waits."""
    policy, one = MaintenancePolicy(T), segment("a", 100)
    assert not policy.due(seen(manifest(T.settled_after_ms - 1, one))).settled
    assert policy.due(seen(manifest(T.settled_after_ms, one))).settled
    assert not policy.due(seen(manifest(T.settled_after_ms, one), waited_ms=0)).settled
    assert policy.due(seen(None)).settled
    assert not policy.due(seen(None, waited_ms=0)).settled


def test_a_deleted_generation_is_dropped_once_its_requests_have_ended() -> None:
    """By runs that remember nothing again when it is forgotten; by a process that builds under leases only then."""
    steps = [
        [MaintenancePolicy(thresholds).deletion(age_ms) for age_ms in (T.drop_after_ms - 1, T.drop_after_ms)]
        for thresholds in (EMBEDDED_THRESHOLDS, SCHEDULED_THRESHOLDS)
    ]
    assert steps == [
        [DeletionStep.WAIT, DeletionStep.DROP_AND_FORGET],
        [DeletionStep.WAIT, DeletionStep.DROP],
    ]
    scheduled = MaintenancePolicy(SCHEDULED_THRESHOLDS)
    assert scheduled.deletion(T.drop_until_ms) is DeletionStep.WAIT
    assert scheduled.deletion(SCHEDULED_THRESHOLDS.forget_after_ms) is DeletionStep.DROP_AND_FORGET


def test_failures_are_retried_ever_more_rarely() -> None:
    """Doubling, up to a limit."""
    waits = [MaintenancePolicy(T).retry_after_ms(failures) for failures in (1, 2, 3, 100)]
    assert waits == [T.retry_first_ms, 2 * T.retry_first_ms, 4 * T.retry_first_ms, T.retry_ms_max]


@BOTH
@pytest.mark.parametrize("days", [30, 3])
def test_no_row_stays_dead_for_longer_than_its_namespace_allows(
    thresholds: MaintenanceThresholds, days: int
) -> None:
    """One dead row in a thousand, at rest or not: its segment is rewritten alone at that age, and not before."""
    policy = MaintenancePolicy(thresholds, MergeLimits(500, 10**9, 10**9))
    young = segment("a", 1_000, dead=1, dead_ms=days * DAY_MS - 1)
    old = segment("b", 1_000, dead=1, dead_ms=days * DAY_MS)
    for age_ms in (0, T.settled_after_ms):
        waiting = policy.due(seen(manifest(age_ms, young)), purge_after_days=days)
        assert (waiting.merge, waiting.purge_ms) == (None, NOW_MS + 1)
        merge = policy.due(seen(manifest(age_ms, young, old)), purge_after_days=days).merge
        assert merge is not None
        assert (merge.segments, merge.reason) == ((old,), MergeReason.AGE)


def expiring(name: str, rows: int, *steps: tuple[int, int], dead: int = 0) -> SegmentRef:
    """`steps`: from how long ago (ms) on, how many of its rows have expired."""
    moments = tuple((NOW_MS - ago_ms, count) for ago_ms, count in steps)
    return replace(segment(name, rows, dead), expiring=moments)


@BOTH
def test_what_has_expired_counts_as_dead(thresholds: MaintenanceThresholds) -> None:
    """A segment of which more than a quarter has expired is rebuilt, also where nothing is ever written again."""
    policy = MaintenancePolicy(thresholds)
    for age_ms in (1_000, DAY_MS):
        worn = expiring("worn", 10_000, (90_000, 1), (61_000, 2_501), (-5_000, 9_000))
        due = policy.due(seen(manifest(age_ms, worn)))
        assert due.merge is not None
        assert [one.name for one in due.merge.segments] == ["worn"]
        # Expired too recently: somebody may still prolong it.
        fresh = expiring("fresh", 10_000, (90_000, 1), (59_000, 2_501))
        due = policy.due(seen(manifest(age_ms, fresh)))
        assert due.merge is None
        assert due.purge_ms == NOW_MS - 59_000 + PURGED_AFTER_MS
    # Dead rows may be the expired ones: neither is added to the other.
    both = expiring("both", 10_000, (90_000, 2_000), dead=2_000)
    assert policy.due(seen(manifest(1_000, both))).merge is None


@BOTH
def test_what_expired_long_ago_is_dropped_however_little_it_is(thresholds: MaintenanceThresholds) -> None:
    """At the age that the namespace sets for what is dead."""
    policy = MaintenancePolicy(thresholds)
    little = expiring("little", 10_000, (3 * DAY_MS, 1))
    due = policy.due(seen(manifest(DAY_MS, little)), purge_after_days=4)
    assert (due.merge, due.purge_ms) == (None, NOW_MS + DAY_MS)
    due = policy.due(seen(manifest(DAY_MS, little)), purge_after_days=3)
    assert due.merge is not None
    assert due.merge.reason is MergeReason.AGE


def test_what_waits_in_the_log_keeps_expired_rows() -> None:
    """No segment is rebuilt for rows that its merge could not drop: a patch among what waits may prolong them."""
    policy = MaintenancePolicy(T)
    worn = expiring("worn", 10_000, (90_000, 9_000))
    waiting = seen(manifest(1_000, worn), waited_ms=10_000, rows=1)
    assert policy.due(waiting).merge is None
    assert policy.due(seen(manifest(1_000, worn))).merge is not None
