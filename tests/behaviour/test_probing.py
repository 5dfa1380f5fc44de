"""The health probe's loop: what it stores, publishes and tells, and what it does when any of that fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from quartzdb.domain.errors import Conflict, Unavailable
from quartzdb.routing.decision.breaker import BreakerState
from quartzdb.routing.decision.operator_commands import drain, fail_over
from quartzdb.routing.decision.origin_health import health_of
from quartzdb.routing.decision.passive import PassiveReport, encode_report
from quartzdb.routing.decision.policy import changed
from quartzdb.routing.decision.probe_memory import decode_memory
from quartzdb.routing.decision.rules import DEFAULT_RULES
from quartzdb.routing.decision.state import Mode, Origin, RoutingState, decode_state, encode_state
from quartzdb.routing.decision.window import Probe, Reason, Verdict
from quartzdb.routing.ports import OriginStates
from quartzdb.routing.probe.probing import LEASE, LEASE_MS, Probing, Round
from quartzdb.routing.state_changes import RoutingChanges
from tests.doubles.memory_leases import MemoryLeases
from tests.doubles.memory_origin_states import MemoryOriginStates
from tests.doubles.memory_passive_reports import MemoryPassiveReports
from tests.doubles.scripted_probe import ScriptedProbe
from tests.edge_reports import report
from tests.manual_clock import ManualClock

AWS, CLOUDFLARE = Origin.AWS, Origin.CLOUDFLARE
NO_JITTER = 0.5


class Published:
    """Where routers read; `broken` times it cannot be written."""

    def __init__(self) -> None:
        self.documents: list[bytes] = []
        self.broken = 0

    def publish(self, document: bytes) -> None:
        if self.broken:
            self.broken -= 1
            raise Unavailable("The bucket could not be reached.")
        self.documents.append(document)

    @property
    def state(self) -> RoutingState:
        return decode_state(self.documents[-1])


class Events:
    """Who listens; `broken` times nobody does."""

    def __init__(self) -> None:
        self.details: list[Mapping[str, Any]] = []
        self.broken = 0

    def emit(self, detail: Mapping[str, Any]) -> None:
        if self.broken:
            self.broken -= 1
            raise Unavailable("The bus could not be reached.")
        self.details.append(detail)


@dataclass
class World:
    """Everything around one probe. `probing` is another process each time."""

    clock: ManualClock = field(default_factory=ManualClock)
    states: OriginStates = field(default_factory=MemoryOriginStates)
    published: Published = field(default_factory=Published)
    events: Events = field(default_factory=Events)
    reports: MemoryPassiveReports = field(default_factory=MemoryPassiveReports)
    leases: MemoryLeases = field(default_factory=MemoryLeases)
    lag_ms: Callable[[], int | None] = lambda: 0
    rounds: list[Round] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.origins = {origin: ScriptedProbe(self.clock) for origin in Origin}

    def changes(self, by: str = "health-probe") -> RoutingChanges:
        return RoutingChanges(self.states, self.published, self.events, self.clock, primary=CLOUDFLARE, by=by)

    def probing(self, owner: str = "one", changes: RoutingChanges | None = None) -> Probing:
        return Probing(
            self.states,
            changes or self.changes(),
            self.origins,
            self.reports,
            self.lag_ms,
            self.leases,
            self.clock,
            owner=owner,
            rules=DEFAULT_RULES,
            jitter=lambda: NO_JITTER,
            observe=self.rounds.append,
        )

    def run(self, seconds: float, owner: str = "one") -> int:
        return self.probing(owner).run(self.clock.monotonic() + seconds)

    @property
    def state(self) -> RoutingState:
        state = self.states.read()
        assert state is not None
        return state


@pytest.fixture
def world() -> World:
    return World()


def test_the_first_state_is_begun_and_published(world: World) -> None:
    """Routers that were built with the same one see no difference."""
    world.run(0)
    assert (world.state.active, world.state.mode, world.state.revision) == (CLOUDFLARE, Mode.DIRECT, 1)
    assert world.published.state == world.state
    assert [detail["active_before"] for detail in world.events.details] == [None]


def test_a_failure_is_followed_stored_published_and_told(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """In that order, and each exactly once for each change."""
    world.run(30)
    world.origins[CLOUDFLARE].reason = Reason.TIMEOUT
    caplog.clear()  # another test of this process may have set the level that low for good
    with caplog.at_level(logging.INFO, logger="quartzdb.audit"):
        world.run(10)
    assert (world.state.active, world.state.epoch, world.state.mode) == (AWS, 2, Mode.FAILED_OVER)
    assert world.published.state == world.state
    revisions = [detail["revision"] for detail in world.events.details]
    assert revisions == list(range(1, world.state.revision + 1))
    switch = world.events.details[-1]
    assert (switch["active_before"], switch["active"], switch["by"]) == ("cloudflare", "aws", "health-probe")
    assert "timeout" in switch["reason"]
    lines = [record for record in caplog.records if record.name == "quartzdb.audit"]
    assert [line.routing["revision"] for line in lines] == revisions[1:]  # type: ignore[attr-defined]
    assert sum(one.change is not None and one.change.switched for one in world.rounds) == 1


def test_rounds_come_seldom_while_all_is_well_and_often_while_it_is_not(world: World) -> None:
    """A second and a half, and one."""
    world.run(60)  # until both are known to be well it looks often
    before = len(world.rounds)
    world.run(60)
    assert 38 <= len(world.rounds) - before <= 40
    world.origins[AWS].reason = Reason.DNS
    before = len(world.rounds)
    world.run(60)
    assert 58 <= len(world.rounds) - before <= 60


def test_both_origins_are_probed_at_once(world: World) -> None:
    """A slow one does not keep the other waiting."""
    both = threading.Barrier(2, timeout=10)

    @dataclass
    class Meeting(ScriptedProbe):
        def probe(self) -> Probe:
            both.wait()
            return super().probe()

    world.origins = {origin: Meeting(world.clock) for origin in Origin}
    world.run(0)
    assert world.rounds[0].healths[AWS].latest_ok


class Interleaved(MemoryOriginStates):
    """Somebody else changes the state right after it was read, `times` times."""

    def __init__(self, other: Callable[[RoutingState], RoutingState | None], times: int = 1) -> None:
        super().__init__()
        self._other = other
        self.times = times

    def read(self) -> RoutingState | None:
        state = super().read()
        if state is not None and self.times:
            other = self._other(state)
            if other is not None:
                self.times -= 1
                assert super().replace(other)
        return state


def test_a_change_made_meanwhile_is_decided_on_again(world: World) -> None:
    """An operator pins while the probe is about to switch: the pin wins, and is published."""
    states = Interleaved(lambda state: fail_over(state, CLOUDFLARE, 1, "operator"), times=0)
    world.states = states
    world.run(30)
    world.origins[CLOUDFLARE].reason = Reason.REFUSED
    probing = world.probing()
    for _ in range(2):
        probing.round()
        world.clock.sleep(1)
    states.times = 1
    probing.round()
    assert world.state.pinned
    assert world.state.active is CLOUDFLARE
    assert world.published.state == world.state


def test_a_state_that_never_rests_is_given_up(world: World) -> None:
    """With an error that says so, and not for ever."""
    states = Interleaved(lambda state: changed(state, 1, "again"), times=0)
    world.states = states
    world.run(0)
    states.times = 1_000
    with pytest.raises(Conflict, match="changed 16 times"):
        world.changes().make(lambda state: drain(state, AWS, 2, "operator"))


def test_what_could_not_be_published_is_published_by_the_next_round(world: World) -> None:
    """The state itself is stored."""
    world.published.broken = 1
    world.run(5)
    assert len(world.published.documents) == 1
    assert world.published.state == world.state


def test_a_probe_that_died_before_it_published_is_made_up_for(world: World) -> None:
    """So is somebody who put back an older state: each run publishes what is there, whatever it remembers."""
    changes = world.changes()
    probing = world.probing(changes=changes)
    probing.run(world.clock.monotonic())
    moved = fail_over(world.state, AWS, world.clock.unix_ms(), "operator")
    assert moved is not None
    assert world.states.replace(moved)
    probing.run(world.clock.monotonic())
    assert world.published.state == moved
    world.published.publish(world.published.documents[0])
    probing.run(world.clock.monotonic())
    assert world.published.state == world.state


def test_publishing_an_old_state_ends_with_the_newest(world: World) -> None:
    """Whoever was slow looks again."""
    world.run(0)
    old = world.state
    moved = drain(old, AWS, world.clock.unix_ms(), "operator")
    assert moved is not None
    assert world.states.replace(moved)
    world.changes().publish(old)
    assert world.published.documents[-2:] == [encode_state(old), encode_state(moved)]


def test_events_that_nobody_took_are_told_later(world: World) -> None:
    """In order."""
    world.events.broken = 3
    world.run(30)
    world.origins[CLOUDFLARE].reason = Reason.TIMEOUT
    world.run(10)
    assert [detail["revision"] for detail in world.events.details] == list(range(1, world.state.revision + 1))


def test_what_one_run_learns_the_next_goes_on_from(world: World) -> None:
    """Two bad probes in one and a third in the next are three in a row."""
    world.run(60)
    world.origins[CLOUDFLARE].reason = Reason.TIMEOUT
    first = world.probing()
    first.round()
    world.clock.sleep(1)
    first.round()
    assert world.state.active is CLOUDFLARE
    world.clock.sleep(1)
    world.run(0, "another")
    assert world.state.active is AWS


@pytest.mark.parametrize("memory", [b"", b"{}", b'{"format": 9}', bytes(100_000)])
def test_a_memory_that_is_no_use_is_begun_anew(
    world: World, memory: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is known then, so nothing is switched; and it is said."""
    world.run(60)
    world.states.write_memory(memory)
    world.origins[CLOUDFLARE].reason = Reason.TIMEOUT
    world.run(0)
    assert "begins anew" in caplog.text
    assert world.state.active is CLOUDFLARE
    remembered = world.states.read_memory()
    assert remembered is not None
    assert len(decode_memory(remembered)[AWS].window.probes) == 1


