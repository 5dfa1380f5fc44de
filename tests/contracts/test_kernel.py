"""The kernel against what does its work where it is not there: the same rows and scores, on every instruction set.

Where no compiler was found there is no kernel, and nothing to compare.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quartzdb.domain.errors import Corrupted, InvalidArgument
from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Matrix, Rows, norms_of
from quartzdb.storage.index.engines import native_scores
from quartzdb.storage.index.engines.exact import gather_scores
from quartzdb.storage.index.engines.graph import Graph
from quartzdb.storage.index.engines.graph_layout import GraphFile, read_graph
from quartzdb.storage.index.engines.hnsw import (
    FAISS_GRAPH_FILE,
    GRAPH_FILE,
    SPACE_FILE,
    HnswEngine,
)
from quartzdb.storage.index.engines.hnsw_index import HnswIndex
from quartzdb.storage.index.engines.kernel_graph import KernelGraph
from quartzdb.storage.index.engines.kernel_library import (
    LIBRARY,
    SETTING,
    Instructions,
    Kernel,
    chosen,
    load,
)
from quartzdb.storage.index.engines.port import BuiltIndex
from quartzdb.storage.index.engines.rotation import Rotation
from quartzdb.storage.index.segments.stored_vectors import MappedVectors
from tests.contracts.test_engines import clumped

pytestmark = pytest.mark.skipif(not LIBRARY.exists(), reason="there is no kernel: no C compiler was found")

ROWS = 1500
KERNELS = [found for one in Instructions if (found := load(LIBRARY, one)) is not None]
# One of a single block of coordinates with zeros behind, one of several and a remainder, for each instruction set.
SHAPES = [(Metric.COSINE, 24), (Metric.DOT, 200), (Metric.EUCLIDEAN, 72)]


class Made:
    """A graph that was built, and all that it takes to open it."""

    def __init__(self, metric: Metric, dimension: int, directory: Path, kernel: Kernel | None) -> None:
        vectors = clumped(ROWS, 1, dimension, metric)
        built = HnswEngine(lambda: kernel).build(vectors, metric, directory, seed=1, threads=1)
        assert built.order is not None
        self.metric, self.directory = metric, directory
        self.built = BuiltIndex(built.files, json.loads(json.dumps(dict(built.parameters))), built.order)
        self.vectors: Matrix = vectors[built.order]
        self.stored = MappedVectors(self.vectors, norms_of(self.vectors))
        self.queries = clumped(25, 2, dimension, metric)
        self.rotation = Rotation.load(directory / SPACE_FILE, self.built.parameters, dimension, metric)

    @property
    def file(self) -> GraphFile:
        return read_graph(
            self.directory / GRAPH_FILE, rows=ROWS, padded=self.rotation.padded, inner=self.rotation.inner
        )

    def opened(self, kernel: Kernel | None) -> HnswIndex:
        files = {name: self.directory / name for name in self.built.files}
        index = HnswEngine(lambda: kernel).open(files, self.built.parameters, self.stored, self.metric)
        assert isinstance(index, HnswIndex)
        return index

    def graph(self, kernel: Kernel) -> KernelGraph:
        return KernelGraph(kernel, self.file, self.rotation)


@pytest.fixture(scope="module", params=SHAPES, ids=lambda shape: f"{shape[0]}-{shape[1]}")
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    metric, dimension = request.param
    return Made(metric, dimension, tmp_path_factory.mktemp("graph"), KERNELS[-1])


class TestSearching:
    def test_every_instruction_set_finds_the_same_rows_in_the_same_order(self, made: Made) -> None:
        """Codes are whole numbers and their products are exact, so no processor ranks them otherwise."""
        graphs = [made.graph(kernel) for kernel in KERNELS]
        for query in made.queries:
            for depth, ef in ((10, 10), (60, 60), (17, 200), (ROWS, ROWS)):
                found = [graph.search(query, depth, ef) for graph in graphs]
                listed = [None if one is None else one.tolist() for one in found]
                assert listed[0]
                assert all(one == listed[0] for one in listed[1:])

    def test_faiss_finds_the_same_rows_in_the_same_file(self, made: Made) -> None:
        """It adds up floats where the kernel adds up whole numbers, so near ties may change places, and no more."""
        kernel, other = made.graph(KERNELS[-1]), Graph.of(made.file, made.rotation)
        shared = total = 0
        for query in made.queries:
            found, also = kernel.search(query, 40, 120), other.search(query, 40, 120)
            assert found is not None
            assert also is not None
            shared += np.intersect1d(found, also).size
            total += found.size
            assert np.unique(found).size == found.size == also.size
        assert shared / total > 0.995

    def test_what_all_rows_are_kept_of_is_ranked_by_their_codes(self, made: Made) -> None:
        """With every row kept the ranking is that of all codes, computed here in another way."""
        file, graph = made.file, made.graph(KERNELS[0])
        codes = file.codes.astype(np.float64) * file.step
        for query in made.queries[:5]:
            placed = made.rotation.query(query)
            found = graph.search(query, ROWS, ROWS)
            assert placed is not None
            assert found is not None
            # By products a row may be nobody's neighbour.
            assert found.size >= 0.98 * ROWS
            turned = made.rotation.turned(placed[None, :])[0]
            most = float(np.abs(turned).max())
            asked = np.rint(turned.astype(np.float64) * 127 / most) * most / 127
            products = codes @ asked
            good = products if file.inner else products - 0.5 * (codes**2).sum(axis=1)
            ranked = good[found]
            assert (np.diff(ranked) <= 1e-3 * np.abs(good).max()).all()

    def test_the_best_are_those_of_the_candidates_with_their_exact_scores(self, made: Made) -> None:
        """One call answers what two steps do: the candidates, then the best of them by scores of full precision."""
        for kernel in KERNELS:
            index = made.opened(kernel)
            for query in made.queries:
                for recall in (None, 0.8, 0.95):
                    found = index.best(query, 10, recall)
                    rows = index.candidates(query, 10, None, recall)
                    assert found is not None
                    assert found.scored >= rows.size
                    scores = gather_scores(made.stored, made.metric, query, rows)
                    least = np.sort(scores)[-10]
                    assert (np.diff(found.scores) <= 0).all()
                    again = gather_scores(made.stored, made.metric, query, found.rows)
                    assert found.scores == pytest.approx(again, rel=2e-6, abs=2e-6)
                    assert found.scores[9] == pytest.approx(least, rel=2e-6, abs=2e-6)
                    assert set(rows[scores > least + 1e-5 * abs(least)].tolist()) <= set(found.rows.tolist())

    def test_rows_that_score_the_same_as_the_last_come_too(self, tmp_path: Path) -> None:
        """Otherwise which of them is shown would not be the query's to say."""
        directory = tmp_path / "graph"
        directory.mkdir()
        vectors = np.repeat(clumped(500, 1, 24), 3, axis=0)
        built = HnswEngine().build(vectors, Metric.COSINE, directory, seed=1, threads=1)
        assert built.order is not None
        ordered = vectors[built.order]
        stored = MappedVectors(ordered, norms_of(ordered))
        files = {name: directory / name for name in built.files}
        index = HnswEngine().open(files, built.parameters, stored, Metric.COSINE)
        found = index.best(clumped(1, 2, 24)[0], 10, 0.99)
        assert found is not None
        assert found.rows.size >= 10
        assert np.unique(found.rows).size == found.rows.size
        assert (found.scores[9:] == found.scores[9]).all()

    def test_a_query_too_far_out_is_left_to_the_codes(self, tmp_path: Path) -> None:
        made = Made(Metric.EUCLIDEAN, 24, tmp_path, KERNELS[-1])
        far = np.full(24, 1e12, np.float32)
        assert made.graph(KERNELS[-1]).search(far, 10, 10) is None
        index = made.opened(KERNELS[-1])
        assert index.best(far, 10) is None
        assert index.candidates(far, 10).size >= 10

    def test_a_build_without_the_kernel_writes_the_same_graph(self, made: Made, tmp_path: Path) -> None:
        """What calibration chooses is nearly the same: it searches the same codes for the same ones."""
        other = Made(made.metric, made.vectors.shape[1], tmp_path, None)
        assert (tmp_path / GRAPH_FILE).read_bytes() == (made.directory / GRAPH_FILE).read_bytes()
        ef = [document.built.parameters["plain"][0][1] for document in (made, other)]
        assert max(ef) <= 1.3 * min(ef)
        for kernel in (None, KERNELS[-1]):
            assert other.opened(kernel).candidates(made.queries[0], 10).size >= 10


