"""The backup drill: a server under load is backed up and killed, and what was acknowledged is restored elsewhere.

Each thread owns its ids and keys, and counts up in each. A batch goes over all shards with one number, so half of one
would show. Folds go on meanwhile, in the server and by `quartzdb compact`.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from click.testing import CliRunner

from quartzdb.cli.main import cli
from tests.cli.invoke import answer, run
from tests.server_process import ServerProcess

THREADS = 2
IDS = 12
SHARDS = 3


class Writer:
    """One client. `records` and `keys` are the numbers that were acknowledged last."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.records = self.keys = 0
        self.unexpected: str | None = None

    @property
    def ids(self) -> list[str]:
        """Its own."""
        return [f"w{self.number}-{at}" for at in range(IDS)]

    def run(self, server: ServerProcess, stop: threading.Event) -> None:
        """Write until told to stop, or until the server is gone."""
        with server.client() as client:
            while not stop.is_set():
                try:
                    self._write(client)
                except httpx.TransportError:
                    return

    def _write(self, client: httpx.Client) -> None:
        following = self.records + 1
        vectors = [
            {"id": one, "vector": [following, at + 1, 1, 2], "metadata": {"n": following}}
            for at, one in enumerate(self.ids)
        ]
        for response in (
            client.post("/namespaces/n/vectors", json={"vectors": vectors}),
            client.put(f"/namespaces/n/kv/w{self.number}", content=str(following).encode()),
        ):
            if response.status_code != 200:
                self.unexpected = f"{response.status_code} {response.text}"
                return
        self.records = self.keys = following


def _backup(data: Path, to: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "quartzdb.cli", "backup", "create", str(to), "--data-dir", str(data)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _answer(*arguments: str | Path) -> Any:
    """Of a command that takes no data directory."""
    ran = CliRunner().invoke(cli, [*map(str, arguments), "--json"], prog_name="quartzdb")
    assert ran.exit_code == 0, ran.stderr
    return json.loads(ran.stdout)


def _base(server: ServerProcess) -> None:
    """Enough to have segments worth sharing."""
    rng = np.random.default_rng(7)
    with server.client() as client:
        assert (
            client.post("/namespaces", json={"name": "n", "dimension": 4, "shards": SHARDS}).status_code
            == 201
        )
        for start in range(0, 3_000, 500):
            batch = [
                {"id": f"base-{at}", "vector": rng.standard_normal(4).tolist()}
                for at in range(start, start + 500)
            ]
            assert client.post("/namespaces/n/vectors", json={"vectors": batch}).status_code == 200


def _check(data: Path, writers: list[Writer], acknowledged: list[tuple[int, int]]) -> None:
    """`acknowledged`: what each writer's records and keys had reached before the backup began."""
    verified = answer(data, "verify")
    assert verified["damages"] == []
    assert answer(data, "records", "count", "--namespace", "n")["count"] == 3_000 + THREADS * IDS
    for writer, (records, keys) in zip(writers, acknowledged, strict=True):
        found = answer(data, "records", "get", *writer.ids, "--namespace", "n")["records"]
        numbers = {record["metadata"]["n"] for record in found}
        assert len(found) == IDS
        assert len(numbers) == 1, "half a batch"
        assert numbers.pop() >= records
        assert int(run(data, "kv", "get", f"w{writer.number}", "--namespace", "n").stdout) >= keys


def test_what_was_acknowledged_before_a_backup_is_restored(tmp_path: Path) -> None:
    """Under load, with kill -9 and somewhere else; a second backup copies what is new; a broken-off one harms none."""
    data, to = tmp_path / "data", tmp_path / "backups"
    stop = threading.Event()
    writers = [Writer(number) for number in range(THREADS)]
    with ServerProcess(data) as server:
        _base(server)
        threads = [threading.Thread(target=writer.run, args=(server, stop)) for writer in writers]
        for thread in threads:
            thread.start()
        while not all(writer.records for writer in writers):
            assert not any(writer.unexpected for writer in writers)
        answer(data, "compact")
        first_before = [(writer.records, writer.keys) for writer in writers]
        backup = _backup(data, to)
        answer(data, "compact")  # folds, merges and sweeps beside it
        out, said = backup.communicate()
        assert backup.returncode == 0, said.decode()
        assert b"of them new" in out
        second_before = [(writer.records, writer.keys) for writer in writers]
        second = answer(data, "backup", "create", to)
        # Killed at the moment at which its files are there and its document is not.
        broken = _backup(data, to)
        while broken.poll() is None and not (to / "unfinished" / "backup" / "log.db").exists():
            pass
        broken.send_signal(signal.SIGKILL)
        broken.communicate()
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()
    assert not any(writer.unexpected for writer in writers)
    listed = _answer("backup", "list", to)["backups"]
    assert [one["name"] for one in listed][1] == second["name"]
    assert _answer("backup", "verify", to)["ok"] is True
    answer(tmp_path / "first", "backup", "restore", to, "--name", listed[0]["name"])
    _check(tmp_path / "first", writers, first_before)
    answer(tmp_path / "second", "backup", "restore", to, "--name", second["name"])
    _check(tmp_path / "second", writers, second_before)
    # What the restored one is given is found: its new versions come after everything that it has.
    with ServerProcess(tmp_path / "second", key=server.key) as restored, restored.client() as client:
        late = {"vectors": [{"id": writers[0].ids[0], "vector": [1, 1, 1, 1], "metadata": {"n": -1}}]}
        assert client.post("/namespaces/n/vectors", json=late).status_code == 200
        found = client.get(f"/namespaces/n/vectors/{writers[0].ids[0]}")
        assert found.json()["metadata"] == {"n": -1}
    third = answer(data, "backup", "create", to)
    again = answer(data, "backup", "create", to)
    assert (again["files"], again["copied_files"]) == (
        third["files"],
        4 + SHARDS,
    )  # three databases, the identity, pointers
