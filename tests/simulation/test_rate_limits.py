"""Many instances that share nothing but a store admit no more than a rate allows, whatever their clocks say.

Everything is played in one thread by a seed: instances with clocks of their own, requests that come evenly, in storms
or now and then, and leases whose answers take a while.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from quartzdb.api.limits import Undecided
from quartzdb.api.slice_limiter import SliceLimiter
from quartzdb.api.slices import SLICE_SECONDS
from quartzdb.domain.gcra import Leased, Rate
from quartzdb.domain.grant import GrantLimits, TenantGrant
from quartzdb.services.keys import Principal
from tests.doubles.memory_rate_slices import MemoryRateSlices

SKEW_SECONDS = 0.25
"""Of each instance's clock, either way: two of them differ by half a second at most, as the log needs it, too."""
SEEDS = range(25)


@dataclass
class World:
    """True time, and everything that happens in it."""

    random: random.Random
    now: float = 1_000.0
    store: MemoryRateSlices = field(default_factory=MemoryRateSlices)
    later: list[Callable[[], None]] = field(default_factory=list)
    latency_seconds_max: float = 0.03

    def lease(self, name: str, rate: Rate, least: int, most: int, now_ms: int) -> Leased:
        """The store, some way off: on the way there and on the way back time goes by."""
        self.now += self.random.random() * self.latency_seconds_max
        leased = self.store.lease(name, rate, least, most, now_ms)
        self.now += self.random.random() * self.latency_seconds_max
        return leased


@dataclass
class InstanceClock:
    """The wall clock of one machine is wrong by an offset; how fast time goes, it knows."""

    world: World
    offset: float = 0.0

    def unix_ms(self) -> int:
        return int((1_700_000_000 + self.world.now + self.offset) * 1_000)

    def monotonic(self) -> float:
        return self.world.now

    def sleep(self, seconds: float) -> None:
        self.world.now += seconds


@dataclass
class Fleet:
    """Instances, and when they admitted a request of each name."""

    world: World
    limits: GrantLimits
    instances: int
    clocks: list[InstanceClock] = field(init=False)
    limiters: list[SliceLimiter] = field(init=False)
    admitted: list[float] = field(default_factory=list)
    refused: int = 0

    def __post_init__(self) -> None:
        self.clocks = [InstanceClock(self.world) for _ in range(self.instances)]
        self.limiters = [
            SliceLimiter(self.world, clock, ahead=self.world.later.append)
            if self.world.random.random() < 0.7
            else SliceLimiter(self.world, clock, ahead=None)
            for clock in self.clocks
        ]

    def request(self, number: int, key: str = "k", requests: int = 1) -> bool:
        principal = Principal("t", key, frozenset(), grant=TenantGrant("t", 1, limits=self.limits))
        limiter = self.limiters[number]
        quota = limiter.admit(principal, "query", requests)
        if isinstance(quota, Undecided):
            quota = limiter.decide(principal, "query", requests)
        assert quota is not None
        if quota.admitted:
            self.admitted += [self.world.now] * requests
        else:
            self.refused += requests
        while self.world.later and self.world.random.random() < 0.5:
            self.world.later.pop(0)()
        return quota.admitted


def most_beyond(times: Sequence[float], per_second: float) -> float:
    """Of all windows: how many requests more than so many a second there were in the worst of them."""
    worst, running, before = 0.0, 0.0, times[0] if times else 0.0
    for time in times:
        running = max(0.0, running - per_second * (time - before)) + 1
        worst, before = max(worst, running), time
    return worst


def play(fleet: Fleet, seconds: float, demand: float) -> None:
    """Requests at so many times the rate, in phases: evenly, in storms at one instance or at all, and silence."""
    world, rate = fleet.world, fleet.limits.requests_per_second or 1
    ends = world.now + seconds
    while world.now < ends:
        phase = world.random.choice(("even", "storm", "everywhere", "silence"))
        phase_ends = world.now + world.random.uniform(0.1, 2.0)
        if phase == "silence":
            world.now = phase_ends
        chosen = world.random.randrange(fleet.instances)
        while world.now < phase_ends:
            fleet.request(chosen if phase == "storm" else world.random.randrange(fleet.instances))
            if phase != "everywhere":
                world.now += world.random.expovariate(rate * demand)
            elif world.random.random() < 0.05:
                world.now += 0.05


@pytest.mark.parametrize("seed", SEEDS)
def test_no_window_has_more_than_the_limit_and_a_slice(seed: int) -> None:
    """With right clocks never more than rate × window + burst + half a second's worth."""
    world = World(random.Random(seed))
    per_second = world.random.choice((1, 3, 20, 100, 500))
    limits = GrantLimits(per_second, world.random.randint(1, 3 * per_second))
    fleet = Fleet(world, limits, world.random.choice((1, 2, 7, 40)))
    play(fleet, 10.0, world.random.choice((0.7, 3.0, 20.0)))
    assert fleet.admitted
    allowed = (limits.burst or 0) + per_second * SLICE_SECONDS + 1
    assert most_beyond(fleet.admitted, per_second) <= allowed, f"seed {seed}"


