"""The examples of docs/changes.md, as they are: a webhook and a table of Postgres are kept in step with a namespace."""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from tests.server_process import ServerProcess

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SECONDS_MAX = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server") / "data") as process:
        yield process


@pytest.fixture
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as one:
        yield one


def example(name: str, monkeypatch: pytest.MonkeyPatch, **environment: str) -> ModuleType:
    """The example as a module, which reads its environment when it is imported."""
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    specification = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def upsert(client: httpx.Client, namespace: str, **years: int) -> None:
    records = [{"id": one, "vector": [1, 2], "metadata": {"year": year}} for one, year in years.items()]
    client.post(f"/namespaces/{namespace}/vectors", json={"vectors": records}).raise_for_status()


class Receiver(HTTPServer):
    """A webhook that fails when it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.failures = 0
        self.taken: list[dict[str, object]] = []
        self.came = threading.Condition()

    def wait_for(self, count: int) -> list[str]:
        """The kinds and ids of what was taken, once there are so many."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.taken) >= count, SECONDS_MAX)
            return [f"{one['kind']} {one['id']}" for one in self.taken]


class _Hook(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.came:
            self.server.failures -= 1
            fails = self.server.failures >= 0
            if not fails:
                self.server.taken += body["changes"]
            self.server.came.notify_all()
        self.send_response(503 if fails else 204)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing is said."""


def test_a_webhook_is_told_of_every_change_though_it_fails(
    server: ServerProcess, client: httpx.Client, tmp_path: Path
) -> None:
    """Also of those from while nobody followed."""
    client.post("/namespaces", json={"name": "hooked", "dimension": 2}).raise_for_status()
    cursor = tmp_path / "cursor.txt"
    cursor.write_text(client.get("/namespaces/hooked/changes").json()["cursor"])
    upsert(client, "hooked", dune=1965, emma=1815)
    receiver = Receiver()
    receiver.failures = 1
    serving = threading.Thread(target=receiver.serve_forever, daemon=True)
    serving.start()
    environment = {
        **os.environ,
        "QUARTZDB_URL": f"{server.url}/v1",
        "QUARTZDB_API_KEY": server.key,
        "NAMESPACE": "hooked",
        "CURSOR_FILE": str(cursor),
    }
    address = f"http://127.0.0.1:{receiver.server_port}/hook"
    with subprocess.Popen(
        [sys.executable, EXAMPLES / "webhook.py", address],
        env=environment,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            assert receiver.wait_for(2) == ["upsert dune", "upsert emma"]
            client.delete("/namespaces/hooked/vectors/emma").raise_for_status()
            assert receiver.wait_for(3)[-1] == "delete emma"
        finally:
            process.terminate()
    receiver.shutdown()
    serving.join()
    receiver.server_close()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server of its own on a socket, as variables that psql takes."""
    if shutil.which("initdb") is None or shutil.which("psql") is None:
        pytest.skip("PostgreSQL is not installed here")
    user = None
    if os.geteuid() == 0:
        # It refuses to be run by root.
        with suppress(KeyError):
            user = pwd.getpwnam("postgres").pw_name
        if user is None:
            pytest.skip("PostgreSQL does not run as root, and there is no account for it here")
    directory = Path("/tmp") / f"qdb-pg-{os.getpid()}"
    directory.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(directory, user)
    data = directory / "data"

    def run(*command: str | Path) -> None:
        subprocess.run(command, user=user, check=True, stdout=subprocess.DEVNULL, cwd=directory)

    try:
        run("initdb", "--auth=trust", "--username=t", "--no-sync", "-D", data)
        listening = f"-c listen_addresses='' -c fsync=off -k {directory}"
        run("pg_ctl", "-D", data, "-o", listening, "-l", directory / "log", "-w", "start")
        try:
            yield {"PGHOST": str(directory), "PGUSER": "t", "PGDATABASE": "postgres"}
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(directory)


def test_a_table_of_postgres_is_kept_in_step(
    server: ServerProcess,
    client: httpx.Client,
    postgres: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From what was there, through each kind of change, an interruption and a place that is no longer kept."""
    client.post("/namespaces", json={"name": "books", "dimension": 2}).raise_for_status()
    upsert(client, "books", dune=1965, emma=1815)
    table = example(
        "postgres_table",
        monkeypatch,
        QUARTZDB_URL=f"{server.url}/v1",
        QUARTZDB_API_KEY=server.key,
        NAMESPACE="books",
        **postgres,
    )
    table.sql((EXAMPLES / "postgres_table.sql").read_text())

    def rows() -> dict[str, object]:
        found = table.sql("SELECT json_object_agg(id, metadata) FROM books")
        return json.loads(found) if found else {}

    table.step(wait=0)
    assert rows() == {"dune": {"year": 1965}, "emma": {"year": 1815}}
    upsert(client, "books", ubik=1969, dune=1966)
    patch = {"patches": [{"id": "ubik", "set": {"by": "it's $q$ \\ 'x'"}, "unset": ["year"]}]}
    client.post("/namespaces/books/vectors/patch", json=patch).raise_for_status()
    client.delete("/namespaces/books/vectors/emma").raise_for_status()
    before = table.sql("SELECT cursor FROM feed_cursors")
    table.step(wait=0)
    expected = {"dune": {"year": 1966}, "ubik": {"by": "it's $q$ \\ 'x'"}}
    assert rows() == expected
    # Somebody was interrupted, and does the last page again.
    page = table.ask("GET", f"changes?cursor={before}&include_metadata=true")
    table.call("apply_changes", page["changes"], before)
    assert rows() == expected
    table.step(wait=0)
    assert rows() == expected
    # The namespace is made anew: its old cursors are gone, so everything is listed.
    client.delete("/namespaces/books").raise_for_status()
    client.post("/namespaces", json={"name": "books", "dimension": 2}).raise_for_status()
    upsert(client, "books", solaris=1961)
    table.step(wait=0)
    assert rows() == {"solaris": {"year": 1961}}
    later = threading.Thread(target=upsert, args=(client, "books"), kwargs={"more": 1516})
    later.start()
    table.step(wait=20)
    later.join()
    assert rows() == {"solaris": {"year": 1961}, "more": {"year": 1516}}
    brief = [
        {"id": "brief", "vector": [1, 2], "ttl_seconds": 0.3},
        {"id": "kept", "vector": [1, 2], "ttl_seconds": 60},
    ]
    client.post("/namespaces/books/vectors", json={"vectors": brief}).raise_for_status()
    # What a patch brings back at the last moment is read as it is now.
    table.step(wait=0)
    table.sql("DELETE FROM books WHERE id = 'kept'")
    prolong = {"patches": [{"id": "kept", "ttl_seconds": 90}]}
    client.post("/namespaces/books/vectors/patch", json=prolong).raise_for_status()
    for _ in range(100):
        table.step(wait=0.1)
        if "brief" not in rows() and "kept" in rows():
            break
    assert set(rows()) == {"solaris", "more", "kept"}
