"""Measures a namespace in shards beside one without: `python -m benchmarks.shards [--data DIR] [--shards 4] [--json]`.

Both hold the same records in one embedded database, each shard in one segment. Queries go through the service, strongly
consistent, one at a time; contenders take turns in rounds and the median round counts. CPU is that of all threads, so
it says what a query costs; wall time says what a client waits. Answers are compared with exact ones, and, where every
record is scored, with each other.
"""

from __future__ import annotations

import os

# Before numpy and faiss read them: threads are for the shards.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.dataset import DEFAULT_DIRECTORY, exact_answers, make
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings
from quartzdb.maintenance.merge_policy import all_segments
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.search import QueryRequest, Search
from quartzdb.services.shard_reads import ShardReads
from quartzdb.wiring.embedded import Database, EmbeddedSettings, open_embedded

BATCH = 1_000
TOP_K = 10
TARGETS = (0.95, 0.99, 1.0)
ALIKE = 1e-5
"""Scores of one record by products over matrices of other sizes differ by so much at most."""

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Built:
    """Seconds of one thread. `shards`: what building each took."""

    name: str
    write_cpu_s: float
    write_wall_s: float
    shards: Sequence[float]
    rows: Sequence[int]
    bytes: int


@dataclass(frozen=True, slots=True)
class Measured:
    """`recall` is what was asked for, `recall_at_10` what came."""

    name: str
    threads: int
    recall: float
    recall_at_10: float
    cpu_ms: float
    wall_p50_ms: float
    qps: float
    exact: bool


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=DEFAULT_DIRECTORY, help="base.npy, queries.npy, gt.npy")
    parser.add_argument("--rows", type=int, help="only the first so many rows")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--engine", choices=[*EngineChoice], default=EngineChoice.IVF)
    parser.add_argument("--threads", default="1,2", help="how many shards are read at once")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    directory = options.data if (options.data / "gt.npy").exists() else make(options.data)
    base = np.load(directory / "base.npy", mmap_mode="r")[: options.rows]
    queries = np.load(directory / "queries.npy")[: options.queries]
    truth = (
        exact_answers(np.asarray(base), queries, depth=TOP_K)
        if options.rows
        else np.load(directory / "gt.npy")[: options.queries, :TOP_K]
    )
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        database = open_embedded(EmbeddedSettings(Path(scratch)))
        namespaces = {
            shards: created(database, shards, options.engine, base) for shards in (1, options.shards)
        }
        built = [fill(database, namespace, base) for namespace in namespaces.values()]
        threads = [int(one) for one in options.threads.split(",")]
        measured = race(database, list(namespaces.values()), threads, queries, truth, options.rounds)
        different = differences(database, list(namespaces.values()), queries)
    report: dict[str, Any] = {
        "rows": len(base),
        "dimension": base.shape[1],
        "queries": len(queries),
        "engine": str(options.engine),
        "built": [asdict(one) for one in built],
        "measured": [asdict(one) for one in measured],
        "answers_that_differ": different,
    }
    print(json.dumps(report, indent=1) if options.json else text(report, built, measured))


def created(database: Database, shards: int, engine: EngineChoice, base: Matrix) -> Namespace:
    """An empty namespace."""
    settings = NamespaceSettings(base.shape[1], engine=EngineChoice(engine), shards=shards)
    return database.namespaces.create("default", f"shards-{shards}", settings)[0]


def fill(database: Database, namespace: Namespace, base: Matrix) -> Built:
    """Write all rows, then bring each shard into one segment."""
    cpu, wall = time.process_time(), time.perf_counter()
    for start in range(0, len(base), BATCH):
        rows = np.array(base[start : start + BATCH])
        records = [NewRecord(str(start + row), vector) for row, vector in enumerate(rows)]
        database.records.upsert(namespace, records)
    write = time.process_time() - cpu, time.perf_counter() - wall
    seconds: list[float] = []
    for shard in namespace.each_shard:
        begun = time.process_time()
        while database.indexer.fold(shard).entries:
            pass
        database.indexer.compact(shard, all_segments)
        seconds.append(time.process_time() - begun)
        database.readers.of(shard).reload()
    stats = database.namespaces.stats(namespace)
    assert stats.records == len(base), stats
    rows_of = [segment.rows for segment in stats.segments]
    assert len(rows_of) == namespace.settings.shards, "each shard is one segment"
    return Built(namespace.name, *write, seconds, rows_of, stats.segment_bytes)


