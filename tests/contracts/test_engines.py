"""The contract of Engine and Index: what any must do, on every metric and precision, and where it may not give way."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import EngineChoice
from quartzdb.domain.recall import RECALL_TARGETS
from quartzdb.domain.vector import Floats, Mask, Matrix, Rows, Vector, norms_of
from quartzdb.storage.index.engines.annoy import PROJECTION_FILE, TREES_FILE
from quartzdb.storage.index.engines.annoy_space import AnnoySpace
from quartzdb.storage.index.engines.exact import best, gather_scores
from quartzdb.storage.index.engines.graph import Graph
from quartzdb.storage.index.engines.graph_layout import read_graph
from quartzdb.storage.index.engines.half import widened
from quartzdb.storage.index.engines.hnsw import GRAPH_FILE, SPACE_FILE, HnswEngine
from quartzdb.storage.index.engines.hnsw_index import HnswIndex
from quartzdb.storage.index.engines.kernel_library import LIBRARY, kernel
from quartzdb.storage.index.engines.port import BuiltIndex, Engine, Index
from quartzdb.storage.index.engines.registry import IVF_ROWS_MIN, choose, engine_named, open_files
from quartzdb.storage.index.engines.rotation import Rotation
from quartzdb.storage.index.engines.search_parameters import parameters_by_recall
from quartzdb.storage.index.segments.stored_vectors import MappedVectors
from tests import rabitq_segments

ENGINES = ("exact", "annoy", "ivf", "hnsw")
RABITQ = "ivf of one bit"
"""How `ivf` was written before: it is read like any."""
METRICS = tuple(Metric)
BY_FAISS = "hnsw by faiss"
"""The files of `hnsw`, opened as where there is no kernel."""
ROWS, DIMENSION, CLUMPS, QUERIES = 3000, 40, 50, 40


@dataclass(frozen=True)
class Opened:
    """An index with all that it takes to judge its answers."""

    engine: str
    index: Index
    vectors: Matrix
    norms: Floats
    metric: Metric
    built: BuiltIndex
    directory: Path
    order: Rows
    """Row i is what row `order[i]` was in the build."""

    def exact(self, query: Vector) -> Floats:
        return gather_scores(
            MappedVectors(self.vectors, self.norms), self.metric, query, np.arange(len(self.vectors))
        )

    def answer(
        self, query: Vector, count: int, allowed: Mask | None = None, asked: float | None = None
    ) -> Rows:
        """What a query does with an index: candidates, exact scores, the best of them."""
        rows = self.index.candidates(query, count, allowed, asked)
        assert len(np.unique(rows)) == len(rows)
        return rows[
            best(gather_scores(MappedVectors(self.vectors, self.norms), self.metric, query, rows), count)
        ]

    def recall(
        self, queries: Matrix, count: int, allowed: Mask | None = None, asked: float | None = None
    ) -> float:
        found = wanted = 0
        for query in queries:
            scores = self.exact(query)
            if allowed is not None:
                scores[~allowed] = -np.inf
            reachable = min(count, int(np.isfinite(scores).sum()))
            rows = self.answer(query, count, allowed, asked)
            assert len(rows) == reachable
            least = np.partition(scores, -reachable)[-reachable]
            # Rows equal to the last one wanted are as good as it; so are those that rounding tells apart.
            found += int((scores[rows] >= least - 1e-5 * abs(least)).sum())
            wanted += reachable
        return found / wanted


def clumped(rows: int, seed: int, dimension: int = DIMENSION, metric: Metric = Metric.COSINE) -> Matrix:
    """Vectors in clumps, as embeddings are; of different lengths where lengths matter."""
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((CLUMPS, dimension))
    drawn = centres[chance.integers(CLUMPS, size=rows)] + 0.7 * chance.standard_normal((rows, dimension))
    if metric is Metric.DOT:
        drawn *= np.exp(0.3 * chance.standard_normal((rows, 1)))
    return drawn.astype(np.float32)


def clump_labels(rows: int, seed: int) -> Rows:
    """Which clump each of `clumped(rows, seed)` belongs to."""
    return np.random.default_rng(seed).integers(CLUMPS, size=rows)


def named(engine: str) -> Engine:
    if engine == BY_FAISS:
        return HnswEngine(lambda: None)
    return engine_named("ivf" if engine == RABITQ else engine)


def build(engine: str, vectors: Matrix, metric: Metric, directory: Path, seed: int = 1) -> BuiltIndex:
    directory.mkdir(exist_ok=True)
    if engine == RABITQ:
        built = rabitq_segments.build(vectors, metric, directory, seed=seed)
    else:
        built = named(engine).build(vectors, metric, directory, seed=seed, threads=1)
    # Parameters are kept in a manifest, so they must survive JSON.
    return BuiltIndex(built.files, json.loads(json.dumps(dict(built.parameters))), built.order)


def reopen(engine: str, built: BuiltIndex, vectors: Matrix, metric: Metric, directory: Path) -> Opened:
    order = np.arange(len(vectors)) if built.order is None else built.order
    vectors = vectors[order]
    norms = norms_of(vectors)
    files = {name: directory / name for name in built.files}
    index = named(engine).open(files, built.parameters, MappedVectors(vectors, norms), metric)
    return Opened(engine, index, vectors, norms, metric, built, directory, order)


def opened(engine: str, vectors: Matrix, metric: Metric, directory: Path) -> Opened:
    return reopen(engine, build(engine, vectors, metric, directory), vectors, metric, directory)


Kind = tuple[str, Metric, str]
# Half precision changes nothing that depends on the metric, so it is crossed with one metric only.
KINDS: tuple[Kind, ...] = (
    *(
        (engine, metric, precision)
        for engine in ENGINES
        for metric in METRICS
        for precision in ("float32", "float16")
        if precision == "float32" or metric is Metric.EUCLIDEAN
    ),
    *((BY_FAISS, metric, "float32") for metric in METRICS),
    (RABITQ, Metric.DOT, "float32"),
    (RABITQ, Metric.EUCLIDEAN, "float16"),
)


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Kind, Opened]:
    """Every engine, metric and precision, built once."""
    made = {
        (engine, metric, precision): opened(
            engine,
            clumped(ROWS, 1, metric=metric).astype(precision),
            metric,
            tmp_path_factory.mktemp("index"),
        )
        for engine, metric, precision in KINDS
        if engine != BY_FAISS
    }
    for metric in METRICS:
        same = made["hnsw", metric, "float32"]
        vectors = clumped(ROWS, 1, metric=metric)
        made[BY_FAISS, metric, "float32"] = reopen(BY_FAISS, same.built, vectors, metric, same.directory)
    return made


@pytest.fixture(params=METRICS)
def metric(request: pytest.FixtureRequest) -> Metric:
    return Metric(request.param)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=KINDS, ids="-".join)
def index(indexes: Mapping[Kind, Opened], request: pytest.FixtureRequest) -> Opened:
    return indexes[request.param]


QUERY_SEED = 2


class TestFinding:
    def test_what_is_scored_in_one_step_is_what_two_steps_find(self, index: Opened) -> None:
        """An engine that scores, too, answers with the best of its candidates and their exact scores."""
        answered = 0
        for query in clumped(QUERIES, QUERY_SEED, metric=index.metric):
            found = index.index.best(query, 10)
            if found is None:
                continue
            answered += 1
            scores = index.exact(query)
            assert found.scores == pytest.approx(scores[found.rows], rel=2e-6, abs=2e-6)
            assert found.scores[9] == pytest.approx(scores[index.answer(query, 10)].min(), rel=2e-6, abs=2e-6)
        assert answered == (QUERIES if index.engine in {"hnsw", "ivf"} and LIBRARY.exists() else 0)

    def test_recall_of_queries_that_are_not_in_the_data(self, index: Opened) -> None:
        """The bar for every engine: .95 of the ten and of the hundred best."""
        queries = clumped(QUERIES, QUERY_SEED, metric=index.metric)
        assert index.recall(queries, 10) >= 0.95
        assert index.recall(queries[:10], 100) >= 0.95

    def test_a_row_finds_itself(self, index: Opened) -> None:
        """Where nearness is not length, a stored vector is its own best answer."""
        if index.metric is Metric.DOT:
            pytest.skip("under dot a longer row in the same direction is better than the row itself")
        for row in range(0, ROWS, 120):
            assert row in index.answer(index.vectors[row].astype(np.float32), 1)

    def test_asking_for_more_than_there_is_returns_everything(self, index: Opened) -> None:
        assert len(index.index.candidates(np.ones(DIMENSION, np.float32), ROWS + 500)) == ROWS

    def test_large_counts_are_filled(self, index: Opened) -> None:
        """Never fewer candidates than results that were asked for."""
        for count in (1, 11, 99, 101, 999, 1000, 1001, 2500):
            assert len(index.index.candidates(np.ones(DIMENSION, np.float32), count)) >= count

    def test_query_length_does_not_matter_by_product(self, index: Opened) -> None:
        if index.metric is Metric.EUCLIDEAN:
            pytest.skip("under euclidean a longer query is another place")
        query = clumped(1, 7)[0]
        near = set(index.answer(query, 10).tolist())
        assert set(index.answer(query * np.float32(1e12), 10).tolist()) == near
        assert set(index.answer(query * np.float32(1e-12), 10).tolist()) == near

    def test_threads_get_the_answers_that_one_thread_gets(self, index: Opened) -> None:
        queries = clumped(64, 5, metric=index.metric)
        mask = np.arange(ROWS) % 3 == 0
        asked = [(query, allowed) for query in queries for allowed in (None, mask)]
        alone = [index.index.candidates(query, 10, allowed).tolist() for query, allowed in asked]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda ask: index.index.candidates(ask[0], 10, ask[1]).tolist(), asked))
        assert together == alone


class TestBatches:
    @pytest.mark.parametrize(("count", "asked"), [(10, None), (10, 0.9), (10, 0.9999), (100, None)])
    def test_each_query_gets_the_answer_that_it_gets_alone(
        self, index: Opened, count: int, asked: float | None
    ) -> None:
        queries = clumped(QUERIES, 2, metric=index.metric)
        together = index.index.candidates_of_each(queries, count, asked)
        assert len(together) == len(queries)
        vectors = MappedVectors(index.vectors, index.norms)
        for query, rows in zip(queries, together, strict=True):
            alone = index.answer(query, count, asked=asked)
            assert len(np.unique(rows)) == len(rows)
            kept = rows[best(gather_scores(vectors, index.metric, query, rows), count)]
            # Rows that codes rank alike may change places, and with them one that is just not proposed.
            assert len(np.intersect1d(alone, kept)) >= 0.99 * len(alone)

    def test_more_than_there_is_and_nothing_at_all(self, index: Opened) -> None:
        queries = clumped(3, 2, metric=index.metric)
        for rows in index.index.candidates_of_each(queries, ROWS + 10):
            assert np.array_equal(np.sort(rows), np.arange(ROWS))
        assert list(index.index.candidates_of_each(queries[:0], 10)) == []

    def test_queries_beyond_the_reach_of_an_index_are_answered_among_others(self, index: Opened) -> None:
        queries = clumped(4, 2, metric=index.metric)
        queries[2] *= np.float32(1e12)
        for query, rows in zip(queries, index.index.candidates_of_each(queries, 10), strict=True):
            vectors = MappedVectors(index.vectors, index.norms)
            found = rows[best(gather_scores(vectors, index.metric, query, rows), 10)]
            assert len(np.intersect1d(found, index.answer(query, 10))) >= 9


class TestFilters:
    @pytest.mark.parametrize("share", [0.9, 0.5, 0.2, 0.05, 0.01])
    def test_random_filter(self, index: Opened, share: float) -> None:
        """Only allowed rows come back, and no selectivity costs recall."""
        allowed = np.random.default_rng(3).random(ROWS) < share
        queries = clumped(15, QUERY_SEED, metric=index.metric)
        for query in queries:
            assert allowed[index.index.candidates(query, 10, allowed)].all()
        assert index.recall(queries, 10, allowed) >= 0.95

    @pytest.mark.parametrize("share", [0.5, 0.1, 0.04])
    def test_filter_that_allows_only_the_clumps_furthest_from_the_query(
        self, index: Opened, share: float
    ) -> None:
        """The nearest lists then hold nothing allowed."""
        labels = clump_labels(ROWS, 1)[index.order]
        hits = []
        for query in clumped(20, QUERY_SEED, metric=index.metric):
            scores = index.exact(query)
            means = np.bincount(labels, weights=scores) / np.bincount(labels)
            allowed = means[labels] <= np.sort(means)[int(share * CLUMPS) - 1]
            hits.append(index.recall(query[None, :], 10, allowed))
        assert np.mean(hits) >= 0.95

    def test_filter_that_allows_a_few_clumps(self, index: Opened) -> None:
        centre = clumped(1, 11)[0]
        allowed = index.exact(centre) >= np.quantile(index.exact(centre), 0.9)
        assert index.recall(clumped(20, QUERY_SEED, metric=index.metric), 10, allowed) >= 0.95

    def test_nothing_allowed_is_nothing_found(self, index: Opened) -> None:
        assert index.index.candidates(np.ones(DIMENSION, np.float32), 10, np.zeros(ROWS, np.bool_)).size == 0

    def test_fewer_allowed_than_asked_for(self, index: Opened) -> None:
        allowed = np.zeros(ROWS, np.bool_)
        allowed[[3, 1999, 2999]] = True
        found = index.index.candidates(np.ones(DIMENSION, np.float32), 10, allowed)
        assert sorted(found.tolist()) == [3, 1999, 2999]

    def test_everything_allowed(self, index: Opened) -> None:
        queries = clumped(10, QUERY_SEED, metric=index.metric)
        assert index.recall(queries, 10, np.ones(ROWS, np.bool_)) >= 0.95


class TestRecall:
    @pytest.mark.parametrize("filtered", [False, True])
    def test_more_recall_finds_no_less(self, index: Opened, filtered: bool) -> None:
        """Over many queries. Nor does it propose less, but where it is out of reach: a scan proposes just the best."""
        allowed = np.random.default_rng(3).random(ROWS) < 0.5 if filtered else None
        queries = clumped(25, QUERY_SEED, metric=index.metric)
        found, proposed = [], []
        for recall in (0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0):
            found.append(index.recall(queries, 10, allowed, asked=recall))
            proposed.append(sum(len(index.index.candidates(query, 10, allowed, recall)) for query in queries))
            assert found[-1] >= min(recall, 0.995) - 0.05
        assert all(low <= high + 0.01 for low, high in pairwise(found))
        if not filtered:
            more = [low <= high for low, high in pairwise(proposed)]
            assert all(grows or after == 1.0 for grows, after in zip(more, found[1:], strict=True))

    @pytest.mark.parametrize("share", [1.0, 0.5, 0.05])
    def test_a_recall_of_one_is_an_exact_search(self, index: Opened, share: float) -> None:
        """On every engine, with a filter and without."""
        allowed = None if share == 1.0 else np.random.default_rng(3).random(ROWS) < share
        for query in clumped(10, QUERY_SEED, metric=index.metric):
            scores = index.exact(query)
            if allowed is not None:
                scores[~allowed] = -np.inf
            answer = index.answer(query, 10, allowed, asked=1.0)
            assert np.sort(index.exact(query)[answer]) == pytest.approx(np.sort(scores)[-10:], rel=1e-5)

    def test_less_recall_is_less_work(self, indexes: Mapping[Kind, Opened]) -> None:
        """A plain search of codes rescores fewer rows."""
        index = indexes["ivf", Metric.COSINE, "float32"].index
        query = clumped(1, QUERY_SEED)[0]
        sizes = [len(index.candidates(query, 10, None, recall)) for recall in (0.8, 0.95, 0.99)]
        assert sizes[0] < sizes[1] < sizes[2]


class TestFiles:
    def test_same_seed_same_bytes(self, engine: str, tmp_path: Path) -> None:
        """A rebuilt segment is the same blob, so that a retry after a crash changes nothing."""
        vectors = clumped(1500, 1)
        digests = []
        for name in ("first", "second"):
            built = build(engine, vectors, Metric.COSINE, tmp_path / name)
            contents = [(tmp_path / name / file).read_bytes() for file in built.files]
            contents.append(b"" if built.order is None else built.order.tobytes())
            described = (built.files, built.parameters)
            digests.append((described, [hashlib.sha256(content).hexdigest() for content in contents]))
        assert digests[0] == digests[1]

    def test_mapped_vectors_and_resident_bytes(self, engine: str, tmp_path: Path) -> None:
        """Vectors may be memory-mapped, as a segment's are; a built index says what it keeps in memory."""
        np.save(tmp_path / "vectors.npy", clumped(2000, 1))
        mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
        index = opened(engine, mapped, Metric.EUCLIDEAN, tmp_path / "index")
        assert index.recall(clumped(10, 2), 10) >= 0.95
        files = sum((index.directory / name).stat().st_size for name in index.built.files)
        assert index.index.resident_bytes >= files

    @pytest.mark.parametrize("engine", ["annoy", "ivf", "hnsw"])
    def test_clumps_are_worth_an_index(self, indexes: Mapping[Kind, Opened], engine: str) -> None:
        """Guards the suite itself: were these to fall back to scanning, they would pass everything else."""
        built = {key: index.built.files for key, index in indexes.items() if key[0] == engine}
        assert built[engine, Metric.COSINE, "float32"]
        assert built[engine, Metric.EUCLIDEAN, "float16"]

    def test_ivf_is_small(self, indexes: Mapping[Kind, Opened]) -> None:
        index = indexes["ivf", Metric.COSINE, "float32"]
        assert index.built.parameters["part_coordinates"] == 4
        # 8 bytes of code, as many of row number; the rest is centroids and blocks that are not full, which weigh less
        # the more rows there are.
        assert index.index.resident_bytes / ROWS < 32

    @pytest.mark.parametrize("engine", ["annoy", "ivf", "hnsw"])
    @pytest.mark.parametrize(
        "damage",
        ["no files", "emptied", "cut short", "noise", "other rows", "other dimension", "no parameters"],
    )
    def test_damage_is_reported(
        self, indexes: Mapping[Kind, Opened], engine: str, damage: str, tmp_path: Path
    ) -> None:
        good = indexes[engine, Metric.COSINE, "float32"]
        files = {name: tmp_path / name for name in good.built.files}
        for name, path in files.items():
            content = (good.directory / name).read_bytes()
            match damage:
                case "emptied":
                    content = b""
                case "cut short":
                    content = content[: len(content) // 2 + 1]
                case "noise":
                    content = np.random.default_rng(0).bytes(len(content) - 3)
            path.write_bytes(content)
        vectors: Matrix = good.vectors
        parameters: Mapping[str, Any] = good.built.parameters
        match damage:
            case "no files":
                files = {}
            case "other rows":
                vectors = vectors[:-1]
            case "other dimension":
                vectors = np.ascontiguousarray(vectors[:, :-1])
            case "no parameters":
                parameters = {}
        with pytest.raises(Corrupted):
            engine_named(engine).open(
                files, parameters, MappedVectors(vectors, norms_of(vectors)), Metric.COSINE
            )

    @pytest.mark.parametrize(
        "damaged",
        [
            {"plain": []},
            {"plain": [[10, 0.5]]},
            {"plain": [[100, 0.5, 200], [10, 0.5, 20]]},
            {"plain": [[10, 0.5, 3]]},
            {"filtered": "much"},
            {"filtered": []},
            {"filtered": [[10, 0.5]]},
            {"filtered": [[0, 0.5, 0.5]]},
            {"rotation": [0, 0]},
            {"rotation": [5, 7]},
            {"scale": 0},
            {"long": [ROWS]},
            {"long": "none"},
        ],
        ids=str,
    )
    def test_damaged_parameters_are_reported(
        self, indexes: Mapping[Kind, Opened], damaged: Mapping[str, Any]
    ) -> None:
        good = indexes["ivf", Metric.DOT, "float32"]
        files = {name: good.directory / name for name in good.built.files}
        with pytest.raises(Corrupted):
            engine_named("ivf").open(
                files,
                {**good.built.parameters, **damaged},
                MappedVectors(good.vectors, good.norms),
                Metric.DOT,
            )


def flat(rows: int, seed: int, metric: Metric) -> Matrix:
    """Vectors of 96 coordinates that hardly leave 24 dimensions, as those of large models do not leave some hundred."""
    chance = np.random.default_rng(seed)
    within = clumped(rows, seed, 24, metric)
    plane = np.linalg.qr(np.random.default_rng(98).standard_normal((96, 24)))[0].T
    away = np.float32(3.0) if metric is Metric.EUCLIDEAN else np.float32(0.0)
    drawn: Matrix = (within @ plane + 0.02 * chance.standard_normal((rows, 96))).astype(np.float32) + away
    return drawn


class TestProjectedTrees:
    def test_trees_hold_no_more_coordinates_than_tell_rows_apart(
        self, metric: Metric, tmp_path: Path
    ) -> None:
        """Fewer bytes, and what that blurs is made up for by rescoring."""
        index = opened("annoy", flat(ROWS, 1, metric), metric, tmp_path)
        assert index.built.parameters["directions"] == 32
        assert index.recall(flat(QUERIES, QUERY_SEED, metric), 10) >= 0.95
        assert index.recall(flat(20, QUERY_SEED, metric), 10, asked=0.99) >= 0.97
        assert sum((tmp_path / name).stat().st_size for name in index.built.files) < 550 * ROWS

    @pytest.mark.parametrize("damage", ["gone", "cut off", "of other vectors", "narrower"])
    def test_a_projection_that_does_not_fit_is_damage(self, damage: str, tmp_path: Path) -> None:
        vectors = flat(1500, 1, Metric.COSINE)
        built = build("annoy", vectors, Metric.COSINE, tmp_path)
        file = tmp_path / PROJECTION_FILE
        stored = np.load(file)
        if damage == "gone":
            built = BuiltIndex(
                tuple(name for name in built.files if name != PROJECTION_FILE), built.parameters
            )
        elif damage == "cut off":
            file.write_bytes(file.read_bytes()[:-8])
        else:
            np.save(file, stored[:, :-1] if damage == "of other vectors" else stored[:-1])
        with pytest.raises(Corrupted, match="projection"):
            reopen("annoy", built, vectors, Metric.COSINE, tmp_path)

    def test_trees_without_a_projection_open(self, metric: Metric, tmp_path: Path) -> None:
        """They hold all coordinates, and their parameters name no directions."""
        vectors = clumped(2000, 1, metric=metric)
        longest = float(norms_of(vectors).max()) if metric is Metric.DOT else 0.0
        space = AnnoySpace(metric, DIMENSION, longest)
        trees = space.new_trees()
        for number, row in enumerate(space.items(vectors)):
            trees.add_item(number, row)
        trees.build(20, n_jobs=1)
        trees.save(str(tmp_path / TREES_FILE))
        parameters = {
            "trees": 20,
            "longest": longest,
            "long": [],
            "plain": [[10, 1500.0, 21]],
            "plain_levels": [],
        }
        index = reopen("annoy", BuiltIndex((TREES_FILE,), parameters), vectors, metric, tmp_path)
        assert index.recall(clumped(20, QUERY_SEED, metric=metric), 10) >= 0.95


class TestGraphs:
    """What only `hnsw` promises."""

    @pytest.mark.parametrize(
        "damaged",
        [
            {"plain": []},
            {"plain": [[10, 40, 3]]},
            {"codes": None},
            {"codes": {"coded": True}},
            {"rotation": [5, 7]},
            {"scale": 0},
            {"long": [ROWS]},
        ],
        ids=str,
    )
    def test_damaged_parameters_are_reported(
        self, indexes: Mapping[Kind, Opened], damaged: Mapping[str, Any]
    ) -> None:
        good = indexes["hnsw", Metric.DOT, "float32"]
        files = {name: good.directory / name for name in good.built.files}
        with pytest.raises(Corrupted):
            engine_named("hnsw").open(
                files,
                {**good.built.parameters, **damaged},
                MappedVectors(good.vectors, good.norms),
                Metric.DOT,
            )

    def test_missing_codes_are_reported(self, indexes: Mapping[Kind, Opened]) -> None:
        """A graph without the codes beside it could not answer filtered queries as it was calibrated to."""
        good = indexes["hnsw", Metric.COSINE, "float32"]
        files = {name: good.directory / name for name in (GRAPH_FILE, SPACE_FILE)}
        with pytest.raises(Corrupted):
            engine_named("hnsw").open(
                files, good.built.parameters, MappedVectors(good.vectors, good.norms), Metric.COSINE
            )

    def test_threads_build_the_same_graph(self, tmp_path: Path) -> None:
        """The bytes do not depend on how many threads link rows."""
        vectors = clumped(1200, 1, 24)
        built = []
        for threads in (1, 3):
            directory = tmp_path / str(threads)
            directory.mkdir()
            engine_named("hnsw").build(vectors, Metric.COSINE, directory, seed=1, threads=threads)
            built.append(hashlib.sha256((directory / GRAPH_FILE).read_bytes()).hexdigest())
        assert built[0] == built[1]

    @pytest.mark.parametrize("variation", [0.1, 0.6])
    def test_products_of_rows_of_different_lengths(self, variation: float, tmp_path: Path) -> None:
        """Lengths that vary cost no recall, and do not make the engine give up on a graph."""
        lengths = np.exp(variation * np.random.default_rng(8).standard_normal((ROWS, 1)))
        index = opened("hnsw", (clumped(ROWS, 1) * lengths).astype(np.float32), Metric.DOT, tmp_path)
        assert GRAPH_FILE in index.built.files
        assert index.recall(clumped(20, 2), 10) >= 0.95

    def test_half_of_all_rows_are_searched_by_the_graph_where_they_are_near(
        self, indexes: Mapping[Kind, Opened]
    ) -> None:
        """A filter that has nothing to do with the query leaves the graph enough to find; one that excludes all that is
        near leaves it nothing, and the codes answer. Both answer with as many rows as were asked for.
        """
        index = indexes["hnsw", Metric.EUCLIDEAN, "float32"]
        parameters = index.built.parameters
        rotation = Rotation.load(index.directory / SPACE_FILE, parameters, DIMENSION, index.metric)
        graph_only = HnswIndex(
            Graph.of(
                read_graph(index.directory / GRAPH_FILE, rows=ROWS, padded=rotation.padded, inner=False),
                rotation,
            ),
            plain=parameters_by_recall(parameters),
            long=np.array(parameters["long"], dtype=np.int64),
            codes=RefusingCodes,
            codes_bytes=0,
            file_bytes=0,
        )
        query = clumped(1, QUERY_SEED)[0]
        scores = index.exact(query)
        by_chance = np.random.default_rng(3).random(ROWS) < 0.5
        far = scores < np.median(scores)
        assert by_chance[graph_only.candidates(query, 10, by_chance)].sum() >= 10
        with pytest.raises(CodesAsked):
            graph_only.candidates(query, 10, far)
        assert far[index.index.candidates(query, 10, far)].sum() >= 10


class CodesAsked(Exception):
    """A search went on to the codes."""


class RefusingCodes:
    """Stands for the codes where a test says that the graph alone has to answer."""

    resident_bytes = 0

    def candidates(
        self, query: Vector, count: int, allowed: Mask | None = None, recall: float | None = None
    ) -> Rows:
        raise CodesAsked

    def candidates_of_each(self, queries: Matrix, count: int, recall: float | None = None) -> Sequence[Rows]:
        raise CodesAsked

    def best(
        self, query: Vector, count: int, recall: float | None = None, allowed: Mask | None = None
    ) -> None:
        raise CodesAsked

    def exactly(
        self, query: Vector, count: int, rows: Rows | None = None, allowed: Mask | None = None
    ) -> None:
        raise CodesAsked


def zeros(rows: int, dimension: int) -> Matrix:
    return np.zeros((rows, dimension), np.float32)


def normal(rows: int, dimension: int, seed: int = 4) -> Matrix:
    return np.random.default_rng(seed).standard_normal((rows, dimension)).astype(np.float32)


@pytest.mark.parametrize("engine", ["annoy", "ivf", "hnsw"])
class TestOddData:
    @pytest.mark.parametrize("rows", [1, 2, 3, 17, 999])
    def test_few_rows(self, engine: str, metric: Metric, rows: int, tmp_path: Path) -> None:
        index = opened(engine, normal(rows, 5), metric, tmp_path)
        assert index.recall(normal(4, 5, 6), 10) == 1.0
        assert len(index.index.candidates(np.ones(5, np.float32), 1000)) == rows

    def test_identical_rows(self, engine: str, metric: Metric, tmp_path: Path) -> None:
        index = opened(engine, np.ones((1500, 24), np.float32), metric, tmp_path)
        for count in (1, 10, 1000, 1500):
            assert len(index.answer(normal(1, 24)[0], count)) == count

    @pytest.mark.parametrize("metric", [Metric.DOT, Metric.EUCLIDEAN])
    def test_zero_vectors(self, engine: str, metric: Metric, tmp_path: Path) -> None:
        """Cosine refuses them at the door; the others rank them like any row."""
        vectors = np.vstack([zeros(800, 16), normal(1200, 16), zeros(100, 16)])
        index = opened(engine, vectors, metric, tmp_path)
        assert index.recall(normal(20, 16, 5), 10) >= 0.9
        assert len(index.index.candidates(np.zeros(16, np.float32), 1000)) >= 1000

    def test_only_zero_vectors(self, engine: str, tmp_path: Path) -> None:
        index = opened(engine, zeros(1200, 16), Metric.EUCLIDEAN, tmp_path)
        assert len(index.answer(normal(1, 16)[0], 1100)) == 1100

    def test_copies_of_few_vectors(self, engine: str, metric: Metric, tmp_path: Path) -> None:
        index = opened(engine, np.repeat(clumped(300, 1), 5, axis=0), metric, tmp_path)
        assert index.recall(clumped(20, 2), 10) >= 0.9

    @pytest.mark.parametrize("dimension", [1, 2, 3, 7])
    def test_few_dimensions(self, engine: str, metric: Metric, dimension: int, tmp_path: Path) -> None:
        index = opened(engine, normal(1200, dimension), metric, tmp_path)
        assert index.recall(normal(20, dimension, 5), 10) >= 0.9

    def test_many_dimensions(self, engine: str, tmp_path: Path) -> None:
        index = opened(engine, clumped(1050, 1, 4096), Metric.COSINE, tmp_path)
        assert index.recall(clumped(6, 2, 4096), 10) >= 0.9

    def test_data_without_structure(self, engine: str, tmp_path: Path) -> None:
        """The worst case for any index: it takes more bits, or a scan, but not less recall."""
        index = opened(engine, normal(2500, 64), Metric.COSINE, tmp_path)
        assert index.recall(normal(20, 64, 5), 10) >= 0.9

    @pytest.mark.parametrize("length", [1e13, 1e-13])
    def test_very_long_and_very_short(
        self, engine: str, metric: Metric, length: float, tmp_path: Path
    ) -> None:
        scale = np.float32(length)
        index = opened(engine, clumped(1500, 1, 24) * scale, metric, tmp_path)
        assert index.recall(clumped(10, 2, 24) * scale, 10) >= 0.9

    def test_one_huge_row(self, engine: str, metric: Metric, tmp_path: Path) -> None:
        """It is found where it is the answer, and blurs nothing where it is not."""
        vectors = clumped(1500, 1, 24)
        vectors[700] *= np.float32(1e12)
        index = opened(engine, vectors, metric, tmp_path)
        assert index.recall(clumped(15, 2, 24), 10) >= 0.9
        assert 700 in index.order[index.answer(vectors[700], 1)]

    def test_far_from_the_origin(self, engine: str, tmp_path: Path) -> None:
        index = opened(engine, clumped(1500, 1, 24) + np.float32(1000), Metric.EUCLIDEAN, tmp_path)
        assert index.recall(clumped(10, 2, 24) + np.float32(1000), 10) >= 0.9


@pytest.mark.parametrize("engine", ["ivf", "hnsw"])
def test_texts_that_come_in_versions(engine: str, tmp_path: Path) -> None:
    """Next to a version of its own a row is found at once: what is promised holds for queries that have none."""
    generator = np.random.default_rng(1)
    turn = generator.normal(size=(24, 48)) / math.sqrt(24)

    def texts(count: int) -> Matrix:
        places = np.tanh(generator.normal(size=(count, 24)) @ turn)
        return (places + 0.1 * generator.normal(size=places.shape)).astype(np.float32)

    bases, queries = texts(2_500), texts(300)
    bases /= norms_of(bases)[:, None]
    shifts = [np.zeros(48)] + [generator.normal(size=bases.shape) * 0.35 / math.sqrt(48) for _ in range(7)]
    rows = np.concatenate([bases + shift for shift in shifts]).astype(np.float32)
    index = opened(engine, generator.permutation(rows), Metric.COSINE, tmp_path)
    assert index.recall(queries, 10) >= 0.965


def test_rescoring_loses_little_of_what_a_walk_found(tmp_path: Path) -> None:
    """At any recall: walking further would be the dearer way to find as much."""
    vectors, queries = clumped(4_000, 1, 24), clumped(300, 2, 24)
    built = build("hnsw", vectors, Metric.COSINE, tmp_path)
    index = reopen("hnsw", built, vectors, Metric.COSINE, tmp_path)
    levels = [
        [count, recall, ef, max(ef, depth)] for count, recall, ef, depth in built.parameters["plain_levels"]
    ]
    all_rescored = replace(built, parameters={**built.parameters, "plain_levels": levels})
    other = reopen("hnsw", all_rescored, vectors, Metric.COSINE, tmp_path)
    for asked in (0.8, 0.9, 0.95, 0.97, 0.99):
        assert index.recall(queries, 10, None, asked) >= other.recall(queries, 10, None, asked) - 0.005


@pytest.mark.skipif(kernel() is None, reason="only the kernel walks under a filter")
def test_a_walk_under_a_filter_is_for_more_than_the_usual_recall(tmp_path: Path) -> None:
    """Unless hardly any rows are left out, which is no filter."""
    vectors, queries = np.random.default_rng(1).standard_normal((2, 20_000, 32)).astype(np.float32)
    queries = queries[:20]
    found = opened("hnsw", vectors, Metric.COSINE, tmp_path).index.candidates
    half, nearly_all = np.arange(20_000) % 2 == 0, np.arange(20_000) % 50 != 0

    def alike(mask: Mask, asked: float) -> int:
        return sum(np.array_equal(found(one, 10, mask), found(one, 10, mask, asked)) for one in queries)

    assert (alike(half, 0.98), alike(nearly_all, RECALL_TARGETS[10])) == (20, 20)
    assert alike(half, RECALL_TARGETS[10]) < 20 > alike(nearly_all, 0.98)


def test_half_precision_is_widened_exactly() -> None:
    """Every finite half there is, in the rows of a matrix that is a view of another."""
    halves = np.arange(65536, dtype=np.uint16).view(np.float16)
    halves = np.repeat(halves[np.isfinite(halves)].reshape(-1, 1), 3, axis=1)[::-1]
    wide = widened(halves)
    np.testing.assert_array_equal(wide.view(np.uint32), halves.astype(np.float32).view(np.uint32))


@pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="only Linux lists the files that a process has open"
)
@pytest.mark.parametrize("engine", ENGINES)
def test_as_many_files_stay_open_as_the_registry_says(engine: str, tmp_path: Path) -> None:
    """Whoever divides open files has to know, or a server of many segments runs out of them."""

    def open_in_directory() -> int:
        names = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
        return sum(name.startswith(str(tmp_path.resolve())) for name in names)

    index = opened(engine, clumped(1500, 1, 24), Metric.COSINE, tmp_path)
    # With a filter, so that a graph opens the codes beside it, too.
    for mask in (None, np.arange(1500) % 9 == 0):
        assert index.index.candidates(clumped(1, 2, 24)[0], 10, mask).size
    assert open_in_directory() <= open_files(engine)