@pytest.mark.parametrize("seed", SEEDS)
def test_skewed_clocks_that_step_admit_no_more_than_the_bound(seed: int) -> None:
    """Each wrong by as much as a clock may be, and put right or wrong again at any moment: in no window more than 1.1
    times the limit and a slice of one second.
    """
    world = World(random.Random(1_000 + seed))
    per_second = world.random.choice((3, 20, 100, 500))
    burst = world.random.randint(1, 3 * per_second)
    fleet = Fleet(world, GrantLimits(per_second, burst), world.random.choice((2, 7, 40)))
    for _ in range(12):
        for clock in fleet.clocks:
            clock.offset = world.random.choice((-SKEW_SECONDS, 0.0, SKEW_SECONDS, clock.offset))
        play(fleet, 1.0, world.random.choice((0.7, 3.0, 20.0)))
    assert most_beyond(fleet.admitted, 1.1 * per_second) <= 1.1 * burst + per_second + 1, f"seed {seed}"


@pytest.mark.parametrize("seed", range(10))
def test_a_machine_whose_clock_is_set_keeps_nobody_out(seed: int) -> None:
    """By hours, forwards or back, for all of its processes at once: what comes of it is a burst more, once."""
    world = World(random.Random(2_000 + seed))
    limits = GrantLimits(20, 40)
    fleet = Fleet(world, limits, 3)
    for _ in range(4):
        play(fleet, 4.0, 5.0)
        begun = len(fleet.admitted)
        step = world.random.choice((-7_200.0, -5.0, 5.0, 7_200.0))
        for clock in fleet.clocks:
            clock.offset += step
        play(fleet, 6.0, 5.0)
        assert most_beyond(fleet.admitted[begun:], 20) <= 2 * 40 + 20 + 1, f"seed {seed}"
        # What the rate has in six seconds, but for what the play itself was silent for.
        assert len(fleet.admitted) - begun >= 20, f"seed {seed}"


def test_what_many_instances_hold_is_worth_nothing_a_moment_later() -> None:
    """Each has a slice that it did not use up; when the burst is back, all of them are asked at once."""
    world = World(random.Random(4), latency_seconds_max=0.0)
    fleet = Fleet(world, GrantLimits(200, 200), 60)
    for _ in range(3):
        for number in range(60):
            fleet.request(number)
            world.now += 0.006
    held = sum(slices.left(world.now) for one in fleet.limiters for slices in one._names.values())
    assert held >= 60, "else this shows nothing"
    world.now += 2.0
    begun = len(fleet.admitted)
    for _ in range(6):
        for number in range(60):
            fleet.request(number)
    assert 150 <= len(fleet.admitted) - begun <= 200 + 1


@pytest.mark.parametrize("instances", [1, 4, 12])
def test_who_keeps_below_the_limit_is_not_refused(instances: int) -> None:
    """Nine tenths of it, spread over instances that each hold a little: at most one request in a hundred."""
    world = World(random.Random(instances), latency_seconds_max=0.005)
    fleet = Fleet(world, GrantLimits(50, 100), instances)
    ends = world.now + 30
    while world.now < ends:
        fleet.request(world.random.randrange(instances))
        world.now += world.random.expovariate(45)
    assert fleet.refused <= len(fleet.admitted) / 100


def test_an_instance_that_is_busy_seldom_asks() -> None:
    """A few times a second, however many requests there are; and one that is idle never."""
    world = World(random.Random(1), latency_seconds_max=0.0)
    fleet = Fleet(world, GrantLimits(1_000, 2_000), 1)
    for _ in range(5_000):
        fleet.request(0)
        world.now += 0.002
    assert not fleet.refused
    asked = world.store.asked
    assert asked <= 10 * 6
    world.now += 3_600
    while world.later:
        world.later.pop()()
    assert world.store.asked <= asked + 1


def test_a_key_and_its_project_are_two_limits() -> None:
    """One key cannot use up what its project has, and all together no more than that."""
    world = World(random.Random(3), latency_seconds_max=0.0)
    fleet = Fleet(world, GrantLimits(100, 100, 40, 40), 2)
    counts = {key: sum(fleet.request(number % 2, key) for number in range(200)) for key in ("a", "b", "c")}
    assert counts == {"a": 40, "b": 40, "c": 20}


def test_a_batch_counts_as_many_and_at_most_the_burst() -> None:
    """So that no batch has to wait for what never comes."""
    world = World(random.Random(3), latency_seconds_max=0.0)
    fleet = Fleet(world, GrantLimits(10, 40), 1)
    assert fleet.request(0, requests=30)
    assert not fleet.request(0, requests=11)
    assert fleet.request(0, requests=10)
    world.now += 4
    assert fleet.request(0, requests=100)
    assert not fleet.request(0)
