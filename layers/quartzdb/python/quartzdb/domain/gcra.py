"""The generic cell rate algorithm: how many requests a rate allows now, from one number, the theoretical arrival time.

That is when the next request would come if all came evenly. It runs ahead of the clock by an interval for each
request, and may be ahead by a burst's worth. Times are whole nanoseconds, so nothing is lost to rounding.
Source: ITU-T I.371, annex A (virtual scheduling).
"""

from __future__ import annotations

from typing import NamedTuple

AHEAD_NS_MAX = 2_000_000_000
"""So much further ahead than a burst no honest clock puts the time: two of them differ by a second at most."""
SHARE = 4
"""A lease takes a fourth of what there is at most: near the limit slices get small, and nothing lies about unused."""
_SECOND_NS = 1_000_000_000


class Rate(NamedTuple):
    """Requests a second in the long run, and how many at once."""

    per_second: int
    burst: int

    @property
    def interval_ns(self) -> int:
        """Between two requests. Rounded up: never more than the rate."""
        return -(-_SECOND_NS // self.per_second)

    @property
    def tolerance_ns(self) -> int:
        """How far the theoretical arrival time may be ahead of the clock."""
        return self.burst * self.interval_ns


class Leased(NamedTuple):
    """Requests that may be made, none where there was no room for as many as were needed; how many more there is room
    for; and after how long there is room for the needed ones.
    """

    requests: int
    room: int
    wait_ms: int = 0


def lease(tat_ns: int | None, now_ns: int, rate: Rate, least: int, most: int) -> tuple[Leased, int | None]:
    """From `least` to `most` requests of what there is room for, and the new theoretical arrival time; None: it stays.

    `tat_ns` None: nothing was ever leased. `least` is at most the burst.
    """
    begin_ns = begin(tat_ns, now_ns, rate)
    room = (now_ns + rate.tolerance_ns - begin_ns) // rate.interval_ns
    if room < least:
        wait_ns = begin_ns + least * rate.interval_ns - now_ns - rate.tolerance_ns
        # One that was too far ahead is put right even so: else it would be as far ahead the next time.
        corrected = None if tat_ns is None or begin_ns >= tat_ns else begin_ns
        return Leased(0, room, -(-wait_ns // 1_000_000)), corrected
    count = max(least, min(most, room // SHARE))
    return Leased(count, room - count), begin_ns + count * rate.interval_ns


def begin(tat_ns: int | None, now_ns: int, rate: Rate) -> int:
    """From when requests are counted: the clock where the rate was not used for a while.

    HAZARD: a time that is too far ahead was written by a clock that was wrong, or is wrong now. It is taken for a
    bucket that is just empty, so that no clock keeps a tenant out for longer than it takes to fill.
    """
    if tat_ns is None:
        return now_ns
    if tat_ns > now_ns + rate.tolerance_ns + AHEAD_NS_MAX:
        return now_ns + rate.tolerance_ns
    return max(tat_ns, now_ns)
