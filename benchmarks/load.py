"""Closed loops of requests against a server: each client sends its next request when the last was answered.

A client is one kept-alive connection. What it sends is ready-made bytes on a plain socket, and what it reads is looked
at for a status and a Content-Length only; all clients are in one process, which waits for whichever has something. So
they take next to nothing of the machine that they share with the server; what they take is not the server's, and
figures are a lower bound. A request's time is from its first byte sent to the last byte of its answer read, with what
it waited for the clients' process. `processes` spreads the clients over several, where one is busy all the time.
"""

from __future__ import annotations

import multiprocessing
import random
import selectors
import socket
import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks.http_by_hand import READ_BYTES, NoAnswer, Requests, answer_in, connected

Floats = npt.NDArray[np.float64]

_PATIENCE_SECONDS = 60.0
_TO_SEND = selectors.EVENT_READ | selectors.EVENT_WRITE


@dataclass(frozen=True, slots=True)
class Request:
    """A POST. `kind`: with which others its time is counted."""

    path: str
    body: bytes
    kind: str


Step: TypeAlias = Generator[Request, bytes | None, None]
"""One or a few requests, each followed by the body of its answer: None where that is no success."""


@dataclass
class Client:
    """What came of one client's requests. `number` is its own among the clients."""

    number: int
    random: random.Random
    requests: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    milliseconds: dict[str, list[float]] = field(default_factory=dict)


class Scenario(Protocol):
    """What a client does, again and again. It is pickled for each process."""

    def step(self, client: Client) -> Step:
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


def run(
    scenario: Scenario,
    url: str,
    headers: Mapping[str, str],
    clients: int,
    seconds: float,
    *,
    processes: int = 1,
) -> Load:
    """Let that many clients go on for so long, once all are ready."""
    context = multiprocessing.get_context("spawn")
    processes = min(processes, clients)
    ready, done = context.Barrier(processes), context.SimpleQueue()
    shares = [range(first, clients, processes) for first in range(processes)]
    started = [
        context.Process(target=_run, args=(scenario, url, dict(headers), share, seconds, ready, done))
        for share in shares
    ]
    for process in started:
        process.start()
    ended: list[Client] = []
    took = 0.0
    for _ in started:
        while done.empty():
            if any(process.exitcode for process in started):
                for process in started:
                    process.terminate()
                raise RuntimeError("A process of the load ended with an error.")
            time.sleep(0.05)
        some, seconds_taken = done.get()
        ended += some
        took = max(took, seconds_taken)
    for process in started:
        process.join()
    kinds = sorted({kind for client in ended for kind in client.milliseconds})
    return Load(
        seconds=took,
        requests=sum(client.requests for client in ended),
        counts=sum((client.counts for client in ended), Counter()),
        milliseconds={
            kind: np.concatenate([client.milliseconds.get(kind, []) for client in ended]) for kind in kinds
        },
    )


def _run(
    scenario: Scenario,
    url: str,
    headers: Mapping[str, str],
    numbers: Sequence[int],
    seconds: float,
    ready: multiprocessing.synchronize.Barrier,
    done: multiprocessing.queues.SimpleQueue[tuple[list[Client], float]],
) -> None:
    clients = [Client(number, random.Random(number)) for number in numbers]
    requests = Requests(url, headers)
    ready.wait()
    begun = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        loops = [_Loop(client, scenario, url, requests, begun + seconds, selector) for client in clients]
        while any(not loop.over for loop in loops):
            for key, ready_for in selector.select(_PATIENCE_SECONDS) or _given_up(loops):
                key.data.go_on(ready_for)
    done.put((clients, time.perf_counter() - begun))


def _given_up(loops: Sequence[_Loop]) -> Sequence[tuple[selectors.SelectorKey, int]]:
    """Nobody was answered for long."""
    for loop in loops:
        loop.fail()
    return ()


class _Loop:
    """One client's requests, one after the other, until its time is over and its last step done."""

    def __init__(
        self,
        client: Client,
        scenario: Scenario,
        url: str,
        requests: Requests,
        ends_at: float,
        selector: selectors.BaseSelector,
    ) -> None:
        self.over = False
        self._client = client
        self._url = url
        self._requests = requests
        self._ends_at = ends_at
        self._selector = selector
        self._socket: socket.socket | None = None
        self._unsent = memoryview(b"")
        self._received = b""
        self._kind = ""
        self._begun = 0.0
        self._steps = self._all_steps(scenario)
        self._next(None)

    def go_on(self, ready_for: int) -> None:
        """The socket has something, or takes something."""
        try:
            if ready_for & selectors.EVENT_WRITE:
                self._send_more()
            if ready_for & selectors.EVENT_READ:
                self._receive()
        except BlockingIOError:
            return
        except (OSError, NoAnswer):
            self.fail()

    def fail(self) -> None:
        """The request that is under way has no answer. The next has a connection of its own."""
        if not self.over:
            self._client.counts["errors"] += 1
            self._hang_up()
            self._next(None)

    def _all_steps(self, scenario: Scenario) -> Step:
        while time.perf_counter() < self._ends_at:
            yield from scenario.step(self._client)

    def _next(self, answer: bytes | None) -> None:
        while not self.over:
            try:
                self._send(self._steps.send(answer))
                return
            except StopIteration:
                self.over = True
                self._hang_up()
            except OSError:
                self._client.counts["errors"] += 1
                self._hang_up()
                answer = None

    def _send(self, request: Request) -> None:
        self._client.requests += 1
        if self._socket is None:
            self._socket = connected(self._url)
            self._socket.setblocking(False)
            self._selector.register(self._socket, selectors.EVENT_READ, self)
        self._kind = request.kind
        self._received = b""
        sent = self._requests.post(request.path, request.body)
        self._begun = time.perf_counter()
        went = self._socket.send(sent)
        if went < len(sent):
            self._unsent = memoryview(sent)[went:]
            self._selector.modify(self._socket, _TO_SEND, self)

    def _send_more(self) -> None:
        assert self._socket is not None
        self._unsent = self._unsent[self._socket.send(self._unsent) :]
        if not self._unsent:
            self._selector.modify(self._socket, selectors.EVENT_READ, self)

    def _receive(self) -> None:
        assert self._socket is not None
        more = self._socket.recv(READ_BYTES)
        if not more:
            raise NoAnswer("The server closed the connection.")
        self._received = self._received + more if self._received else more
        answer = answer_in(self._received)
        if answer is None:
            return
        elapsed = time.perf_counter() - self._begun
        self._client.milliseconds.setdefault(self._kind, []).append(elapsed * 1_000)
        if answer.status >= 300:
            self._client.counts["errors"] += 1
        self._next(answer.body if answer.status < 300 else None)

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None
