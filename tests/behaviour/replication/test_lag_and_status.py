"""What is told of replication: from checkpoints alone, never zero without being sure, and of one tenant if asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quartzdb.replication.lag import lag_ms
from quartzdb.replication.ports import Checkpoint, Direction, Feed, RepairState
from quartzdb.replication.status import PeerKind, PeerName, ReplicationStatus
from quartzdb.storage.log.protocol import CLOCK_ERROR_MAX_MS
from tests.doubles.memory_checkpoints import MemoryCheckpoints
from tests.manual_clock import ManualClock

ALLOWANCE = 10_000


@pytest.fixture
def checkpoints(clock: ManualClock) -> MemoryCheckpoints:
    found = MemoryCheckpoints()
    now_ms = clock.unix_ms()
    for source, destination in (("aws", "cloudflare"), ("cloudflare", "aws")):
        for feed in Feed:
            found.write(
                Direction(source, destination, "t", "default", feed),
                Checkpoint("c", through_ms=now_ms - 3_000, last_success_ms=now_ms),
            )
    found.mark_listed("cloudflare", now_ms)
    return found


@pytest.fixture
def status(checkpoints: MemoryCheckpoints, clock: ManualClock) -> ReplicationStatus:
    return ReplicationStatus("aws", [PeerName("cloudflare", PeerKind.FULL)], checkpoints, clock)


OUT = Direction("aws", "cloudflare", "t", "default", Feed.RECORDS)


def test_level_sites_have_no_lag(status: ReplicationStatus) -> None:
    """Within what the feeds hold back and the driver takes."""
    assert status.lag_ms() == 0
    (peer,) = status.document()["peers"]
    assert (peer["state"], peer["outbound"]["lag_ms"], peer["inbound"]["lag_ms"]) == ("level", 0, 0)


def test_a_site_that_is_alone_says_so(checkpoints: MemoryCheckpoints, clock: ManualClock) -> None:
    """And has no lag to tell."""
    alone = ReplicationStatus("aws", [], checkpoints, clock)
    assert alone.document()["peers"] == []
    assert alone.lag_ms() is None


def test_time_that_passes_without_a_driver_is_lag(status: ReplicationStatus, clock: ManualClock) -> None:
    """Nobody knows what was written since."""
    clock.sleep(60)
    lag = status.lag_ms(allowance_ms=ALLOWANCE)
    assert lag == 63_000 - ALLOWANCE + CLOCK_ERROR_MAX_MS
    assert status.document()["peers"][0]["state"] == "behind"


def test_one_direction_behind_is_enough(
    status: ReplicationStatus, checkpoints: MemoryCheckpoints, clock: ManualClock
) -> None:
    """Of either way and either feed."""
    for direction, before in checkpoints.all_checkpoints().items():
        checkpoints.write(direction, replace(before, through_ms=clock.unix_ms() - 100_000))
        assert (status.lag_ms() or 0) > 80_000
        checkpoints.write(direction, before)
    assert status.lag_ms() == 0


def test_a_direction_that_was_never_through_makes_it_unknown(
    status: ReplicationStatus, checkpoints: MemoryCheckpoints
) -> None:
    """Unknown is not zero."""
    checkpoints.write(replace(OUT, namespace="new"), Checkpoint())
    assert status.lag_ms() is None
    assert status.document()["peers"][0]["outbound"]["lag_ms"] is None
    assert status.document()["peers"][0]["state"] == "behind"


def test_what_is_shared_has_to_be_known_lately(
    status: ReplicationStatus, checkpoints: MemoryCheckpoints, clock: ManualClock
) -> None:
    """Or a namespace that nobody has looked at yet would be left out."""
    checkpoints.mark_listed("cloudflare", clock.unix_ms() - 60_000)
    assert (status.lag_ms() or 0) > 0
    checkpoints.mark_listed("cloudflare", 0)
    assert status.lag_ms() is None


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        (Checkpoint(pending=3), "behind"),
        (Checkpoint(error="unavailable: no line", failed_ms=1), "unreachable"),
        (Checkpoint(error="conflict: no", failed_ms=1, stopped=True), "behind"),
    ],
)
def test_trouble_is_never_level(
    status: ReplicationStatus, checkpoints: MemoryCheckpoints, trouble: Checkpoint, state: str
) -> None:
    """However fresh the rest is."""
    fresh = checkpoints.read(OUT)
    assert fresh is not None
    checkpoints.write(OUT, replace(trouble, through_ms=fresh.through_ms))
    assert status.lag_ms() == 1
    (peer,) = status.document()["peers"]
    assert peer["state"] == state
    assert peer["outbound"]["pending"] == trouble.pending
    assert peer["outbound"]["stopped"] == int(trouble.stopped)
    assert bool(peer["outbound"]["error"]) is bool(trouble.error)


def test_a_repair_under_way_and_what_stays_different_show(
    status: ReplicationStatus, checkpoints: MemoryCheckpoints
) -> None:
    """The one as a state, the other as not being level."""
    checkpoints.write_repair(OUT, RepairState(begun_ms=5, round=1))
    assert status.document()["peers"][0]["state"] == "repairing"
    checkpoints.write_repair(OUT, RepairState(finished_ms=9, repaired=2, different=1))
    (peer,) = status.document()["peers"]
    assert peer["state"] == "behind"
    assert peer["repair"] == {
        "under_way": 0,
        "last_finished_ms": 9,
        "repaired": 2,
        "different": 1,
        "error": None,
    }


def test_a_tenant_sees_only_its_own(status: ReplicationStatus, checkpoints: MemoryCheckpoints) -> None:
    """Neither another's lag nor another's errors."""
    other = replace(OUT, tenant="other", namespace="secret-name")
    checkpoints.write(other, Checkpoint(error="conflict: secret-name differs", stopped=True, through_ms=1))
    assert "secret-name" in str(status.document())
    assert "secret-name" not in str(status.document("t"))
    assert status.document("t")["peers"][0]["state"] == "level"


def test_of_no_directions_nothing_is_known() -> None:
    """Not that they are level."""
    assert lag_ms({}, 5, 10) is None
