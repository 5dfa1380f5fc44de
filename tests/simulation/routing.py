"""The probe's decisions in simulated time: two origins that answer as a test says, and every state that is decided."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from quartzdb.routing.decision.failing_clients import trouble_of_clients
from quartzdb.routing.decision.origin_health import OriginHealth, health_of
from quartzdb.routing.decision.passive import PassiveReport
from quartzdb.routing.decision.policy import decide, first_state
from quartzdb.routing.decision.probe_interval import at_ease, interval_ms
from quartzdb.routing.decision.probe_memory import Memory, no_memory
from quartzdb.routing.decision.rules import DEFAULT_RULES, Rules
from quartzdb.routing.decision.state import Origin, RoutingState
from quartzdb.routing.decision.window import Probe, Reason
from tests.simulation.edge_clients import SimulatedEdge

EPOCH_MS = 1_790_000_000_000
WELL_MS = 40

Answer = Callable[[int], Reason | None]
"""What is wrong with an origin at a moment (unix ms); None where it is well."""


def well(_at_ms: int) -> Reason | None:
    return None


def failing_from(at_ms: int, reason: Reason, until_ms: int = 1 << 60) -> Answer:
    return lambda now_ms: reason if at_ms <= now_ms < until_ms else None


def failing_at_random(seed: int, share: float) -> Answer:
    source = random.Random(seed)
    return lambda _now_ms: Reason.STATUS if source.random() < share else None


@dataclass
class Routing:
    """One probe's life. `lag_ms` is asked at each round."""

    answers: dict[Origin, Answer]
    rules: Rules = DEFAULT_RULES
    seed: int = 0
    lag_ms: Callable[[int], int | None] = lambda _now_ms: 0
    edges: Sequence[SimulatedEdge] = ()
    now_ms: int = EPOCH_MS
    memory: Memory = field(default_factory=no_memory)
    states: list[RoutingState] = field(default_factory=list)
    healths: dict[Origin, OriginHealth] = field(default_factory=dict)
    failed_probes: dict[Origin, int] = field(default_factory=lambda: dict.fromkeys(Origin, 0))
    """In a row, until now."""

    def __post_init__(self) -> None:
        self._jitter = random.Random(self.seed)
        self._reported: deque[PassiveReport] = deque(maxlen=self.rules.reports_max)
        if not self.states:
            self.states.append(first_state(Origin.CLOUDFLARE, self.now_ms))

    @property
    def state(self) -> RoutingState:
        return self.states[-1]

    @property
    def switches(self) -> int:
        return self.state.epoch - self.states[0].epoch

    def run(self, for_ms: int) -> None:
        until_ms = self.now_ms + for_ms
        while self.now_ms < until_ms:
            self.round()

    def run_until(self, done: Callable[[RoutingState], bool], within_ms: int) -> int:
        """How long it took. Raises AssertionError where it did not come to that."""
        begun_ms = self.now_ms
        while not done(self.state):
            assert self.now_ms - begun_ms <= within_ms, f"still {self.state} after {within_ms} ms"
            self.round()
        return self.now_ms - begun_ms

    def round(self) -> None:
        """Both are probed at once; the slower one says when the round is over."""
        reasons = {origin: answer(self.now_ms) for origin, answer in self.answers.items()}
        took = {
            origin: self.rules.probe_deadline_ms if reason is Reason.TIMEOUT else WELL_MS
            for origin, reason in reasons.items()
        }
        self.now_ms += max(took.values())
        memory = {}
        for origin, reason in reasons.items():
            probe = Probe(reason is None, self.now_ms, took[origin], reason)
            memory[origin] = self.memory[origin].after(origin, probe, self.rules)
            self.failed_probes[origin] = 0 if probe.ok else self.failed_probes[origin] + 1
        self.memory = memory
        for edge in self.edges:
            self._reported.extend(edge.received(self.now_ms))
        self.healths = {
            origin: health_of(
                record,
                self.now_ms,
                self.rules,
                clients=trouble_of_clients(self._reported, origin, self.now_ms, self.rules),
            )
            for origin, record in memory.items()
        }
        following = decide(self.state, self.healths, self.lag_ms(self.now_ms), self.now_ms, self.rules)
        if following is not None:
            assert following.follows(self.state)
            self.states.append(following)
        ease = at_ease(self.state, self.healths)
        self.now_ms += interval_ms(ease, self.rules, self._jitter.random())