class TestOlderFiles:
    def test_a_graph_of_before_is_searched_by_faiss(self, made: Made, tmp_path: Path) -> None:
        """Rows were not turned then, and coordinates had ranges of their own; the kernel is not asked."""
        index = faiss.IndexHNSWSQ(
            made.vectors.shape[1],
            faiss.ScalarQuantizer.QT_8bit,
            16,
            faiss.METRIC_INNER_PRODUCT if made.rotation.inner else faiss.METRIC_L2,
        )
        placed = made.rotation.rows(made.vectors)
        index.train(placed)
        index.add(placed)
        faiss.write_index(index, str(tmp_path / FAISS_GRAPH_FILE))
        files = {name: made.directory / name for name in made.built.files if name != GRAPH_FILE}
        files[FAISS_GRAPH_FILE] = tmp_path / FAISS_GRAPH_FILE
        older = HnswEngine().open(files, made.built.parameters, made.stored, made.metric)
        assert older.best(made.queries[0], 10) is None
        hits = 0
        for query in made.queries:
            scores = gather_scores(made.stored, made.metric, query, np.arange(ROWS))
            hits += np.intersect1d(older.candidates(query, 10), np.argsort(-scores)[:10]).size
        assert hits >= 0.95 * 10 * len(made.queries)


def changed(path: Path, places: Iterable[int], number: float, code: str = "<I") -> None:
    content = bytearray(path.read_bytes())
    for at in places:
        struct.pack_into(code, content, at, number)
    # Another file: one that is mapped must not change.
    path.unlink()
    path.write_bytes(content)


