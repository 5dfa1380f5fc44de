"""Measures a running server over HTTP: `python -m benchmarks.server [--data DIR] [--workers N] [--duration S]`.

Starts `quartzdb serve` on a temporary directory that holds the set's vectors, folded and compacted. Measures recall@10
against the set's exact answers, then lets clients search, upsert, and do both with a check that each finds its own
write in its very next request. Client and server share this machine's cores, so the figures are a lower bound.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt

from benchmarks.load import Load, Scenario, run
from benchmarks.scenarios import SEARCH, UPSERT, Mixed, Searches, Upserts
from quartzdb.domain.vector import to_base64

HERE = Path(__file__).resolve().parent
DEFAULT_DATA = HERE.parent / "build" / "data" / "minilm-100k"
NAMESPACE = "bench"
BATCH = 100
BATCH_BODIES = 20
"""Ready-made batches: their ids differ from request to request, their vectors repeat."""
STEP_SECONDS_MAX = 1_800
STOP_SECONDS_MAX = 60

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Vectors, questions, and for each question the rows of its nearest vectors, best first."""

    name: str
    base: Vectors
    queries: Vectors
    truth: npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What it took to get the set into the database."""

    rows: int
    import_seconds: float
    compact_seconds: float
    engine: str
    segment_bytes: int


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario's figures. Times are milliseconds as the client saw them."""

    scenario: str
    clients: int
    requests_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    errors: float
    note: str = ""


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument(
        "--data", type=Path, default=DEFAULT_DATA, help="directory with base, queries and gt .npy"
    )
    arguments.add_argument("--rows", type=int, help="only the first so many vectors")
    arguments.add_argument("--workers", type=int, default=1, help="server processes")
    arguments.add_argument("--clients", type=int, default=8, help="clients that search")
    arguments.add_argument("--writers", type=int, default=4, help="clients that upsert")
    arguments.add_argument("--duration", type=int, default=10, help="seconds per scenario")
    arguments.add_argument("--recall-queries", type=int, default=500)
    arguments.add_argument(
        "--vectors", choices=["numbers", "base64"], default="numbers", help="how vectors are sent"
    )
    arguments.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    given = arguments.parse_args()
    dataset = load(given.data, given.rows)
    with tempfile.TemporaryDirectory(prefix="quartzdb-bench-") as folder:
        report = measure(dataset, Path(folder), given)
    print(json.dumps(report) if given.json else markdown(report))


def load(directory: Path, rows: int | None = None) -> Dataset:
    """Read a set; with fewer rows its exact answers are found anew."""
    if not (directory / "base.npy").is_file():
        sys.exit(f"There is no base.npy in {directory}. Make the set first: python -m benchmarks.dataset")
    base = np.load(directory / "base.npy", mmap_mode="r")
    queries = np.load(directory / "queries.npy")
    if rows is None or rows >= len(base):
        return Dataset(directory.name, base, queries, np.load(directory / "gt.npy"))
    base = np.ascontiguousarray(base[:rows])
    truth = np.argsort(-(queries @ base.T), axis=1, kind="stable")[:, :10]
    return Dataset(f"{directory.name}, first {rows:,} rows", base, queries, truth)


