"""Metrics: how near two vectors are, as a score (higher is better) and a distance (lower is better).

cosine: score = x·q / (|x||q|), distance = 1 - score.  dot: score = x·q, distance = -score.
euclidean: distance = |x - q|, score = -distance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum

import numpy as np

from quartzdb.domain.vector import Floats, Matrix, Rows, Vector

_ONE = np.float32(1)
_TINY = np.finfo(np.float32).tiny


class Metric(StrEnum):
    """How a namespace compares its vectors. Fixed at creation."""

    COSINE = "cosine"
    DOT = "dot"
    EUCLIDEAN = "euclidean"

    def scores(self, rows: Matrix, norms: Floats, query: Vector) -> Floats:
        """Exact scores of `rows` (n, d) of any float type against `query` (d,), float32 (n,).

        `norms` (n,) are the rows' Euclidean lengths, stored so that cosine and euclidean need one product.
        """
        products = np.asarray(rows @ query if rows.dtype == np.float32 else rows.astype(np.float32) @ query)
        return self.scores_of(products, norms, query, lambda at: rows[at])

    def scores_of(
        self, products: Floats, norms: Floats, query: Vector, rows_at: Callable[[Rows], Matrix]
    ) -> Floats:
        """The scores that belong to products with the query (n,), which are overwritten.

        `rows_at` gives the rows at some positions: where euclidean needs more digits than products have.
        """
        if self is Metric.DOT:
            return products
        if self is not Metric.COSINE:
            return self._euclidean(rows_at, norms, query, products)
        # The query's length cannot overflow: see LENGTH_MAX.
        lengths = norms * np.float32(math.sqrt(query.dot(query)))
        np.maximum(lengths, _TINY, out=lengths)
        np.divide(products, lengths, out=products)
        np.minimum(products, _ONE, out=products)
        return np.maximum(products, -_ONE, out=products)

    def distances(self, scores: Floats) -> Floats:
        """The distances that belong to scores."""
        # Subtracted, not negated: -0.0 would be a strange distance to read.
        return 1.0 - scores if self is Metric.COSINE else 0.0 - scores

    @staticmethod
    def _euclidean(
        rows_at: Callable[[Rows], Matrix], norms: Floats, query: Vector, products: Floats
    ) -> Floats:
        length = np.float64(np.linalg.norm(query.astype(np.float64)))
        squared = norms.astype(np.float64) ** 2 - 2.0 * products + length**2
        # |x|² - 2x·q + |q|² loses its digits where x is nearly q; those few rows are measured directly.
        near = np.flatnonzero(squared < 1e-3 * (norms.astype(np.float64) ** 2 + length**2))
        if near.size:
            difference = rows_at(near).astype(np.float64) - query
            squared[near] = np.einsum("ij,ij->i", difference, difference)
        return (0.0 - np.sqrt(np.maximum(squared, 0.0))).astype(np.float32)