class TestDamage:
    """Links are checked when they are followed, so damage to one is found by the search that meets it."""

    @pytest.fixture
    def broken(self, tmp_path: Path) -> Made:
        return Made(Metric.COSINE, 24, tmp_path, KERNELS[-1])

    def _links_at(self, made: Made) -> int:
        return 128 + made.file.width

    @pytest.mark.parametrize("number", [ROWS, 0x7FFFFFFF, 0xFFFFFFFE])
    def test_a_link_to_no_row(self, broken: Made, number: int) -> None:
        graph, at = broken.file, self._links_at(broken)
        places = range(at, at + graph.rows.size, graph.rows.shape[1])
        changed(broken.directory / GRAPH_FILE, places, number)
        for kernel in KERNELS:
            with pytest.raises(Corrupted, match="link"):
                broken.graph(kernel).search(broken.queries[0], 10, 50)
        with pytest.raises(Corrupted):
            broken.opened(None)

    @pytest.mark.parametrize("part", ["upper_rows", "upper_starts", "upper_links"])
    def test_upper_levels_that_lead_nowhere(self, broken: Made, part: str) -> None:
        graph = broken.file
        begin = 128 + graph.rows.size
        sizes = {
            "upper_rows": 0,
            "upper_starts": graph.upper_rows.size,
            "upper_links": 2 * graph.upper_rows.size,
        }
        at = begin + 4 * sizes[part]
        places = range(at, at + 4 * getattr(graph, part).size, 4)
        changed(broken.directory / GRAPH_FILE, places, 0x7FFFFFF0)
        with pytest.raises(Corrupted):
            broken.graph(KERNELS[0]).search(broken.queries[0], 10, 50)
        with pytest.raises(Corrupted):
            broken.opened(None)

    @pytest.mark.parametrize(
        ("at", "code", "number"),
        [
            (0, "<I", 0),
            (8, "<I", 2),
            (12, "<I", 0),
            (16, "<Q", ROWS + 1),
            (24, "<I", 8),
            (32, "<I", 64),
            (36, "<I", 33),
            (40, "<I", ROWS + 1),
            (44, "<I", 1 << 30),
            (48, "<I", 17),
            (52, "<I", 65),
            (56, "<I", ROWS),
            (64, "<d", 0.0),
            (64, "<d", float("nan")),
        ],
    )
    def test_a_header_that_says_something_else(self, broken: Made, at: int, code: str, number: int) -> None:
        changed(broken.directory / GRAPH_FILE, [at], number, code)
        with pytest.raises(Corrupted):
            broken.opened(KERNELS[0])


