"""Blobs and pointers in memory: what a BlobStore is, in its shortest form. Nothing survives the process."""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

from quartzdb.adapters.blob_key import check_blob_key, check_blob_prefix
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Corrupted
from quartzdb.storage.ports import BlobMissing


class MemoryBlobs:
    """BlobStore in memory. `clock` dates the blobs; `local_file` writes into a directory that goes with the object."""

    remote = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._blobs: dict[str, tuple[bytes, int]] = {}
        self._pointers: dict[str, tuple[bytes, str, int]] = {}
        self._swaps = 0
        self._files: Path | None = None
        self._copies: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def put(self, key: str, data: bytes | Path) -> None:
        """Store a blob."""
        content = data.read_bytes() if isinstance(data, Path) else data
        with self._lock:
            self._blobs[check_blob_key(key)] = (content, self._clock.unix_ms())

    def get(self, key: str) -> bytes:
        """All bytes. Raises BlobMissing."""
        with self._lock:
            try:
                return self._blobs[check_blob_key(key)][0]
            except KeyError:
                raise BlobMissing(key) from None

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        """The bytes of each (start, length). Raises BlobMissing, and Corrupted where the blob ends before a range."""
        content = self.get(key)
        if any(start + length > len(content) for start, length in ranges):
            raise Corrupted(f"The blob {key!r} ends before a range that was asked for.")
        return [content[start : start + length] for start, length in ranges]

    def local_file(self, key: str) -> Path:
        """A file with the blob's bytes."""
        content = self.get(key)
        with self._lock:
            if self._files is None:
                self._files = Path(tempfile.mkdtemp(prefix="quartzdb-"))
                weakref.finalize(self, shutil.rmtree, self._files, ignore_errors=True)
            path = self._files / key.replace("/", "+")
            if self._copies.get(key) is not content:
                # A new file: others may have the old one mapped, and to truncate one waits for the disk.
                path.unlink(missing_ok=True)
                path.write_bytes(content)
                self._copies[key] = content
        return path

    def forget_copy(self, key: str) -> None:
        """Make the next copy anew."""
        with self._lock:
            self._copies.pop(check_blob_key(key), None)

    def list(self, prefix: str) -> Iterator[tuple[str, int, int]]:
        """(key, size, unix ms of its writing) of each blob and pointer under the prefix."""
        check_blob_prefix(prefix)
        with self._lock:
            found = [(key, len(blob), at_ms) for key, (blob, at_ms) in self._blobs.items()]
            found += [(key, len(content), at_ms) for key, (content, _, at_ms) in self._pointers.items()]
        return (entry for entry in found if entry[0].startswith(prefix))

    def delete(self, keys: Sequence[str]) -> None:
        """Remove blobs and pointers; one that is not there is no error."""
        with self._lock:
            for key in keys:
                self._blobs.pop(check_blob_key(key), None)
                self._pointers.pop(key, None)

    def read_pointer(self, key: str) -> tuple[bytes, str] | None:
        """A pointer's content and tag; None where it was never written."""
        with self._lock:
            there = self._pointers.get(check_blob_key(key))
            return there[:2] if there else None

    def recent_pointer(self, key: str) -> bytes | None:
        """A pointer's content; None where it was never written."""
        there = self.read_pointer(key)
        return there[0] if there else None

    def swap_pointer(self, key: str, content: bytes, tag: str | None) -> bool:
        """Set the pointer if its tag is still `tag` (None: if there is none). Returns whether it was set."""
        with self._lock:
            there = self._pointers.get(check_blob_key(key))
            if (there[1] if there else None) != tag:
                return False
            self._swaps += 1
            self._pointers[key] = (content, str(self._swaps), self._clock.unix_ms())
            return True
