"""kill -9 under concurrent writes, again and again: whatever was acknowledged is there after every restart.

Each thread owns its ids and keys and has at most one write under way, so after a crash each of them must hold what
was acknowledged last, or what was under way; a batch is there as a whole or not at all. The seed decides how long each
round lasts and what is written.
"""

from __future__ import annotations

import gc
import itertools
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from tests.cli.invoke import answer
from tests.server_process import ServerProcess

SEED = int(os.environ.get("QUARTZDB_CRASH_SEED", "1"))
ROUNDS = int(os.environ.get("QUARTZDB_CRASH_ROUNDS", "6"))
THREADS = 3
IDS_PER_THREAD = 2_000
KEYS_PER_THREAD = 50
BATCH_MAX = 200
ROUND_SECONDS = (0.1, 0.9)
COMPACT_EVERY = 3
"""Rounds. Else the tail would outgrow what the server can fold in one, and crashes would hit no folding any more."""
FETCH_AT_ONCE = 1_000
KILLED_COMPACTIONS = int(os.environ.get("QUARTZDB_CRASH_COMPACTIONS", "2"))

Value = int | None
"""The sequence number that a record or a key holds; None where there is none."""


@dataclass
class Writer:
    """One client thread's memory of what it did: the other side of the server's."""

    number: int
    rng: random.Random
    acknowledged: dict[str, Value] = field(default_factory=dict)
    under_way: dict[str, Value] = field(default_factory=dict)
    sequence: int = 0
    writes: int = 0
    unexpected: str | None = None

    def run(self, server: ServerProcess, stop: threading.Event) -> None:
        """Write until told to stop, or until the server is gone."""
        with server.client() as client:
            while not stop.is_set():
                try:
                    response = self.write(client)
                except httpx.TransportError:
                    return  # killed: what was under way stays uncertain
                if response.status_code >= 300:
                    self.unexpected = f"{response.status_code} {response.text}"
                    return
                self.acknowledged.update(self.under_way)
                self.under_way = {}
                self.writes += 1

    def write(self, client: httpx.Client) -> httpx.Response:
        """One write of a random kind. Its changes are under way until it is answered."""
        self.sequence += 1
        kind = self.rng.random()
        if kind < 0.15:
            key = f"w{self.number}/{self.rng.randrange(KEYS_PER_THREAD)}"
            if kind < 0.03:
                self.under_way = {f"kv:{key}": None}
                return client.delete(f"/namespaces/crash/kv/{key}")
            self.under_way = {f"kv:{key}": self.sequence}
            return client.put(f"/namespaces/crash/kv/{key}", content=str(self.sequence).encode())
        ids = [
            f"w{self.number}-{n}"
            for n in self.rng.sample(range(IDS_PER_THREAD), self.rng.randint(1, BATCH_MAX))
        ]
        if kind < 0.25:
            self.under_way = dict.fromkeys(ids)
            return client.post("/namespaces/crash/vectors/delete", json={"ids": ids})
        self.under_way = dict.fromkeys(ids, self.sequence)
        records = [
            {"id": one, "vector": self.vector(self.sequence), "metadata": {"seq": self.sequence}}
            for one in ids
        ]
        return client.post("/namespaces/crash/vectors", json={"vectors": records})

    def vector(self, sequence: int) -> list[float]:
        """A function of the sequence number, so that a mixed-up vector shows."""
        return [float(sequence), float(self.number + 1), 1.0]

    def check(self, client: httpx.Client) -> None:
        """Compare with what the server has. From then on that is what is known."""
        found = self.found(client)
        names = self.acknowledged.keys() | self.under_way.keys()
        for name in names:
            allowed = {self.acknowledged.get(name)}
            if name in self.under_way:
                allowed.add(self.under_way[name])
            assert found.get(name) in allowed, (
                f"{name} holds {found.get(name)}, acknowledged was one of {allowed}"
            )
        outcomes = {
            found.get(name) == value
            for name, value in self.under_way.items()
            if self.acknowledged.get(name) != value
        }
        assert len(outcomes) <= 1, f"half of a batch is there: {self.under_way}"
        self.acknowledged = {name: found.get(name) for name in names}
        self.under_way = {}

    def found(self, client: httpx.Client) -> Mapping[str, Value]:
        """Everything that the server has of this thread's."""
        found: dict[str, Value] = {}
        ids = [f"w{self.number}-{n}" for n in range(IDS_PER_THREAD)]
        for start in range(0, len(ids), FETCH_AT_ONCE):
            body = {"ids": ids[start : start + FETCH_AT_ONCE]}
            for record in post(client, "/namespaces/crash/vectors/fetch", body)["records"]:
                sequence = record["metadata"]["seq"]
                assert record["vector"] == self.vector(sequence), record
                found[record["id"]] = sequence
        body = {"keys": [f"w{self.number}/{n}" for n in range(KEYS_PER_THREAD)]}
        for item in post(client, "/namespaces/crash/kv-batch/get", body)["items"]:
            found[f"kv:{item['key']}"] = int(item["value"])
        return found


