"""The contract of RateSlices."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from quartzdb.domain.gcra import AHEAD_NS_MAX, SHARE, Leased, Rate
from quartzdb.services.ports import RateSlices

OpenSlices = Callable[[], RateSlices]
NOW_MS = 1_700_000_000_000
RATE = Rate(20, 40)
INTERVAL_MS = 50


def test_what_was_leased_is_nobody_elses(open_rate_slices: OpenSlices) -> None:
    """Of all processes together there are a burst at once, and then one for each interval."""
    one, other = open_rate_slices(), open_rate_slices()
    assert one.lease("t", RATE, 1, 40, NOW_MS) == Leased(40 // SHARE, 30)
    assert other.lease("t", RATE, 30, 30, NOW_MS) == Leased(30, 0)
    refused = one.lease("t", RATE, 1, 10, NOW_MS)
    assert refused == Leased(0, 0, INTERVAL_MS)
    assert other.lease("t", RATE, 3, 10, NOW_MS + 2 * INTERVAL_MS) == Leased(0, 2, INTERVAL_MS)
    assert one.lease("t", RATE, 1, 10, NOW_MS + 2 * INTERVAL_MS) == Leased(1, 1)
    assert other.lease("other", RATE, 1, 1, NOW_MS) == Leased(1, 39)


def test_a_burst_comes_back_and_no_more(open_rate_slices: OpenSlices) -> None:
    """However long nothing was used; and a limit that was changed holds from then on."""
    assert open_rate_slices().lease("t", RATE, 40, 40, NOW_MS).requests == 40
    later = NOW_MS + 3_600_000
    assert open_rate_slices().lease("t", RATE, 41 - 1, 100, later) == Leased(40, 0)
    faster = Rate(1_000, 1_000)
    assert open_rate_slices().lease("t", faster, 1, 1, later + 2_000).requests == 1
    assert open_rate_slices().lease("t", RATE, 1, 1, later + 2_000).requests == 1


def test_a_clock_that_was_wrong_keeps_nobody_out(open_rate_slices: OpenSlices) -> None:
    """What it wrote is taken for a bucket that is just empty, once; and it fills again."""
    hour_ms = 3_600_000
    assert open_rate_slices().lease("t", RATE, 40, 40, NOW_MS + hour_ms).requests == 40
    right = open_rate_slices()
    assert right.lease("t", RATE, 1, 1, NOW_MS).requests == 0
    assert right.lease("t", RATE, 1, 1, NOW_MS + INTERVAL_MS).requests == 1
    assert right.lease("t", RATE, 1, 1, NOW_MS + INTERVAL_MS).requests == 0


def test_a_clock_that_is_a_little_behind_is_no_wrong_one(open_rate_slices: OpenSlices) -> None:
    """It has to wait for what was leased in its future, and gives none of it away twice."""
    open_rate_slices().lease("t", RATE, 40, 40, NOW_MS)
    behind_ms = AHEAD_NS_MAX // 1_000_000
    assert open_rate_slices().lease("t", RATE, 1, 1, NOW_MS - behind_ms).requests == 0
    assert open_rate_slices().lease("t", RATE, 1, 1, NOW_MS).requests == 0


@pytest.mark.parametrize("most", [1, 7])
def test_many_threads_lease_what_there_is_and_no_more(
    open_rate_slices: OpenSlices, request: pytest.FixtureRequest, most: int
) -> None:
    """24 of them at once, over as many openings as there may be instances."""
    if "moto" in request.node.callspec.id:
        pytest.skip("moto evaluates a condition in one step and stores in another")
    rate = Rate(100, 60)
    openings = [open_rate_slices() for _ in range(4)]
    for now_ms, expected in ((NOW_MS, 60), (NOW_MS + 400, 40)):

        def lease(number: int, now_ms: int = now_ms) -> int:
            slices = openings[number % 4]
            return sum(slices.lease("t", rate, 1, most, now_ms).requests for _ in range(4))

        with ThreadPoolExecutor(24) as threads:
            assert sum(threads.map(lease, range(24))) == expected
