"""Blobs as files under one directory. Owns `blobs/` (a file per key), `pointers/`, `temporary/` and `pointers.lock`.

A file under `blobs/` is never written to after it has its name. Durable once `put` returns; safe between processes of
one machine. A key may not lie below another one ("a" and "a/b"): a file is no directory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from quartzdb.adapters.blob_key import check_blob_key, check_blob_prefix
from quartzdb.adapters.embedded.disk_reserve import FULL, DiskReserve
from quartzdb.adapters.embedded.durable_file import prune_empty_directories, sync_directory, write_durably
from quartzdb.adapters.embedded.files_below import files_below
from quartzdb.adapters.embedded.filesystem_pointers import FilesystemPointers
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Corrupted, StorageFull, Unavailable
from quartzdb.storage.ports import BlobMissing

T = TypeVar("T")
_ABANDONED_MS = 3_600_000
"""Age at which a temporary file belongs to a writer that crashed."""


class FilesystemBlobs:
    """BlobStore over a directory. `clock` dates the blobs that it writes."""

    remote = False

    def __init__(
        self, root: Path, clock: Clock, *, read_only: bool = False, reserve: DiskReserve | None = None
    ) -> None:
        """Open the directory, creating it, and clear what crashed writers left; with `read_only`, leave it as it is.

        `reserve` is for what frees space on a full disk. Raises Unavailable.
        """
        self._clock = clock
        self._reserve = reserve
        self._blobs = root / "blobs"
        self._temporary = root / "temporary"
        pointers = root / "pointers"
        self._pointers = FilesystemPointers(pointers, lock=root / "pointers.lock", temporary=self._temporary)
        if read_only:
            return
        with _told_as_unavailable(root, opening=True):
            for directory in (self._blobs, self._temporary, pointers):
                directory.mkdir(parents=True, exist_ok=True)
            sync_directory(root)
            sync_directory(root.parent)
            self._clear_temporary()

    def put(self, key: str, data: bytes | Path) -> None:
        """Store a blob durably; a Path is copied. Putting the same content again only renews its time."""
        target = self._blobs / check_blob_key(key)
        now = self._clock.unix_ms()
        with _told_as_unavailable(target):
            self._written(
                lambda: write_durably(target, data, temporary=self._temporary, root=self._blobs, unix_ms=now)
            )

    def get(self, key: str) -> bytes:
        """All bytes. Raises BlobMissing."""
        with _told_as_missing(key, self._blobs / check_blob_key(key)) as path:
            return path.read_bytes()

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        """The bytes of each (start, length). Raises BlobMissing, and Corrupted where the blob ends before a range."""
        with _told_as_missing(key, self._blobs / check_blob_key(key)) as path:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return [_read_range(descriptor, key, start, length) for start, length in ranges]
            finally:
                os.close(descriptor)

    def local_file(self, key: str) -> Path:
        """The blob's own file: it must not be written to."""
        path = self._blobs / check_blob_key(key)
        if not path.is_file():
            raise BlobMissing(key)
        return path

    def forget_copy(self, key: str) -> None:
        """There are no copies: `local_file` is the blob itself."""
        check_blob_key(key)

    def list(self, prefix: str) -> Iterator[tuple[str, int, int]]:
        """(key, size, unix ms of its writing) of each blob and pointer under the prefix, in no particular order."""
        check_blob_prefix(prefix)
        with _told_as_unavailable(self._blobs):
            found = [*files_below(self._blobs, prefix), *self._pointers.list(prefix)]
        return iter(found)

    def delete(self, keys: Sequence[str]) -> None:
        """Remove blobs and pointers; one that is not there is no error."""
        for key in keys:
            path = self._blobs / check_blob_key(key)
            with _told_as_unavailable(path):
                if path.is_file():
                    path.unlink(missing_ok=True)
                    prune_empty_directories(path.parent, root=self._blobs)
                self._pointers.delete(key)

    def read_pointer(self, key: str) -> tuple[bytes, str] | None:
        """A pointer's content and tag; None where it was never written. Raises Corrupted."""
        with _told_as_unavailable(self._blobs):
            return self._pointers.read(check_blob_key(key))

    def recent_pointer(self, key: str) -> bytes | None:
        """A pointer's content; None where it was never written. Raises Corrupted."""
        there = self.read_pointer(key)
        return there[0] if there else None

    def swap_pointer(self, key: str, content: bytes, tag: str | None) -> bool:
        """Set the pointer if its tag is still `tag` (None: if there is none). Returns whether it was set; durable."""
        with _told_as_unavailable(self._blobs):
            now = self._clock.unix_ms()
            return self._written(lambda: self._pointers.swap(check_blob_key(key), content, tag, unix_ms=now))

    def _written(self, work: Callable[[], T]) -> T:
        return work() if self._reserve is None else self._reserve.writing(work)

    def _clear_temporary(self) -> None:
        oldest = self._clock.unix_ms() - _ABANDONED_MS
        for entry in os.scandir(self._temporary):
            try:
                if entry.stat().st_mtime_ns // 1_000_000 < oldest:
                    os.unlink(entry.path)
            except FileNotFoundError:
                continue  # its writer has finished after all, or another process clears too


def _read_range(descriptor: int, key: str, start: int, length: int) -> bytes:
    parts: list[bytes] = []
    missing = length
    while missing:
        # One call may return less than was asked for, and never more than 2 GB.
        part = os.pread(descriptor, missing, start + length - missing)
        if not part:
            raise Corrupted(
                f"The blob {key!r} ends before byte {start + length}.", hint="Restore it from a backup."
            )
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


@contextmanager
def _told_as_missing(key: str, path: Path) -> Iterator[Path]:
    with _told_as_unavailable(path):
        try:
            yield path
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise BlobMissing(key) from error


@contextmanager
def _told_as_unavailable(path: Path, *, opening: bool = False) -> Iterator[None]:
    """Names the file, and only while the directory is opened its path: a sender need not know this machine."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull(
                f"{path if opening else path.name} could not be written: the disk is full.",
                hint="Delete what is not needed, or free some space on the disk of the data directory.",
            ) from error
        raise Unavailable(
            f"{path if opening else path.name} could not be read or written: {error.strerror or error}.",
            hint="Check the data directory: free space, permissions, the state of its disk.",
        ) from error
