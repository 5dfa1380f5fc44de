"""Where Annoy compares: in a few coordinates of the rows, by angle (cosine) or by distance (dot, euclidean).

Dot: one coordinate more makes every row as long as the longest, and the nearest row is the one of highest product
(Bachrach et al., "Speeding up the Xbox recommender system using a Euclidean transformation", 2014). Annoy's own
dot metric found less at every speed as soon as lengths differed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from quartzdb.domain.metric import Metric
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Matrix, Vector, norms_of
from quartzdb.storage.index.engines.annoy_file import check_trees
from quartzdb.storage.index.engines.annoy_projection import Projection
from quartzdb.storage.index.engines.half import widened

if TYPE_CHECKING:
    from annoy import AnnoyIndex

_BLOCK_FLOATS = 1 << 21


@dataclass(frozen=True, slots=True)
class AnnoySpace:
    """`longest` is the length (under dot) that no row but the long ones exceeds. Without `projection`, all coordinates.

    Cosine: lengths are divided out, so that no product of squares overflows.
    """

    metric: Metric
    dimension: int
    longest: float
    projection: Projection | None = None

    @property
    def inner(self) -> bool:
        """Exact comparisons, for calibration, go by product."""
        return self.metric is not Metric.EUCLIDEAN

    @property
    def width(self) -> int:
        """Coordinates that are compared."""
        return self.dimension if self.projection is None else self.projection.width

    def new_trees(self) -> AnnoyIndex:
        """An empty index of the right shape."""
        from annoy import AnnoyIndex

        return AnnoyIndex(self._stored_width, "angular" if self.metric is Metric.COSINE else "euclidean")

    def check(self, path: Path, *, rows: int, trees: int) -> None:
        """Whether Annoy can map a file for this. Raises Corrupted."""
        angular = self.metric is Metric.COSINE
        check_trees(path, rows=rows, width=self._stored_width, angular=angular, trees=trees)

    def rows(self, rows: Matrix) -> npt.NDArray[np.float32]:
        """Rows (m, d) with all their coordinates, as exact comparisons have them."""
        wide = widened(rows)
        if self.metric is Metric.COSINE:
            lengths = np.maximum(norms_of(wide), np.float32(np.finfo(np.float32).tiny))
            unit: npt.NDArray[np.float32] = np.divide(wide, lengths[:, None], dtype=np.float32)
            return unit
        return wide

    def items(self, vectors: Matrix) -> Iterator[list[float]]:
        """Rows as Annoy stores them."""
        step = max(1, _BLOCK_FLOATS // self.dimension)
        for start in range(0, len(vectors), step):
            rows = self.rows(vectors[start : start + step])
            if self.projection is not None:
                rows = self.projection.of(rows)
            if self.metric is Metric.DOT:
                missing = np.maximum(self.longest**2 - norms_of(rows).astype(np.float64) ** 2, 0.0)
                rows = np.hstack([rows, np.sqrt(missing).astype(np.float32)[:, None]])
            yield from rows.tolist()

    def query(self, query: Vector) -> list[float]:
        """A query as Annoy takes it."""
        if self.metric is Metric.EUCLIDEAN:
            return self._compared(query)
        # A query's length changes no ranking by product. It is made that of the rows, or their distances to it, which
        # all have the same part from the longer of the two, would lose what tells them apart.
        wide = query.astype(np.float64)
        length = self.longest if self.metric is Metric.DOT else 1.0
        numbers = self._compared(wide * (length / max(math.sqrt(float(wide @ wide)), 1e-300)))
        return [*numbers, 0.0] if self.metric is Metric.DOT else numbers

    @property
    def _stored_width(self) -> int:
        """Numbers of a row in Annoy: under dot one more, for its length."""
        return self.width + (self.metric is Metric.DOT)

    def _compared(self, query: npt.NDArray[np.floating]) -> list[float]:
        numbers: list[float] = (query if self.projection is None else self.projection.of(query)).tolist()
        return numbers
