"""What a call costs in a client, beside the same request without one; and how fast it writes many records.

`python -m benchmarks.clients`. Python beside bare httpx2, JavaScript beside bare fetch, Rust not: calls in turns, on
one server of this machine, so that what else the machine does falls on both. The bare request has its body ready made.
"Alone" is with answers from memory in place of a network: what the client itself does.
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
BLOCK = 50
WRITTEN = 10_000


def in_turns(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Microseconds of this process's processor for one call of each, by round: blocks of 50, in turns."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            call, busy = calls[name], time.process_time()
            for _ in range(BLOCK):
                call()
            spent[name].append((time.process_time() - busy) / BLOCK * 1e6)
    return spent


def told(language: str, what: str, bare: list[float], client: list[float]) -> None:
    """The medians, and the median of the differences of each round, with its quartiles."""
    low, median, high = np.percentile(np.subtract(client, bare), (25, 50, 75))
    print(
        f"{language:11} {what:16} bare {statistics.median(bare):6.0f} µs of the processor, "
        f"client {statistics.median(client):6.0f}: {median:.0f} more ({low:.0f} to {high:.0f})"
    )


def python(url: str, key: str, namespace: Namespace, vectors: np.ndarray, rounds: int) -> None:
    """A query of ten records with their metadata, and a value."""
    path = f"{url}/v1/namespaces/{namespace.name}"
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    question = json.dumps({"vector": encoded(vectors[0]), "top_k": 10}).encode()
    namespace.kv.put("k", b"v")
    answers = {"/query": answered(path, headers, question), "/k": b"v"}

    def memory(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=answers["/query" if request.method == "POST" else "/k"])

    with (
        httpx2.Client() as http,
        httpx2.Client(transport=httpx2.MockTransport(memory)) as near,
        Client(url, api_key=key, http=httpx2.Client(transport=httpx2.MockTransport(memory))) as alone,
    ):
        there = alone.namespace(namespace.name)
        found = in_turns(
            {
                "query, bare": lambda: json.loads(
                    http.post(f"{path}/query", content=question, headers=headers).content
                ),
                "query, client": lambda: namespace.query(vectors[0], top_k=10),
                "value, bare": lambda: http.get(f"{path}/kv/k", headers=headers).content,
                "value, client": lambda: namespace.kv.get("k"),
                "query alone, bare": lambda: json.loads(
                    near.post(f"{path}/query", content=question, headers=headers).content
                ),
                "query alone, client": lambda: there.query(vectors[0], top_k=10),
                "value alone, bare": lambda: near.get(f"{path}/kv/k", headers=headers).content,
                "value alone, client": lambda: there.kv.get("k"),
            },
            rounds,
        )
    for what in ("query", "value", "query alone", "value alone"):
        told("Python", what, found[f"{what}, bare"], found[f"{what}, client"])


def answered(path: str, headers: dict[str, str], question: bytes) -> bytes:
    """What the server answers to a query, to be answered from memory."""
    return httpx2.post(f"{path}/query", content=question, headers=headers).raise_for_status().content


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
    found: dict[str, list[float]] = json.loads(ran.stdout)
    for what in ("query", "value", "query alone", "value alone"):
        told("JavaScript", what, found[f"{what}, bare"], found[f"{what}, client"])


def writing(url: str, key: str, db: Client, vectors: np.ndarray, turns: int) -> None:
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
    processor: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns):
        for name in list(ways)[:: 1 if turn % 2 else -1]:
            namespace = db.create_namespace(f"w-{name}-{turn}", dimension=DIMENSION)
            began, busy = time.perf_counter(), time.process_time()
            ways[name](namespace)
            rates[name].append(WRITTEN / (time.perf_counter() - began))
            processor[name].append((time.process_time() - busy) / WRITTEN * 1e6)
            namespace.delete_namespace()
    low, median, high = np.percentile(np.divide(rates["client"], rates["bare"]), (25, 50, 75))
    print(
        f"Python      {WRITTEN} records: {statistics.median(rates['client']):.0f} a second, bare "
        f"{statistics.median(rates['bare']):.0f}; {median:.2f} of it ({low:.2f} to {high:.2f}); "
        f"{statistics.median(processor['client']):.0f} µs of the processor for a record, "
        f"bare {statistics.median(processor['bare']):.0f}"
    )


def main() -> None:
    """Start a server, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="of 50 calls of each kind")
    parser.add_argument("--turns", type=int, default=10, help="of writing by both")
    arguments = parser.parse_args()
    rounds: int = arguments.rounds
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
        writing(server.url, server.key, db, vectors, arguments.turns)


if __name__ == "__main__":
    main()
