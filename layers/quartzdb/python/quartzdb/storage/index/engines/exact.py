"""The exact engine: no index at all. It scans the full-precision matrix, or gathers the rows that a filter allows.

Other engines use its scan where an index cannot help: a few allowed rows, or a query beyond float32's reach.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Floats, Mask, Matrix, Rows, Vector
from quartzdb.storage.index.engines.half import widened
from quartzdb.storage.index.engines.port import BuiltIndex
from quartzdb.storage.index.engines.row_products import products_in_place
from quartzdb.storage.index.segments.stored_vectors import MappedVectors, StoredVectors

BLOCK_FLOATS = 1 << 18
"""Numbers per block: 1 MiB of float32 stays in a core's L2 cache, also while float16 rows are widened."""
SCORES_BYTES_MAX = 32 << 20
"""How much memory the scores of queries that are scanned for together may take."""
SPARE_ROWS = 8
GATHER_SHARE_MAX = 0.5
"""Up to this share of rows, gathering them beats a contiguous scan with a mask (equal at one half, 100k × 384)."""


class ExactEngine:
    """Builds nothing."""

    name = "exact"

    def build(
        self, vectors: Matrix, metric: Metric, directory: Path, *, seed: int, threads: int
    ) -> BuiltIndex:
        """No files and no parameters."""
        del vectors, metric, directory, seed, threads
        return BuiltIndex(files=(), parameters={})

    def open(
        self,
        files: Mapping[str, Path],
        parameters: Mapping[str, Any],
        vectors: StoredVectors,
        metric: Metric,
    ) -> ExactIndex:
        """An index that is nothing but the matrix."""
        del files, parameters
        return ExactIndex(vectors, metric)


class ExactIndex:
    """Exactly the best rows, from a scan."""

    def __init__(self, vectors: StoredVectors, metric: Metric) -> None:
        self._vectors = vectors
        self._metric = metric

    def candidates(
        self, query: Vector, count: int, allowed: Mask | None = None, recall: float | None = None
    ) -> Rows:
        """The `count` best rows, or all there are, whatever the recall."""
        del recall
        if allowed is None:
            return best(scan_scores(self._vectors, self._metric, query), count)
        rows = np.flatnonzero(allowed)
        if rows.size <= GATHER_SHARE_MAX * self._vectors.shape[0]:
            return rows[best(gather_scores(self._vectors, self._metric, query, rows), count)]
        return rows[best(scan_scores(self._vectors, self._metric, query)[rows], count)]

    def candidates_of_each(self, queries: Matrix, count: int, recall: float | None = None) -> Sequence[Rows]:
        """The `count` best rows of each query and a few more, from one scan for as many as memory allows.

        A product of matrices rounds differently from one with a vector: hence the few more, among which scores decide.
        """
        del recall
        together = max(1, SCORES_BYTES_MAX // (4 * self._vectors.shape[0]))
        return [
            best(scores, count + SPARE_ROWS)
            for start in range(0, len(queries), together)
            for scores in scan_scores_of_each(self._vectors, self._metric, queries[start : start + together])
        ]

    def best(
        self, query: Vector, count: int, recall: float | None = None, allowed: Mask | None = None
    ) -> None:
        """It only proposes."""

    def exactly(
        self, query: Vector, count: int, rows: Rows | None = None, allowed: Mask | None = None
    ) -> None:
        """It knows of no shorter way."""

    @property
    def resident_bytes(self) -> int:
        """None of its own: the matrix belongs to the segment."""
        return 0


def scan_scores(vectors: StoredVectors, metric: Metric, query: Vector) -> Floats:
    """Exact scores of all rows, block by block; float32 (n,)."""
    rows, dimension = vectors.shape
    vectors.expect(None)
    scores = np.empty(rows, dtype=np.float32)
    step = _block_rows(dimension)
    for start in range(0, rows, step):
        block, norms = vectors.span(start, start + step)
        scores[start : start + step] = metric.scores(widened(block), norms, query)
    return scores


def scan_scores_of_each(vectors: StoredVectors, metric: Metric, queries: Matrix) -> Floats:
    """Exact scores of all rows for each query (m, d), one product of matrices for each block; float32 (m, n)."""
    rows, dimension = vectors.shape
    vectors.expect(None)
    scores = np.empty((len(queries), rows), dtype=np.float32)
    step = _block_rows(dimension)
    for start in range(0, rows, step):
        block, norms = vectors.span(start, start + step)
        scores[:, start : start + step] = _block_scores_of_each(widened(block), norms, metric, queries)
    return scores


def gather_scores(vectors: StoredVectors, metric: Metric, query: Vector, rows: Rows) -> Floats:
    """Exact scores of some rows (m,), where they lie or gathered block by block; float32 (m,)."""
    vectors.expect(rows)
    if isinstance(vectors, MappedVectors):
        # First, because this notices a row that does not exist, and the products do not.
        lengths = vectors.lengths(rows)
        products = products_in_place(vectors, query, rows)
        if products is not None:
            return metric.scores_of(products, lengths, query, lambda at: vectors.gather(rows[at])[0])
    scores = np.empty(rows.size, dtype=np.float32)
    step = _block_rows(vectors.shape[1])
    for start in range(0, rows.size, step):
        block, norms = vectors.gather(rows[start : start + step])
        scores[start : start + step] = metric.scores(widened(block), norms, query)
    return scores


def best(scores: Floats, count: int) -> Rows:
    """Positions of the `count` highest scores, unordered; all positions where there are no more."""
    if count >= scores.size:
        return np.arange(scores.size, dtype=np.int64)
    return np.argpartition(scores, scores.size - count)[scores.size - count :]


def _block_scores_of_each(
    rows: npt.NDArray[np.float32], norms: Floats, metric: Metric, queries: Matrix
) -> Floats:
    products: Floats = np.asarray(queries @ rows.T, dtype=np.float32)
    for query, scores in zip(queries, products, strict=True):
        scores[:] = metric.scores_of(scores, norms, query, lambda near: rows[near])
    return products


def _block_rows(dimension: int) -> int:
    return max(1, BLOCK_FLOATS // max(1, dimension))
