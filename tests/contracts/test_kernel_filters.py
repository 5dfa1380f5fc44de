"""The kernel among some rows: of few exactly the best, of many those that the graph leads to, and where it leads
nowhere those of the codes. Where no compiler was found there is no kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Floats, Mask, Matrix, Rows, Vector, norms_of
from quartzdb.storage.index.engines import hnsw_index
from quartzdb.storage.index.engines.allowed_bits import AllowedBits
from quartzdb.storage.index.engines.hnsw import HnswEngine
from quartzdb.storage.index.engines.hnsw_index import HnswIndex
from quartzdb.storage.index.engines.kernel_graph import KernelGraph, Limits
from quartzdb.storage.index.engines.kernel_library import LIBRARY, Kernel
from quartzdb.storage.index.engines.native_scores import scores_of_rows
from quartzdb.storage.index.engines.port import Best
from quartzdb.storage.index.segments.stored_vectors import MappedVectors
from tests.contracts.test_engines import RefusingCodes, clumped
from tests.contracts.test_kernel import KERNELS, ROWS, SHAPES, Made

pytestmark = pytest.mark.skipif(not LIBRARY.exists(), reason="there is no kernel: no C compiler was found")

COUNT = 10


@pytest.fixture(scope="module", params=SHAPES, ids=lambda shape: f"{shape[0]}-{shape[1]}")
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    metric, dimension = request.param
    return Made(metric, dimension, tmp_path_factory.mktemp("graph"), KERNELS[-1])


def opened(vectors: Matrix, metric: Metric, directory: Path) -> tuple[HnswIndex, MappedVectors]:
    """An index of some vectors, and those in its order."""
    built = HnswEngine().build(vectors, metric, directory, seed=1, threads=1)
    stored = MappedVectors(vectors, norms_of(vectors))
    if built.order is not None:
        stored = MappedVectors(vectors[built.order], norms_of(vectors)[built.order])
    files = {name: directory / name for name in built.files}
    index = HnswEngine().open(files, built.parameters, stored, metric)
    assert isinstance(index, HnswIndex)
    return index, stored


def assert_exactly(
    found: Best | None, stored: MappedVectors, metric: Metric, query: Vector, rows: Rows, count: int = COUNT
) -> None:
    """Of all those rows the best, and everything that scores the same as the last of them."""
    scores = scores_of_rows(stored, metric, query, rows)
    least = np.sort(scores)[-min(count, rows.size)]
    assert found is not None
    assert found.exact
    assert sorted(found.rows.tolist()) == sorted(rows[scores >= least].tolist())
    assert (np.diff(found.scores) <= 0).all()
    assert found.scores == pytest.approx(
        scores_of_rows(stored, metric, query, found.rows), rel=1e-6, abs=1e-6
    )


def filters(vectors: Matrix, query: Vector, share: float, seed: int) -> Sequence[Mask]:
    """Rows by chance, the nearest and the furthest of the query, each this share."""
    distances = ((vectors.astype(np.float64) - query) ** 2).sum(axis=1)
    return (
        np.random.default_rng(seed).random(len(vectors)) < share,
        distances <= np.quantile(distances, share),
        distances >= np.quantile(distances, 1 - share),
    )


class TestComparing:
    """Codes rule rows out, and no row that is among the best."""

    @pytest.mark.parametrize("kernel", KERNELS, ids=str)
    def test_of_a_list_of_a_mask_and_of_all_rows_the_best_are_found(self, made: Made, kernel: Kernel) -> None:
        index = made.opened(kernel)
        for number, query in enumerate(made.queries):
            for mask in filters(made.vectors, query, 0.3, number):
                rows = np.flatnonzero(mask)
                shuffled = np.random.default_rng(number).permutation(rows)
                for found in (
                    index.exactly(query, COUNT, rows),
                    index.exactly(query, COUNT, shuffled),
                    index.exactly(query, COUNT, allowed=mask),
                ):
                    assert_exactly(found, made.stored, made.metric, query, rows)
            assert_exactly(index.exactly(query, 3), made.stored, made.metric, query, np.arange(ROWS), 3)

    def test_few_rows_are_scored_for_it(self, made: Made) -> None:
        """Otherwise this would be a scan with an extra step."""
        index = made.opened(KERNELS[-1])
        told = [index.exactly(query, COUNT) for query in made.queries]
        assert all(one is not None for one in told)
        assert np.median([one.scored for one in told if one is not None]) < ROWS / 10

    @given(st.integers(1, 80), st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3), st.sampled_from([0.0, 1e-4]))
    @settings(max_examples=60, deadline=None)
    def test_whatever_the_query(
        self, made: Made, count: int, seed: int, length: float, spread: float
    ) -> None:
        """Also one that is a row, or nearly, and one in no direction that rows have."""
        chance = np.random.default_rng(seed)
        start: Floats = made.vectors[int(chance.integers(ROWS))].astype(np.float32)
        if not spread:
            start = chance.standard_normal(start.size).astype(np.float32)
        query = (length * (start + spread * chance.standard_normal(start.size))).astype(np.float32)
        mask = chance.random(ROWS) < 0.5
        found = made.opened(KERNELS[-1]).exactly(query, count, allowed=mask)
        # A query may be too far out for codes to say anything.
        if found is not None:
            assert_exactly(found, made.stored, made.metric, query, np.flatnonzero(mask), count)

    @pytest.mark.parametrize("metric", [Metric.DOT, Metric.EUCLIDEAN])
    def test_long_rows_are_found_though_their_codes_are_not_theirs(
        self, metric: Metric, tmp_path: Path
    ) -> None:
        vectors = clumped(1500, 1, 24, metric)
        vectors[[70, 700, 1400]] *= np.float32(40)
        index, stored = opened(vectors, metric, tmp_path)
        long = np.flatnonzero(stored.norms > 20 * np.median(stored.norms))
        assert long.size == 3
        for query in (*clumped(10, 2, 24, metric), stored.matrix[long[0]], stored.matrix[long[2]]):
            mask = np.random.default_rng(3).random(1500) < 0.4
            mask[long] = [True, False, True]
            rows = np.flatnonzero(mask)
            assert_exactly(index.exactly(query, COUNT, rows), stored, metric, query, rows)
            assert_exactly(index.exactly(query, COUNT, allowed=mask), stored, metric, query, rows)
            assert_exactly(index.exactly(query, COUNT), stored, metric, query, np.arange(1500))

    def test_rows_of_half_precision(self, tmp_path: Path) -> None:
        index, stored = opened(clumped(1500, 1, 40).astype(np.float16), Metric.COSINE, tmp_path)
        for query in clumped(10, 2, 40):
            assert_exactly(index.exactly(query, COUNT), stored, Metric.COSINE, query, np.arange(1500))

    def test_a_recall_that_no_walk_reaches_is_exact(
        self, made: Made, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As a scan would be, which it replaces."""
        index = made.opened(KERNELS[-1])
        monkeypatch.setattr(index, "_open_codes", RefusingCodes)
        mask = np.arange(ROWS) % 3 > 0
        for query in made.queries[:5]:
            found = index.best(query, COUNT, 0.999999)
            assert_exactly(found, made.stored, made.metric, query, np.arange(ROWS))
            found = index.best(query, COUNT, 0.999999, mask)
            assert_exactly(found, made.stored, made.metric, query, np.flatnonzero(mask))

    def test_all_rows_that_score_the_same(self, tmp_path: Path) -> None:
        index, stored = opened(np.repeat(clumped(400, 1, 24), 4, axis=0), Metric.COSINE, tmp_path)
        query = clumped(1, 2, 24)[0]
        assert_exactly(index.exactly(query, 2), stored, Metric.COSINE, query, np.arange(1600), 2)

    def test_few_rows_are_left_to_their_scores(self, made: Made) -> None:
        rows = np.arange(hnsw_index.LISTED_MIN - 1)
        assert made.opened(KERNELS[-1]).exactly(made.queries[0], COUNT, rows) is None

    @pytest.mark.parametrize("row", [-1, ROWS, 1 << 40])
    def test_a_row_that_is_not_there(self, made: Made, row: int) -> None:
        rows = np.append(np.arange(600), row)
        with pytest.raises(IndexError):
            made.opened(KERNELS[-1]).exactly(made.queries[0], COUNT, rows)


