"""Centroids: which list a row belongs to, and how near each list is to a query.

Visiting some of the lists (IVF): Jégou et al., PAMI 2011.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quartzdb.domain.vector import Floats
from quartzdb.storage.index.engines.faiss_library import faiss_module
from quartzdb.storage.index.engines.row_order import chain

Float32Matrix = npt.NDArray[np.float32]

TRAINING_ROUNDS = 10
"""Twice the rounds and four times the rows made lists 1 % better and training six times longer."""


class Centroids:
    """Centres of lists (lists, width), compared with by product where `inner`, else by distance: then it has their
    squared lengths (lists,), too.
    """

    def __init__(self, matrix: Float32Matrix, *, inner: bool) -> None:
        self.matrix = matrix
        self.inner = inner
        self.squares: Floats | None = None if inner else np.einsum("ij,ij->i", matrix, matrix)

    @classmethod
    def train(cls, sample: Float32Matrix, lists: int, *, inner: bool, seed: int) -> Centroids:
        """Around rows of the sample (m, width); directions only where `inner`. Near lists have near numbers."""
        # Too few rows for a centroid are no reason to warn: calibration measures what came of it.
        clusters = faiss_module().Kmeans(
            sample.shape[1],
            lists,
            niter=TRAINING_ROUNDS,
            seed=seed,
            spherical=inner,
            min_points_per_centroid=1,
            max_points_per_centroid=len(sample),
        )
        clusters.train(sample)
        return cls(np.ascontiguousarray(clusters.centroids[chain(clusters.centroids)]), inner=inner)

    @property
    def lists(self) -> int:
        """How many there are."""
        return len(self.matrix)

    @property
    def width(self) -> int:
        """Coordinates of each."""
        return int(self.matrix.shape[1])

    def nearness(self, query: Floats) -> Floats:
        """How near each is to a query (width,): the product, or the distance negated."""
        products: Floats = self.matrix @ query
        if self.squares is None:
            return products
        squares: Floats = self.squares - 2.0 * products + query @ query
        return -np.sqrt(np.maximum(squares, 0.0))

    def nearness_of_each(self, queries: Float32Matrix) -> Float32Matrix:
        """`nearness` for each of some queries (m, width): (m, lists)."""
        products: Float32Matrix = queries @ self.matrix.T
        if self.squares is None:
            return products
        squares = self.squares - 2.0 * products + np.einsum("ij,ij->i", queries, queries)[:, None]
        nearness: Float32Matrix = -np.sqrt(np.maximum(squares, np.float32(0.0)))
        return nearness

    def nearest(self, rows: Float32Matrix) -> npt.NDArray[np.int32]:
        """The list of each row (m, width), by faiss on as many threads as it may use."""
        faiss = faiss_module()
        flat = faiss.IndexFlatIP(self.width) if self.inner else faiss.IndexFlatL2(self.width)
        flat.add(self.matrix)
        _, found = flat.search(rows, 1)
        # Of numbers beyond float32 none is the nearest; any list is as good.
        lists: npt.NDArray[np.int32] = np.maximum(found[:, 0], 0).astype(np.int32)
        return lists
