"""Closed loops of requests against a server: each client sends its next request when the last was answered.

Every client is a process with one kept-alive connection, so that none waits for another's interpreter lock. They share
the machine with the server, and what they take of it is not the server's: figures are a lower bound.
"""

from __future__ import annotations

import http.client
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_PATIENCE_SECONDS = 60.0


@dataclass
class Client:
    """One connection, and what came of its requests. `number` is its own among the clients."""

    url: str
    headers: Mapping[str, str]
    number: int
    random: random.Random
    requests: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    _connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: str | bytes, kind: str) -> bytes | None:
        """The answer; None, and counted as an error, where it is no success."""
        sent = body.encode() if isinstance(body, str) else body
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                urlsplit(self.url).netloc, timeout=_PATIENCE_SECONDS
            )
        self.requests += 1
        begun = time.perf_counter()
        try:
            self._connection.request("POST", urlsplit(self.url).path + path, sent, dict(self.headers))
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self.hang_up()
            self.counts["errors"] += 1
            return None
        self.milliseconds.setdefault(kind, []).append((time.perf_counter() - begun) * 1000)
        if response.status < 300:
            return content
        self.counts["errors"] += 1
        return None

    def hang_up(self) -> None:
        """Close the connection; the next request makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Scenario(Protocol):
    """What a client does, again and again. It is pickled for each of them."""

    def step(self, client: Client) -> None:
        """One or a few requests."""
        ...


@dataclass(frozen=True)
class Load:
    """What came of all clients together. `milliseconds` by kind of request."""

    seconds: float
    requests: int
    counts: Mapping[str, int]
    milliseconds: Mapping[str, Floats]

    @property
    def error_rate(self) -> float:
        """The share of requests that were not answered with success."""
        return self.counts.get("errors", 0) / max(1, self.requests)

    def rate(self, kind: str) -> float:
        """Answers a second."""
        return len(self.milliseconds.get(kind, ())) / self.seconds

    def percentiles(self, kind: str) -> tuple[float, float, float]:
        """p50, p95 and p99 in milliseconds."""
        if kind not in self.milliseconds:
            return float("nan"), float("nan"), float("nan")
        p50, p95, p99 = np.percentile(self.milliseconds[kind], [50, 95, 99])
        return float(p50), float(p95), float(p99)


def run(scenario: Scenario, url: str, headers: Mapping[str, str], clients: int, seconds: float) -> Load:
    """Let that many clients go on for so long, once all are ready."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Barrier(clients), context.SimpleQueue()
    processes = [
        context.Process(target=_loop, args=(scenario, url, dict(headers), number, seconds, ready, done))
        for number in range(clients)
    ]
    for process in processes:
        process.start()
    ended: list[tuple[Client, float]] = []
    while len(ended) < clients:
        while done.empty():
            if any(process.exitcode for process in processes):
                for process in processes:
                    process.terminate()
                raise RuntimeError("A client of the load ended with an error.")
            time.sleep(0.05)
        ended.append(done.get())
    for process in processes:
        process.join()
    kinds = sorted({kind for client, _ in ended for kind in client.milliseconds})
    return Load(
        seconds=max(took for _, took in ended),
        requests=sum(client.requests for client, _ in ended),
        counts=sum((client.counts for client, _ in ended), Counter()),
        milliseconds={
            kind: np.concatenate([client.milliseconds.get(kind, []) for client, _ in ended]) for kind in kinds
        },
    )


def _loop(
    scenario: Scenario,
    url: str,
    headers: Mapping[str, str],
    number: int,
    seconds: float,
    ready: multiprocessing.synchronize.Barrier,
    done: multiprocessing.queues.SimpleQueue[tuple[Client, float]],
) -> None:
    client = Client(url, headers, number, random.Random(number))
    ready.wait()
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds:
        scenario.step(client)
    took = time.perf_counter() - begun
    client._connection = None
    done.put((client, took))
