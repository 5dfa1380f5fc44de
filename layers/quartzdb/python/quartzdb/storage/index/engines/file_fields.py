"""An index file's fields, read one after another before native code gets the file. It must never be written to.

Native readers trust what they map: one wrong number in it and a search reads beyond the file. What is read here is what
`build` writes and nothing else, so that a file which passes has no number that leads out of it.
"""

from __future__ import annotations

import errno
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quartzdb.domain.errors import Corrupted, Unavailable


class FileFields:
    """The fields of one file, little-endian. What is not as expected is Corrupted."""

    def __init__(self, name: str, content: npt.NDArray[np.uint8]) -> None:
        self._name = name
        self._content = content
        self._at = 0

    @property
    def content(self) -> npt.NDArray[np.uint8]:
        """All of the file, mapped for as long as there is an array over it."""
        return self._content

    @property
    def left(self) -> int:
        """Bytes that have not been read."""
        return self._content.size - self._at

    def array(self, dtype: str, count: int) -> npt.NDArray[Any]:
        """The next `count` numbers, as they lie in the file."""
        kind = np.dtype(dtype)
        if count < 0 or count > self.left // kind.itemsize:
            raise self.damaged(f"it ends before the {count} numbers that begin at byte {self._at}")
        numbers = np.frombuffer(self._content, dtype=kind, count=count, offset=self._at)
        self._at += count * kind.itemsize
        return numbers

    def number(self, dtype: str) -> Any:
        """The next number."""
        return self.array(dtype, 1)[0].item()

    def expect(self, what: str, dtype: str, *possible: float | bytes) -> Any:
        """The next number, or text of a fixed length (`S4`), which is one of those."""
        found = self.number(dtype)
        if found not in possible:
            raise self.damaged(f"{what} is {found!r}, not {' or '.join(map(repr, possible))}")
        return found

    def vector(self, what: str, dtype: str, count: int) -> npt.NDArray[Any]:
        """The next array of faiss, which is preceded by how long it is; that must be `count`."""
        self.expect(f"the number of {what}", "<u8", count)
        return self.array(dtype, count)

    def end(self, following: int = 0) -> None:
        """No more than `following` bytes must be left, and no fewer."""
        if self.left != following:
            raise self.damaged(f"{self.left} bytes follow byte {self._at}, not {following}")

    def require(self, holds: bool | np.bool_, wrong: str) -> None:
        """Something that must be so; what is wrong otherwise."""
        if not holds:
            raise self.damaged(wrong)

    def damaged(self, wrong: str) -> Corrupted:
        """The error that says so."""
        return damaged(f"file {self._name}", wrong)


def damaged(what: str, wrong: str) -> Corrupted:
    """The error about a part of an index that is not as it was built."""
    return Corrupted(
        f"The index {what} is damaged: {wrong}.",
        hint="The file is not served. Restore it from a backup, or import the data again.",
    )


@contextmanager
def fields_of(path: Path) -> Iterator[FileFields]:
    """A file's fields, mapped for as long as this lasts. Raises Corrupted."""
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
            raise Unavailable(f"The index file {path.name} could not be opened: {error.strerror}.") from error
        raise Corrupted(f"The index file {path.name} cannot be read: {error}.") from error
    # Closed when the last array over it is gone.
    yield FileFields(path.name, np.frombuffer(mapped, dtype=np.uint8))