def post(client: httpx.Client, path: str, body: object) -> dict[str, Any]:
    """An answer, or an error that says what was answered."""
    response = client.post(path, json=body)
    assert response.status_code == 200, f"{response.status_code} {response.text}"
    document: dict[str, Any] = response.json()
    return document


def test_acknowledged_writes_survive_kill_9(tmp_path: Path) -> None:
    """Records, deletes and key-values of several clients, over crashes that also hit folding and compaction."""
    rng = random.Random(SEED)
    writers = [Writer(number, random.Random(f"{SEED}/{number}")) for number in range(THREADS)]
    data = tmp_path / "data"
    server = ServerProcess(data)
    key = server.key
    with server.client() as client:
        post_created = client.post("/namespaces", json={"name": "crash", "dimension": 3, "metric": "dot"})
        assert post_created.status_code == 201, post_created.text
    for turn in itertools.count():
        place = f"QUARTZDB_CRASH_SEED={SEED}, round {turn}"
        try:
            with server.client() as client:
                for writer in writers:
                    writer.check(client)
            if turn == ROUNDS:
                break
            write_and_kill(server, writers, rng.uniform(*ROUND_SECONDS))
            for writer in writers:
                assert writer.unexpected is None, writer.unexpected
            if turn % COMPACT_EVERY == 0:
                answer(data, "compact")
            server = ServerProcess(data, key=key)
        except AssertionError as error:
            server.kill()
            raise AssertionError(f"{place}: {error}") from error
    assert server.terminate() == 0
    assert sum(writer.writes for writer in writers) > ROUNDS * THREADS, "hardly anything was written"
    # Once more from segments alone: what the crashes left in the log folds into the same state.
    answer(data, "compact")
    assert answer(data, "verify")["damages"] == []
    with ServerProcess(data, key=key) as server, server.client() as client:
        for writer in writers:
            writer.check(client)


def write_and_kill(server: ServerProcess, writers: list[Writer], seconds: float) -> None:
    """Let all write at once for a while, and until something was acknowledged, then kill the server under them."""
    before = sum(writer.writes for writer in writers)
    stop = threading.Event()
    threads = [threading.Thread(target=writer.run, args=(server, stop)) for writer in writers]
    for thread in threads:
        thread.start()
    time.sleep(seconds)  # the length of the round: nothing is waited for
    # But where the machine is so busy that hardly anything was written yet: that is awaited.
    while sum(writer.writes for writer in writers) - before <= THREADS and any(
        thread.is_alive() for thread in threads
    ):
        time.sleep(0.005)
    server.kill()
    stop.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_a_killed_compaction_loses_nothing(tmp_path: Path) -> None:
    """kill -9 anywhere in folding, building and publishing: the data stay whole, and nothing stays behind."""
    rng = np.random.default_rng(SEED)
    rows, data = 12_000, tmp_path / "data"
    np.save(tmp_path / "all.npy", rng.standard_normal((rows, 16)).astype(np.float32))
    answer(data, "import", tmp_path / "all.npy", "--namespace", "n", "--create")
    command = [sys.executable, "-m", "quartzdb.cli", "compact", "--data-dir", str(data)]
    for turn in range(KILLED_COMPACTIONS):
        np.save(tmp_path / "some.npy", rng.standard_normal((500, 16)).astype(np.float32))
        answer(data, "import", tmp_path / "some.npy", "--namespace", "n", "--id-prefix", f"turn{turn}-")
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while process.poll() is None and not any(data.glob("building/*/*/vectors")):
            time.sleep(0.002)  # until it builds: the condition is awaited
        time.sleep(rng.uniform(0, 0.5))  # anywhere in what follows
        process.kill()
        process.wait(30)
        gc.collect()
        assert answer(data, "verify")["damages"] == [], f"seed {SEED}, turn {turn}"
        expected = rows + 500 * (turn + 1)
        assert answer(data, "stats")["namespaces"][0]["records"] == expected, f"seed {SEED}, turn {turn}"
    (done,) = answer(data, "compact")["namespaces"]
    assert (done["records"], done["segments"], done["tail_rows"]) == (expected, 1, 0)
    gc.collect()
    assert not any(entry.is_dir() for entry in (data / "building").iterdir())
