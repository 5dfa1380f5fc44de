"""A database as a server that is started here. One connection asks from this process; k6 asks with more.

Its index is one that an in-process peer built. Bodies hold vectors as JSON numbers, as ordinary clients send them.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks.children import ROOT, environment
from benchmarks.memory import descendants
from benchmarks.peers.port import Ask, Condition, Fields, Floats, Setting, Written

STOP_SECONDS_MAX = 20.0
INGESTED_ROWS_MAX = 20_000
"""How many rows are written over HTTP to measure that; searches use what was written in process."""


class Server(ABC):
    """A server that was started here, and a connection to it."""

    refuses_threads = ""
    settings: Sequence[Setting]
    filtered: Sequence[Setting]
    script: str
    """What k6 runs."""

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
    def variables(self) -> dict[str, str]:
        """What k6's script is told of the server."""

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
        """Requests of several connections at once, by k6."""
        self.tune(setting)
        with tempfile.TemporaryDirectory() as folder:
            bodies, summary = Path(folder) / "queries.json", Path(folder) / "summary.json"
            bodies.write_text(
                json.dumps([self.body(setting, condition, query).decode() for query in queries])
            )
            told = {
                "QUERIES": str(bodies),
                "SUMMARY": str(summary),
                "VUS": str(clients),
                "DURATION": f"{max(1, round(seconds))}s",
            }
            # Without an address, which is k6's own interface and has one port for all runs on this machine.
            command = [beside("k6"), "run", "--quiet", "--no-usage-report", "--address", ""]
            subprocess.run(
                [*command, str(ROOT / "benchmarks" / "k6" / self.script)],
                env={**os.environ, **told, **self.variables()},
                check=True,
                stdout=subprocess.DEVNULL,
            )
            metrics = json.loads(summary.read_text())["metrics"]
        if metrics["errors"]["values"]["rate"]:
            raise RuntimeError(f"{metrics['errors']['values']['rate']:.2%} of k6's requests failed.")
        times = metrics["http_req_duration"]["values"]
        requests = metrics["http_reqs"]["values"]
        return {
            "qps": requests["rate"],
            "count": requests["count"],
            **{name: times[kept] for name, kept in (("p50", "med"), ("p95", "p(95)"), ("p99", "p(99)"))},
        }

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
