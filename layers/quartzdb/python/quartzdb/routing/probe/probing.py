"""The health probe: looks at both origins again and again, and has the routing follow. One process at a time does it.

Owns the loop and what it remembers. It never stops for what it cannot store or publish: the next round tries again.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Corrupted, QuartzError, Unavailable
from quartzdb.routing.decision.failing_clients import trouble_of_clients
from quartzdb.routing.decision.origin_health import health_of
from quartzdb.routing.decision.passive import PassiveReport
from quartzdb.routing.decision.policy import OriginHealths, decide
from quartzdb.routing.decision.probe_interval import at_ease, interval_ms
from quartzdb.routing.decision.probe_memory import (
    InvalidMemory,
    Memory,
    decode_memory,
    encode_memory,
    no_memory,
)
from quartzdb.routing.decision.rules import Rules
from quartzdb.routing.decision.state import Origin, RoutingState
from quartzdb.routing.decision.window import Probe
from quartzdb.routing.ports import OriginProbe, OriginStates, PassiveReports
from quartzdb.routing.probe.history import ProbeHistory
from quartzdb.routing.state_changes import Change, RoutingChanges
from quartzdb.storage.ports import Leases

logger = logging.getLogger(__name__)

LEASE = "health-probe"
LEASE_MS = 20_000
"""Longer than the longest round and the wait after it."""
_ASK_AGAIN_SECONDS = 1.0
_SEEN_EVERY_SECONDS = 15.0
"""How often it stores what it knows while all is well: for an operator who looks, well within a window's age."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round found. `change` None: the routing state was not to be had. A probe not made is missing."""

    probes: Mapping[Origin, Probe]
    healths: OriginHealths
    change: Change | None
    ease: bool


class Probing:
    """Not thread-safe. `reports` None: the edge sends none. `lag_ms` None: it is not known.

    `jitter` gives fractions; `observe` is told of each round.
    """

    def __init__(
        self,
        states: OriginStates,
        changes: RoutingChanges,
        probes: Mapping[Origin, OriginProbe],
        reports: PassiveReports | None,
        lag_ms: Callable[[], int | None],
        leases: Leases,
        clock: Clock,
        *,
        owner: str,
        rules: Rules,
        jitter: Callable[[], float],
        observe: Callable[[Round], None],
    ) -> None:
        self._states = states
        self._changes = changes
        self._probes = probes
        self._reports = reports
        self._lag_ms = lag_ms
        self._leases = leases
        self._clock = clock
        self._owner = owner
        self._rules = rules
        self._jitter = jitter
        self._observe = observe
        self._memory: Memory = no_memory()
        self._reported: deque[PassiveReport] = deque(maxlen=rules.reports_max)
        self._remembered_at = float("-inf")
        self._history = ProbeHistory(states, clock)

    def run(self, until: float, *, wait_until: float | None = None) -> int:
        """Rounds until a time (monotonic seconds); returns how many. None where another process does it.

        One that is just ending is waited for until `wait_until`. The last round begins early enough to end in time.
        """
        while not self._is_mine():
            if wait_until is None or self._clock.monotonic() + _ASK_AGAIN_SECONDS > wait_until:
                return 0
            self._clock.sleep(_ASK_AGAIN_SECONDS)
        self._memory = self._remembered()
        self._changes.forget_published()
        rounds = 0
        while True:
            found = self.round()
            rounds += 1
            wait = interval_ms(found.ease, self._rules, self._jitter()) / 1000
            if self._clock.monotonic() + wait + self._rules.probe_deadline_ms / 1000 > until:
                self._remember()
                self._history.store(self._lag())
                self._hand_over()
                return rounds
            self._clock.sleep(wait)
            if not self._is_mine():
                return rounds  # a pause outlasted the lease, and somebody took over, with a memory of its own

    def round(self) -> Round:
        """One look at both, and what follows from it."""
        probes = self._look()
        self._receive()
        now_ms = self._clock.unix_ms()
        memory = dict(self._memory)
        for origin, probe in probes.items():
            memory[origin] = memory[origin].after(origin, probe, self._rules)
        self._memory = memory
        healths = {
            origin: health_of(
                record,
                now_ms,
                self._rules,
                clients=trouble_of_clients(self._reported, origin, now_ms, self._rules),
            )
            for origin, record in memory.items()
        }
        change = self._follow(healths, now_ms)
        ease = change is not None and change.after == change.before and at_ease(change.after, healths)
        if not ease or self._clock.monotonic() - self._remembered_at >= _SEEN_EVERY_SECONDS:
            self._remember()
        self._history.note(probes, None if change is None else change.after)
        if self._history.due:
            self._history.store(self._lag())
        found = Round(probes, healths, change, ease)
        self._observe(found)
        return found

    def _look(self) -> dict[Origin, Probe]:
        with ThreadPoolExecutor(len(self._probes), thread_name_prefix="probe") as threads:
            running = {origin: threads.submit(probe.probe) for origin, probe in self._probes.items()}
        found = {}
        for origin, future in running.items():
            try:
                found[origin] = future.result()
            except (Unavailable, Corrupted) as error:
                # Not the origin's doing: nothing is known of it.
                logger.error("%s could not be probed: %s", origin, error.message)
        return found

    def _receive(self) -> None:
        if self._reports is None:
            return
        try:
            self._reported.extend(self._reports.receive())
        except (Unavailable, Corrupted) as error:
            logger.warning("reports of the edge could not be received: %s", error.message)

    def _follow(self, healths: OriginHealths, now_ms: int) -> Change | None:
        def decision(state: RoutingState) -> RoutingState | None:
            lag_ms = None if state.active is state.primary else self._lag()
            return decide(state, healths, lag_ms, now_ms, self._rules)

        change = None
        try:
            change = self._changes.make(decision)
            self._changes.publish(change.after)
        except QuartzError as error:
            logger.exception("the routing state could not be changed or published: %s", error.message)
        self._changes.tell()
        return change

    def _lag(self) -> int | None:
        try:
            return self._lag_ms()
        except QuartzError as error:
            logger.warning("the lag of replication is not known: %s", error.message)
            return None

    def _is_mine(self) -> bool:
        try:
            return self._leases.acquire(LEASE, self._owner, self._clock.unix_ms(), LEASE_MS)
        except (Unavailable, Corrupted) as error:
            # Two probes at once do no harm, and none at all would.
            logger.warning("the lease of the health probe is not known: %s", error.message)
            return True

    def _hand_over(self) -> None:
        try:
            self._leases.release(LEASE, self._owner)
        except (Unavailable, Corrupted) as error:
            logger.warning("the lease of the health probe ends by itself: %s", error.message)

    def _remembered(self) -> Memory:
        try:
            data = self._states.read_memory()
            return no_memory() if data is None else decode_memory(data)
        except InvalidMemory as error:
            logger.error("what the probe remembered is no use, it begins anew: %s", error)
        except (Unavailable, Corrupted) as error:
            logger.warning("what the probe remembered cannot be read, it begins anew: %s", error.message)
        return no_memory()

    def _remember(self) -> None:
        self._remembered_at = self._clock.monotonic()
        try:
            self._states.write_memory(encode_memory(self._memory, self._rules))
        except (Unavailable, Corrupted) as error:
            logger.warning("what the probe knows could not be stored: %s", error.message)
