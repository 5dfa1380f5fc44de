"""What a warm query costs in several states of this project: `python -m benchmarks.warm_query NAME=TREE NAME=TREE …`.

TREE is a checkout of the repository ("." is this one). Of each a server is started, over the same records, each in a
data directory of its own, written by that tree's own command. All servers are kept on one core and the client on
another. Blocks of questions take turns, in an order that is shuffled anew for each round, so that whatever else the
machine does falls on all alike. The first tree is what the others are compared with.

Two figures. The median of the times that the client saw is what a client waits, its own part included. The processor
time of the server's process for a question, user and system, is what stays nearly the same when others use the machine.
Ratios are medians of the ratios of blocks of one round.

`--crowd SECONDS` lets eight clients ask each server instead, of one process and of two, on all cores, in turns: what is
answered in a second.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.http_by_hand import Connection, Requests
from benchmarks.load import Load, run
from benchmarks.scenarios import SEARCH, Searches

NAMESPACE = "warm"
DIMENSION = 384
CLUSTERS = 64
QUESTIONS = 2_000
YEARS = (1920, 2020)
KINDS = ("query", "with a filter")
PACKAGES = (Path("layers") / "quartzdb" / "python", Path("layers") / "platform" / "python")
SERVER_CORE, CLIENT_CORE = 0, 1
WARM_UP = 300
CLIENTS = 8


@dataclass(slots=True)
class Server:
    """A running one, and what was measured of it: a figure for each block, by the kind of question."""

    name: str
    pid: int
    connection: Connection
    requests: Mapping[str, Sequence[bytes]]
    url: str
    headers: Mapping[str, str]
    bodies: Sequence[bytes]
    waits: dict[str, list[float]] = field(default_factory=dict)
    processor: dict[str, list[float]] = field(default_factory=dict)
    inside: dict[str, list[float]] = field(default_factory=dict)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "trees", nargs="+", metavar="NAME=TREE", help="the first is what others are compared with"
    )
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=20, help="blocks of each tree and kind of question")
    parser.add_argument("--block", type=int, default=250, help="questions of a block")
    parser.add_argument("--only", nargs="*", choices=KINDS, help="kinds of question; all of them by default")
    parser.add_argument(
        "--keep", type=Path, help="keep the data directories here, and use those that are there"
    )
    parser.add_argument(
        "--crowd", type=float, metavar="SECONDS", help="how long eight clients ask, each round"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    trees = {name: Path(tree).resolve() for name, _, tree in (one.partition("=") for one in given.trees)}
    if given.crowd:
        _crowd(trees, given)
        return
    with tempfile.TemporaryDirectory(prefix="quartzdb-warm-") as folder, ExitStack() as stack:
        kept = given.keep or Path(folder)
        servers = [
            stack.enter_context(_served(name, tree, kept, given.records)) for name, tree in trees.items()
        ]
        os.sched_setaffinity(0, {CLIENT_CORE % (os.cpu_count() or 1)})
        kinds = [kind for kind in KINDS if not given.only or kind in given.only]
        _measure(servers, kinds, given.rounds, given.block)
    report = {kind: _figures(servers, kind) for kind in kinds}
    if given.json:
        print(json.dumps(report))
        return
    print(
        f"{given.records:,} records of {DIMENSION} numbers, {given.rounds} blocks of {given.block} questions of each, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(_table(report))


def _crowd(trees: Mapping[str, Path], given: argparse.Namespace) -> None:
    print("| processes | tree | answers a second | ratio | p50 ms | p99 ms |\n|---|---|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory(prefix="quartzdb-warm-") as folder:
        for workers in (1, 2):
            with ExitStack() as stack:
                kept = given.keep or Path(folder)
                servers = [
                    stack.enter_context(_served(name, tree, kept, given.records, workers=workers))
                    for name, tree in trees.items()
                ]
                loads: dict[str, list[Load]] = {server.name: [] for server in servers}
                for number in range(given.rounds):
                    for server in servers if number % 2 else servers[::-1]:
                        asking = Searches(f"/v1/namespaces/{NAMESPACE}/query", server.bodies)
                        loads[server.name].append(
                            run(asking, server.url, server.headers, CLIENTS, given.crowd)
                        )
                base = loads[servers[0].name]
                for name, of_tree in loads.items():
                    rate = statistics.median(load.rate(SEARCH) for load in of_tree)
                    ratio = statistics.median(
                        load.rate(SEARCH) / first.rate(SEARCH)
                        for load, first in zip(of_tree, base, strict=True)
                    )
                    p50 = statistics.median(load.percentiles(SEARCH)[0] for load in of_tree)
                    p99 = statistics.median(load.percentiles(SEARCH)[2] for load in of_tree)
                    print(
                        f"| {workers} | {name} | {rate:,.0f} | {ratio:.2f} | {p50:.1f} | {p99:.1f} |",
                        flush=True,
                    )


def _measure(servers: Sequence[Server], kinds: Sequence[str], rounds: int, block: int) -> None:
    for server in servers:
        for kind in kinds:
            for question in server.requests[kind][:WARM_UP]:
                server.connection.ask(question)
    order, choice = list(servers), random.Random(1)
    for number in range(rounds):
        for kind in kinds:
            choice.shuffle(order)
            for server in order:
                questions = server.requests[kind]
                some = [questions[(number * block + place) % len(questions)] for place in range(block)]
                _block(server, kind, some)


def _block(server: Server, kind: str, questions: Sequence[bytes]) -> None:
    waits, inside = [], []
    before = _processor_seconds(server.pid)
    for question in questions:
        begun = time.perf_counter()
        answer = server.connection.ask(question)
        waits.append((time.perf_counter() - begun) * 1_000)
        inside.append(answer)
    used = (_processor_seconds(server.pid) - before) * 1_000 / len(questions)
    server.waits.setdefault(kind, []).append(statistics.median(waits))
    server.processor.setdefault(kind, []).append(used)
    times = [json.loads(answer)["performance"]["milliseconds"] for answer in inside]
    server.inside.setdefault(kind, []).append(statistics.median(times))


def _figures(servers: Sequence[Server], kind: str) -> list[dict[str, float | str]]:
    first = servers[0]
    rows = []
    for server in servers:
        row: dict[str, float | str] = {"tree": server.name}
        for name in ("waits", "processor", "inside"):
            own, others = getattr(server, name)[kind], getattr(first, name)[kind]
            row[f"{name}_ms"] = round(statistics.median(own), 4)
            row[f"{name}_ratio"] = round(
                statistics.median(a / b for a, b in zip(own, others, strict=True)), 4
            )
        rows.append(row)
    return rows


def _table(report: Mapping[str, Sequence[Mapping[str, float | str]]]) -> str:
    lines = [
        "| question | tree | p50 at the client, ms | ratio | server's processor, ms | ratio | search, ms | ratio |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for kind, rows in report.items():
        lines += [
            f"| {kind} | {row['tree']} | {row['waits_ms']:.3f} | {row['waits_ratio']:.3f} | {row['processor_ms']:.3f} "
            f"| {row['processor_ratio']:.3f} | {row['inside_ms']:.3f} | {row['inside_ratio']:.3f} |"
            for row in rows
        ]
    return "\n".join(lines)


def _processor_seconds(pid: int) -> float:
    """Seconds that the threads of a process have run."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def _vectors(seed: int, count: int) -> npt.NDArray[np.float32]:
    """Vectors of unit length around a few centres, as those of texts are."""
    choice = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(CLUSTERS, DIMENSION))
    vectors = centres[choice.integers(CLUSTERS, size=count)] + choice.normal(size=(count, DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


def _bodies() -> dict[str, list[bytes]]:
    """Ready-made bodies, by the kind of question."""
    vectors = [[float(str(number)) for number in vector] for vector in _vectors(2, QUESTIONS)]
    documents: dict[str, list[dict[str, object]]] = {
        "query": [{"vector": vector, "top_k": 10} for vector in vectors],
        "with a filter": [
            {"vector": vector, "top_k": 10, "filter": {"year": {"$gt": YEARS[0] + place % 50}}}
            for place, vector in enumerate(vectors)
        ],
    }
    return {kind: [json.dumps(one).encode() for one in some] for kind, some in documents.items()}


@contextmanager
def _served(name: str, tree: Path, kept: Path, records: int, *, workers: int = 0) -> Iterator[Server]:
    """A server of so many processes; of one that is kept on a core where nothing is said."""
    data_dir = kept / f"{name}-{records}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(tree / package) for package in PACKAGES)}
    command = [sys.executable, "-m", "quartzdb.cli"]
    if not data_dir.is_dir():
        _fill(command, environment, data_dir, records)
    serve = [*command, "serve", "--data-dir", str(data_dir), "--port", "0", "--json"]
    serve += ["--workers", str(workers or 1)]
    made = [
        *command,
        "keys",
        "create",
        "--name",
        "warm",
        "--scopes",
        "read",
        "--data-dir",
        str(data_dir),
        "--json",
    ]
    key = json.loads(subprocess.run(made, env=environment, capture_output=True, check=True).stdout)["key"]
    with subprocess.Popen(serve, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            for task in () if workers else Path(f"/proc/{process.pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), {SERVER_CORE})
            bodies = _bodies()
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            made_of, at = Requests(url, headers), f"/v1/namespaces/{NAMESPACE}/query"
            requests = {kind: [made_of.post(at, body) for body in some] for kind, some in bodies.items()}
            yield Server(name, process.pid, Connection(url), requests, url, headers, bodies[KINDS[0]])
        finally:
            process.terminate()


def _fill(command: Sequence[str], environment: Mapping[str, str], data_dir: Path, records: int) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for number, vector in enumerate(_vectors(1, records)):
            metadata = {"year": YEARS[0] + number % (YEARS[1] - YEARS[0]), "title": f"The title of {number}"}
            line = {"id": f"record-{number}", "vector": vector.tolist(), "metadata": metadata}
            file.write(json.dumps(line) + "\n")
        file.flush()
        for step in (
            ["import", file.name, "--namespace", NAMESPACE, "--create"],
            ["compact"],
        ):
            ran = subprocess.run(
                [*command, *step, "--data-dir", str(data_dir)],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if ran.returncode:
                sys.exit(f"quartzdb {step[0]} failed: {ran.stderr}")


if __name__ == "__main__":
    main()
