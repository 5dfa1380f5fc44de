"""Metrics: how near two vectors are, as a score (higher is better) and a distance (lower is better).

cosine: score = x·q / (|x||q|), distance = 1 - score.  dot: score = x·q, distance = -score.
euclidean: distance = |x - q|, score = -distance.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from quartzdb.domain.vector import Floats, Matrix, Vector


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
        if self is Metric.DOT:
            return products
        if self is Metric.COSINE:
            scores = products / np.maximum(norms * np.linalg.norm(query), np.finfo(np.float32).tiny)
            return np.clip(scores, -1.0, 1.0)
        return self._euclidean(rows, norms, query, products)

    def distances(self, scores: Floats) -> Floats:
        """The distances that belong to scores."""
        # Subtracted, not negated: -0.0 would be a strange distance to read.
        return 1.0 - scores if self is Metric.COSINE else 0.0 - scores

    @staticmethod
    def _euclidean(rows: Matrix, norms: Floats, query: Vector, products: Floats) -> Floats:
        length = np.float64(np.linalg.norm(query.astype(np.float64)))
        squared = norms.astype(np.float64) ** 2 - 2.0 * products + length**2
        # |x|² - 2x·q + |q|² loses its digits where x is nearly q; those few rows are measured directly.
        near = np.flatnonzero(squared < 1e-3 * (norms.astype(np.float64) ** 2 + length**2))
        if near.size:
            difference = rows[near].astype(np.float64) - query
            squared[near] = np.einsum("ij,ij->i", difference, difference)
        return (0.0 - np.sqrt(np.maximum(squared, 0.0))).astype(np.float32)
