"""Pointers as files: small contents that change by compare-and-set, across threads and processes of one machine.

Owns one directory of pointer files and the lock file beside it. A file is its tag, a newline and the content; the tag
is a counter and a hash of both, so a pointer that is set back to an earlier content still has a new tag.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from quartzdb.adapters.embedded.durable_file import prune_empty_directories, write_durably
from quartzdb.adapters.embedded.file_lock import exclusive_lock
from quartzdb.adapters.embedded.files_below import files_below
from quartzdb.domain.errors import Corrupted


class FilesystemPointers:
    """Reading takes no lock: a pointer file is only ever replaced as a whole."""

    def __init__(self, directory: Path, *, lock: Path, temporary: Path) -> None:
        self._directory = directory
        self._lock = lock
        self._temporary = temporary

    def read(self, key: str) -> tuple[bytes, str] | None:
        """Content and tag; None where the pointer was never written. Raises Corrupted and OSError."""
        path = self._directory / key
        try:
            stored = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        tag, _, content = stored.partition(b"\n")
        text = tag.decode("ascii", "replace")
        count, _, digest = text.partition("-")
        # Before the counter was in it, the hash was of the content alone.
        if digest not in {_digest(count, content), _hash(content)}:
            raise Corrupted(
                f"The pointer {key} does not match its checksum.", hint="Restore it from a backup."
            )
        return content, text

    def swap(self, key: str, content: bytes, tag: str | None, *, unix_ms: int) -> bool:
        """Set the pointer if its tag is still `tag`. Returns whether it was set. Raises Corrupted and OSError."""
        with exclusive_lock(self._lock):
            there = self.read(key)
            if (there[1] if there else None) != tag:
                return False
            count = int(tag.partition("-")[0]) + 1 if tag else 1
            stored = f"{count}-{_digest(str(count), content)}\n".encode() + content
            place = self._directory / key
            write_durably(place, stored, temporary=self._temporary, root=self._directory, unix_ms=unix_ms)
            return True

    def list(self, prefix: str) -> Iterator[tuple[str, int, int]]:
        """(key, size of the content, unix ms of its writing) of each pointer under the prefix. Raises OSError."""
        for key, size, at_ms in files_below(self._directory, prefix):
            there = self.read(key)
            yield key, len(there[0]) if there else size, at_ms

    def delete(self, key: str) -> None:
        """Remove the pointer, if there is one. Raises OSError."""
        path = self._directory / key
        if path.is_file():
            with exclusive_lock(self._lock):
                path.unlink(missing_ok=True)
                prune_empty_directories(path.parent, root=self._directory)


def _digest(count: str, content: bytes) -> str:
    return _hash(f"{count}-".encode() + content)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
