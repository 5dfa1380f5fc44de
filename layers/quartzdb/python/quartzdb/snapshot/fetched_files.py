"""A segment's files in remote storage: small ones and the engine's come whole, the large ones in parts.

A copy goes to the disk while that has room, and else into memory. Owns nothing that must last.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

import numpy as np

from quartzdb.domain.errors import Corrupted
from quartzdb.index.partial_file import BLOCK_BYTES, REQUEST_BYTES_MAX, FetchedMemory, PartialFile
from quartzdb.index.segment_files import PARTLY_READ, SUMS_FILE
from quartzdb.ports import BlobMissing, NoRoomForCopy
from quartzdb.snapshot.manifest import FileRef
from quartzdb.snapshot.store import SnapshotStore

_TOGETHER = 8
"""Parts of one file that are fetched into memory at a time."""


class FetchedFiles:
    """SegmentFiles over a BlobStore. Copies in memory live as long as this object."""

    def __init__(self, store: SnapshotStore, files: Mapping[str, FileRef], memory: FetchedMemory) -> None:
        self._store = store
        self._refs = files
        self._memory = memory
        self._in_memory: dict[str, Path] = {}
        self._partial: dict[str, PartialFile] = {}
        self._damage: Exception | None = None
        self._lock = threading.RLock()

    @property
    def names(self) -> AbstractSet[str]:
        """See SegmentFiles."""
        return self._refs.keys()

    def whole(self, name: str) -> Path:
        """See SegmentFiles."""
        try:
            with self._lock:
                if name not in self._in_memory:
                    try:
                        return self._store.verified_file(self._refs[name])
                    except NoRoomForCopy:
                        self._in_memory[name] = self._memory_file(self._refs[name])
                return self._in_memory[name]
        except (Corrupted, BlobMissing) as error:
            self._damage = error
            raise

    @property
    def damage(self) -> Exception | None:
        """See SegmentFiles."""
        return next((file.damage for file in self._partial.values() if file.damage), self._damage)

    def partial(self, name: str) -> PartialFile | None:
        """See SegmentFiles."""
        with self._lock:
            if name not in self._partial:
                file = self._refs[name]
                self._partial[name] = PartialFile(
                    file.key,
                    file.size,
                    self._sums(name),
                    lambda ranges: self._store.blobs.read_ranges(file.key, ranges),
                    self._memory,
                )
            return self._partial[name]

    def _sums(self, name: str) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
        sums = np.frombuffer(self.whole(SUMS_FILE).read_bytes(), dtype="<u4")
        sizes = [-(-self._refs[each].size // BLOCK_BYTES) for each in PARTLY_READ]
        if sums.size != sum(sizes):
            raise Corrupted(f"{self._refs[SUMS_FILE].key} has {sums.size} checksums, not {sum(sizes)}.")
        place = PARTLY_READ.index(name)
        return sums[sum(sizes[:place]) : sum(sizes[: place + 1])]

    def _memory_file(self, file: FileRef) -> Path:
        descriptor = os.memfd_create(file.key)
        weakref.finalize(self, os.close, descriptor)
        parts = [
            (start, min(REQUEST_BYTES_MAX, file.size - start))
            for start in range(0, file.size, REQUEST_BYTES_MAX)
        ]
        for first in range(0, len(parts), _TOGETHER):
            for piece in self._store.blobs.read_ranges(file.key, parts[first : first + _TOGETHER]):
                os.write(descriptor, piece)
        path = Path(f"/proc/self/fd/{descriptor}")
        self._store.verify(path, file)
        return path
