"""What is compared: engines behind the port that segments use, hnswlib, brute force; and how they are timed."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import hnswlib
import numpy as np
import numpy.typing as npt

from benchmarks.dataset import exact_answers
from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Floats, Mask, Matrix, Rows, Vector, norms_of
from quartzdb.storage.index.engines.exact import best
from quartzdb.storage.index.engines.native_scores import scores_of_rows
from quartzdb.storage.index.engines.port import BuiltIndex, Index
from quartzdb.storage.index.engines.registry import engine_named
from quartzdb.storage.index.segments.stored_vectors import MappedVectors

TOP_K = 10
ROUND_SECONDS_MAX = 3.0
RECALLS = (0.8, 0.9, 0.95, 0.97, 0.99, 0.995, 0.999)
HNSW_EFS = (10, 20, 40, 80, 160, 320)

Answer = Callable[[Vector], Rows]


@dataclass(frozen=True)
class Data:
    """Vectors as a segment keeps them, and queries with their exact answers (queries, 100)."""

    vectors: Matrix
    norms: Floats
    queries: npt.NDArray[np.float32]
    truth: npt.NDArray[np.int32]
    about: Mapping[str, Any]
    metric: Metric = Metric.COSINE


@dataclass
class Contender:
    """Something that answers queries, and what is known of it beside that. Seconds per query, one entry per round."""

    name: str
    setting: str
    answer: Answer
    build_s: float | None = None
    open_ms: float | None = None
    bytes_per_vector: float | None = None
    recall: float = 0.0
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """What is printed. `qps_cpu` counts only time on the core: what `qps` would be on an idle machine."""
        return {
            "engine": self.name,
            "setting": self.setting,
            "recall@10": round(self.recall, 4),
            "qps": round(1 / statistics.median(self.wall)),
            "qps_cpu": round(1 / statistics.median(self.cpu)),
            "build_s": None if self.build_s is None else round(self.build_s, 1),
            "open_ms": None if self.open_ms is None else round(self.open_ms, 1),
            "bytes/vector": None if self.bytes_per_vector is None else round(self.bytes_per_vector, 1),
        }


@dataclass(frozen=True)
class BuiltEngine:
    """An engine's files and how it came to them.

    Its row i is row `order[i]` of the data; `ordered` are the data as its segment has them.
    """

    name: str
    built: BuiltIndex
    directory: Path
    data: Data
    build_s: float
    order: Rows
    ordered: Data

    def opened(self) -> Index:
        files = {name: self.directory / name for name in self.built.files}
        return engine_named(self.name).open(
            files,
            self.built.parameters,
            MappedVectors(self.ordered.vectors, self.ordered.norms),
            self.data.metric,
        )

    def contender(self, setting: str, recall: float | None = None) -> Contender:
        index = self.opened()
        return Contender(
            self.name,
            setting,
            lambda query: self.order[found_by(index, self.ordered, query, None, recall)],
            self.build_s,
            1000 * min(timed(self.opened) for _ in range(5)),
            sum((self.directory / name).stat().st_size for name in self.built.files) / len(self.data.vectors),
        )


def load(directory: Path, rows: int | None, precision: str, scratch: Path) -> Data:
    """The set, its vectors mapped from a raw file as in a segment."""
    base = np.load(directory / "base.npy", mmap_mode="r")[:rows]
    kind = "<f4" if precision == "f32" else "<f2"
    base.astype(kind).tofile(scratch / "vectors")
    vectors = np.asarray(np.memmap(scratch / "vectors", dtype=kind, mode="r", shape=base.shape))
    queries = np.load(directory / "queries.npy")
    if rows is None and precision == "f32":
        truth = np.load(directory / "gt.npy")
    else:
        truth = exact_answers(vectors.astype(np.float32), queries, 100)
    about_file = directory / "about.json"
    about = json.loads(about_file.read_text()) if about_file.exists() else {"source": str(directory)}
    return Data(vectors, norms_of(vectors), queries, truth, about)


def build(name: str, data: Data, scratch: Path, threads: int) -> BuiltEngine:
    """Build one engine as the indexer does."""
    target = Path(tempfile.mkdtemp(dir=scratch))
    started = time.perf_counter()
    built = engine_named(name).build(data.vectors, data.metric, target, seed=1, threads=threads)
    took = time.perf_counter() - started
    order = np.arange(len(data.vectors)) if built.order is None else built.order
    ordered = replace(data, vectors=data.vectors[order], norms=data.norms[order])
    # As a manifest keeps them.
    built = BuiltIndex(built.files, json.loads(json.dumps(dict(built.parameters))))
    return BuiltEngine(name, built, target, data, took, order, ordered)


def calibrated(name: str, data: Data, scratch: Path) -> Contender:
    """An engine as a segment would have it; it says so where that is a scan."""
    engine = build(name, data, scratch, 1)
    return engine.contender("calibrated" if engine.built.files else "scan")


def with_sweep(name: str, data: Data, scratch: Path, threads: int) -> Iterator[Contender]:
    """An engine as calibrated, then asked for less or more recall, to compare engines where they find the same."""
    engine = build(name, data, scratch, threads)
    yield engine.contender("calibrated" if engine.built.files else "scan")
    if not engine.built.files:
        return
    for recall in RECALLS:
        yield engine.contender(f"recall {recall}", recall)


def hnsw_sweep(data: Data, scratch: Path, threads: int) -> Iterator[Contender]:
    """hnswlib with M 16, ef_construction 200: its own vectors, no rescoring."""
    rows, dimension = data.vectors.shape
    graph = hnswlib.Index(space="cosine", dim=dimension)
    started = time.perf_counter()
    graph.init_index(max_elements=rows, M=16, ef_construction=200, random_seed=1)
    graph.set_num_threads(threads)
    graph.add_items(data.vectors.astype(np.float32))
    build_s = time.perf_counter() - started
    graph.set_num_threads(1)
    path = scratch / "hnsw.bin"
    graph.save_index(str(path))

    def asking(ef: int) -> Answer:
        def answer(query: Vector) -> Rows:
            graph.set_ef(ef)
            labels: npt.NDArray[np.uint64] = graph.knn_query(query, k=TOP_K)[0][0]
            return labels.astype(np.int64)

        return answer

    for ef in HNSW_EFS:
        yield Contender("hnswlib", f"M16 ef {ef}", asking(ef), build_s, None, path.stat().st_size / rows)


def brute_force(data: Data, query: Vector) -> Rows:
    """The whole matrix times the query: what no index at all costs."""
    scores = np.asarray(data.vectors.astype(np.float32, copy=False) @ query)
    return best(scores, TOP_K)


def found_by(
    index: Index, data: Data, query: Vector, allowed: Mask | None = None, recall: float | None = None
) -> Rows:
    """The best rows as a query has them: scored by the index, where it does that, or its candidates rescored."""
    found = index.best(query, TOP_K, recall, allowed)
    if found is not None:
        return found.rows[:TOP_K]
    return rescored(data, index.candidates(query, TOP_K, allowed, recall), query)


def rescored(data: Data, rows: Rows, query: Vector) -> Rows:
    """What a query does with candidates: exact scores, the best, in order."""
    scores = scores_of_rows(MappedVectors(data.vectors, data.norms), data.metric, query, rows)
    kept = best(scores, TOP_K)
    return rows[kept[np.argsort(-scores[kept])]]


def race(contenders: Sequence[Contender], data: Data, rounds: int) -> None:
    """Time all contenders in turn, `rounds` times. Slow ones get fewer queries, so that a round stays short."""
    asked: dict[int, npt.NDArray[np.float32]] = {}
    for number, contender in enumerate(contenders):
        hits = wanted = 0
        started = time.perf_counter()
        done = 0
        for query, truth in zip(data.queries, data.truth, strict=True):
            good = truth[:TOP_K][truth[:TOP_K] >= 0]
            hits += np.intersect1d(contender.answer(query), good).size
            wanted += good.size
            done += 1
            if time.perf_counter() - started > ROUND_SECONDS_MAX:
                break
        contender.recall = hits / max(wanted, 1)
        asked[number] = data.queries[:done]
    for _ in range(rounds):
        for number, contender in enumerate(contenders):
            wall, cpu = time.perf_counter(), time.thread_time()
            for query in asked[number]:
                contender.answer(query)
            contender.cpu.append((time.thread_time() - cpu) / len(asked[number]))
            contender.wall.append((time.perf_counter() - wall) / len(asked[number]))


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
