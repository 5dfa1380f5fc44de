"""Databases as servers: QuartzDB with two workers, and `chroma run`. One connection asks here; k6 asks with more.

Indexes are those that the in-process peers built. Bodies hold vectors as JSON numbers, as ordinary clients send them.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks.children import environment
from benchmarks.memory import descendants
from benchmarks.peers import chroma_database, quartzdb_database
from benchmarks.peers.port import TOP_K, Ask, Condition, Fields, Floats, Setting, Written, batches

HERE = Path(__file__).resolve().parent
WORKERS = 2
START_SECONDS_MAX = 60.0
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
            command = [_beside("k6"), "run", "--quiet", "--no-usage-report", "--address", ""]
            subprocess.run(
                [*command, str(HERE.parent / "k6" / self.script)],
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

    def _start(self, command: Sequence[str], ready: Callable[[subprocess.Popen[str]], None]) -> None:
        self.close()
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(ANONYMIZED_TELEMETRY="False"),
        )
        ready(self._process)


class QuartzDbServer(Server):
    """`quartzdb serve --workers 2`. Strong consistency is its default."""

    settings = quartzdb_database.SETTINGS
    filtered = quartzdb_database.FILTERED
    script = "search.js"

    def __init__(self, engine: str) -> None:
        super().__init__()
        self._engine = engine

    def open(self, place: Path) -> None:
        def ready(process: subprocess.Popen[str]) -> None:
            assert process.stdout is not None
            greeting = json.loads(process.stdout.readline())
            kept = place / "bench-key"
            if greeting["key"] is not None:
                kept.write_text(greeting["key"])
            self._url = greeting["url"]
            self._key = kept.read_text()

        # Not the command `quartzdb`: only this interpreter is known to be there.
        command = [sys.executable, "-m", "quartzdb.cli", "serve", "--data-dir", str(place)]
        self._start([*command, "--port", "0", "--workers", str(WORKERS), "--json"], ready)
        self._connection = http.client.HTTPConnection(self._url.removeprefix("http://"))
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}

    def path(self) -> str:
        return f"/v1/namespaces/{quartzdb_database.NAMESPACE}/query"

    def body(self, setting: Setting, condition: Condition | None, query: Floats) -> bytes:
        told: dict[str, Any] = {"vector": query, "top_k": TOP_K, **setting}
        if condition:
            told["filter"] = {condition.field: {"$lt": condition.below}}
        return orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY)

    @staticmethod
    def ids(answer: Any) -> Sequence[str]:
        return [match["id"] for match in answer["matches"]]

    def variables(self) -> dict[str, str]:
        return {"URL": self._url, "KEY": self._key, "NAMESPACE": quartzdb_database.NAMESPACE}

    def ingest(self, rows: Floats, fields: Fields, place: Path) -> Written:
        rows = rows[:INGESTED_ROWS_MAX]
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            self.open(Path(scratch))
            created = {
                "name": "written",
                "dimension": rows.shape[1],
                "metric": "cosine",
                "engine": self._engine,
            }
            started = time.perf_counter()
            self.post("/v1/namespaces", orjson.dumps(created))
            for batch in batches(rows, fields):
                records = [
                    {"id": str(row), "vector": vector, "metadata": known}
                    for row, vector, known in zip(batch.ids, batch.vectors, batch.metadata(), strict=True)
                ]
                body = orjson.dumps({"vectors": records}, option=orjson.OPT_SERIALIZE_NUMPY)
                self.post("/v1/namespaces/written/vectors", body)
            acknowledged = time.perf_counter() - started
            # Merged as `quartzdb compact` does it, while the server's own background work goes on.
            command = [sys.executable, "-m", "quartzdb.cli", "compact", "--data-dir", scratch, "--json"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment())
            took = time.perf_counter() - started
            self.close()
        return Written(len(rows), acknowledged, took)


class ChromaServer(Server):
    """`chroma run`. How hard it tries is its collection's, and read when it starts."""

    settings = chroma_database.SETTINGS
    filtered = chroma_database.FILTERED
    script = "chroma_search.js"

    def open(self, place: Path) -> None:
        # A copy: two processes that write to one of Chroma's directories do not agree.
        own = place.with_name(place.name + "-served")
        if not own.exists():
            shutil.copytree(place, own)
        self._place = own
        self._run(own)
        self._connection.request("GET", f"{_CHROMA}/bench")
        found = orjson.loads(self._connection.getresponse().read())
        self._collection: str = found["id"]
        self._setting = chroma_database.setting_of(found["configuration_json"])

    def path(self) -> str:
        return f"{_CHROMA}/{self._collection}/query"

    def body(self, setting: Setting, condition: Condition | None, query: Floats) -> bytes:
        del setting
        told: dict[str, Any] = {
            "query_embeddings": [query],
            "n_results": TOP_K,
            "include": ["metadatas", "distances"],
        }
        if condition:
            told["where"] = chroma_database.where(condition)
        return orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY)

    @staticmethod
    def ids(answer: Any) -> Sequence[str]:
        found: Sequence[str] = answer["ids"][0]
        return found

    def variables(self) -> dict[str, str]:
        return {"URL": f"http://127.0.0.1:{self._port}{self.path()}"}

    def tune(self, setting: Setting) -> None:
        if setting == self._setting:
            return
        self._client().get_collection("bench", embedding_function=None).modify(
            configuration={"hnsw": dict(setting)}
        )
        self._run(self._place)
        self._setting = setting

    def ingest(self, rows: Floats, fields: Fields, place: Path) -> Written:
        rows = rows[:INGESTED_ROWS_MAX]
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            self._run(Path(scratch))
            written = chroma_database.fill(self._client(), rows, fields)
            self.close()
        return written

    def _run(self, place: Path) -> None:
        self._port = _free_port()

        def ready(process: subprocess.Popen[str]) -> None:
            deadline = time.monotonic() + START_SECONDS_MAX
            while True:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("chroma run did not start.")
                try:
                    socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                except OSError:
                    time.sleep(0.005)
                else:
                    return

        command = [_beside("chroma"), "run", "--path", str(place), "--port", str(self._port)]
        self._start([*command, "--host", "127.0.0.1"], ready)
        self._connection = http.client.HTTPConnection("127.0.0.1", self._port)

    def _client(self) -> Any:
        import chromadb

        return chromadb.HttpClient("127.0.0.1", self._port, settings=chroma_database.quiet())


_CHROMA = "/api/v2/tenants/default_tenant/databases/default_database/collections"


def _beside(command: str) -> str:
    return str(Path(sys.executable).parent / command)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
