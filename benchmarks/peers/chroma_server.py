"""Chroma as a server: `chroma run`."""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks.peers import chroma_database
from benchmarks.peers.port import TOP_K, Condition, Fields, Floats, Setting, Written
from benchmarks.peers.server import INGESTED_ROWS_MAX, Server, beside

START_SECONDS_MAX = 60.0
_COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"


class ChromaServer(Server):
    """How hard it tries is its collection's, and read when it starts."""

    settings = chroma_database.SETTINGS
    filtered = chroma_database.FILTERED

    def open(self, place: Path) -> None:
        # A copy: two processes that write to one of Chroma's directories do not agree.
        own = served_copy(place)
        if not own.exists():
            shutil.copytree(place, own)
        self._place = own
        self._run(own)
        self._connection.request("GET", f"{_COLLECTIONS}/bench")
        found = orjson.loads(self._connection.getresponse().read())
        self._collection: str = found["id"]
        self._setting = chroma_database.setting_of(found["configuration_json"])

    def path(self) -> str:
        return f"{_COLLECTIONS}/{self._collection}/query"

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

        command = [beside("chroma"), "run", "--path", str(place), "--port", str(self._port)]
        self.start([*command, "--host", "127.0.0.1"], ready, greets=False)
        self._connection = http.client.HTTPConnection("127.0.0.1", self._port)

    def _client(self) -> Any:
        import chromadb

        return chromadb.HttpClient("127.0.0.1", self._port, settings=chroma_database.quiet())


def served_copy(place: Path) -> Path:
    """Where the copy of an index that is served is."""
    return place.with_name(place.name + "-served")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
