"""Exact scores of some rows by the kernel, where they are mapped: nothing is gathered or copied."""

from __future__ import annotations

import ctypes

import numpy as np

from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Floats, Rows, Vector
from quartzdb.storage.index.engines.exact import gather_scores
from quartzdb.storage.index.engines.kernel_library import FullRows, address, kernel
from quartzdb.storage.index.segments.stored_vectors import MappedVectors, StoredVectors

_METRICS = {Metric.COSINE: 0, Metric.DOT: 1, Metric.EUCLIDEAN: 2}


def full_rows(vectors: StoredVectors, metric: Metric) -> FullRows | None:
    """How the kernel sees rows that are in memory; None where they are not, or lie in no way that it reads.

    HAZARD: it holds the addresses of the arrays and not the arrays.
    """
    if not isinstance(vectors, MappedVectors):
        return None
    matrix, norms = vectors.matrix, vectors.norms
    if matrix.dtype not in {np.dtype(np.float32), np.dtype(np.float16)} or not matrix.flags.c_contiguous:
        return None
    if norms.dtype != np.float32 or not norms.flags.c_contiguous or norms.size != len(matrix):
        return None
    half = int(matrix.dtype == np.float16)
    return FullRows(address(matrix), address(norms), *matrix.shape, half, _METRICS[metric])


def scores_of_rows(vectors: StoredVectors, metric: Metric, query: Vector, rows: Rows) -> Floats:
    """Exact scores of some rows (m,), float32 (m,), as `gather_scores`. Raises IndexError for one that is not there."""
    using = kernel()
    full = None if using is None or not rows.size else full_rows(vectors, metric)
    if using is None or full is None:
        return gather_scores(vectors, metric, query, rows)
    rows = np.ascontiguousarray(rows, dtype=np.int64)
    query = np.ascontiguousarray(query, dtype=np.float32)
    if query.shape != (full.dimension,):
        raise ValueError(
            f"A query of shape {query.shape} has no products with rows of {full.dimension} numbers."
        )
    scores = np.empty(rows.size, dtype=np.float32)
    wrong = using.library.qz_scores(
        using.arithmetic, ctypes.addressof(full), address(query), address(rows), rows.size, address(scores)
    )
    if wrong:
        raise IndexError(f"Of the rows asked for, some are not among the {full.count} there are.")
    return scores