def test_one_process_at_a_time_probes(world: World) -> None:
    """Another one does nothing, and waits no longer than it was told."""
    assert world.leases.acquire(LEASE, "one", world.clock.unix_ms(), LEASE_MS)
    begun = world.clock.monotonic()
    assert world.probing("two").run(begun + 50, wait_until=begun + 5) == 0
    assert world.clock.monotonic() - begun <= 5
    assert world.rounds == []


def test_a_process_that_ends_is_followed_at_once(world: World) -> None:
    """It gives the lease back; one that died has its lease run out."""
    world.run(20, "one")
    begun = world.clock.monotonic()
    assert world.run(0, "two") == 1
    assert world.leases.acquire(LEASE, "died", world.clock.unix_ms(), LEASE_MS)
    assert world.probing("two").run(begun, wait_until=begun + 60) == 1
    assert world.clock.monotonic() - begun >= LEASE_MS / 1000


def test_a_process_that_slept_past_its_lease_stops(world: World) -> None:
    """And leaves the memory to whoever took over."""

    class Sleepy(ManualClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds + 100)
            assert world.leases.acquire(LEASE, "other", self.unix_ms(), LEASE_MS)
            world.states.write_memory(b"the other's")

    world.clock = Sleepy()
    assert world.probing().run(world.clock.monotonic() + 1_000) == 1
    assert world.states.read_memory() == b"the other's"


