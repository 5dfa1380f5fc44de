"""What a process may still spend of one rate: slices that it has leased, each good for half a second.

A slice is what was leased at one moment. It ends soon, so that what many processes hold together is never more than
what the rate allows in that time; and it is small while the process needs little, so that little is held in vain.
"""

from __future__ import annotations

from collections import deque

from quartzdb.domain.gcra import Leased, Rate

SLICE_SECONDS = 0.5
REFUSED_SECONDS_MIN = 0.05
"""Who was refused asks again after so long at the soonest, however soon the next request would be allowed."""


class Slices:
    """Of one name. Not thread-safe: its owner has a lock. Times are of a monotonic clock."""

    __slots__ = (
        "_held",
        "_known_at",
        "_refused_least",
        "_refused_until",
        "_room",
        "_spent",
        "_spent_since",
        "ahead",
    )

    def __init__(self) -> None:
        self._held: deque[list[float]] = deque()
        self._room = 0
        self._known_at = 0.0
        self._refused_until = 0.0
        self._refused_least = 0
        self._spent = 0
        self._spent_since = 0.0
        self.ahead = False
        """Whether somebody is leasing ahead of need."""

    def left(self, now: float) -> int:
        """Requests that may be made without asking anybody."""
        while self._held and self._held[0][1] <= now:
            self._held.popleft()
        left = 0.0
        for held in self._held:
            left += held[0]
        return int(left)

    def spend(self, requests: int, now: float) -> None:
        """Use up so many of those that are left, the oldest first."""
        if now - self._spent_since > SLICE_SECONDS:
            self._spent, self._spent_since = 0, now
        self._spent += requests
        while requests:
            oldest = self._held[0]
            used = min(requests, int(oldest[0]))
            oldest[0] -= used
            requests -= used
            if not oldest[0]:
                self._held.popleft()

    def refused(self, requests: int, now: float) -> float:
        """Seconds after which asking for so many may be of use; 0: at once."""
        if requests >= self._refused_least and now < self._refused_until:
            return self._refused_until - now
        return 0.0

    def most(self, rate: Rate, least: int, now: float) -> int:
        """How many to lease: what was needed lately and as much again, at most what the rate has for one slice."""
        lately = self._spent if now - self._spent_since <= 2 * SLICE_SECONDS else 0
        return max(least, min(int(rate.per_second * SLICE_SECONDS), 2 * lately))

    def needs_more(self, now: float) -> bool:
        """Whether to lease ahead: requests keep coming, and what is held is half used up or half over."""
        if self.ahead or self._spent < 2 or now < self._refused_until or self._room <= 0:
            return False
        newest_ends = self._held[-1][1] if self._held else 0.0
        return self.left(now) <= self._spent // 2 or newest_ends - now < SLICE_SECONDS / 2

    def take(self, leased: Leased, requests: int, asked_at: float, now: float) -> None:
        """Hold what was leased for so many requests, from when it was asked for: the answer may have taken long."""
        self._room, self._known_at = leased.room, now
        if leased.requests:
            self._held.append([leased.requests, asked_at + SLICE_SECONDS])
            self._refused_until = 0.0
        else:
            self._refused_least = requests
            self._refused_until = now + max(REFUSED_SECONDS_MIN, leased.wait_ms / 1_000)

    def remaining(self, rate: Rate, now: float) -> int:
        """What is held, and what there was room for when somebody asked last, and has come back since."""
        come_back = int((now - self._known_at) * rate.per_second)
        return min(rate.burst, self.left(now) + self._room + come_back)
