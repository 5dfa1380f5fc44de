"""One feed of one namespace between two sites: its pumps, and the repair that closes their gaps.

Owns the order of both. A gap is closed by a repair that began after the gap was found: one that was under way may have
passed what the feed no longer has.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError
from quartzdb.replication.backoff import Backoff
from quartzdb.replication.ports import RepairState
from quartzdb.replication.streams.pump import PassOutcome, Pump
from quartzdb.replication.streams.round_statistics import RoundStatistics

logger = logging.getLogger(__name__)

REPAIR_EVERY_MS = 3_600_000


class Repair(Protocol):
    """What makes two sites equal without a feed, step by step."""

    @property
    def state(self) -> RepairState:
        """How far it is."""
        ...

    def begin(self) -> RepairState:
        """Begin, whatever was under way."""
        ...

    def step(self) -> RepairState:
        """The next bounded part. Raises QuartzError. Finished when `begun_ms` is 0 again."""
        ...

    def note(self, error: QuartzError) -> None:
        """Keep why it does not get on."""
        ...


class Stream:
    """Not thread-safe. `repair_every_ms` None: only after a gap."""

    def __init__(
        self,
        pumps: Sequence[Pump],
        repair: Repair,
        clock: Clock,
        jitter: Callable[[], float],
        *,
        repair_every_ms: int | None = REPAIR_EVERY_MS,
    ) -> None:
        self.pumps = pumps
        self._repair = repair
        self._clock = clock
        self._backoff = Backoff(clock.monotonic, jitter)
        self._repair_every_ms = repair_every_ms
        self._state: RepairState | None = None
        self._gaps: dict[int, str] = {}
        self._must_begin = False

    def __str__(self) -> str:
        of = self.pumps[0].direction
        return f"{of.tenant}/{of.namespace} {of.feed}"

    def run(self, statistics: RoundStatistics) -> bool:
        """One page of each pump and one step of a repair. Whether there is more to do at once."""
        more = False
        for number, pump in enumerate(self.pumps):
            if number in self._gaps:
                continue  # until it is repaired
            done = pump.run()
            statistics.take(done)
            more = more or done.outcome is PassOutcome.MOVED
            if done.gap is not None:
                logger.warning("the feed of %s has a gap: comparing both sites", pump.direction)
                self._gaps[number] = done.gap
                self._must_begin = True
        return self._continue_repair(statistics) or more

    def _continue_repair(self, statistics: RoundStatistics) -> bool:
        if self._backoff.waiting:
            return False
        try:
            if self._state is None:
                self._state = self._repair.state
            if self._must_begin or self._due(self._state):
                self._state = self._repair.begin()
                self._must_begin = False
            if self._state.begun_ms == 0:
                return False
            before = self._state.repaired
            self._state = self._repair.step()
            statistics.repaired += max(0, self._state.repaired - before)
        except QuartzError as error:
            statistics.failed += 1
            self._backoff.failed(error)
            self._state = None  # how far it got is asked again
            self._repair.note(error)
            return False
        self._backoff.succeeded()
        if self._state.begun_ms == 0:
            for number, cursor in self._gaps.items():
                self.pumps[number].go_on(cursor)
            self._gaps.clear()
        return True

    def _due(self, state: RepairState) -> bool:
        if state.begun_ms or self._repair_every_ms is None:
            return False
        return self._clock.unix_ms() - state.finished_ms >= self._repair_every_ms
