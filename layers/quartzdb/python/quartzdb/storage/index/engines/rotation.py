"""The rotation: the coordinates that an index is built and searched in, so that one-bit codes see well-spread numbers.

Rows are made unit-length (cosine), or centred (euclidean) and scaled to a typical length near 1 (dot, euclidean), which
changes no ranking; then padded and turned by a random rotation, so that no coordinate carries more than its share.
The rotation is a sign flip and a Kronecker product of two small orthogonal matrices: d·(a+b) products for a·b = d.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.metric import Metric
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Matrix, Vector, norms_of
from quartzdb.storage.index.engines.array_file import stored_array
from quartzdb.storage.index.engines.half import widened

Float32Matrix = npt.NDArray[np.float32]

PADDED_MIN = 64
"""Short vectors are spread over this many coordinates, so that one bit each still tells them apart."""
QUERY_LENGTH_MAX = 1e3
"""Euclidean queries further out than this many typical row lengths lose their neighbours to rounding."""
_TINY = np.finfo(np.float32).tiny


@dataclass(frozen=True, slots=True)
class Rotation:
    """A map from stored vectors (d,) to index coordinates (padded,). `inner`: compare by product, else by distance."""

    inner: bool
    unit: bool
    scale: float
    center: Vector
    signs: Vector
    left: Float32Matrix
    right: Float32Matrix

    @classmethod
    def fit(cls, sample: Matrix, metric: Metric, generator: np.random.Generator) -> Self:
        """A rotation for data like `sample` (m, d)."""
        dimension = sample.shape[1]
        wide = widened(sample)
        euclidean = metric is Metric.EUCLIDEAN
        # The median and not the mean, which one huge row would drag away from all others.
        center = np.median(wide, axis=0).astype(np.float32) if euclidean else np.zeros(dimension, np.float32)
        padded = max(PADDED_MIN, -(-dimension // 8) * 8)
        a = next(factor for factor in range(math.isqrt(padded), 0, -1) if padded % factor == 0)
        return cls(
            inner=not euclidean,
            unit=metric is Metric.COSINE,
            scale=1.0 if metric is Metric.COSINE else _typical_length(wide - center),
            center=center,
            signs=generator.choice(np.array([-1.0, 1.0], dtype=np.float32), size=padded),
            left=_random_orthogonal(a, generator),
            right=_random_orthogonal(padded // a, generator),
        )

    def rows(self, rows: Matrix) -> Float32Matrix:
        """Rows (m, d) placed for it but not yet turned: what exact comparisons use, float32 (m, d)."""
        # A copy in any case, since it is changed in place.
        placed = rows.astype(np.float32) if rows.dtype == np.float32 else widened(rows)
        if self.unit:
            placed /= np.maximum(np.sqrt(np.einsum("ij,ij->i", placed, placed)), _TINY)[:, None]
            return placed
        if not self.inner:
            placed -= self.center
        placed /= np.float32(self.scale)
        return placed

    def query(self, query: Vector) -> Vector | None:
        """A query (d,) placed likewise. Its length never changes a ranking by product, so there it becomes 1.

        None where the query is so far out that float32 distances could not tell the rows apart.
        """
        wide = query.astype(np.float64)
        if not self.inner:
            wide = (wide - self.center) / self.scale
        length = math.sqrt(float(wide @ wide))
        if self.inner:
            wide /= max(length, float(_TINY))
        elif length > QUERY_LENGTH_MAX:
            return None
        return wide.astype(np.float32)

    @property
    def of_placed(self) -> Self:
        """The same turn for queries that are placed already."""
        return replace(self, scale=1.0, center=np.zeros_like(self.center))

    def turned(self, placed: Float32Matrix) -> Float32Matrix:
        """Placed rows (m, d) padded and rotated: what the index holds, float32 (m, padded)."""
        m, dimension = placed.shape
        padded = self.padded
        if dimension < padded:
            wider = np.zeros((m, padded), dtype=np.float32)
            wider[:, :dimension] = placed
            placed = wider
        a, b = len(self.left), len(self.right)
        grid = ((placed * self.signs).reshape(m * a, b) @ self.right).reshape(m, a, b)
        turned: Float32Matrix = np.matmul(self.left, grid).reshape(m, padded)
        return turned

    @property
    def padded(self) -> int:
        """Coordinates of a turned row."""
        return self.signs.size

    def save(self, path: Path) -> None:
        """Write the arrays; `parameters` has the rest."""
        flat = np.concatenate([self.center, self.signs, self.left.ravel(), self.right.ravel()])
        np.save(path, flat.astype("<f4"))

    @property
    def parameters(self) -> Mapping[str, Any]:
        """JSON that `load` needs beside the file."""
        return {"scale": self.scale, "rotation": [len(self.left), len(self.right)]}

    @classmethod
    def load(cls, path: Path, parameters: Mapping[str, Any], dimension: int, metric: Metric) -> Self:
        """Read a rotation back. Raises Corrupted where file and parameters do not fit each other."""
        try:
            a, b = (int(side) for side in parameters["rotation"])
            scale = float(parameters["scale"])
        except (KeyError, TypeError, ValueError) as error:
            raise Corrupted(
                "The parameters of an index rotation have no readable scale, or rotation."
            ) from error
        if not (scale > 0 and a > 0 and b > 0 and a * b >= dimension):
            raise Corrupted(
                f"An index rotation of {a} × {b} at scale {scale} is none for {dimension} coordinates."
            )
        flat = stored_array(path, (dimension + a * b + a * a + b * b,))
        center, signs, left, right = np.split(flat, np.cumsum([dimension, a * b, a * a]))
        left, right = left.reshape(a, a), right.reshape(b, b)
        return cls(
            inner=metric is not Metric.EUCLIDEAN,
            unit=metric is Metric.COSINE,
            scale=scale,
            center=center,
            signs=signs,
            left=left,
            right=right,
        )


def _typical_length(rows: Float32Matrix) -> float:
    """The median length, or where most rows are zero the longest, or 1."""
    lengths = norms_of(rows)
    for length in (float(np.median(lengths)), float(lengths.max())):
        if length > 0:
            return length
    return 1.0


def _random_orthogonal(size: int, generator: np.random.Generator) -> Float32Matrix:
    q, r = np.linalg.qr(generator.standard_normal((size, size)))
    # The signs of R's diagonal differ between LAPACKs and bias Q; with them divided out Q is uniform.
    return np.ascontiguousarray(q * np.where(np.diag(r) < 0, -1.0, 1.0), dtype=np.float32)