def test_reports_of_the_edge_guard_and_no_more(world: World) -> None:
    """Clients fail where the probe does not: the origin is guarded for as long, and neither left nor held down."""
    probing = world.probing()
    probing.run(world.clock.monotonic() + 60)
    for _ in range(120):
        world.reports.send(encode_report(report(CLOUDFLARE, world.clock.unix_ms(), failing=9, well=1)))
        found = probing.round().healths[CLOUDFLARE]
        assert (found.verdict, found.breaker) == (Verdict.SUSPECT, BreakerState.CLOSED)
        assert found.latest_ok
        world.clock.sleep(1)
    assert (world.state.active, world.state.mode, world.state.revision) == (CLOUDFLARE, Mode.GUARDED, 2)
    world.clock.sleep(11)
    probing.round()
    assert world.state.mode is Mode.DIRECT


def test_reports_of_one_round_are_known_in_the_next(world: World) -> None:
    """Clients of many edge locations are told of at many moments; and no more are kept than the rules say."""
    probing = world.probing()
    probing.run(world.clock.monotonic() + 60)
    for sender in range(3):
        now_ms = world.clock.unix_ms()
        one = replace(report(CLOUDFLARE, now_ms, failing=3, sender=sender), rows=())
        rows = (report(CLOUDFLARE, now_ms, failing=3).rows[sender],)
        world.reports.send(encode_report(replace(one, rows=rows)))
        verdict = probing.round().healths[CLOUDFLARE].verdict
        assert verdict is (Verdict.SUSPECT if sender == 2 else Verdict.HEALTHY)
        world.clock.sleep(1)
    for sender in range(DEFAULT_RULES.reports_max):
        told = report(CLOUDFLARE, world.clock.unix_ms(), failing=0, well=1, sender=100 + sender)
        world.reports.send(encode_report(told))
    assert probing.round().healths[CLOUDFLARE].verdict is Verdict.HEALTHY


