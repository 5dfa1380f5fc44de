"""A lease of background work lasts as long as the work does, and ends soon after its process was killed."""

from __future__ import annotations

import threading

from quartzdb.storage.lease_guard import LEASE_MS, LeaseGuard
from tests.doubles.memory_leases import MemoryLeases
from tests.manual_clock import ManualClock


class Observed(MemoryLeases):
    """Counts renewals."""

    def __init__(self) -> None:
        super().__init__()
        self.renewed = threading.Semaphore(0)

    def acquire(self, name: str, owner: str, now_ms: int, ttl_ms: int) -> bool:
        """As ever."""
        taken = super().acquire(name, owner, now_ms, ttl_ms)
        self.renewed.release()
        return taken


def test_only_one_owner_works_at_a_time() -> None:
    """A second one sees that it is taken; afterwards it is free at once."""
    leases, clock = MemoryLeases(), ManualClock()
    with (
        LeaseGuard(leases, "index/g", "one", clock) as first,
        LeaseGuard(leases, "index/g", "two", clock) as second,
    ):
        assert first.held
        assert not second.held
    with LeaseGuard(leases, "index/g", "two", clock) as third:
        assert third.held


def test_long_work_stays_claimed() -> None:
    """The lease is renewed while the work goes on, however much longer than the lease it takes."""
    leases, clock = Observed(), ManualClock()
    with LeaseGuard(leases, "index/g", "one", clock, renew_seconds=0.001):
        for _ in range(5):
            clock.seconds += LEASE_MS / 1000 / 2
            while leases.renewed.acquire(blocking=False):
                pass  # those from before the clock moved
            assert leases.renewed.acquire(timeout=10)
            assert leases.renewed.acquire(timeout=10)
            assert not leases.acquire("index/g", "two", clock.unix_ms(), LEASE_MS)


def test_the_work_of_a_killed_process_is_free_soon() -> None:
    """Nobody renews it then, so others wait for one lease and no longer."""
    leases, clock = MemoryLeases(), ManualClock()
    leases.acquire("index/g", "killed", clock.unix_ms(), LEASE_MS)
    clock.seconds += LEASE_MS / 1000 + 1
    with LeaseGuard(leases, "index/g", "next", clock) as lease:
        assert lease.held
