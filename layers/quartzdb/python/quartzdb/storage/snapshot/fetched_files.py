"""A segment's files in remote storage: what a reader begins with comes at once and side by side, the rest when needed.

The engine's files come whole or, where the engine can do with that and all of it would take too long, in parts. A whole
copy goes to the disk while that has room, and else into memory. Owns nothing that must last.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import numpy as np

from quartzdb.domain.errors import Corrupted, Unavailable
from quartzdb.storage.index.executor import Executor, Future
from quartzdb.storage.index.segments.partial_file import (
    REQUEST_BYTES_MAX,
    FetchedMemory,
    PartialFile,
    Sums,
)
from quartzdb.storage.index.segments.segment_files import (
    HEADER_FILE,
    NORMS_FILE,
    PARTLY_READ,
    POSTINGS_FILE,
    ROWS_FILE,
    VECTORS_FILE,
)
from quartzdb.storage.index.segments.segment_header import PACKED_BYTES_MAX, SegmentHeader
from quartzdb.storage.ports import BlobMissing, NoRoomForCopy
from quartzdb.storage.snapshot.manifest import FileRef
from quartzdb.storage.snapshot.store import SnapshotStore

LISTS_FROM_BYTES = 8 * 1024 * 1024
"""From this size on an engine's file is not waited for: its parts come as searches need them (docs/cold-start.md)."""
POSTINGS_OPENING_BYTES = 1024 * 1024
"""Of larger postings, what comes unasked: lengths and dictionary of some hundred thousand texts, which lie there."""
_TOGETHER = 8
"""Parts of one file that are fetched into memory at a time."""


class FetchedFiles:
    """SegmentFiles over a BlobStore. Copies in memory live as long as this object.

    `in_parts` are the engine's files that it can read in parts, by the bytes at their beginning that it always needs.
    """

    def __init__(
        self,
        store: SnapshotStore,
        files: Mapping[str, FileRef],
        memory: FetchedMemory,
        in_parts: Mapping[str, int],
        execute: Executor,
    ) -> None:
        self._store = store
        self._refs = files
        self._memory = memory
        self._in_parts = in_parts
        self._in_memory: dict[str, Path] = {}
        self._partial: dict[str, PartialFile] = {}
        self._damage: Exception | None = None
        self.held = False
        self._lock = threading.RLock()
        self._coming: dict[str, Future[Path]] = {}
        self._postings: Future[None] | None = None
        self.execute = execute
        self._header = execute(self._fetched_header)

    @property
    def names(self) -> AbstractSet[str]:
        return self._refs.keys()

    def bring(self, names: Collection[str]) -> None:
        """Start to bring these files of the engine: somebody is going to ask for them."""
        with self._lock:
            for name in names:
                if name not in self._coming:
                    self._coming[name] = self.execute(partial(self._engine_file, name))

    def bring_vectors(self) -> None:
        """Start to bring all vectors: somebody is going to read every one of them."""
        for file in (self.partial(VECTORS_FILE), self.partial(NORMS_FILE)):
            if file is not None:
                self.execute(file.expect_all)

    def bring_postings(self) -> None:
        """Start to bring postings, or how they begin: somebody is going to search by words."""
        file = self.partial(POSTINGS_FILE)
        if file is None:
            return
        if file.size <= min(LISTS_FROM_BYTES, self._memory.bytes_max // 2):
            self._postings = self.execute(file.expect_all)
        else:
            length = min(POSTINGS_OPENING_BYTES, self._memory.bytes_max // 4)
            self._postings = self.execute(
                lambda: file.expect_ranges(np.zeros(1, np.int64), np.array([length]))
            )

    def wait_for_postings(self) -> None:
        coming, self._postings = self._postings, None
        if coming is not None:
            # What failed is brought again when it is read, and raises then if it must.
            with suppress(Corrupted, BlobMissing, Unavailable):
                coming.result()

    @property
    def header(self) -> SegmentHeader:
        return self._header.result()

    def engine_file(self, name: str) -> Path:
        with self._lock:
            coming = self._coming.get(name)
        if coming is None:
            return self._engine_file(name)
        try:
            return coming.result()
        except Exception:
            # What failed once is not failed for good: whoever asks next has it brought again.
            with self._lock:
                if self._coming.get(name) is coming:
                    del self._coming[name]
            raise

    def whole(self, name: str) -> Path:
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
        return next((file.damage for file in self._partial.values() if file.damage), self._damage)

    def partial(self, name: str) -> PartialFile | None:
        with self._lock:
            if name not in self._partial:
                if name not in (*PARTLY_READ, ROWS_FILE, POSTINGS_FILE) and name not in self._in_parts:
                    return None
                file = self._refs[name]
                self._partial[name] = PartialFile(
                    file.key,
                    file.size,
                    lambda: self._sums(name),
                    lambda ranges: self._store.blobs.read_ranges(file.key, ranges),
                    self._memory,
                    mappable=name in self._in_parts,
                )
            return self._partial[name]

    def _engine_file(self, name: str) -> Path:
        size = self._refs[name].size
        if size <= PACKED_BYTES_MAX:
            return self._packed_file(name)
        file = self.partial(name)
        if file is None or file.path is None:
            return self.whole(name)
        if size <= min(LISTS_FROM_BYTES, self._memory.bytes_max // 2):
            file.expect_all()
        file.keep_head(min(size, self._in_parts[name]))
        return file.path

    def _packed_file(self, name: str) -> Path:
        content = self.header.packed.get(name)
        if content is None:
            return self.whole(name)
        with self._lock:
            if name not in self._in_memory:
                with self._new_memory_file(name) as (descriptor, path):
                    os.write(descriptor, content)
                self._in_memory[name] = path
            return self._in_memory[name]

    def _fetched_header(self) -> SegmentHeader:
        try:
            return SegmentHeader.decode(self._store.verified_bytes(self._refs[HEADER_FILE]))
        except (Corrupted, BlobMissing) as error:
            self._damage = error
            raise

    def _sums(self, name: str) -> Sums:
        try:
            return self.header.sums[name]
        except KeyError:
            raise Corrupted(f"There are no checksums of {self._refs[name].key}.") from None

    def _memory_file(self, file: FileRef) -> Path:
        parts = [
            (start, min(REQUEST_BYTES_MAX, file.size - start))
            for start in range(0, file.size, REQUEST_BYTES_MAX)
        ]
        with self._new_memory_file(file.key) as (descriptor, path):
            for first in range(0, len(parts), _TOGETHER):
                for piece in self._store.blobs.read_ranges(file.key, parts[first : first + _TOGETHER]):
                    os.write(descriptor, piece)
            self._store.verify(path, file)
        return path

    @contextmanager
    def _new_memory_file(self, name: str) -> Iterator[tuple[int, Path]]:
        """To be filled. It is there for as long as this object, but not where filling it failed."""
        descriptor = os.memfd_create(name)
        closing = weakref.finalize(self, os.close, descriptor)
        try:
            yield descriptor, Path(f"/proc/self/fd/{descriptor}")
        except BaseException:
            closing()
            raise