def race(
    database: Database,
    namespaces: Sequence[Namespace],
    threads: Sequence[int],
    queries: Matrix,
    truth: npt.NDArray[Any],
    rounds: int,
) -> list[Measured]:
    """Every contender in each round, so that what else the machine does falls on all alike."""
    contenders = [
        (namespace, count, target)
        for target in TARGETS
        for namespace in namespaces
        for count in (threads if namespace.settings.shards > 1 else threads[:1])
    ]
    services = {count: search_service(database, count) for count in threads}
    times: dict[Any, list[tuple[float, list[float]]]] = {one: [] for one in contenders}
    answers: dict[Any, tuple[float, bool]] = {}
    for _ in range(rounds):
        for one in contenders:
            namespace, count, target = one
            ask = asking(services[count], namespace, target)
            hits, exact, waits = 0, True, []
            cpu = time.process_time()
            for query, true in zip(queries, truth, strict=True):
                begun = time.perf_counter()
                answer = ask(query)
                waits.append(time.perf_counter() - begun)
                hits += len({int(match.id) for match in answer.matches} & set(true.tolist()))
                exact = exact and answer.work.exact
            times[one].append((time.process_time() - cpu, waits))
            answers[one] = hits / (len(queries) * TOP_K), exact
    return [
        Measured(
            namespace.name,
            count,
            target,
            answers[namespace, count, target][0],
            1_000 * statistics.median(cpu for cpu, _ in times[namespace, count, target]) / len(queries),
            1_000
            * statistics.median(statistics.median(waits) for _, waits in times[namespace, count, target]),
            len(queries) / statistics.median(sum(waits) for _, waits in times[namespace, count, target]),
            answers[namespace, count, target][1],
        )
        for namespace, count, target in contenders
    ]


def search_service(database: Database, threads: int) -> Search:
    """The service, reading so many shards at once."""
    return Search(ShardReads(database.readers, database.versions, threads))


def asking(service: Search, namespace: Namespace, recall: float) -> Callable[[Matrix], Any]:
    """One query."""
    return lambda query: service.query(namespace, QueryRequest(vector=query, top_k=TOP_K, recall=recall))


def differences(database: Database, namespaces: Sequence[Namespace], queries: Matrix) -> int:
    """Of how many queries the exact answers of the two differ, in ids or in scores."""
    count = 0
    for query in queries:
        one, other = [asking(database.search, namespace, 1.0)(query).matches for namespace in namespaces]
        same_ids = [match.id for match in one] == [match.id for match in other]
        close = np.allclose([match.score for match in one], [match.score for match in other], atol=ALIKE)
        count += not (same_ids and close)
    return count


def text(report: dict[str, Any], built: Sequence[Built], measured: Sequence[Measured]) -> str:
    """Two Markdown tables."""
    lines = [
        f"{report['rows']:,} x {report['dimension']}, engine {report['engine']}, {report['queries']} queries",
        "",
        "| namespace | written, CPU s | written, s | built, CPU s a shard | rows a shard | bytes a vector |",
        "|---|---|---|---|---|---|",
        *(
            f"| {one.name} | {one.write_cpu_s:.1f} | {one.write_wall_s:.1f} |"
            f" {' '.join(f'{s:.1f}' for s in one.shards)} | {' '.join(f'{rows:,}' for rows in one.rows)} |"
            f" {one.bytes / report['rows']:.0f} |"
            for one in built
        ),
        "",
        "| namespace | threads | recall asked | recall@10 | CPU ms | p50 ms | queries/s | exact |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {one.name} | {one.threads} | {one.recall} | {one.recall_at_10:.4f} | {one.cpu_ms:.3f} |"
            f" {one.wall_p50_ms:.3f} | {one.qps:.0f} | {'yes' if one.exact else 'no'} |"
            for one in measured
        ),
        "",
        f"exact answers that differ: {report['answers_that_differ']} of {report['queries']}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
