"""The projection: the few directions in which rows differ most (PCA). Annoy keeps and compares all that it is given, so
fewer numbers are fewer bytes and faster visits; what they blur, rescoring more rows makes up for.

How many directions is decided by sample queries: as few as still rank the nearest rows among some hundred.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.metric import Metric
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Floats, Matrix, Rows
from quartzdb.storage.index.engines.array_file import stored_array
from quartzdb.storage.index.engines.calibration import NEAREST_IGNORED, Placement, held_out, sample_queries
from quartzdb.storage.index.engines.exact import best

Float32Matrix = npt.NDArray[np.float32]

WIDTHS = (32, 48, 64, 96, 128, 192, 256)
"""How many directions are tried, fewest first."""
WIDTH_SHARE_MAX = 0.67
"""Of more of the coordinates than this, all are kept: nothing would be saved."""
RANK_MAX = 100
"""Up to so many rows are well spent on rescoring: it takes as long as visiting some thousand."""
RANK_SHARE = 0.98
"""The share of the nearest rows that must rank so high."""
SAMPLE_QUERIES = 48
SAMPLE_ROWS = 16_384
RESULTS = 10
_POWER_ROUNDS = 4
_SPARE_DIRECTIONS = 16
_BLOCK_FLOATS = 1 << 21


class Space(Placement, Protocol):
    """What is compared, and how."""

    @property
    def metric(self) -> Metric:
        """What rows are ranked by."""
        ...


@dataclass(frozen=True, slots=True)
class Projection:
    """Directions (d, width), orthonormal, and the point (d,) that they start from: the mean under euclidean, else 0."""

    basis: Float32Matrix
    center: Floats

    @property
    def width(self) -> int:
        """How many directions."""
        return int(self.basis.shape[1])

    def of(self, rows: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Rows (…, d) in these directions (…, width)."""
        projected: npt.NDArray[np.floating] = (rows - self.center) @ self.basis
        return projected

    def first(self, width: int) -> Self:
        """Only the directions in which rows differ most."""
        return type(self)(np.ascontiguousarray(self.basis[:, :width]), self.center)

    def save(self, path: Path) -> None:
        """Write it."""
        np.save(path, np.vstack([self.center, self.basis.T]).astype("<f4"))

    @classmethod
    def load(cls, path: Path, dimension: int, width: Any) -> Self:
        """Read it back. Raises Corrupted."""
        if not isinstance(width, int) or width < 1:
            raise Corrupted(f"The parameters of a projection say that it has {width!r} directions.")
        stored = stored_array(path, (1 + width, dimension))
        return cls(np.ascontiguousarray(stored[1:].T), stored[0])


def fitted(vectors: Matrix, space: Space, long: Rows, generator: np.random.Generator) -> Projection | None:
    """The narrowest projection that ranks well enough; None where that takes too many of all coordinates."""
    rows, dimension = vectors.shape
    widths = [width for width in WIDTHS if width <= WIDTH_SHARE_MAX * dimension]
    if not widths:
        return None
    chosen = generator.choice(rows, size=min(SAMPLE_ROWS, rows), replace=False)
    sample = space.rows(vectors[np.setdiff1d(chosen, long)])
    widest = _widest(sample, min(widths[-1], *sample.shape), space.metric, generator)
    widths = [width for width in widths if width <= widest.width]
    queries, good = [], []
    for asked in sample_queries(vectors, space, held_out(rows, generator, SAMPLE_QUERIES), generator):
        asked.scores[long] = -np.inf
        queries.append(asked.query)
        good.append(best(asked.scores, RESULTS))
    ranks = _ranks(vectors, space, widest, widths, np.array(queries), np.array(good), long)
    for width, of_width in zip(widths, ranks, strict=True):
        if np.mean(of_width < RANK_MAX + NEAREST_IGNORED) >= RANK_SHARE:
            return widest.first(width)
    return None


def _widest(sample: Float32Matrix, width: int, metric: Metric, generator: np.random.Generator) -> Projection:
    """The leading directions of the sample, found from random ones by multiplying them with it again and again."""
    center = sample.mean(axis=0) if metric is Metric.EUCLIDEAN else np.zeros(sample.shape[1], np.float32)
    spread = sample - center
    scale = np.abs(spread).max()
    spread /= scale if scale > 0 else np.float32(1)
    directions = generator.standard_normal((sample.shape[1], min(width + _SPARE_DIRECTIONS, *sample.shape)))
    basis = np.linalg.qr(directions)[0].astype(np.float32)
    for _ in range(_POWER_ROUNDS):
        basis = np.linalg.qr(spread.T @ (spread @ basis))[0]
    seen = (spread @ basis).astype(np.float64)
    _, turn = np.linalg.eigh(seen.T @ seen)
    return Projection((basis @ turn[:, ::-1]).astype(np.float32), center).first(width)


def _ranks(
    vectors: Matrix,
    space: Space,
    widest: Projection,
    widths: Sequence[int],
    queries: Float32Matrix,
    good: npt.NDArray[np.int64],
    long: Rows,
) -> npt.NDArray[np.int64]:
    """For each width, how many rows rank before each good row (widths, queries, results)."""
    metric = space.metric
    asked = widest.of(queries)
    reached = np.array(
        [
            [
                scores[0]
                for scores in _scores(widest.of(space.rows(vectors[rows])), query[None], widths, metric)
            ]
            for rows, query in zip(good, asked, strict=True)
        ]
    ).transpose(1, 0, 2)
    before = np.zeros(reached.shape, dtype=np.int64)
    counted = np.ones(len(vectors), dtype=np.bool_)
    counted[long] = False
    step = max(1, _BLOCK_FLOATS // vectors.shape[1])
    for start in range(0, len(vectors), step):
        block = widest.of(space.rows(vectors[start : start + step]))[counted[start : start + step]]
        for at, scores in enumerate(_scores(block, asked, widths, metric)):
            for place in range(good.shape[1]):
                before[at, :, place] += np.count_nonzero(scores > reached[at, :, place, None], axis=1)
    return before


def _scores(
    rows: npt.NDArray[np.floating],
    queries: npt.NDArray[np.floating],
    widths: Sequence[int],
    metric: Metric,
) -> Iterator[npt.NDArray[np.floating]]:
    """Scores (queries, rows) that rank as Annoy does in the first so many directions, for each width in turn."""
    products = np.zeros((len(queries), len(rows)), dtype=np.float32)
    squares = np.full(len(rows), np.finfo(np.float32).tiny, dtype=np.float32)
    start = 0
    for width in widths:
        part = rows[:, start:width]
        products += queries[:, start:width] @ part.T
        squares += np.einsum("ij,ij->i", part, part)
        start = width
        if metric is Metric.COSINE:
            yield products / np.sqrt(squares)
        else:
            yield products - squares / 2 if metric is Metric.EUCLIDEAN else products.copy()
