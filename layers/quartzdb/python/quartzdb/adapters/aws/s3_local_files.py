"""Copies of blobs on this machine's disk: bounded, shared by the processes of one machine, never trusted to be there.

A file appears under its name only when it is whole. HAZARD: a file that was handed out is left alone for KEPT_SECONDS
even when the directory is over its bound, because whoever got it may not have opened it yet.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Unavailable
from quartzdb.storage.ports import NoRoomForCopy

KEPT_SECONDS = 600
_HINT = "Give the cache a directory with free space, or a smaller bound."


class S3LocalFiles:
    """A directory of at most `bytes_max`, save for what was handed out just now. Thread-safe."""

    def __init__(self, directory: Path, bytes_max: int, clock: Clock) -> None:
        self._directory = directory
        self._bytes_max = bytes_max
        self._clock = clock

    def file(self, key: str, download: Callable[[Path], bool]) -> Path | None:
        """The copy of a blob, downloaded where it is not there; None where `download` found none."""
        path = self._path(key)
        try:
            with suppress(FileNotFoundError):
                self._touch(path)
                return path
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            return self._downloaded(path, download)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise NoRoomForCopy(f"{self._directory} is full.", hint=_HINT) from error
            raise Unavailable(
                f"{self._directory} could not be written: {error}.",
                hint=_HINT,
            ) from error

    def check_room(self, size: int) -> None:
        """Raises NoRoomForCopy for a file that no tidying up makes room for."""
        if size > self._bytes_max:
            raise NoRoomForCopy(
                f"A copy of {size} bytes is more than {self._directory} may hold.", hint=_HINT
            )

    def forget(self, key: str) -> None:
        """Remove the copy of a blob that was deleted; whoever has it open keeps it."""
        self._path(key).unlink(missing_ok=True)

    def _downloaded(self, path: Path, download: Callable[[Path], bool]) -> Path | None:
        descriptor, name = tempfile.mkstemp(dir=self._directory, suffix=".part")
        os.close(descriptor)
        part = Path(name)
        try:
            if not download(part):
                return None
            self._make_room(part.stat().st_size)
            self._touch(part)
            part.replace(path)
            return path
        finally:
            part.unlink(missing_ok=True)

    def _make_room(self, incoming: int) -> None:
        """Remove the longest unused files until the new one fits."""
        files: list[tuple[float, int, Path]] = []
        for path in self._directory.iterdir():
            with suppress(FileNotFoundError):  # another process tidies up too
                found = path.stat()
                if path.suffix != ".part":
                    files.append((found.st_mtime, found.st_size, path))
        total = incoming + sum(size for _, size, _ in files)
        spared_from = self._clock.unix_ms() / 1000 - KEPT_SECONDS
        for used_at, size, path in sorted(files):
            if total <= self._bytes_max or used_at > spared_from:
                return
            path.unlink(missing_ok=True)
            total -= size

    def _touch(self, path: Path) -> None:
        now = self._clock.unix_ms() * 1_000_000
        os.utime(path, ns=(now, now))

    def _path(self, key: str) -> Path:
        return self._directory / sha256(key.encode()).hexdigest()
