"""What the health probe of two sites knows and kept, as the status page wants it."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Corrupted
from quartzdb.routing.decision.availability import InvalidHistory, ProbedDay, decode_day, decode_switches
from quartzdb.routing.decision.origin_health import health_of
from quartzdb.routing.decision.probe_memory import InvalidMemory, Memory, decode_memory, no_memory
from quartzdb.routing.decision.rules import DEFAULT_RULES
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.decision.window import Verdict
from quartzdb.routing.ports import SWITCHES, OriginStates
from quartzdb_platform.domain.availability import SERVICE, Looks, Observed, OriginNow, Switched

logger = logging.getLogger(__name__)


class ProbedOrigins:
    """StatusSource."""

    def __init__(self, states: OriginStates, clock: Clock) -> None:
        self._states = states
        self._clock = clock

    def read(self) -> Observed:
        """Raises Unavailable. What is damaged is left out, and told in the log."""
        histories = dict(self._states.histories())
        switches = self._switches(histories.pop(SWITCHES, None))
        days = self._days(histories)
        latest = days[max(days)] if days else ProbedDay()
        memory = self._memory()
        try:
            state = self._states.read()
        except Corrupted as error:
            logger.error("the routing state cannot be read: %s", error.message)
            state = None
        return Observed(
            [self._now(origin, memory) for origin in Origin],
            active=None if state is None else state.active.value,
            mode=None if state is None else state.mode.value,
            since_ms=None if state is None else state.since_ms,
            lag_ms=latest.lag_ms,
            lag_at_ms=latest.lag_at_ms,
            days={day: _looks(found) for day, found in days.items()},
            switches=switches[::-1],
        )

    def _now(self, origin: Origin, memory: Memory) -> OriginNow:
        probes = memory[origin].window.probes
        verdict = health_of(memory[origin], self._clock.unix_ms(), DEFAULT_RULES).verdict
        well = None if verdict is Verdict.UNKNOWN else verdict is not Verdict.FAILED
        return OriginNow(origin.value, well, probes[-1].at_ms if probes else None)

    def _memory(self) -> Memory:
        data = self._states.read_memory()
        try:
            return no_memory() if data is None else decode_memory(data)
        except InvalidMemory as error:
            logger.error("what the probe remembers cannot be read: %s", error)
            return no_memory()

    def _days(self, histories: Mapping[str, bytes]) -> dict[str, ProbedDay]:
        found = {}
        for day, data in histories.items():
            try:
                found[day] = decode_day(data)
            except InvalidHistory as error:
                logger.error("what was kept of %s cannot be read: %s", day, error)
        return found

    def _switches(self, data: bytes | None) -> list[Switched]:
        try:
            switches = [] if data is None else decode_switches(data)
        except InvalidHistory as error:
            logger.error("the switches that there were cannot be read: %s", error)
            return []
        return [Switched(one.at_ms, one.active.value, one.reason) for one in switches]


def _looks(day: ProbedDay) -> dict[str, Looks]:
    found = {origin.value: Looks(tally.ok, tally.failed) for origin, tally in day.origins.items()}
    return {**found, SERVICE: Looks(day.service.ok, day.service.failed)}
