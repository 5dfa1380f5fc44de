"""The edge in simulated time: instances of the router that count clients' answers, and reports that take their time."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from quartzdb.routing.decision.client_counts import BUCKET_SECONDS, ClientCounts
from quartzdb.routing.decision.client_marks import Client, ClientMarks
from quartzdb.routing.decision.passive import PassiveReport, decode_report, encode_report
from quartzdb.routing.decision.state import Origin

_WELL_EVERY_MS = 30_000
_DELAY_MS_MAX = 2_000


@dataclass(frozen=True)
class SimulatedClient:
    """`each_second`: requests. `failing` says how many of those fail, at a moment (unix ms)."""

    address: str
    each_second: int
    failing: Callable[[int], int]
    keys: Sequence[str] = ("Bearer key",)


@dataclass
class SimulatedEdge:
    """A client's requests come in at any of the instances; all of them ask one origin."""

    clients: Sequence[SimulatedClient]
    origin: Origin = Origin.CLOUDFLARE
    instances: int = 4
    seed: int = 0
    _underway: list[tuple[int, str]] = field(default_factory=list)
    _run_until_ms: int = 0

    def __post_init__(self) -> None:
        self._source = random.Random(self.seed)
        self._marks = ClientMarks()
        self._marks.learn("the origin's secret")
        self._marked = lru_cache(maxsize=None)(self._mark)
        self._counts = [ClientCounts() for _ in range(self.instances)]
        self._sent_ms = [0] * self.instances

    def received(self, now_ms: int) -> list[PassiveReport]:
        """What the probe finds in its queue at a moment: in no order, some of it twice."""
        for second_ms in range(self._run_until_ms or now_ms, now_ms, 1_000):
            self._second(second_ms)
            self._run_until_ms = second_ms + 1_000
        self._run_until_ms = self._run_until_ms or now_ms
        arrived = [text for at_ms, text in self._underway if at_ms <= now_ms]
        self._underway = [one for one in self._underway if one[0] > now_ms]
        self._source.shuffle(arrived)
        return [decode_report(text) for text in [*arrived, *arrived[:1]]]

    def _mark(self, address: str, key: str) -> Client:
        marked = self._marks.mark(address, key, 0)
        assert marked is not None
        return marked

    def _second(self, at_ms: int) -> None:
        now = at_ms / 1_000
        for client in self.clients:
            failing = client.failing(at_ms)
            for number in range(client.each_second):
                marked = self._marked(client.address, self._source.choice(client.keys))
                failure = "status 500" if number < failing else None
                self._source.choice(self._counts).note(marked, failure, now)
        for index, counts in enumerate(self._counts):
            every_ms = BUCKET_SECONDS * 1_000 if counts.failing(now) else _WELL_EVERY_MS
            if at_ms - self._sent_ms[index] < every_ms:
                continue
            self._sent_ms[index] = at_ms
            report = counts.report(self.origin, f"{index:016x}", now)
            if report is not None:
                delay_ms = self._source.randrange(_DELAY_MS_MAX)
                self._underway.append((at_ms + delay_ms, encode_report(report)))
