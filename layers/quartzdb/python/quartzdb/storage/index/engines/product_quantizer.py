"""Product quantisation: of every few coordinates of a row, which of 16 typical values they are nearest to.

Jégou, Douze, Schmid, "Product Quantization for Nearest Neighbor Search", PAMI 2011. Values are learnt from a sample, by
faiss.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from quartzdb.domain.vector import norms_of
from quartzdb.storage.index.engines.faiss_library import faiss_module
from quartzdb.storage.index.engines.packed_codes import CodeBytes

Float32Matrix = npt.NDArray[np.float32]

VALUES = 16
"""Values of a part, which 4 bits can name."""
BITS = 4
TRAINING_ROUNDS = 10
TRAINING_ROWS = 4096
LENGTH_FACTOR = 4.0
"""Rows of the sample that are longer than the median by more than this would take values away from all others."""


class ProductQuantizer:
    """Typical values (parts, 16, coordinates of a part)."""

    def __init__(self, quantizer: Any) -> None:
        self._quantizer = quantizer

    @classmethod
    def train(cls, sample: Float32Matrix, parts: int, *, seed: int) -> ProductQuantizer:
        """Learn from rows (m, width); `parts` divides width."""
        lengths = norms_of(sample)
        usual = sample[lengths <= LENGTH_FACTOR * np.median(lengths)]
        quantizer = faiss_module().ProductQuantizer(sample.shape[1], parts, BITS)
        quantizer.cp.niter = TRAINING_ROUNDS
        quantizer.cp.seed = seed
        quantizer.cp.min_points_per_centroid = 1
        quantizer.cp.max_points_per_centroid = TRAINING_ROWS // VALUES
        quantizer.train(np.ascontiguousarray(usual[:TRAINING_ROWS]))
        return cls(quantizer)

    @property
    def parts(self) -> int:
        """How many parts a row has."""
        return int(self._quantizer.M)

    @property
    def values(self) -> npt.NDArray[np.float32]:
        """All values, part after part (16 · width,)."""
        values: npt.NDArray[np.float32] = faiss_module().vector_to_array(self._quantizer.centroids)
        return values

    def codes(self, rows: Float32Matrix) -> CodeBytes:
        """Codes of rows (m, width): (m, parts / 2), two parts in a byte."""
        codes: CodeBytes = self._quantizer.compute_codes(np.ascontiguousarray(rows))
        return codes
