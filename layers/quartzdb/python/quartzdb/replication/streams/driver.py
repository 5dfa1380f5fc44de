"""Runs a replicator again and again, in one process at a time. Owns the lease and the pauses, and nothing of the work.

The lease is kept between rounds: what a replicator has in memory, above all a repair under way, would be lost by taking
turns. A process that dies lets it lapse.
"""

from __future__ import annotations

from collections.abc import Callable

from quartzdb.domain.clock import Clock
from quartzdb.replication.streams.replicator import Replicator
from quartzdb.replication.streams.round_statistics import RoundStatistics
from quartzdb.storage.lease_guard import LeaseGuard
from quartzdb.storage.ports import Leases

LEASE = "replicator"
ROUND_SECONDS_MAX = 20.0
"""Of one round: then what is to be told of it is told, and the next begins."""
_ASK_AGAIN_SECONDS = 1.0


class Driver:
    """Not thread-safe. `observe` is told of each round."""

    def __init__(
        self,
        replicator: Replicator,
        leases: Leases,
        owner: Callable[[], str],
        clock: Clock,
        *,
        interval_seconds: float,
        observe: Callable[[RoundStatistics], None] = lambda _statistics: None,
    ) -> None:
        self._replicator = replicator
        self._leases = leases
        self._owner = owner
        self._clock = clock
        self._interval_seconds = interval_seconds
        self._observe = observe
        self._guard: LeaseGuard | None = None

    def work(self) -> bool:
        """One round, if this process has the lease or gets it. False: there is nothing more to do at once."""
        if self._claimed():
            self._round(self._clock.monotonic() + ROUND_SECONDS_MAX)
        return False

    def run(self, until: float, *, wait_until: float) -> int:
        """Rounds until a time (monotonic seconds), once another driver has ended, which is waited for. How many."""
        rounds = 0
        while not self._claimed():
            if self._clock.monotonic() >= wait_until:
                return 0
            self._clock.sleep(_ASK_AGAIN_SECONDS)
        try:
            while self._clock.monotonic() < until:
                self._round(min(until, self._clock.monotonic() + ROUND_SECONDS_MAX))
                rounds += 1
                self._clock.sleep(max(0.0, min(self._interval_seconds, until - self._clock.monotonic())))
        finally:
            self.release()
        return rounds

    def release(self) -> None:
        """Let another process drive."""
        self._replicator.rest()
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.__exit__(None, None, None)

    def _claimed(self) -> bool:
        if self._guard is None:
            guard = LeaseGuard(self._leases, LEASE, self._owner(), self._clock)
            guard.__enter__()
            if not guard.held:
                return False
            self._guard = guard
        return True

    def _round(self, until: float) -> None:
        self._observe(self._replicator.run_once(until))
