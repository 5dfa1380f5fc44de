"""Numbers that wait in the order in which they came, in a file once they are many."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import IO, Any

import numpy as np

_HELD_MAX = 1 << 18


class Spool:
    """`code`: their type, as `array` has it."""

    def __init__(self, path: Path, code: str) -> None:
        self._path = path
        self._held = array(code)
        self._file: IO[bytes] | None = None

    def extend(self, numbers: Any) -> None:
        """Add some."""
        self._held.extend(numbers)
        if len(self._held) >= _HELD_MAX:
            self._spill()

    def numbers(self) -> Any:
        """All of them; mapped where they are in a file."""
        if self._file is None:
            return np.array(self._held)
        self._spill()
        self.close()
        return np.memmap(self._path, dtype=np.dtype(self._held.typecode), mode="r")

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def _spill(self) -> None:
        if self._file is None:
            self._file = self._path.open("wb")
        self._held.tofile(self._file)
        self._held = array(self._held.typecode)
