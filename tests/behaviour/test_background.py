"""Background work goes on whatever happens in it, and stops when it is told to."""

from __future__ import annotations

import logging
import threading

import pytest

from quartzdb.maintenance.background import IDLE_SECONDS, IDLE_SHARE, Background


def test_it_works_at_once_while_there_is_work() -> None:
    """A pass that found work is followed by another without a pause; one that found none waits."""
    passes: list[bool] = []
    idle = threading.Event()

    def work() -> bool:
        passes.append(len(passes) < 50)
        if not passes[-1]:
            idle.set()
        return passes[-1]

    background = Background(work, idle_seconds=3_600)
    background.start()
    assert idle.wait(10)
    assert background.stop(10)
    assert len(passes) == 51


@pytest.mark.parametrize(
    ("share", "expected"),
    [(IDLE_SHARE, [0, 0, 18, IDLE_SECONDS]), (1.0, [0, 0, IDLE_SECONDS, IDLE_SECONDS])],
)
def test_a_pass_that_takes_long_and_finds_nothing_is_rarer(share: float, expected: list[float]) -> None:
    """Looking takes a tenth of the time at most; work that is found is gone on with at once. Whoever waits for another
    site looks again as soon as ever.
    """
    clock = 0.0
    pauses: list[float] = []
    outcomes = iter([(1.0, True), (2.0, False), (0.001, False)])

    class Stopping(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0.0)
            return len(pauses) > 3

    def work() -> bool:
        nonlocal clock
        took, busy = next(outcomes)
        clock += took
        return busy

    background = Background(work, monotonic=lambda: clock, idle_share=share)
    background._stopping = Stopping()
    background.start()
    assert background.stop(10)
    assert pauses == pytest.approx(expected)


def test_a_failure_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is hidden and nothing is given up; the next good pass clears the failure."""
    outcomes = iter([OSError("disk full"), OSError("disk full"), None])
    done = threading.Event()
    seen: list[str | None] = []

    def work() -> bool:
        seen.append(background.failure)
        outcome = next(outcomes, None)
        if outcome is not None:
            raise outcome
        if len(seen) >= 4:
            done.set()
        return False

    background = Background(work, idle_seconds=0.001)
    with caplog.at_level(logging.ERROR, "quartzdb.maintenance.background"):
        background.start()
        assert done.wait(10)
        assert background.stop(10)
    assert seen[:4] == [None, "OSError: disk full", "OSError: disk full", None]
    assert len(caplog.records) == 2
    assert all(record.exc_info for record in caplog.records)


def test_stopping_does_not_wait_for_a_long_pass() -> None:
    """It says that the pass still runs; a pause is ended at once."""
    entered, leave = threading.Event(), threading.Event()

    def work() -> bool:
        entered.set()
        leave.wait(60)
        return False

    background = Background(work, idle_seconds=3_600)
    background.start()
    assert entered.wait(10)
    assert not background.stop(0.01)
    leave.set()
    assert background.stop(10)
