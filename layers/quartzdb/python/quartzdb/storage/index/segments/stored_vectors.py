"""The full-precision rows of a segment and their lengths, mapped from a file here or fetched as they are needed.

Whoever reads many rows says so first (`expect`), so that they come together and not one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from quartzdb.domain.vector import Floats, Matrix, Rows, norms_of
from quartzdb.storage.index.executor import Executor, all_of
from quartzdb.storage.index.segments.partial_file import PartialFile

NORM_BYTES = 4
RECORDS_TOO_ROWS_MAX = 1_024
"""Of more rows than that, most records are not going to be read."""


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
        return self.matrix.take(rows, axis=0), self.norms.take(rows)

    def lengths(self, rows: Rows) -> Floats:
        """The lengths of some rows (m,), a copy. Raises IndexError."""
        return self.norms.take(rows)

    def span(self, start: int, stop: int) -> tuple[Matrix, Floats]:
        return self.matrix[start:stop], self.norms[start:stop]


class FetchedVectors:
    """Rows of two files that lie elsewhere. `records_too` brings the records of rows: who reads a few rows, to rescore
    them or because their ids were asked for, reads the records of the best next, and would wait once more.

    The lengths of some rows are computed from them, as they were when they were written, and not fetched.
    """

    def __init__(
        self,
        vectors: PartialFile,
        norms: PartialFile,
        shape: tuple[int, int],
        dtype: str,
        records_too: Callable[[Rows], None],
        execute: Executor,
    ) -> None:
        self._vectors = vectors
        self._norms = norms
        self._records_too = records_too
        self._execute = execute
        self._dtype = np.dtype(dtype)
        self._row_bytes = shape[1] * self._dtype.itemsize
        self._shape = vectors.size // self._row_bytes if self._row_bytes else shape[0], shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """(n, d)."""
        return self._shape

    def expect(self, rows: Rows | None) -> None:
        """Fetch them side by side."""
        if rows is None:
            all_of(self._execute, self._norms.expect_all, self._vectors.expect_all)
        elif not self._row_bytes:
            if rows.size <= RECORDS_TOO_ROWS_MAX:
                self._records_too(rows)
        elif 0 < rows.size <= RECORDS_TOO_ROWS_MAX:
            starts = rows * self._row_bytes
            if self._vectors.has(starts, self._row_bytes):
                self._records_too(rows)
            else:
                all_of(
                    self._execute,
                    lambda: self._vectors.expect(starts, self._row_bytes),
                    lambda: self._records_too(rows),
                )
        elif rows.size:
            self._vectors.expect(rows * self._row_bytes, self._row_bytes)

    def gather(self, rows: Rows) -> tuple[Matrix, Floats]:
        if not rows.size or not self._row_bytes:
            return np.empty((rows.size, self._shape[1]), self._dtype), np.zeros(rows.size, np.float32)
        vectors: Matrix = self._vectors.take(rows, self._row_bytes).view(self._dtype)
        return vectors, norms_of(vectors)

    def span(self, start: int, stop: int) -> tuple[Matrix, Floats]:
        stop = min(stop, self._shape[0])
        if not self._row_bytes:
            return np.empty((stop - start, 0), self._dtype), np.zeros(stop - start, np.float32)
        vectors = np.frombuffer(
            self._vectors.read(start * self._row_bytes, (stop - start) * self._row_bytes), self._dtype
        )
        norms: Floats = np.frombuffer(
            self._norms.read(start * NORM_BYTES, (stop - start) * NORM_BYTES), "<f4"
        )
        return vectors.reshape(-1, self._shape[1]), norms
