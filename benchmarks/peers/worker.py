"""One database in a process of its own, told by lines of JSON what to do."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.children import answers_apart, serve
from benchmarks.memory import memory, pin
from benchmarks.peers.port import Ask, Floats, Peer, Setting
from benchmarks.peers.questions import CONDITIONS, Questions, load
from benchmarks.peers.registry import PEERS
from benchmarks.peers.threads import crowd, figures

WARM_QUERIES = 30
WARM_SECONDS_MAX = 0.3
QUERIES_MIN = 20
"""A slow database is asked so many all the same; the tables say how many."""


class Worker:
    """Answers the driver's requests."""

    def __init__(self, peer: Peer, cache: Path, place: Path) -> None:
        self._peer = peer
        self._cache = cache
        self._place = place
        self._questions: Questions | None = None
        self._everywhere = os.sched_getaffinity(0)
        self._asked: dict[str, int] = {}

    def ingest(self) -> dict[str, Any]:
        """Write everything, and say what that took."""
        rows = np.load(self._cache / "rows.npy", mmap_mode="r")
        written = self._peer.ingest(rows, np.load(self._cache / "fields.npy"), self._place)
        held = memory((os.getpid(), *_others(self._peer)))
        return {**asdict(written), "ingest_peak": held["peak"]}

    def open(self) -> dict[str, Any]:
        """Open what was written, on one core. `bare`: what this process held before."""
        self._questions = load(self._cache)
        self._pin_to_one()
        bare, started = memory([os.getpid()]), time.perf_counter()
        self._peer.open(self._place)
        return {"open_ms": 1000 * (time.perf_counter() - started), "bare": bare}

    def sweep(
        self, condition: str, seconds_each: float, seconds: float, queries: int, target: float
    ) -> dict[str, Any]:
        """Recall and speed of each setting, the last one at least if none before it reaches the target.

        A setting takes about `seconds_each`, all of them `seconds`; fewer queries are asked, or settings left out.
        """
        self._pin_to_one()
        known = self._ready()
        settings = self._peer.filtered if condition else self._peer.settings
        began = time.perf_counter()
        found: list[dict[str, Any]] = []
        for number, setting in enumerate(settings):
            last = number == len(settings) - 1 and all(one["recall"] < target for one in found)
            if time.perf_counter() - began > seconds and not last and found:
                continue
            ask = self._warm(condition, setting)
            answers, times = [], []
            deadline = time.perf_counter() + seconds_each
            for query in known.queries[:queries]:
                started = time.perf_counter()
                answers.append(ask(query))
                ended = time.perf_counter()
                times.append(ended - started)
                if ended > deadline and len(times) >= QUERIES_MIN:
                    break
            found.append(
                {
                    "setting": setting,
                    "recall": known.recall(condition, answers),
                    **figures(times, sum(times)),
                }
            )
        return {"sweep": found}

    def race(self, condition: str, setting: Setting, seconds: float) -> dict[str, float]:
        """One client on one core, for some time."""
        self._pin_to_one()
        ask, times = self._warm(condition, setting), []
        deadline = time.perf_counter() + seconds
        for query in self._next_queries(condition):
            started = time.perf_counter()
            ask(query)
            ended = time.perf_counter()
            times.append(ended - started)
            if ended > deadline and len(times) >= QUERIES_MIN:
                break
        return figures(times, sum(times))

    def crowd(self, condition: str, setting: Setting, seconds: float, clients: int) -> dict[str, float]:
        """Several clients on all cores: threads of this process, or connections to a server."""
        from benchmarks.peers.server import Server

        if self._peer.refuses_threads:
            raise RuntimeError(self._peer.refuses_threads)
        pin((os.getpid(), *_others(self._peer)), self._everywhere)
        try:
            if isinstance(self._peer, Server):
                return self._peer.crowd(
                    setting, CONDITIONS[condition], self._ready().queries, clients, seconds
                )
            return crowd(self._warm(condition, setting), self._ready().queries, seconds, clients)
        finally:
            self._pin_to_one()

    def memory(self) -> dict[str, int]:
        """What the processes that answer hold by now."""
        return memory(self._peer.processes())

    def close(self) -> dict[str, Any]:
        """Stop what was started."""
        self._peer.close()
        return {}

    def _warm(self, condition: str, setting: Setting) -> Ask:
        """How to ask, once it has been asked a little."""
        ask = self._peer.asking(setting, CONDITIONS[condition])
        deadline = time.perf_counter() + WARM_SECONDS_MAX
        for query in self._ready().queries[-WARM_QUERIES:]:
            ask(query)
            if time.perf_counter() > deadline:
                break
        return ask

    def _next_queries(self, condition: str) -> Iterator[Floats]:
        """Without end, and going on where the last race under this condition ended."""
        queries = self._ready().queries
        while True:
            at = self._asked.get(condition, 0)
            self._asked[condition] = at + 1
            yield queries[at % len(queries)]

    def _ready(self) -> Questions:
        if self._questions is None:
            raise RuntimeError("Nothing was opened.")
        return self._questions

    def _pin_to_one(self) -> None:
        pin((os.getpid(), *_others(self._peer)), {max(self._everywhere)})


def _others(peer: Peer) -> Sequence[int]:
    return [process for process in peer.processes() if process != os.getpid()]


def main() -> None:
    """Serve requests until there are no more."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=PEERS)
    parser.add_argument("cache", type=Path)
    parser.add_argument("place", type=Path)
    options = parser.parse_args()
    answers = answers_apart()
    peer = PEERS[options.name].make()
    try:
        serve(Worker(peer, options.cache, options.place), answers)
    finally:
        peer.close()


if __name__ == "__main__":
    main()
