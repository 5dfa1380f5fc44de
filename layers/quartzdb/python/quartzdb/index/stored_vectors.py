"""The full-precision rows of a segment and their lengths, mapped from a file here or fetched as they are needed.

Whoever reads many rows says so first (`expect`), so that they come together and not one by one.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from quartzdb.domain.vector import Floats, Matrix, Rows
from quartzdb.index.partial_file import PartialFile

NORM_BYTES = 4


class StoredVectors(Protocol):
    """Rows (n, d), float32 or float16, never written. Thread-safe."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, d)."""
        ...

    def expect(self, rows: Rows | None) -> None:
        """These rows (None: all) are about to be read."""
        ...

    def gather(self, rows: Rows) -> tuple[Matrix, Floats]:
        """Copies of some rows (m, d), and their lengths (m,)."""
        ...

    def span(self, start: int, stop: int) -> tuple[Matrix, Floats]:
        """Rows start … stop-1 (fewer at the end), and their lengths; not to be written to."""
        ...


class MappedVectors:
    """Arrays in memory or mapped from files of this machine."""

    def __init__(self, matrix: Matrix, norms: Floats) -> None:
        # A memmap's subclass machinery costs microseconds on every slice; the plain view has the same pages.
        self.matrix: Matrix = np.asarray(matrix)
        self.norms: Floats = np.asarray(norms)
        self.plain = self.matrix.dtype == np.float32 and self.matrix.flags.c_contiguous
        """Whether the numbers are float32 that lie row after row."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, d)."""
        rows, dimension = self.matrix.shape
        return rows, dimension

    def expect(self, rows: Rows | None) -> None:
        """Everything is here already."""

    def gather(self, rows: Rows) -> tuple[Matrix, Floats]:
        """See StoredVectors."""
        return self.matrix.take(rows, axis=0), self.norms.take(rows)

    def lengths(self, rows: Rows) -> Floats:
        """The lengths of some rows (m,), a copy. Raises IndexError."""
        return self.norms.take(rows)

    def span(self, start: int, stop: int) -> tuple[Matrix, Floats]:
        """See StoredVectors."""
        return self.matrix[start:stop], self.norms[start:stop]


class FetchedVectors:
    """Rows of two files that lie elsewhere."""

    def __init__(self, vectors: PartialFile, norms: PartialFile, dimension: int, dtype: str) -> None:
        self._vectors = vectors
        self._norms = norms
        self._dtype = np.dtype(dtype)
        self._row_bytes = dimension * self._dtype.itemsize
        self._shape = vectors.size // self._row_bytes, dimension

    @property
    def shape(self) -> tuple[int, int]:
        """(n, d)."""
        return self._shape

    def expect(self, rows: Rows | None) -> None:
        """Fetch them side by side."""
        for file, row_bytes in ((self._norms, NORM_BYTES), (self._vectors, self._row_bytes)):
            if rows is None:
                file.expect_all()
            elif rows.size:
                file.expect(rows * row_bytes, row_bytes)

    def gather(self, rows: Rows) -> tuple[Matrix, Floats]:
        """See StoredVectors."""
        if not rows.size:
            return np.empty((0, self._shape[1]), self._dtype), np.empty(0, np.float32)
        vectors: Matrix = self._vectors.take(rows, self._row_bytes).view(self._dtype)
        norms: Floats = self._norms.take(rows, NORM_BYTES).view("<f4")[:, 0]
        return vectors, norms

    def span(self, start: int, stop: int) -> tuple[Matrix, Floats]:
        """See StoredVectors."""
        stop = min(stop, self._shape[0])
        vectors = np.frombuffer(
            self._vectors.read(start * self._row_bytes, (stop - start) * self._row_bytes), self._dtype
        )
        norms: Floats = np.frombuffer(
            self._norms.read(start * NORM_BYTES, (stop - start) * NORM_BYTES), "<f4"
        )
        return vectors.reshape(-1, self._shape[1]), norms
