"""Scores that do not depend on what else is scored, by whom and where: what places in a ranking are made of.

Products in float32 differ in their last bit with the rows beside them and with the processor. These are summed in
float64 and rounded once, so that a record has the same score on every page. That takes two to three times as long.
"""

from __future__ import annotations

import numpy as np

from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Floats, Matrix, Rows, Vector
from quartzdb.storage.index.segments.stored_vectors import StoredVectors
from quartzdb.storage.index.tail import TailView

_BLOCK_NUMBERS = 1 << 18
_TINY = float(np.finfo(np.float32).tiny)
_BLOCKS_PER_LOOK = 64


def steady_scores(metric: Metric, rows: Matrix, norms: Floats, query: Vector) -> Floats:
    """Scores of `rows` (n, d), whose lengths are `norms` (n,), against `query` (d,); float32 (n,)."""
    asked, wide = query.astype(np.float64), rows.astype(np.float64)
    if metric is Metric.EUCLIDEAN:
        wide -= asked
        nearness: Floats = (0.0 - np.sqrt(np.einsum("ij,ij->i", wide, wide))).astype(np.float32)
        return nearness
    products = wide @ asked
    if metric is Metric.COSINE:
        products /= np.maximum(norms.astype(np.float64) * np.sqrt(asked @ asked), _TINY)
        np.clip(products, -1.0, 1.0, out=products)
    return products.astype(np.float32)


def steady_scores_of_segment(
    vectors: StoredVectors, metric: Metric, query: Vector, rows: Rows | None
) -> Floats:
    """Of some rows of a segment (m,), or of all of them. Raises DeadlineExceeded."""
    vectors.expect(rows)
    row_count, dimension = vectors.shape
    count = row_count if rows is None else len(rows)
    scores = np.empty(count, dtype=np.float32)
    step = max(1, _BLOCK_NUMBERS // max(1, dimension))
    for number, start in enumerate(range(0, count, step)):
        if number % _BLOCKS_PER_LOOK == 0:
            check_deadline()
        stop = min(start + step, count)
        block, norms = vectors.span(start, stop) if rows is None else vectors.gather(rows[start:stop])
        scores[start:stop] = steady_scores(metric, block, norms, query)
    return scores


def steady_scores_of_tail(tail: TailView, metric: Metric, query: Vector, rows: Rows) -> Floats:
    """Of some rows of the tail (m,), ascending."""
    found: list[Floats] = []
    first = begin = 0
    for vectors, norms in tail.chunks:
        end = int(np.searchsorted(rows, first + len(vectors)))
        if end > begin:
            places = rows[begin:end] - first
            found.append(steady_scores(metric, vectors.take(places, axis=0), norms.take(places), query))
        first, begin = first + len(vectors), end
    return np.concatenate(found) if found else np.empty(0, dtype=np.float32)