class TestChoosing:
    def test_auto_goes_by_size(self) -> None:
        assert choose(EngineChoice.AUTO, 1) == "exact"
        assert choose(EngineChoice.AUTO, IVF_ROWS_MIN) == "ivf"

    @pytest.mark.parametrize("choice", [choice for choice in EngineChoice if choice is not EngineChoice.AUTO])
    def test_what_was_asked_for(self, choice: EngineChoice) -> None:
        for rows in (1, 10_000_000):
            assert choose(choice, rows) == choice.value
            assert engine_named(choose(choice, rows)).name == choice.value

    def test_unknown_name(self) -> None:
        with pytest.raises(Corrupted, match="No engine"):
            engine_named("hnsw2")

    def test_no_engine_is_imported_before_it_is_needed(self) -> None:
        """A cold start pays for faiss only where a segment has codes to search."""
        program = (
            "import sys, numpy\n"
            "from quartzdb.domain.metric import Metric\n"
            "from quartzdb.storage.index.engines.registry import engine_named, choose\n"
            "from quartzdb.storage.index.segments.stored_vectors import MappedVectors\n"
            "rows = MappedVectors(numpy.ones((3, 2), numpy.float32), numpy.ones(3, numpy.float32))\n"
            "engine_named('ivf').open({}, {'coded': False}, rows, Metric.DOT)\n"
            "engine_named('annoy').open({}, {'trees': 0}, rows, Metric.DOT)\n"
            "engine_named('hnsw').open({}, {'linked': False}, rows, Metric.DOT)\n"
            "print([name for name in ('faiss', 'annoy') if name in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"
