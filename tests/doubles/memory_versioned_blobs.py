"""Blobs in memory that keep what was replaced or deleted: a BlobStore with its BlobHistory, in their shortest form."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict
from quartzdb.storage.ports import BlobVersion
from tests.doubles.memory_blobs import MemoryBlobs


class MemoryVersionedBlobs(MemoryBlobs):
    """BlobStore and BlobHistory in one. `versioned` False: nothing is kept."""

    def __init__(self, clock: Clock, *, versioned: bool = True) -> None:
        super().__init__(clock)
        self._versioned = versioned
        self._dates = clock
        self._kept: list[tuple[BlobVersion, bytes]] = []
        self._ids = 0
        self._history_lock = threading.Lock()

    def put(self, key: str, data: bytes | Path) -> None:
        """Store a blob, as a new version."""
        super().put(key, data)
        self._keep(key, self.get(key), pointer=False)

    def delete(self, keys: Sequence[str]) -> None:
        """Remove what is there; what it was stays."""
        for key in keys:
            pointer = self.read_pointer(key) is not None
            super().delete([key])
            self._keep(key, b"", pointer=pointer, deletion=True)

    def swap_pointer(self, key: str, content: bytes, tag: str | None) -> bool:
        """Set a pointer, as a new version."""
        swapped = super().swap_pointer(key, content, tag)
        if swapped:
            self._keep(key, content, pointer=True)
        return swapped

    def versions(self) -> Iterator[BlobVersion]:
        """As the port says."""
        if not self._versioned:
            raise Conflict("Nothing is kept here.")
        with self._history_lock:
            kept = [version for version, _ in self._kept]
        newest = {(one.pointer, one.key): one.id for one in kept}
        ordered = sorted(kept, key=lambda one: (one.pointer, one.key))
        return (replace(one, current=newest[one.pointer, one.key] == one.id) for one in ordered)

    def undelete(self, deletions: Sequence[BlobVersion]) -> None:
        """As the port says."""
        gone = {one.id for one in deletions}
        with self._history_lock:
            self._kept = [kept for kept in self._kept if kept[0].id not in gone]
            for place in {(one.pointer, one.key) for one in deletions}:
                version, content = [kept for kept in self._kept if (kept[0].pointer, kept[0].key) == place][
                    -1
                ]
                if not version.deletion and version.pointer:
                    super().swap_pointer(version.key, content, None)
                elif not version.deletion:
                    super().put(version.key, content)

    def put_back(self, pointer: BlobVersion) -> None:
        """As the port says."""
        with self._history_lock:
            content = next(content for version, content in self._kept if version.id == pointer.id)
        there = self.read_pointer(pointer.key)
        if not self.swap_pointer(pointer.key, content, there[1] if there else None):
            raise Conflict(f"The pointer {pointer.key} was changed.")

    def remove(self, pointers: Sequence[BlobVersion]) -> None:
        """As the port says."""
        self.delete([one.key for one in pointers])

    def _keep(self, key: str, content: bytes, *, pointer: bool, deletion: bool = False) -> None:
        with self._history_lock:
            self._ids += 1
            at_ms = self._dates.unix_ms()
            version = BlobVersion(key, pointer, str(self._ids), at_ms, deletion, current=True)
            self._kept.append((version, content))
