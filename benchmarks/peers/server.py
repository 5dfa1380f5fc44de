"""A database as a server that is started here. One connection asks from this process; others ask with more.

Its index is one that an in-process peer built. Bodies hold vectors as JSON numbers, as ordinary clients send them.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks.children import environment
from benchmarks.load import run
from benchmarks.memory import descendants
from benchmarks.peers.port import Ask, Condition, Fields, Floats, Setting, Written
from benchmarks.scenarios import SEARCH, Searches

STOP_SECONDS_MAX = 20.0
INGESTED_ROWS_MAX = 20_000
"""How many rows are written over HTTP to measure that; searches use what was written in process."""


class Server(ABC):
    """A server that was started here, and a connection to it."""

    refuses_threads = ""
    settings: Sequence[Setting]
    filtered: Sequence[Setting]

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._connection = http.client.HTTPConnection("127.0.0.1")
        self._headers: Mapping[str, str] = {"Content-Type": "application/json"}

    @abstractmethod
    def open(self, place: Path) -> None:
        """Start and wait until it serves."""

    @abstractmethod
    def path(self) -> str:
        """Where queries go."""

    @abstractmethod
    def body(self, setting: Setting, condition: Condition | None, query: Floats) -> bytes:
        """A query."""

    @abstractmethod
    def ingest(self, rows: Floats, fields: Fields, place: Path) -> Written:
        """Write some rows over HTTP."""

    def tune(self, setting: Setting) -> None:
        """Bring the server to a setting that a query cannot carry. Most can."""
        del setting

    @staticmethod
    @abstractmethod
    def ids(answer: Any) -> Sequence[str]:
        """Those in an answer."""

    def asking(self, setting: Setting, condition: Condition | None) -> Ask:
        self.tune(setting)
        path = self.path()

        def ask(query: Floats) -> Sequence[str]:
            return self.ids(self.post(path, self.body(setting, condition, query)))

        return ask

    def post(self, path: str, body: bytes) -> Any:
        """An answer. Raises RuntimeError for anything but success."""
        self._connection.request("POST", path, body, dict(self._headers))
        response = self._connection.getresponse()
        content = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{path} answered {response.status}: {content[:300].decode()}")
        return orjson.loads(content) if content else None

    def processes(self) -> Sequence[int]:
        if self._process is None:
            return ()
        return (self._process.pid, *descendants(self._process.pid))

    def close(self) -> None:
        self._connection.close()
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def crowd(
        self,
        setting: Setting,
        condition: Condition | None,
        queries: Floats,
        clients: int,
        seconds: float,
    ) -> dict[str, float]:
        """Requests of several connections at once."""
        self.tune(setting)
        bodies = [self.body(setting, condition, query) for query in queries]
        address = f"http://{self._connection.host}:{self._connection.port}"
        load = run(Searches(self.path(), bodies), address, self._headers, clients, max(1.0, seconds))
        if load.error_rate:
            raise RuntimeError(f"{load.error_rate:.2%} of the requests failed.")
        p50, p95, p99 = load.percentiles(SEARCH)
        return {"qps": load.rate(SEARCH), "count": load.requests, "p50": p50, "p95": p95, "p99": p99}

    def start(
        self, command: Sequence[str], ready: Callable[[subprocess.Popen[str]], None], *, greets: bool
    ) -> None:
        """Run it, instead of what runs, and wait for `ready`. Only one that `greets` has its output read."""
        self.close()
        self._process = subprocess.Popen(
            command,
            # One that prints on and on would stand still when the pipe is full.
            stdout=subprocess.PIPE if greets else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(ANONYMIZED_TELEMETRY="False"),
        )
        ready(self._process)


def beside(command: str) -> str:
    """A command of this environment."""
    return str(Path(sys.executable).parent / command)
