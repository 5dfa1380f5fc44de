"""The routing state at the edge: fresh where it can be, else the last good one, and never waited for long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from quartzdb.routing.decision.state import InvalidState, Mode, Origin, RoutingState, decode_state
from quartzdb.routing.decision.state_cache import StateCache, in_thread
from tests.manual_clock import ManualClock

BUILT_IN = RoutingState(1, 1, Origin.CLOUDFLARE, Mode.DIRECT, 0, "built in")
SECOND = replace(BUILT_IN, revision=2, mode=Mode.GUARDED, reason="second")
THIRD = replace(BUILT_IN, revision=3, epoch=2, active=Origin.AWS, mode=Mode.FAILED_OVER, reason="third")


@dataclass
class Place:
    """Where the state is read from. `started` has the reads that were begun and not yet done, if `held`."""

    answer: RoutingState | Exception = SECOND
    reads: int = 0
    held: bool = False
    started: list[Callable[[], None]] = field(default_factory=list)

    def fetch(self) -> RoutingState:
        self.reads += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def start(self, work: Callable[[], None]) -> None:
        if self.held:
            self.started.append(work)
        else:
            work()


@pytest.fixture
def endpoint() -> Place:
    return Place()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(endpoint: Place, clock: ManualClock) -> StateCache:
    return StateCache(
        endpoint.fetch,
        BUILT_IN,
        now=clock.monotonic,
        cache_seconds=3,
        stale_seconds_max=15,
        wait_seconds=0.01,
        start=endpoint.start,
    )


def test_the_first_request_waits_for_the_state(cache: StateCache) -> None:
    """What is built in may be months old."""
    assert cache.current().state == SECOND


def test_a_fresh_state_is_not_read_again(cache: StateCache, endpoint: Place, clock: ManualClock) -> None:
    """For some seconds it costs nothing."""
    cache.current()
    clock.sleep(2.9)
    assert cache.current().state == SECOND
    assert endpoint.reads == 1


def test_a_state_that_is_a_little_old_is_used_and_read_beside_the_request(
    cache: StateCache, endpoint: Place, clock: ManualClock
) -> None:
    """Nobody waits; the next request has the new one."""
    cache.current()
    endpoint.held, endpoint.answer = True, THIRD
    clock.sleep(4)
    assert cache.current().state == SECOND
    assert len(endpoint.started) == 1
    assert cache.current().state == SECOND
    assert len(endpoint.started) == 1  # being read already
    endpoint.started.pop()()
    assert cache.current().state == THIRD


@pytest.mark.parametrize("failure", [OSError("no way"), InvalidState("nonsense")])
def test_without_a_readable_state_the_last_one_stays(
    cache: StateCache, endpoint: Place, clock: ManualClock, failure: Exception
) -> None:
    """For as long as the instance lives."""
    cache.current()
    endpoint.answer = failure
    for _ in range(100):
        clock.sleep(60)
        assert cache.current().state == SECOND


def test_without_any_state_the_built_in_one_serves(cache: StateCache, endpoint: Place) -> None:
    """Until one can be read."""
    endpoint.answer = OSError("no way")
    assert cache.current().state == BUILT_IN
    assert cache.current().read_at == float("-inf")


def test_a_failed_read_is_not_repeated_by_every_request(
    cache: StateCache, endpoint: Place, clock: ManualClock
) -> None:
    """Or each would wait for a place that is down."""
    endpoint.answer = OSError("no way")
    for _ in range(10):
        cache.current()
    assert endpoint.reads == 1
    clock.sleep(1.1)
    cache.current()
    assert endpoint.reads == 2


def test_nobody_waits_beyond_the_limit(endpoint: Place, clock: ManualClock) -> None:
    """A read that hangs costs a request the limit, and then the last state serves."""
    released = threading.Event()

    def hang() -> RoutingState:
        released.wait()
        return SECOND

    cache = StateCache(
        hang,
        BUILT_IN,
        now=clock.monotonic,
        cache_seconds=3,
        stale_seconds_max=15,
        wait_seconds=0.01,
        start=in_thread,
    )
    assert cache.current().state == BUILT_IN
    released.set()


def test_a_read_that_was_frozen_does_not_stop_the_next(
    cache: StateCache, endpoint: Place, clock: ManualClock
) -> None:
    """Its thread may never come back."""
    endpoint.held = True
    cache.current()
    clock.sleep(60)
    endpoint.held, endpoint.answer = False, THIRD
    assert cache.current().state == THIRD


def test_what_a_frozen_read_brings_late_does_not_turn_the_clock_back(
    cache: StateCache, endpoint: Place, clock: ManualClock
) -> None:
    """An older revision is not taken, and the time of the newer read stays."""
    endpoint.held = True
    cache.current()
    clock.sleep(60)
    endpoint.held, endpoint.answer = False, THIRD
    known = cache.current()
    endpoint.answer = SECOND
    endpoint.started.pop()()
    assert cache.current() == known


def test_a_clock_that_is_set_back_makes_the_state_old(
    cache: StateCache, endpoint: Place, clock: ManualClock
) -> None:
    """Not young for as long as it takes the clock to catch up."""
    cache.current()
    endpoint.answer = THIRD
    clock.sleep(-3600)
    assert cache.current().state == THIRD
    assert endpoint.reads == 2
    cache.current()
    assert endpoint.reads == 2


@pytest.mark.parametrize("document", [b"[" * 60_000, b'{"format":' * 6_000])
def test_a_state_that_is_nested_without_end_is_no_state(document: bytes) -> None:
    """The reader keeps to the last good one only for what is refused as it says."""
    with pytest.raises(InvalidState):
        decode_state(document)