def measure(dataset: Dataset, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Everything, on a directory of its own."""
    data_dir = folder / "data"
    loaded = fill(dataset, folder, data_dir)
    say(f"starting a server with {given.workers} worker(s)")
    with server(data_dir, given.workers) as (url, key):
        recall, p50_ms = measured_recall(url, key, dataset, given.recall_queries)
        rows = scenarios(url, key, dataset, given)
    return {
        "machine": {
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "machine": platform.machine(),
        },
        "dataset": {"name": dataset.name, "rows": len(dataset.base), "dimension": dataset.base.shape[1]},
        "workers": given.workers,
        "vectors_sent_as": given.vectors,
        "seconds_per_scenario": given.duration,
        "loaded": asdict(loaded),
        "recall_at_10": recall,
        "one_client_p50_ms": p50_ms,
        "scenarios": [asdict(row) for row in rows],
    }


def fill(dataset: Dataset, folder: Path, data_dir: Path) -> Loaded:
    """Import the vectors and bring them to rest."""
    source = folder / "base.npy"
    np.save(source, dataset.base)
    say(f"importing {len(dataset.base):,} vectors")
    imported = quartzdb("import", str(source), "--namespace", NAMESPACE, "--create", data_dir=data_dir)
    source.unlink()
    say("folding and compacting")
    begun = time.monotonic()
    quartzdb("compact", data_dir=data_dir)
    compact_seconds = time.monotonic() - begun
    (held,) = quartzdb("stats", data_dir=data_dir)["namespaces"]
    assert held["tail_rows"] == 0
    assert held["records"] == len(dataset.base)
    (segment,) = held["segments"]
    return Loaded(
        held["records"], imported["seconds"], compact_seconds, segment["engine"], held["segment_bytes"]
    )


def quartzdb(*arguments: str, data_dir: Path) -> Any:
    """A command's JSON answer."""
    ran = subprocess.run(
        [sys.executable, "-m", "quartzdb.cli", *arguments, "--data-dir", str(data_dir), "--json"],
        capture_output=True,
        text=True,
        timeout=STEP_SECONDS_MAX,
        check=False,
    )
    if ran.returncode:
        sys.exit(f"quartzdb {arguments[0]} failed: {ran.stderr}")
    return json.loads(ran.stdout)


@contextmanager
def server(data_dir: Path, workers: int) -> Iterator[tuple[str, str]]:
    """A running server's URL and key."""
    command = [
        sys.executable,
        "-m",
        "quartzdb.cli",
        "serve",
        "--data-dir",
        str(data_dir),
        "--port",
        "0",
        "--json",
    ]
    with subprocess.Popen(
        [*command, "--workers", str(workers)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                sys.exit("The server did not start; see above.")
            ready = json.loads(line)
            yield ready["url"], ready["key"]
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()


def measured_recall(url: str, key: str, dataset: Dataset, count: int) -> tuple[float, float]:
    """Recall@10 over HTTP, and the median milliseconds of one client alone."""
    say("measuring recall@10 over HTTP")
    hits, milliseconds = 0, []
    asked = min(count, len(dataset.queries))
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        for query, truth in zip(dataset.queries[:asked], dataset.truth[:asked], strict=True):
            body = {"vector": query.tolist(), "top_k": 10}
            begun = time.perf_counter()
            response = client.post(f"/v1/namespaces/{NAMESPACE}/query", json=body)
            milliseconds.append((time.perf_counter() - begun) * 1000)
            found = {int(match["id"]) for match in response.raise_for_status().json()["matches"]}
            hits += len(found & set(truth[:10].tolist()))
    return hits / (10 * asked), round(float(np.median(milliseconds)), 3)


def scenarios(url: str, key: str, dataset: Dataset, given: argparse.Namespace) -> list[Row]:
    """Search, upsert and mixed load."""
    dimension = dataset.base.shape[1]
    form = to_base64 if given.vectors == "base64" else shortest
    queries = [json.dumps({"vector": form(query), "top_k": 10}).encode() for query in dataset.queries]
    batches = [batch_body(dataset.base, number, form) for number in range(BATCH_BODIES)]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    # Upserts go to a namespace of their own, so that searches always meet the set and nothing else.
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        new = {"name": "upserts", "dimension": dimension, "metric": "cosine"}
        client.post("/v1/namespaces", json=new).raise_for_status()

    def load(name: str, scenario: Scenario, clients: int) -> Load:
        say(f"{name}, {clients} clients")
        return run(scenario, url, headers, clients, given.duration)

    searches = Searches(f"/v1/namespaces/{NAMESPACE}/query", queries)
    found = load("search", searches, given.clients)
    mixing = Mixed(searches, f"/v1/namespaces/{NAMESPACE}/vectors", dimension, str(time.time_ns()))
    mixed = load("mixed", mixing, given.clients)
    # Last, because what it writes is still being indexed for a while when it is over.
    written = load("upsert", Upserts("/v1/namespaces/upserts/vectors", batches, BATCH), given.writers)
    missed = f"{mixed.counts.get('own_writes_missed', 0):,} of {mixed.counts.get('own_writes_checked', 0):,}"
    return [
        row("search", given.clients, found, SEARCH),
        row(
            f"upsert {BATCH}",
            given.writers,
            written,
            UPSERT,
            f"{written.counts.get('written', 0) / written.seconds:,.0f} vectors/s",
        ),
        row("mixed: search", given.clients, mixed, SEARCH, f"own write missed in the next request: {missed}"),
        row("mixed: upsert 1", given.clients, mixed, UPSERT),
    ]


def shortest(vector: Vectors) -> list[float]:
    """The numbers as an ordinary client writes them: the shortest text that is the same float32."""
    return [float(str(number)) for number in vector]


def batch_body(base: Vectors, number: int, form: Any) -> str:
    """A batch in which @@ stands for the request."""
    rows = [(number * BATCH + place) % len(base) for place in range(BATCH)]
    return json.dumps(
        {"vectors": [{"id": f"@@-{place}", "vector": form(base[row])} for place, row in enumerate(rows)]}
    )


def row(scenario: str, clients: int, load: Load, kind: str, note: str = "") -> Row:
    """One line of the report."""
    p50, p95, p99 = (round(value, 2) for value in load.percentiles(kind))
    return Row(scenario, clients, round(load.rate(kind), 1), p50, p95, p99, round(load.error_rate, 6), note)


def markdown(report: dict[str, Any]) -> str:
    """The report as a table."""
    machine, dataset, loaded = report["machine"], report["dataset"], report["loaded"]
    lines = [
        f"{dataset['name']}: {dataset['rows']:,} × {dataset['dimension']}, {report['workers']} worker(s), "
        f"{machine['cpus']} CPUs shared by server and client, Python {machine['python']}, vectors as "
        f"{report['vectors_sent_as']}, {report['seconds_per_scenario']} s each.",
        "",
        f"Import {loaded['import_seconds']:.1f} s ({loaded['rows'] / loaded['import_seconds']:,.0f} vectors/s), fold "
        f"and compact {loaded['compact_seconds']:.1f} s, engine {loaded['engine']}, "
        f"{loaded['segment_bytes'] / loaded['rows']:,.0f} bytes a vector on disk. Recall@10 "
        f"{report['recall_at_10']:.4f}; one client alone: {report['one_client_p50_ms']:.2f} ms (p50).",
        "",
        "| scenario | clients | requests/s | p50 ms | p95 ms | p99 ms | errors | |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    lines += [
        f"| {r['scenario']} | {r['clients']} | {r['requests_per_second']:,.0f} | {r['p50_ms']:.2f} | {r['p95_ms']:.2f} "
        f"| {r['p99_ms']:.2f} | {r['errors']:.2%} | {r['note']} |"
        for r in report["scenarios"]
    ]
    return "\n".join(lines)


def say(text: str) -> None:
    """What is going on, on stderr."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
