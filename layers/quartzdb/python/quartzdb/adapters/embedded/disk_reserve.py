"""Space kept on the disk of a data directory, so that what frees space can be done when there is no other left.

Owns `reserve`: a line that says how large it is, and as many bytes of nothing. When a deletion meets a full disk, the
file is cut down to its line. From then on only what frees space may write, until all of it can be taken back.

A directory without the file has no reserve, and is never refused anything here.
"""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import xxhash

from quartzdb.domain.errors import Corrupted, StorageFull
from quartzdb.domain.freeing import frees_space

T = TypeVar("T")

NAME = "reserve"
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_LINE = 64
"""Bytes at the beginning of the file that stay."""
_OPENING_BYTES = 512 * 1024
"""What opening a directory writes at most: SQLite's shared memory for three files, and lock files."""


class DiskReserve:
    """The reserve of a directory, for all threads and processes that have it open."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / NAME

    def keep(self, size: int) -> bool:
        """Make the reserve so large; 0: none. False where there is no room for it: then it counts as given up.

        Raises OSError.
        """
        if size <= 0:
            self._path.unlink(missing_ok=True)
            return True
        if self._path.exists():
            with open(self._path, "r+b", buffering=0) as file:
                if file.read(_LINE) == _line(size):
                    fcntl.flock(file, fcntl.LOCK_EX)
                    return _filled(file.fileno(), size)
            self._path.unlink(missing_ok=True)
        # With its name only once it is whole: without its bytes it would be taken for one that was given up.
        descriptor, made = tempfile.mkstemp(prefix=f"{NAME}-", dir=self._path.parent)
        try:
            os.pwrite(descriptor, _line(size), 0)
            filled = _filled(descriptor, size)
            os.replace(made, self._path)
        except OSError as error:
            os.unlink(made)
            if error.errno not in FULL:
                raise
            return False
        finally:
            os.close(descriptor)
        return filled

    @property
    def given_up(self) -> bool:
        """Whether it is not there now. Costs one look at the file's size."""
        try:
            return self._path.stat().st_size <= _LINE
        except FileNotFoundError:
            return False

    def short(self) -> bool:
        """Whether it is given up, and cannot be taken back now. Raises Corrupted, OSError."""
        if not self.given_up:
            return False
        with suppress(FileNotFoundError):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return not _filled(descriptor, self._size(descriptor))
            except BlockingIOError:
                # Held by those who have given it up and are at work, with whom this lock is shared, or for a moment by
                # somebody who takes it back.
                fcntl.flock(descriptor, fcntl.LOCK_SH)
                return self.given_up
            finally:
                os.close(descriptor)
        return False

    def require(self) -> None:
        """Raises StorageFull where only what frees space may write now."""
        if self.short():
            raise StorageFull(
                "The disk is full: what is left on it is kept for deletions.",
                hint="Delete what is not needed, run `quartzdb compact --reclaim`, or free space on the disk.",
            )

    @contextmanager
    def released(self) -> Iterator[None]:
        """Give the reserve up, and keep others from taking it back meanwhile. Nothing happens where there is none."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            yield
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            self._size(descriptor)  # never cut what is not ours
            if os.fstat(descriptor).st_size > _LINE:
                os.ftruncate(descriptor, _LINE)
            yield
        finally:
            os.close(descriptor)

    def writing(self, work: Callable[[], T]) -> T:
        """Do what writes files: with the reserve, if it needs it and frees space. Raises StorageFull, OSError."""
        if not frees_space():
            self.require()
            return work()
        try:
            return work()
        except OSError as error:
            if error.errno not in FULL:
                raise
        with self.released():
            return work()

    def make_room_to_open(self) -> None:
        """On a full disk give it up, so that the directory can be opened. Raises OSError."""
        if self.given_up or not self._path.exists():
            return
        probe = self._path.with_name(f"{NAME}.{os.getpid()}")
        try:
            probe.write_bytes(bytes(_OPENING_BYTES))
        except OSError as error:
            if error.errno not in FULL:
                raise
            with self.released():
                pass
        finally:
            probe.unlink(missing_ok=True)

    def _size(self, descriptor: int) -> int:
        found = os.pread(descriptor, _LINE, 0)
        with suppress(ValueError, IndexError):
            size = int(found.split()[2])
            if found == _line(size):
                return size
        raise Corrupted(
            f"{self._path.name} in the data directory is not what was written.",
            hint="It holds no data: remove the file, and the next start of the server makes it again.",
        )


def _line(size: int) -> bytes:
    said = f"quartzdb reserve {size} "
    return f"{said}{xxhash.xxh3_64_hexdigest(said.encode())}".ljust(_LINE - 1).encode() + b"\n"


def _filled(descriptor: int, size: int) -> bool:
    """Take the space; all of it or nothing."""
    try:
        os.posix_fallocate(descriptor, _LINE, size)
    except OSError as error:
        os.ftruncate(descriptor, _LINE)  # some file systems keep what they had given by then
        if error.errno not in FULL:
            raise
        return False
    if os.fstat(descriptor).st_size > _LINE + size:
        os.ftruncate(descriptor, _LINE + size)
    return True