def test_a_queue_that_is_down_is_done_without(world: World) -> None:
    """The probe's own requests are enough."""

    class Down:
        def receive(self) -> Sequence[PassiveReport]:
            raise Unavailable("The queue could not be reached.")

    world.reports = Down()  # type: ignore[assignment]
    world.run(60)
    world.origins[CLOUDFLARE].reason = Reason.TIMEOUT
    world.run(10)
    assert world.state.active is AWS


def test_an_origin_that_cannot_be_asked_is_not_judged(world: World) -> None:
    """It is the probe that has no key; after a while nothing is known, and nothing is switched to or from it."""
    world.run(60)
    world.origins[CLOUDFLARE].unknown = True
    world.run(200)
    assert world.rounds[-1].healths[CLOUDFLARE].verdict is Verdict.UNKNOWN
    assert world.state.active is CLOUDFLARE
    world.origins[AWS].reason = Reason.DNS
    world.run(30)
    assert world.state.active is CLOUDFLARE


def test_no_failback_while_the_lag_cannot_be_read(world: World) -> None:
    """Not knowing is no zero."""

    def unreadable() -> int | None:
        raise Unavailable("The checkpoints could not be read.")

    world.lag_ms = unreadable
    world.run(60)
    world.origins[CLOUDFLARE].reason = Reason.TIMEOUT
    world.run(10)
    world.origins[CLOUDFLARE].reason = None
    world.run(600)
    assert world.state.active is AWS
    world.lag_ms = lambda: 0
    world.run(200)
    assert world.state.active is CLOUDFLARE


def test_a_database_that_is_down_stops_nothing(world: World) -> None:
    """Routing stays as it is, the probe goes on, and decides once it can store again."""

    class Flaky(MemoryOriginStates):
        down = False

        def read(self) -> RoutingState | None:
            if self.down:
                raise Unavailable("The table could not be reached.")
            return super().read()

        def write_memory(self, data: bytes) -> None:
            if self.down:
                raise Unavailable("The table could not be reached.")
            super().write_memory(data)

    states = Flaky()
    world.states = states
    world.run(60)
    world.origins[CLOUDFLARE].reason = Reason.TIMEOUT
    probing = world.probing()
    states.down = True
    for _ in range(5):
        assert probing.round().change is None
        world.clock.sleep(1)
    states.down = False
    probing.round()
    assert world.state.active is AWS
    assert world.published.state == world.state


def test_a_drained_origin_is_left_by_the_next_round(world: World) -> None:
    """The operator's command is in the state."""
    world.run(60)
    commanded = world.changes("operator").make(
        lambda state: drain(state, CLOUDFLARE, world.clock.unix_ms(), "operator")
    )
    assert commanded.after == replace(world.state)
    world.run(0)
    assert world.state.active is AWS


def test_what_is_known_can_be_seen_also_while_all_is_well(world: World) -> None:
    """An operator who asks in the middle of a quiet run reads what is known now, not that nothing is."""
    quiet = world.probing()
    for _ in range(5):  # more than a verdict needs
        quiet.round()
        world.clock.sleep(10)
    for _ in range(30):
        quiet.round()
        world.clock.sleep(10)
        remembered = world.states.read_memory()
        assert remembered is not None
        for record in decode_memory(remembered).values():
            assert health_of(record, world.clock.unix_ms(), DEFAULT_RULES).verdict is Verdict.HEALTHY
