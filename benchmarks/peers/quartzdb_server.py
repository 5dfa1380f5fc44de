"""QuartzDB as a server: two workers, strong consistency, which is the default."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks.children import environment
from benchmarks.peers.port import TOP_K, Condition, Fields, Floats, Setting, Written, batches
from benchmarks.peers.quartzdb_database import FILTERED, NAMESPACE, SETTINGS
from benchmarks.peers.server import INGESTED_ROWS_MAX, Server

WORKERS = 2


class QuartzDbServer(Server):
    """`quartzdb serve`."""

    settings = SETTINGS
    filtered = FILTERED

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
        self.start([*command, "--port", "0", "--workers", str(WORKERS), "--json"], ready, greets=True)
        self._connection = http.client.HTTPConnection(self._url.removeprefix("http://"))
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}

    def path(self) -> str:
        return f"/v1/namespaces/{NAMESPACE}/query"

    def body(self, setting: Setting, condition: Condition | None, query: Floats) -> bytes:
        told: dict[str, Any] = {"vector": query, "top_k": TOP_K, **setting}
        if condition:
            told["filter"] = {condition.field: {"$lt": condition.below}}
        return orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY)

    @staticmethod
    def ids(answer: Any) -> Sequence[str]:
        return [match["id"] for match in answer["matches"]]

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
