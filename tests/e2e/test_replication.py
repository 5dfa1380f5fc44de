"""Two servers that hold the same data: each takes writes, and either may be away for a while."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.workerd import free_port
from tests.server_process import ServerProcess

LEVEL_WITHIN_SECONDS = 60.0
VECTOR = [0.1] * 384


@dataclass
class Pair:
    """`east` drives; `west` answers."""

    folder: Path
    closing: ExitStack
    west_port: int

    def __post_init__(self) -> None:
        self.secret = self.folder / "secret"
        self.secret.write_text("the secret of east and west\n")
        self.keys: dict[str, str] = {}
        self.west = self.start_west()
        self.east = self.start_east()

    def start_west(self) -> ServerProcess:
        options = ["--site", "west", "--peer-site", "east", "--replication-secret-file", str(self.secret)]
        return self._start("west", [*options, "--port", str(self.west_port)])

    def start_east(self, *options: str) -> ServerProcess:
        given = ["--site", "east", "--peer-site", "west", "--peer-url", f"http://127.0.0.1:{self.west_port}"]
        given += ["--replication-secret-file", str(self.secret), "--replication-interval", "0.2"]
        return self._start("east", [*given, *options])

    def _start(self, name: str, options: list[str]) -> ServerProcess:
        server = ServerProcess(self.folder / name, *options, key=self.keys.get(name))
        # Shown at the first start only.
        self.keys[name] = server.key
        return self.closing.enter_context(server)

    def status(self) -> dict[str, Any]:
        """What east knows."""
        with self.east.client() as client:
            answer = client.get("/replication/status")
            assert answer.status_code == 200, answer.text
            (peer,) = answer.json()["peers"]
            return dict(peer)

    def command(self, *arguments: str) -> dict[str, Any]:
        """The command on east's data."""
        command = [sys.executable, "-m", "quartzdb.cli", "replication", *arguments, "--json"]
        done = subprocess.run(
            [*command, "--data-dir", str(self.folder / "east")], capture_output=True, text=True, check=True
        )
        return dict(json.loads(done.stdout))


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as closing:
        yield Pair(tmp_path, closing, free_port())


def eventually(found: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LEVEL_WITHIN_SECONDS
    while not found():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def send(server: ServerProcess, method: str, path: str, **options: Any) -> Any:
    with server.client() as client:
        answer = client.request(method, f"{server.url}{path}", **options)
        assert answer.status_code == 200, answer.text
        return answer.json()


def has_key(server: ServerProcess, key: str, value: str, api_key: str | None = None) -> bool:
    with server.client(api_key) as client:
        answer = client.get(f"{server.url}/api/get/{key}")
        return answer.status_code == 200 and answer.json()["value"] == value


def has_record(server: ServerProcess, record_id: str) -> bool:
    with server.client() as client:
        return client.get(f"{server.url}/api/vector/get/{record_id}").status_code == 200


def test_two_servers_hold_the_same_data(pair: Pair) -> None:
    """Written at either, found at both, and so are API keys; also what was written while the other was away."""
    east, west = pair.east, pair.west
    send(east, "POST", "/api/put", json={"key": "from", "value": "east"})
    send(west, "POST", "/api/put", json={"key": "to", "value": "west"})
    send(east, "POST", "/api/vector/insert", json={"id": "one", "vector": VECTOR, "metadata": {"at": "east"}})
    send(west, "POST", "/api/vector/insert", json={"id": "two", "vector": VECTOR})
    eventually(lambda: has_key(west, "from", "east") and has_key(east, "to", "west"), "keys go both ways")
    eventually(lambda: has_record(west, "one") and has_record(east, "two"), "records go both ways")
    eventually(lambda: has_key(west, "from", "east", api_key=east.key), "API keys go from east to west")

    west.kill()
    send(east, "DELETE", "/api/vector/delete/two")
    send(east, "POST", "/api/put", json={"key": "from", "value": "east again"})
    eventually(lambda: pair.status()["state"] == "unreachable", "east notices that west is away")
    pair.west = west = pair.start_west()
    eventually(lambda: has_key(west, "from", "east again"), "what west missed arrives")
    eventually(lambda: not has_record(west, "two"), "deletions, too")

    east.kill()
    send(west, "POST", "/api/put", json={"key": "to", "value": "west again"})
    pair.east = east = pair.start_east("--workers", "2")
    eventually(lambda: has_key(east, "to", "west again"), "what east missed arrives")


def test_an_operator_sees_and_compares(pair: Pair) -> None:
    """`status` tells each direction, `repair` brings over what one site lacks, and `resume` has nothing to do."""
    east, west = pair.east, pair.west
    send(east, "POST", "/api/put", json={"key": "from", "value": "east"})
    eventually(lambda: has_key(west, "from", "east"), "it arrives")
    directions = pair.command("status")["directions"]
    assert {(one["source"], one["destination"], one["feed"]) for one in directions} >= {
        ("east", "west", "keys"),
        ("west", "east", "keys"),
    }
    assert all(one["error"] is None for one in directions)
    assert pair.command("resume")["resumed"] == []
    east.kill()
    send(west, "POST", "/api/put", json={"key": "to", "value": "west"})
    options = ["--site", "east", "--peer-site", "west", "--peer-url", west.url]
    compared = pair.command("repair", *options, "--replication-secret-file", str(pair.secret))["compared"]
    assert {one["feed"]: one["repaired"] for one in compared} == {"keys": 1, "records": 0}
    assert all(one["different"] == 0 for one in compared)