class TestSegmentsOfBefore:
    def test_without_bounds_nothing_is_told_for_certain(self, made: Made) -> None:
        """They were written when nothing was known of how far codes are off."""
        index = reopened(
            made, {name: value for name, value in made.built.parameters.items() if name != "code_bounds"}
        )
        mask = np.arange(ROWS) % 4 == 0
        query = made.queries[0]
        assert index.exactly(query, COUNT) is None
        found = index.best(query, COUNT, None, mask)
        assert found is not None
        assert not found.exact
        assert found.rows.size >= COUNT
        assert mask[found.rows].all()

    @pytest.mark.parametrize("bounds", [None, 3, [1], [1, 2, 3], ["a", 1], [-1.0, 1.0], [1.0, float("inf")]])
    def test_bounds_that_are_none(self, made: Made, bounds: object) -> None:
        with pytest.raises(Corrupted, match="code"):
            reopened(made, {**made.built.parameters, "code_bounds": bounds})


class TestFilters:
    @given(st.sampled_from([0.9, 0.5, 0.2, 0.05, 0.01]), st.integers(1, 40), st.integers(0, 2**32 - 1))
    @settings(max_examples=40, deadline=None)
    def test_answers_are_those_of_where_there_is_no_kernel(
        self, made: Made, share: float, count: int, seed: int
    ) -> None:
        """As many rows, all of them allowed, and as good: the recall of both is that of an index, or better."""
        kernel, fallback = made.opened(KERNELS[-1]), made.opened(None)
        query = made.queries[seed % len(made.queries)]
        for mask in filters(made.vectors, query, share, seed):
            rows = np.flatnonzero(mask)
            wanted = min(count, rows.size)
            if not wanted:
                continue
            found = kernel.best(query, count, None, mask)
            assert found is not None
            assert mask[found.rows].all()
            assert np.unique(found.rows).size == found.rows.size >= wanted
            again = scores_of_rows(made.stored, made.metric, query, found.rows)
            assert found.scores == pytest.approx(again, rel=2e-6, abs=2e-6)
            if found.exact:
                assert_exactly(found, made.stored, made.metric, query, rows, count)
            other = np.sort(
                scores_of_rows(made.stored, made.metric, query, fallback.candidates(query, count, mask))
            )
            missed = np.count_nonzero(
                found.scores[:wanted] < other[::-1][:wanted] - 1e-5 * np.abs(other).max()
            )
            assert missed <= max(1, 0.1 * wanted)

    @pytest.mark.parametrize("share", [0.9, 0.6, 0.4])
    def test_the_graph_alone_answers_where_what_is_allowed_lies_anywhere(
        self, made: Made, share: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And with the recall that it has without a filter."""
        monkeypatch.setattr(HnswIndex, "_is_compared", lambda *_: False)
        monkeypatch.setattr(hnsw_index, "COMPARED_MAX", 0)
        index = made.opened(KERNELS[-1])
        monkeypatch.setattr(index, "_open_codes", RefusingCodes)
        mask = np.random.default_rng(5).random(ROWS) < share
        rows, hits = np.flatnonzero(mask), 0
        for query in made.queries:
            found, proposed = index.best(query, COUNT, None, mask), index.candidates(query, COUNT, mask)
            assert found is not None
            assert not found.exact
            assert mask[found.rows].all()
            assert mask[proposed].all()
            assert set(found.rows[:COUNT].tolist()) <= set(proposed.tolist())
            hits += np.intersect1d(found.rows[:COUNT], best_of(made, query, rows)).size
        assert hits >= 0.97 * COUNT * len(made.queries)

    def test_the_fewer_rows_are_allowed_the_more_results_are_searched_for(
        self, made: Made, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A filter must not cost recall wherever its matches lie; a few deletes are no filter."""
        monkeypatch.setattr(HnswIndex, "_is_compared", lambda *_: False)
        index = made.opened(KERNELS[-1])
        masks = [np.arange(ROWS) % 2 == 0, np.arange(ROWS) % 4 > 0, np.arange(ROWS) % 500 > 0]
        for query in made.queries[:5]:
            plain = index.best(query, COUNT)
            half, most, nearly_all = (index.best(query, COUNT, None, mask) for mask in masks)
            assert plain is not None
            assert half is not None
            assert most is not None
            assert nearly_all is not None
            assert half.scored > most.scored > nearly_all.scored
            assert nearly_all.scored <= plain.scored + 2

    def test_a_walk_that_leads_away_is_given_up(self, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is allowed is far from the query: all of it is compared where it is little, else the codes answer."""
        index, query = made.opened(KERNELS[-1]), made.queries[0]
        far = filters(made.vectors, query, 0.4, 0)[2]
        rows = np.flatnonzero(far)
        monkeypatch.setattr(HnswIndex, "_is_compared", lambda *_: False)
        monkeypatch.setattr(hnsw_index, "VISITS_FACTOR", 0.1)
        monkeypatch.setattr(hnsw_index, "CODES_VISITS", 0)
        assert_exactly(index.best(query, COUNT, None, far), made.stored, made.metric, query, rows)
        monkeypatch.setattr(hnsw_index, "COMPARED_MAX", 0)
        found = index.best(query, COUNT, None, far)
        assert found is not None
        assert not found.exact
        assert far[found.rows].all()
        assert np.intersect1d(found.rows[:COUNT], best_of(made, query, rows)).size >= COUNT - 1

    def test_it_is_given_up_early_where_hardly_a_near_row_is_allowed(self, made: Made) -> None:
        """Long before it has come to as many rows as it may."""
        graph = KernelGraph(KERNELS[-1], made.file, made.rotation, (made.stored, made.metric))
        by_chance = np.packbits(np.random.default_rng(1).random(ROWS) < 0.3, bitorder="little")
        for query in made.queries[:8]:
            scores = scores_of_rows(made.stored, made.metric, query, np.arange(ROWS))
            worst = np.packbits(scores <= np.sort(scores)[60], bitorder="little")
            assert graph.best(query, COUNT, 20, 40, worst) is not None
            assert graph.best(query, COUNT, 20, 40, worst, Limits(ROWS, 20)) is None
            assert graph.best(query, COUNT, 20, 40, by_chance, Limits(ROWS, 20)) is not None

    def test_few_rows_that_are_not_allowed_leave_the_graph_to_answer(
        self, made: Made, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As after some deletes: no search for more rows than asked, no codes, and none of the dead."""
        index = made.opened(KERNELS[-1])
        monkeypatch.setattr(HnswIndex, "_is_compared", lambda *_: False)
        monkeypatch.setattr(index, "_open_codes", RefusingCodes)
        for query in made.queries:
            plain = index.best(query, COUNT)
            assert plain is not None
            alive = np.ones(ROWS, np.bool_)
            alive[plain.rows[:3]] = False
            found = index.best(query, COUNT, None, alive)
            assert found is not None
            assert found.rows.size >= COUNT
            assert not np.isin(plain.rows[:3], found.rows).any()
            assert set(plain.rows[3:].tolist()) <= set(found.rows.tolist())

    def test_a_query_too_far_out_is_left_to_the_codes(self, tmp_path: Path) -> None:
        made = Made(Metric.EUCLIDEAN, 24, tmp_path, KERNELS[-1])
        far = np.full(24, 1e12, np.float32)
        mask = np.arange(ROWS) % 2 == 0
        found = made.opened(KERNELS[-1]).best(far, COUNT, None, mask)
        assert found is not None
        assert found.rows.size >= COUNT
        assert mask[found.rows].all()


class TestRememberedMasks:
    def test_bits_of_a_mask_that_cannot_change_are_kept(self) -> None:
        masks = AllowedBits()
        mask = np.arange(100) % 3 == 0
        mask.flags.writeable = False
        first = masks.of(mask)
        assert first.matches == 34
        assert np.unpackbits(first.bits, bitorder="little")[:100].astype(bool).tolist() == mask.tolist()
        assert masks.of(mask) is first
        assert masks.resident_bytes == 13

    def test_one_that_may_change_is_read_again(self) -> None:
        masks = AllowedBits()
        mask = np.zeros(100, np.bool_)
        assert masks.of(mask).matches == 0
        mask[7] = True
        assert masks.of(mask).matches == 1
        assert masks.resident_bytes == 0

    def test_another_mask_in_the_same_place_is_another(self) -> None:
        masks = AllowedBits()
        for number in range(200):
            mask = np.zeros(64, np.bool_)
            mask[: number % 64] = True
            mask.flags.writeable = False
            assert masks.of(mask).matches == number % 64
            assert masks.resident_bytes <= 2 * 8
            del mask

    def test_only_the_masks_that_came_last_are_remembered(self) -> None:
        masks, held = AllowedBits(), [np.ones(8, np.bool_) for _ in range(100)]
        for mask in held:
            mask.flags.writeable = False
            masks.of(mask)
        assert masks.resident_bytes == 64


def best_of(made: Made, query: Vector, rows: Rows) -> Rows:
    scores: Floats = scores_of_rows(made.stored, made.metric, query, rows)
    return rows[np.argsort(-scores)[:COUNT]]


def reopened(made: Made, parameters: dict[str, object]) -> HnswIndex:
    files = {name: made.directory / name for name in made.built.files}
    index = HnswEngine().open(files, parameters, made.stored, made.metric)
    assert isinstance(index, HnswIndex)
    return index
