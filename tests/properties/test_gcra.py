"""The rate algorithm, held to a bucket that is counted out naively."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from quartzdb.domain.gcra import AHEAD_NS_MAX, SHARE, Rate, lease

RATES = st.builds(Rate, st.integers(1, 2_000), st.integers(1, 500))
STEPS = st.lists(
    st.tuples(st.integers(0, 3_000_000_000), st.integers(1, 40), st.integers(1, 100)), min_size=1, max_size=60
)
BEGIN_NS = 1_700_000_000_000_000_000


class Bucket:
    """Tokens as a fraction, filled as time goes by: the same thing in another way, and slowly."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.tokens = Fraction(rate.burst)
        self.at_ns = BEGIN_NS

    def take(self, now_ns: int, least: int, most: int) -> int:
        self.tokens = min(
            Fraction(self.rate.burst), self.tokens + Fraction(now_ns - self.at_ns, self.rate.interval_ns)
        )
        self.at_ns = now_ns
        room = int(self.tokens)
        count = 0 if room < least else max(least, min(most, room // SHARE))
        self.tokens -= count
        return count


@given(RATES, STEPS)
def test_it_is_a_bucket(rate: Rate, steps: list[tuple[int, int, int]]) -> None:
    """What is leased at each moment, whatever was before, and how long to wait else."""
    bucket, tat_ns, now_ns = Bucket(rate), None, BEGIN_NS
    for pause_ns, wanted, most in steps:
        now_ns += pause_ns
        least = min(wanted, rate.burst)
        leased, moved_ns = lease(tat_ns, now_ns, rate, least, most)
        assert leased.requests == bucket.take(now_ns, least, most)
        assert leased.room == int(bucket.tokens)
        if leased.requests:
            assert leased.wait_ms == 0
            tat_ns = moved_ns
        else:
            assert moved_ns is None
            assert lease(tat_ns, now_ns + leased.wait_ms * 1_000_000, rate, least, least)[0].requests == least
            assert leased.wait_ms >= 1
            earlier_ns = now_ns + (leased.wait_ms - 1) * 1_000_000
            assert lease(tat_ns, earlier_ns, rate, least, least)[0].requests == 0


@given(RATES, STEPS)
def test_no_window_has_more_than_burst_and_rate(rate: Rate, steps: list[tuple[int, int, int]]) -> None:
    """From any lease to any later one."""
    tat_ns, now_ns, leased_at = None, BEGIN_NS, []
    for pause_ns, _, most in steps:
        now_ns += pause_ns
        leased, moved_ns = lease(tat_ns, now_ns, rate, 1, most)
        tat_ns = tat_ns if moved_ns is None else moved_ns
        leased_at.append((now_ns, leased.requests))
    for first in range(len(leased_at)):
        for last in range(first, len(leased_at)):
            seconds = Fraction(leased_at[last][0] - leased_at[first][0], 1_000_000_000)
            count = sum(requests for _, requests in leased_at[first : last + 1])
            assert count <= rate.burst + rate.per_second * seconds


@given(RATES, st.integers(1, 10**18))
def test_a_time_far_ahead_is_put_right(rate: Rate, ahead_ns: int) -> None:
    """It is as if the bucket had just been emptied; one that is a little ahead stays."""
    tat_ns = BEGIN_NS + rate.tolerance_ns + AHEAD_NS_MAX + ahead_ns
    leased, corrected = lease(tat_ns, BEGIN_NS, rate, 1, 1)
    assert (leased.requests, corrected) == (0, BEGIN_NS + rate.tolerance_ns)
    assert lease(corrected, BEGIN_NS + rate.interval_ns, rate, 1, 1)[0].requests == 1
    within = BEGIN_NS + rate.tolerance_ns + min(ahead_ns, AHEAD_NS_MAX)
    assert lease(within, BEGIN_NS, rate, 1, 1)[1] is None
