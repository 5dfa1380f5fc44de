"""What the health probe keeps for months: how many probes each day had, and the switches; and no more than that."""

from __future__ import annotations

import pytest

from quartzdb.domain.errors import Unavailable
from quartzdb.routing.decision.availability import (
    DAYS_KEPT,
    SWITCHES_KEPT,
    InvalidHistory,
    ProbedDay,
    Switch,
    Tally,
    day_of,
    decode_day,
    decode_switches,
    encode_day,
    encode_switches,
    with_switch,
)
from quartzdb.routing.decision.state import Mode, Origin, RoutingState
from quartzdb.routing.decision.window import Probe, Reason
from quartzdb.routing.ports import SWITCHES
from quartzdb.routing.probe.history import STORED_EVERY_SECONDS, ProbeHistory
from tests.doubles.memory_origin_states import MemoryOriginStates
from tests.manual_clock import ManualClock

AWS, CLOUDFLARE = Origin.AWS, Origin.CLOUDFLARE
DIRECT = RoutingState(1, 1, CLOUDFLARE, Mode.DIRECT, 1_000, "first")
SWITCHED = RoutingState(2, 2, AWS, Mode.FAILED_OVER, 2_000, "three probes failed")


class Broken(MemoryOriginStates):
    """Cannot be written while it is told so."""

    broken = False

    def write_history(self, name: str, data: bytes) -> None:
        if self.broken:
            raise Unavailable("The table could not be reached.")
        super().write_history(name, data)


def looks(clock: ManualClock, *, aws: bool, cloudflare: bool) -> dict[Origin, Probe]:
    at_ms = clock.unix_ms()
    return {
        origin: Probe(ok, at_ms, 10, None if ok else Reason.TIMEOUT)
        for origin, ok in ((AWS, aws), (CLOUDFLARE, cloudflare))
    }


def test_a_day_has_the_probes_of_each_origin_and_of_the_one_that_was_active() -> None:
    """Added up over runs of the probe; with the latest lag that was known."""
    clock, states = ManualClock(), MemoryOriginStates()
    for number in range(3):
        history = ProbeHistory(states, clock)
        history.note(looks(clock, aws=number > 0, cloudflare=True), DIRECT)
        history.note(looks(clock, aws=True, cloudflare=True), None)
        history.store(500 if number == 1 else None)
    day = decode_day(states.histories()[day_of(clock.unix_ms())])
    assert day.origins == {AWS: Tally(5, 1), CLOUDFLARE: Tally(6, 0)}
    assert day.service == Tally(3, 0), "of the rounds in which it was known who was active"
    assert (day.lag_ms, day.lag_at_ms) == (500, clock.unix_ms())


def test_it_is_stored_once_a_minute_and_not_lost_where_that_fails() -> None:
    """What could not be stored is stored with what came since."""
    clock, states = ManualClock(), Broken()
    history = ProbeHistory(states, clock)
    history.note(looks(clock, aws=True, cloudflare=True), None)
    at_once = history.due
    clock.seconds += STORED_EVERY_SECONDS
    assert (at_once, history.due) == (False, True)
    states.broken = True
    history.store(None)
    assert (states.histories(), history.due) == ({}, False)
    states.broken = False
    history.note(looks(clock, aws=False, cloudflare=True), None)
    history.store(None)
    assert decode_day(states.histories()[day_of(clock.unix_ms())]).origins[AWS] == Tally(1, 1)


def test_no_more_than_91_days_are_kept() -> None:
    """However long it goes on."""
    clock, states = ManualClock(), MemoryOriginStates()
    history = ProbeHistory(states, clock)
    history.note(looks(clock, aws=True, cloudflare=True), SWITCHED)
    for _ in range(DAYS_KEPT + 30):
        history.note(looks(clock, aws=True, cloudflare=True), SWITCHED)
        history.store(None)
        clock.seconds += 86_400
    names = set(states.histories())
    assert SWITCHES in names
    assert len(names) == DAYS_KEPT + 1
    assert max(len(data) for data in states.histories().values()) < 400


def test_a_switch_is_kept_once_and_a_beginning_is_none() -> None:
    """Whoever made it, and however often the probe begins anew."""
    clock, states = ManualClock(), MemoryOriginStates()
    for state in (DIRECT, DIRECT, SWITCHED, SWITCHED):
        ProbeHistory(states, clock).note({}, state)
    assert decode_switches(states.histories()[SWITCHES]) == [Switch(2_000, 2, AWS, "three probes failed")]


def test_the_switches_are_the_latest_hundred() -> None:
    """In their order."""
    kept: list[Switch] = []
    for epoch in range(2, 300):
        kept = list(with_switch(kept, Switch(epoch, epoch, AWS, "r" * 1_000)))
    assert [one.epoch for one in kept] == list(range(300 - SWITCHES_KEPT, 300))
    assert len(encode_switches(kept)) < 20_000
    assert with_switch(kept, kept[0]) is kept


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'{"format":1}', b'{"format":2,"switches":[]}', b"x" * 70_000]
)
def test_what_is_damaged_is_told_and_begun_anew(data: bytes) -> None:
    """And no probe stops for it."""
    with pytest.raises(InvalidHistory):
        decode_day(data)
    with pytest.raises(InvalidHistory):
        decode_switches(data)
    clock, states = ManualClock(), MemoryOriginStates()
    states.write_history(day_of(clock.unix_ms()), data)
    states.write_history(SWITCHES, data)
    history = ProbeHistory(states, clock)
    history.note(looks(clock, aws=True, cloudflare=True), SWITCHED)
    history.store(None)
    assert decode_day(states.histories()[day_of(clock.unix_ms())]).origins[AWS] == Tally(1, 0)
    assert len(decode_switches(states.histories()[SWITCHES])) == 1


def test_days_come_back_as_they_were() -> None:
    """Also without a lag."""
    for day in (ProbedDay(), ProbedDay({AWS: Tally(3, 1)}, Tally(2, 2), 7, 8, 9)):
        assert decode_day(encode_day(day)) == day
