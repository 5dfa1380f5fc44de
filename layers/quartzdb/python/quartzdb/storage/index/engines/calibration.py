"""Calibration: what an index must spend to find what an exact search finds, learnt at build time on its own data.

Sample queries are rows of the data, half of them blended with another row, since real queries never lie exactly where
data does. They are held out: an index is trained without them, since a centroid drawn towards a query finds it too
easily. Neither do a query's own row, its copies and its ten nearest rows count: texts come in versions, and next to its
own version a row is found far more easily than anything is by a query. (With ten versions of each row, a sample that
counted them promised .98 where real queries found .86.) What came of searches for them is weighed in `trial`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from quartzdb.domain.recall import RECALL_TARGETS
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Floats, Matrix, Rows

Float32Matrix = npt.NDArray[np.float32]

QUERIES = 256
NEAREST_IGNORED = 10
HELD_OUT_SHARE_MAX = 0.0625
BLEND = 0.25
"""How far every second sample query is moved towards another row."""
SCORES_BYTES_MAX = 128 << 20
"""How much memory the exact scores of one batch of sample queries may take."""
SCAN_COST, SCAN_COST_PER_FLOAT = 5.0, 0.4
"""Nanoseconds to scan a row, as measured for docs/benchmarks-engines.md; only ratios to other costs matter."""
VERSION_DISTANCE_MAX = 0.7
"""A version of a row is nearer to it than this share of the distance of the row that comes VERSIONS_MAX-th."""
VERSIONS_MAX = 64
_BLOCK_FLOATS = 1 << 21


class Placement(Protocol):
    """How rows are placed before they are compared: by product where `inner`, else by distance."""

    @property
    def inner(self) -> bool:
        """Compare by product."""
        ...

    def rows(self, rows: Matrix) -> Float32Matrix:
        """Placed rows, float32."""
        ...


@dataclass(frozen=True, slots=True)
class SampleQuery:
    """One sample query (placed, (d,)) and exact scores of all rows, those that do not count at -inf."""

    query: Floats
    scores: Floats


def counts_for(rows: int) -> tuple[int, ...]:
    """The counts worth calibrating on this many rows: those that leave something to be told apart."""
    return tuple(count for count in RECALL_TARGETS if count * 4 <= rows) or (min(RECALL_TARGETS),)


def held_out(rows: int, generator: np.random.Generator, size: int = QUERIES) -> Rows:
    """Rows to make sample queries of, at random."""
    size = max(1, min(size, int(HELD_OUT_SHARE_MAX * rows)))
    chosen: Rows = generator.choice(rows, size=size, replace=False).astype(np.int64)
    return chosen


def versions_of(vectors: Matrix, placement: Placement, own: Rows) -> Rows:
    """Rows that are versions of some of these, those left out; no more than are held out at most.

    Of real texts in one version each, a third have a row so near, and seldom two; where texts come in several, all of
    them have about as many as there are.
    """
    if len(vectors) <= VERSIONS_MAX:
        return np.empty(0, dtype=np.int64)
    placed = placement.rows(vectors[own])
    found = [np.empty(0, dtype=np.int64)]
    for start, scores in _scores_in_batches(vectors, placement, placed, inner=False):
        queries = placed[start : start + len(scores)]
        lengths = np.einsum("ij,ij->i", queries, queries)
        distances = np.maximum(lengths[:, None] - 2 * scores, 0)
        for near in distances:
            nearest = np.argpartition(near, VERSIONS_MAX)[: VERSIONS_MAX + 1]
            furthest = near[nearest].max()
            found.append(nearest[near[nearest] < VERSION_DISTANCE_MAX**2 * furthest])
    versions = np.setdiff1d(np.concatenate(found), own)
    return versions[: int(HELD_OUT_SHARE_MAX * len(vectors))]


def sample_queries(
    vectors: Matrix, placement: Placement, own: Rows, generator: np.random.Generator
) -> Iterator[SampleQuery]:
    """Sample queries with their exact scores, batch by batch so that memory stays bounded."""
    total = len(vectors)
    other = generator.integers(total, size=own.size)
    queries = placement.rows(vectors[own])
    queries[1::2] += np.float32(BLEND) * (placement.rows(vectors[other]) - queries)[1::2]
    for start, scores in _scores_in_batches(vectors, placement, queries, inner=placement.inner):
        for at, row in enumerate(own[start : start + len(scores)]):
            scores[at, _copies(vectors, scores[at], row)] = -np.inf
            if total > 2 * NEAREST_IGNORED:
                scores[at, np.argpartition(-scores[at], NEAREST_IGNORED)[:NEAREST_IGNORED]] = -np.inf
            yield SampleQuery(queries[start + at], scores[at])


def _scores_in_batches(
    vectors: Matrix, placement: Placement, queries: Float32Matrix, *, inner: bool
) -> Iterator[tuple[int, Float32Matrix]]:
    """Exact scores of some queries after the other, and the number of the first of them; memory stays bounded."""
    batch = max(1, SCORES_BYTES_MAX // (4 * len(vectors)))
    for start in range(0, len(queries), batch):
        yield start, exact_scores(vectors, placement, queries[start : start + batch], inner=inner)


def _copies(vectors: Matrix, scores: Floats, row: int) -> Rows:
    """The row and all rows equal to it, which have its score but for rounding."""
    near: Rows = np.flatnonzero(np.abs(scores - scores[row]) <= 1e-6 * max(1.0, abs(float(scores[row]))))
    if near.size > _BLOCK_FLOATS // vectors.shape[1]:
        return near
    equal = np.asarray((vectors[near] == vectors[row]).all(axis=1), dtype=np.bool_)
    return near[equal]


def exact_scores(
    vectors: Matrix, placement: Placement, queries: Float32Matrix, *, inner: bool
) -> Float32Matrix:
    """Scores (q, n) of all rows: products, or where not `inner` products less half the squared length."""
    scores = np.empty((len(queries), len(vectors)), dtype=np.float32)
    step = max(1, _BLOCK_FLOATS // vectors.shape[1])
    for start in range(0, len(vectors), step):
        rows = placement.rows(vectors[start : start + step])
        products = queries @ rows.T
        if not inner:
            products -= np.einsum("ij,ij->i", rows, rows) / 2
        scores[:, start : start + step] = products
    return scores


def least_of_best(scores: Floats, counts: Sequence[int], guess: Floats) -> dict[int, float]:
    """For each count the score that the `count` best rows reach: whatever reaches it is as good an answer as any.

    Rows at -inf never count. `guess` (m,) are scores of some good rows, best first; they spare a selection among all.
    """
    floor = float(guess[: max(counts)].min(initial=np.finfo(np.float32).max)) if guess.size else -math.inf
    best = np.sort(scores[scores >= max(floor, float(np.finfo(np.float32).min))])[::-1]
    return {count: float(best[min(count, best.size) - 1]) if best.size else math.inf for count in counts}
