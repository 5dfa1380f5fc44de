"""The scheduled pass."""

from __future__ import annotations

import pytest

from quartzdb.domain.errors import Unavailable
from quartzdb_platform.upkeep import Step, Upkeep
from tests.platform.conftest import Site


def test_a_step_runs_once_in_its_interval(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """In whichever process is first; and one that fails, foreseen or not, keeps no other from its turn."""
    ran: list[tuple[str, int]] = []

    def fails(error: Exception) -> None:
        raise error

    steps = [
        Step("away", 60, lambda _: fails(Unavailable("The table is away."))),
        Step("wrong", 60, lambda _: fails(ZeroDivisionError("by zero"))),
        Step("minute", 60, lambda now_ms: ran.append(("minute", now_ms))),
        Step("hour", 3_600, lambda now_ms: ran.append(("hour", now_ms))),
    ]
    one, other = (Upkeep(site.table, site.clock, steps) for _ in range(2))
    begun_ms = site.clock.unix_ms()
    assert one.run_due() == ["minute", "hour"]
    assert other.run_due() == []
    site.clock.seconds += 60
    assert other.run_due() == ["minute"]
    assert one.run_due() == []
    assert ran == [("minute", begun_ms), ("hour", begun_ms), ("minute", begun_ms + 60_000)]
    assert "upkeep: away failed" in caplog.text
    assert "by zero" in caplog.text


def test_a_clock_that_was_wrong_keeps_nothing_waiting(site: Site) -> None:
    """A time that lies ahead is none."""
    upkeep = Upkeep(site.table, site.clock, [Step("minute", 60, lambda _: None)])
    site.clock.seconds += 86_400
    assert upkeep.run_due() == ["minute"]
    site.clock.seconds -= 86_000
    assert upkeep.run_due() == ["minute"]
