"""Keeps what probes found for months: adds it up in memory, and stores it once a minute and when a run ends.

Never stops a probe: what cannot be stored is tried again the next time, with what came since.
"""

from __future__ import annotations

import logging

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Corrupted, Unavailable
from quartzdb.routing.decision.availability import (
    DAYS_KEPT,
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
from quartzdb.routing.decision.state import Origin, RoutingState
from quartzdb.routing.decision.window import Probe
from quartzdb.routing.ports import SWITCHES, OriginStates

logger = logging.getLogger(__name__)

STORED_EVERY_SECONDS = 60.0


class ProbeHistory:
    """Not thread-safe. Of two that run at once, as after a pause, one may lose the other's minute."""

    def __init__(self, states: OriginStates, clock: Clock) -> None:
        self._states = states
        self._clock = clock
        self._days: dict[str, ProbedDay] = {}
        self._stored_at = clock.monotonic()
        self._epoch: int | None = None

    @property
    def due(self) -> bool:
        """Whether it is time to store."""
        return self._clock.monotonic() - self._stored_at >= STORED_EVERY_SECONDS

    def note(self, probes: dict[Origin, Probe], state: RoutingState | None) -> None:
        """What one round found; `state` None: it was not to be had, and nothing is known of the service."""
        for origin, probe in probes.items():
            active = state is not None and state.active is origin
            tally = Tally().plus(probe.ok)
            found = ProbedDay({origin: tally}, tally if active else Tally(), seen_ms=probe.at_ms)
            day = day_of(probe.at_ms)
            self._days[day] = self._days.get(day, ProbedDay()) + found
        if state is not None and state.epoch != self._epoch:
            self._note_switch(state)

    def store(self, lag_ms: int | None) -> None:
        """Add it to what is stored. `lag_ms`: of replication now; None: it is not known."""
        self._stored_at = self._clock.monotonic()
        now_ms = self._clock.unix_ms()
        try:
            for day, found in list(self._days.items()):
                with_lag = found if lag_ms is None else found + ProbedDay(lag_ms=lag_ms, lag_at_ms=now_ms)
                stored = self._states.read_history(day)
                self._states.write_history(day, encode_day(_day(stored) + with_lag))
                del self._days[day]
                if stored is None:
                    self._drop_old(now_ms)
        except (Unavailable, Corrupted) as error:
            logger.warning("what probes found could not be stored: %s", error.message)

    def _drop_old(self, now_ms: int) -> None:
        """Once a day: what is older than is kept."""
        first = day_of(now_ms - (DAYS_KEPT - 1) * 86_400_000)
        for name in self._states.histories():
            if name != SWITCHES and name < first:
                self._states.delete_history(name)

    def _note_switch(self, state: RoutingState) -> None:
        try:
            stored = self._states.read_history(SWITCHES)
            known = [] if stored is None else list(decode_switches(stored))
        except InvalidHistory as error:
            logger.error("the switches that there were cannot be read, they begin anew: %s", error)
            known = []
        except (Unavailable, Corrupted) as error:
            logger.warning("the switches that there were cannot be read: %s", error.message)
            return
        first = not known and state.epoch == 1
        switches = (
            known
            if first
            else with_switch(known, Switch(state.since_ms, state.epoch, state.active, state.reason))
        )
        try:
            if switches is not known:
                self._states.write_history(SWITCHES, encode_switches(switches))
            self._epoch = state.epoch
        except (Unavailable, Corrupted) as error:
            logger.warning("a switch could not be stored: %s", error.message)


def _day(stored: bytes | None) -> ProbedDay:
    try:
        return ProbedDay() if stored is None else decode_day(stored)
    except InvalidHistory as error:
        logger.error("what was kept of a day cannot be read, it begins anew: %s", error)
        return ProbedDay()
