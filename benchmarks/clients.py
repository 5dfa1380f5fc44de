"""What a call costs in a client, beside the same request without one; and how fast it writes many records.

`python -m benchmarks.clients`. Python beside bare httpx2, JavaScript beside bare fetch, Rust not: calls in turns, on
one server of this machine, so that what else the machine does falls on both. The bare request has its body ready made.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import numpy as np

from local.server_process import ServerProcess
from quartzdb_client import Client, Namespace, upsert_many
from quartzdb_client.vectors import encoded

DIMENSION = 384
RECORDS = 2_000
BATCH = 500
PARALLEL = 4
WRITTEN = 10_000


def in_turns(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Median microseconds of each, by the clock and of this process's processor time; blocks of 50 in turns."""
    clock: dict[str, list[float]] = {name: [] for name in calls}
    processor: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            for _ in range(50):
                began, busy = time.perf_counter(), time.process_time()
                call()
                processor[name].append(time.process_time() - busy)
                clock[name].append(time.perf_counter() - began)
    return {
        name: (statistics.median(clock[name]) * 1e6, statistics.median(processor[name]) * 1e6)
        for name in calls
    }


def python(url: str, key: str, namespace: Namespace, vectors: np.ndarray, rounds: int) -> None:
    """A query of ten records with their metadata, and a value."""
    path = f"{url}/v1/namespaces/{namespace.name}"
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    question = json.dumps({"vector": encoded(vectors[0]), "top_k": 10}).encode()
    namespace.kv.put("k", b"v")
    with httpx2.Client() as http:
        calls: dict[str, Callable[[], object]] = {
            "query, bare": lambda: json.loads(
                http.post(f"{path}/query", content=question, headers=headers).content
            ),
            "query, client": lambda: namespace.query(vectors[0], top_k=10),
            "value, bare": lambda: http.get(f"{path}/kv/k", headers=headers).content,
            "value, client": lambda: namespace.kv.get("k"),
        }
        found = in_turns(calls, rounds)
    for name, (clock, processor) in found.items():
        print(f"Python      {name:15} {clock:7.0f} µs by the clock, {processor:6.0f} µs of the processor")
    for what in ("query", "value"):
        clock, processor = np.subtract(found[f"{what}, client"], found[f"{what}, bare"])
        print(f"Python      {what}: {clock:.0f} µs more by the clock, {processor:.0f} of the processor")


def javascript(url: str, key: str, name: str, rounds: int) -> None:
    """The same in Node.js, in benchmarks/clients.mjs."""
    if shutil.which("node") is None:
        print("JavaScript  skipped: not installed: node")
        return
    folder = Path(__file__).parents[1] / "clients" / "javascript"
    ran = subprocess.run(
        ["node", Path(__file__).with_name("clients.mjs").resolve(), name, str(rounds), str(DIMENSION)],
        cwd=folder,
        env={**os.environ, "QUARTZDB_URL": url, "QUARTZDB_API_KEY": key},
        check=True,
        capture_output=True,
        text=True,
    )
    print(ran.stdout, end="")


def writing(url: str, key: str, db: Client, vectors: np.ndarray) -> None:
    """Ten thousand records, four requests at a time: made before and sent as they are, and the same by the client."""
    records = [{"id": f"{n}", "vector": vectors[n % RECORDS], "metadata": {"n": n}} for n in range(WRITTEN)]
    parts = [records[at : at + BATCH] for at in range(0, WRITTEN, BATCH)]
    ready = [[{**one, "vector": encoded(one["vector"])} for one in part] for part in parts]
    bodies = [json.dumps({"vectors": part}).encode() for part in ready]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def bare(namespace: Namespace) -> None:
        path = f"{url}/v1/namespaces/{namespace.name}/vectors"
        with httpx2.Client() as http, ThreadPoolExecutor(PARALLEL) as pool:
            for answer in pool.map(lambda body: http.post(path, content=body, headers=headers), bodies):
                answer.raise_for_status()

    ways: dict[str, Callable[[Namespace], object]] = {
        "bare": bare,
        "client": lambda namespace: upsert_many(namespace, records, batch_size=BATCH, parallel=PARALLEL),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(5):
        for name, write in ways.items():
            namespace = db.create_namespace(f"w-{name}-{turn}", dimension=DIMENSION)
            began = time.perf_counter()
            write(namespace)
            rates[name].append(WRITTEN / (time.perf_counter() - began))
            namespace.delete_namespace()
    found, ready_made = statistics.median(rates["client"]), statistics.median(rates["bare"])
    print(
        f"Python      {WRITTEN} records: {found:.0f} a second, bare {ready_made:.0f}: {found / ready_made:.2f}"
    )


def main() -> None:
    """Start a server, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="of 50 calls of each kind")
    rounds = parser.parse_args().rounds
    vectors = np.random.default_rng(1).standard_normal((RECORDS, DIMENSION)).astype(np.float32)
    with (
        tempfile.TemporaryDirectory() as place,
        ServerProcess(Path(place) / "data") as server,
        Client(server.url, api_key=server.key) as db,
    ):
        namespace = db.create_namespace("bench", dimension=DIMENSION)
        upsert_many(
            namespace, [{"id": f"{n}", "vector": vectors[n], "metadata": {"n": n}} for n in range(RECORDS)]
        )
        python(server.url, server.key, namespace, vectors, rounds)
        javascript(server.url, server.key, namespace.name, rounds)
        writing(server.url, server.key, db, vectors)


if __name__ == "__main__":
    main()
