"""Measures a running server over HTTP: `python -m benchmarks.server [--data DIR] [--engine E] [--workers N]`.

Starts `quartzdb serve --plain` on a temporary directory (`--keep DIR`: on one that is kept, and filled once for each
engine) that holds the set's vectors, folded and compacted. Measures recall@10 of those very requests against the set's
exact answers, then lets clients search, upsert, and do both with a check that each finds its own write in its very next
request. What the clients are: benchmarks/load.py. They share this machine's cores with the server, so the figures are a
lower bound. `python -m benchmarks.server_page` measures all that docs/benchmarks-server.md has.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.http_by_hand import Connection, Requests
from benchmarks.load import Load, Scenario, run
from benchmarks.scenarios import SEARCH, UPSERT, Mixed, Searches, Upserts
from benchmarks.served_set import (
    NAMESPACE,
    Dataset,
    Loaded,
    Vectors,
    copy_of,
    filled,
    load,
    say,
    server,
)
from quartzdb.domain.vector import to_base64

HERE = Path(__file__).resolve().parent
DEFAULT_DATA = HERE.parent / "build" / "data" / "minilm-100k"
ENGINES = ("auto", "hnsw", "ivf")
FORMS = ("numbers", "base64")
SCENARIOS = ("search", "mixed", "upsert")
BATCH = 100
BATCH_BODIES = 20
"""Ready-made batches: their ids differ from request to request, their vectors repeat."""
_WARM_SECONDS = 1.0
_QUERY = f"/v1/namespaces/{NAMESPACE}/query"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is measured. `recall`: what each query asks for; None for what is usual. `seconds` for each scenario."""

    engine: str = "auto"
    workers: int = 1
    recall: float | None = None
    vectors: str = "numbers"
    clients: int = 8
    writers: int = 4
    seconds: float = 10
    recall_queries: int = 500
    scenarios: Sequence[str] = SCENARIOS


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


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it."""

    asked: Asked
    loaded: Loaded
    recall_at_10: float
    one_client_p50_ms: float
    rows: Sequence[Row]


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument(
        "--data", type=Path, default=DEFAULT_DATA, help="directory with base, queries and gt .npy"
    )
    arguments.add_argument("--rows", type=int, help="only the first so many vectors")
    arguments.add_argument("--engine", choices=ENGINES, default="auto", help="of the namespace")
    arguments.add_argument("--recall", type=float, help="what each query asks for; none for what is usual")
    arguments.add_argument("--workers", type=int, default=1, help="server processes")
    arguments.add_argument("--clients", type=int, default=8, help="clients that search")
    arguments.add_argument("--writers", type=int, default=4, help="clients that upsert")
    arguments.add_argument("--duration", type=float, default=10, help="seconds per scenario")
    arguments.add_argument("--recall-queries", type=int, default=500)
    arguments.add_argument("--vectors", choices=FORMS, default="numbers", help="how vectors are sent")
    arguments.add_argument("--only", nargs="*", choices=SCENARIOS, default=SCENARIOS)
    arguments.add_argument("--keep", type=Path, metavar="DIR", help="keep filled data directories here")
    arguments.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    given = arguments.parse_args()
    dataset = load(given.data, given.rows)
    asked = Asked(
        given.engine, given.workers, given.recall, given.vectors, given.clients, given.writers,
        given.duration, given.recall_queries, given.only,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="quartzdb-bench-") as folder:
        report = measure(dataset, given.keep or Path(folder), asked)
    print(json.dumps(document(dataset, report)) if given.json else markdown(dataset, report))


def measure(dataset: Dataset, folder: Path, asked: Asked) -> Report:
    """Fill a directory below this one, unless it is there, and measure a server on a copy of it."""
    data_dir = folder / f"{asked.engine}-{len(dataset.base)}"
    loaded = filled(dataset, data_dir, asked.engine)
    with copy_of(data_dir) as copied, server(copied, asked.workers) as (url, key):
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        queries = questions(dataset.queries, asked)
        recall, p50_ms = measured_recall(url, headers, dataset, queries[: asked.recall_queries])
        rows = scenarios(url, headers, dataset, queries, asked)
    return Report(asked, loaded, recall, p50_ms, rows)


def questions(vectors: Vectors, asked: Asked) -> list[bytes]:
    """The bodies of queries for the ten nearest."""
    form = form_of(asked.vectors)
    more = {} if asked.recall is None else {"recall": asked.recall}
    return [json.dumps({"vector": form(vector), "top_k": 10, **more}).encode() for vector in vectors]


def form_of(vectors: str) -> Callable[[Vectors], Any]:
    """What makes of a vector what is sent."""
    return to_base64 if vectors == "base64" else shortest


def shortest(vector: Vectors) -> list[float]:
    """The numbers as an ordinary client writes them: the shortest text that is the same float32."""
    return [float(str(number)) for number in vector]


def measured_recall(
    url: str, headers: Mapping[str, str], dataset: Dataset, queries: Sequence[bytes]
) -> tuple[float, float]:
    """Recall@10 over HTTP, and the median milliseconds of one client alone."""
    say("measuring recall@10 over HTTP")
    requests, connection = Requests(url, headers), Connection(url)
    hits, milliseconds = 0, []
    for query, truth in zip(queries, dataset.truth, strict=False):
        begun = time.perf_counter()
        answer = connection.ask(requests.post(_QUERY, query))
        milliseconds.append((time.perf_counter() - begun) * 1000)
        found = {int(match["id"]) for match in json.loads(answer)["matches"]}
        hits += len(found & set(truth[:10].tolist()))
    return hits / (10 * len(queries)), round(float(np.median(milliseconds)), 3)


def scenarios(
    url: str, headers: Mapping[str, str], dataset: Dataset, queries: Sequence[bytes], asked: Asked
) -> list[Row]:
    """Search, upsert and mixed load."""
    searches = Searches(_QUERY, queries)
    # Of searches the first few of a kind are measured in threads, and each process has its own to learn.
    run(searches, url, headers, asked.clients, _WARM_SECONDS)

    def load(name: str, scenario: Scenario, clients: int) -> Load:
        say(f"{name}, {clients} clients")
        return run(scenario, url, headers, clients, asked.seconds)

    rows = []
    if "search" in asked.scenarios:
        found = load("search", searches, asked.clients)
        rows.append(row("search", asked.clients, found, SEARCH))
    mixed = []
    if "mixed" in asked.scenarios:
        at, own = f"/v1/namespaces/{NAMESPACE}/vectors", str(time.time_ns())
        both = load("mixed", Mixed(searches, at, dataset.base.shape[1], own), asked.clients)
        missed = (
            f"{both.counts.get('own_writes_missed', 0):,} of {both.counts.get('own_writes_checked', 0):,}"
        )
        note = f"own write missed in the next request: {missed}"
        mixed.append(row("mixed: search", asked.clients, both, SEARCH, note))
        mixed.append(row("mixed: upsert 1", asked.clients, both, UPSERT))
    if "upsert" in asked.scenarios:
        # Last, because what it writes is still being indexed for a while when it is over. To a namespace of its own, so
        # that searches always meet the set and nothing else.
        written = load("upsert", _upserts(url, headers, dataset, asked), asked.writers)
        note = f"{written.counts.get('written', 0) / written.seconds:,.0f} vectors/s"
        rows.append(row(f"upsert {BATCH}", asked.writers, written, UPSERT, note))
    return rows + mixed


def _upserts(url: str, headers: Mapping[str, str], dataset: Dataset, asked: Asked) -> Upserts:
    name = f"upserts-{time.time_ns()}"
    new = {"name": name, "dimension": dataset.base.shape[1], "metric": "cosine"}
    Connection(url).ask(Requests(url, headers).post("/v1/namespaces", json.dumps(new).encode()))
    form = form_of(asked.vectors)
    batches = [batch_body(dataset.base, number, form) for number in range(BATCH_BODIES)]
    return Upserts(f"/v1/namespaces/{name}/vectors", batches, BATCH)


def batch_body(base: Vectors, number: int, form: Callable[[Vectors], Any]) -> str:
    """A batch in which @@ stands for the request."""
    rows = [(number * BATCH + place) % len(base) for place in range(BATCH)]
    return json.dumps(
        {"vectors": [{"id": f"@@-{place}", "vector": form(base[row])} for place, row in enumerate(rows)]}
    )


def row(scenario: str, clients: int, load: Load, kind: str, note: str = "") -> Row:
    """One line of the report."""
    p50, p95, p99 = (round(value, 2) for value in load.percentiles(kind))
    return Row(scenario, clients, round(load.rate(kind), 1), p50, p95, p99, round(load.error_rate, 6), note)


def document(dataset: Dataset, report: Report) -> dict[str, Any]:
    """The report as JSON has it."""
    return {
        "machine": {
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "machine": platform.machine(),
            "load": os.getloadavg()[0],
        },
        "dataset": {"name": dataset.name, "rows": len(dataset.base), "dimension": dataset.base.shape[1]},
        **asdict(report),
    }


def markdown(dataset: Dataset, report: Report) -> str:
    """The report as a table."""
    asked, loaded = report.asked, report.loaded
    wanted = "usual recall" if asked.recall is None else f"recall {asked.recall:g} asked for"
    lines = [
        f"{dataset.name}: {len(dataset.base):,} × {dataset.base.shape[1]}, {asked.workers} worker(s), "
        f"{os.cpu_count()} CPUs shared by server and client, load {os.getloadavg()[0]:.1f}, Python "
        f"{platform.python_version()}, vectors as {asked.vectors}, {wanted}, {asked.seconds:g} s each.",
        "",
        f"Import {loaded.import_seconds:.1f} s, fold and compact {loaded.compact_seconds:.1f} s, engine "
        f"{loaded.engine}, {loaded.segment_bytes / loaded.rows:,.0f} bytes a vector on disk. Recall@10 "
        f"{report.recall_at_10:.4f}; one client alone: {report.one_client_p50_ms:.2f} ms (p50).",
        "",
    ]
    return "\n".join([*lines, table(report.rows)])


def table(rows: Sequence[Row]) -> str:
    """Scenarios as a table."""
    lines = [
        "| scenario | clients | requests/s | p50 ms | p95 ms | p99 ms | errors |  |",
        "| --- | --: | --: | --: | --: | --: | --: | --- |",
    ]
    lines += [
        f"| {r.scenario} | {r.clients} | {r.requests_per_second:,.0f} | {r.p50_ms:.1f} | {r.p95_ms:.1f} "
        f"| {r.p99_ms:.1f} | {r.errors:.2%} | {r.note} |"
        for r in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
