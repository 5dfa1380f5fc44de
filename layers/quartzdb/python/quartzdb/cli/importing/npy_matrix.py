"""Records from a .npy matrix: one vector a row, ids from a text file or from row numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from quartzdb.cli.failure import Failure
from quartzdb.cli.importing.source import BadLine, ImportLine, SourceRecord
from quartzdb.domain.errors import QuartzError
from quartzdb.domain.vector import check_finite


class NpyMatrix:
    """Positions are rows from 1; the file is mapped, not read whole."""

    def __init__(self, path: Path, *, ids: Path | None = None, id_prefix: str = "") -> None:
        """Raises Failure where the file is no matrix of numbers, or has not as many rows as there are ids."""
        try:
            self._matrix = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise Failure(f"{path} is no .npy file of numbers: {error}.") from error
        if self._matrix.ndim != 2 or self._matrix.dtype.kind not in "fiu":
            raise Failure(
                f"{path} has shape {self._matrix.shape} of {self._matrix.dtype}, which is no matrix of real numbers.",
                hint="Save one vector a row, as float32.",
            )
        self._id_prefix = id_prefix
        self._ids = None if ids is None else _lines_of(ids)
        if self._ids is not None and len(self._ids) != len(self._matrix):
            raise Failure(f"{ids} has {len(self._ids):,} ids for the {len(self._matrix):,} rows of {path}.")

    @property
    def total(self) -> int | None:
        """The rows."""
        return len(self._matrix)

    def lines(self, after: int) -> Iterator[ImportLine]:
        """What follows row `after`."""
        for row in range(after, len(self._matrix)):
            content: SourceRecord | BadLine
            try:
                with np.errstate(over="ignore"):
                    vector = check_finite(np.array(self._matrix[row], dtype=np.float32))
                record_id = (
                    self._ids[row].removesuffix("\r") if self._ids is not None else f"{self._id_prefix}{row}"
                )
                content = SourceRecord(record_id, vector)
            except QuartzError as error:
                content = BadLine.of(error)
            yield ImportLine(row + 1, row + 1, content)


def _lines_of(ids: Path) -> list[str]:
    found = []
    lines = ids.read_bytes().removesuffix(b"\n").split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            found.append(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except UnicodeDecodeError as error:
            raise Failure(
                f"Line {number} of {ids} is not UTF-8 (byte {error.start + 1} of it).",
                hint="Save the ids as UTF-8 text, one a line.",
            ) from error
    return found if found != [""] else []