SCORED = st.tuples(
    st.sampled_from(list(Metric)),
    st.sampled_from(["float32", "float16"]),
    st.integers(1, 130),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1e-3, 1.0, 50.0]),
)


class TestScores:
    @given(SCORED)
    @settings(max_examples=60, deadline=None)
    def test_scores_are_those_of_the_metric(self, drawn: tuple[Metric, str, int, int, int, float]) -> None:
        """Of rows near the query, of rows named twice, of numbers that float16 holds badly."""
        metric, precision, dimension, count, seed, scale = drawn
        chance = np.random.default_rng(seed)
        query = (scale * chance.standard_normal(dimension)).astype(np.float32)
        vectors = (scale * chance.standard_normal((50, dimension))).astype(precision)
        vectors[3] = query.astype(precision)
        vectors[4] = (query * np.float32(1.0001)).astype(precision)
        vectors[5] = np.float32(6e-8)  # below what float16 has in full
        stored = MappedVectors(vectors, norms_of(vectors))
        rows = np.concatenate([[3, 4, 5], chance.integers(50, size=count)])
        expected = metric.scores(vectors[rows].astype(np.float64), norms_of(vectors)[rows], query)
        unit = float(np.abs(vectors.astype(np.float64)).max() * np.abs(query).max() * dimension)
        tolerance = {Metric.COSINE: 2e-6, Metric.DOT: 1e-6 * unit, Metric.EUCLIDEAN: 2e-4 * scale}[metric]
        for kernel in KERNELS:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(native_scores, "kernel", lambda using=kernel: using)
                found = native_scores.scores_of_rows(stored, metric, query, rows)
            assert found.dtype == np.float32
            assert found == pytest.approx(expected, rel=2e-5, abs=tolerance)

    @pytest.mark.parametrize("row", [-1, 50, 1 << 40])
    def test_a_row_that_is_not_there(self, row: int) -> None:
        vectors = np.ones((50, 8), np.float32)
        stored = MappedVectors(vectors, norms_of(vectors))
        with pytest.raises(IndexError):
            native_scores.scores_of_rows(stored, Metric.DOT, vectors[0], np.array([1, row]))

    def test_rows_that_lie_otherwise_are_scored_without_it(self) -> None:
        vectors = np.asfortranarray(clumped(50, 1, 8))
        stored = MappedVectors(vectors, norms_of(vectors))
        rows: Rows = np.arange(50)
        expected = gather_scores(stored, Metric.COSINE, vectors[0], rows)
        assert native_scores.full_rows(stored, Metric.COSINE) is None
        found = native_scores.scores_of_rows(stored, Metric.COSINE, vectors[0], rows)
        assert found == pytest.approx(expected, rel=1e-6)


class TestChoosing:
    def test_the_setting_chooses(self) -> None:
        assert chosen({SETTING: "off"}) is None
        best = chosen({})
        assert best is not None
        assert best.instructions == KERNELS[-1].instructions
        assert str(best) == str(chosen({SETTING: "AUTO "}))
        plain = chosen({SETTING: "plain"})
        assert plain is not None
        assert plain.instructions is Instructions.PLAIN

    @pytest.mark.parametrize("asked", ["fast", "3"])
    def test_a_setting_that_is_none(self, asked: str) -> None:
        with pytest.raises(InvalidArgument, match="QUARTZDB_KERNEL"):
            chosen({SETTING: asked})

    def test_a_library_that_does_not_fit_is_not_used(self, tmp_path: Path) -> None:
        """Of another processor, say: a data directory's machine was replaced, and the installation copied."""
        broken = tmp_path / "_kernel.so"
        assert load(broken) is None
        broken.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(100))
        assert load(broken) is None

    @pytest.mark.parametrize("command", [["--version"], ["stats"]])
    def test_the_command_refuses_a_setting_that_is_none(self, command: list[str]) -> None:
        """Before anything begins, and with what it may be."""
        done = subprocess.run(
            [sys.executable, "-c", "from quartzdb.cli.main import main; main()", *command],
            env={**os.environ, SETTING: "fast"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert "QUARTZDB_KERNEL is 'fast'. Set it to auto, off or one of: plain, simd" in done.stderr
