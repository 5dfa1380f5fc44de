"""A file of which only the parts that were needed are here: memory of its whole size, filled block by block.

Owns which blocks are here, and that each is what was written. Where the bytes come from is its caller's affair. A file
that is asked for again and again is fetched whole once its requests would have paid for that (ski rental).
"""

from __future__ import annotations

import mmap
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import xxhash

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.vector import Rows
from quartzdb.ports import BlobMissing

BLOCK_BYTES = 16 * 1024
"""The unit that is fetched and checked: two pages of records.sqlite, ten rows of 384 numbers."""
REQUEST_WORTH_BYTES = 512 * 1024
"""A request takes the time in which so many bytes more would come with another one."""
REQUEST_BYTES_MAX = 8 * 1024 * 1024
"""Large enough to be worth a request, small enough that several bring one file side by side."""
GAP_BLOCKS_MAX = 4
"""Blocks that nobody asked for are brought along rather than left out by one more request."""
_TOGETHER_BYTES_MAX = 64 * 1024 * 1024
"""Held twice while it arrives: as an answer and in its place."""
_UNLOCKED_ATTEMPTS = 2

Fetch = Callable[[Sequence[tuple[int, int]]], Sequence[bytes]]
"""Brings (start, length) ranges that lie apart, side by side. Raises BlobMissing, Corrupted, Unavailable."""
Sums = npt.NDArray[np.uint32]
Copy = TypeVar("Copy")


def block_sums(data: bytes | memoryview) -> Sums:
    """The checksum of each block. 32 bits are enough to notice damage, and cost 256 bytes for each MiB."""
    starts = range(0, len(data), BLOCK_BYTES)
    return np.array(
        [xxhash.xxh32_intdigest(data[start : start + BLOCK_BYTES]) for start in starts], dtype="<u4"
    )


class FetchedMemory:
    """Bounds what all partial files of a process hold together: the longest unused ones are emptied to make room."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.lock = threading.RLock()
        self._by_use: OrderedDict[int, weakref.ref[PartialFile]] = OrderedDict()

    @property
    def held_bytes(self) -> int:
        """What they hold now."""
        with self.lock:
            return sum(file.held_bytes for file in self._files())

    def make_room(self, user: PartialFile, incoming_bytes: int) -> None:
        """Called before `user` brings more. It is emptied itself, last, where it alone would be too much."""
        with self.lock:
            self._by_use[id(user)] = weakref.ref(user)
            self._by_use.move_to_end(id(user))
            excess = self.held_bytes + incoming_bytes - self.bytes_max
            for file in self._files():
                if excess <= 0:
                    return
                excess -= file.held_bytes
                file.empty()

    def _files(self) -> list[PartialFile]:
        files = [(key, reference()) for key, reference in self._by_use.items()]
        for key, file in files:
            if file is None:
                del self._by_use[key]
        return [file for _, file in files if file is not None]


class PartialFile:
    """Thread-safe. `sums` are the `block_sums` of the whole file; `name` is for messages."""

    def __init__(self, name: str, size: int, sums: Sums, fetch: Fetch, memory: FetchedMemory) -> None:
        blocks = -(-size // BLOCK_BYTES)
        if len(sums) != blocks:
            raise Corrupted(f"{name} has {blocks} blocks, and checksums for {len(sums)}.")
        self.name = name
        self.size = size
        self._sums = sums
        self._fetch = fetch
        self._memory = memory
        self._map = mmap.mmap(-1, max(1, size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._bytes = np.frombuffer(self._map, dtype=np.uint8, count=size)
        self._here = np.zeros(blocks, dtype=np.bool_)
        self._requests = 0
        self.damage: Exception | None = None
        """The Corrupted or BlobMissing that reading it has raised."""

    @property
    def held_bytes(self) -> int:
        """Memory that it takes now."""
        return int(np.count_nonzero(self._here)) * BLOCK_BYTES

    def expect(self, starts: Rows, length: int) -> None:
        """Bring what is about to be read: ranges of one length that begin there."""
        self._bring(_blocks(starts, length))

    def expect_all(self) -> None:
        """Bring everything, if there is room for it. If not, each read brings what it needs."""
        if self.size <= self._memory.bytes_max:
            self._bring(np.arange(len(self._here)))

    def read(self, start: int, length: int) -> bytes:
        """A copy of some bytes; fewer where the file ends before."""
        end = min(start + length, self.size)
        if end <= start:
            return b""
        return self._copied(_blocks(np.array([start]), end - start), lambda: self._map[start:end])

    def take(self, rows: Rows, row_bytes: int) -> npt.NDArray[np.uint8]:
        """A copy of some rows of one length, by number: (m, row_bytes)."""
        table = self._bytes[: self.size - self.size % row_bytes].reshape(-1, row_bytes)
        return self._copied(_blocks(rows * row_bytes, row_bytes), lambda: table.take(rows, axis=0))

    def empty(self) -> None:
        """Give the memory back; what is needed again is fetched again. Only the memory's lock makes this safe."""
        self._here[:] = False
        self._map.madvise(mmap.MADV_DONTNEED)

    def _copied(self, blocks: Rows, copy: Callable[[], Copy]) -> Copy:
        for _ in range(_UNLOCKED_ATTEMPTS):
            self._bring(blocks)
            with self._memory.lock:
                if self._here[blocks].all():
                    return copy()
        # Other threads need the room as fast as this one fills it: now they wait.
        with self._memory.lock:
            self._bring(blocks)
            return copy()

    def _bring(self, blocks: Rows) -> None:
        if self._here[blocks].all():
            return
        with self._memory.lock:
            self._memory.make_room(self, int(np.count_nonzero(~self._here[blocks])) * BLOCK_BYTES)
            wanted = self._worth_fetching(np.unique(blocks[~self._here[blocks]]))
        for together in _portions(_runs(wanted)):
            ranges = [
                (first * BLOCK_BYTES, min(end * BLOCK_BYTES, self.size) - first * BLOCK_BYTES)
                for first, end in together
            ]
            try:
                for (first, end), data in zip(together, self._fetch(ranges), strict=True):
                    self._keep(first, end, data)
            except (Corrupted, BlobMissing) as error:
                self.damage = error
                raise

    def _worth_fetching(self, missing: Rows) -> Rows:
        """These blocks, or all that are not here, once requests one by one have cost as much as that does."""
        self._requests += len(_runs(missing))
        rest = np.flatnonzero(~self._here)
        costs_more = self._requests * REQUEST_WORTH_BYTES >= len(rest) * BLOCK_BYTES
        return rest if costs_more and self.size <= self._memory.bytes_max // 2 else missing

    def _keep(self, first: int, end: int, data: bytes) -> None:
        if not np.array_equal(block_sums(memoryview(data)), self._sums[first:end]):
            raise Corrupted(
                f"{self.name} is damaged between bytes {first * BLOCK_BYTES} and {end * BLOCK_BYTES}.",
                hint="The file is not served. Restore it from a backup, or import the data again.",
            )
        start = first * BLOCK_BYTES
        with self._memory.lock:
            self._bytes[start : start + len(data)] = np.frombuffer(data, dtype=np.uint8)
            self._here[first:end] = True


def _blocks(starts: Rows, length: int) -> Rows:
    """The blocks that ranges of one length (>= 1) touch."""
    first, last = starts // BLOCK_BYTES, (starts + length - 1) // BLOCK_BYTES
    longest = int((last - first).max(initial=0)) + 1
    every = first[:, None] + np.arange(longest)
    blocks: Rows = every[every <= last[:, None]]
    return blocks


def _runs(blocks: Rows) -> list[tuple[int, int]]:
    """(first, end) of requests that bring these ascending blocks, small gaps between them included."""
    if not blocks.size:
        return []
    cuts = np.flatnonzero(np.diff(blocks) > GAP_BLOCKS_MAX + 1)
    firsts = blocks[np.concatenate([[0], cuts + 1])]
    ends = blocks[np.concatenate([cuts, [blocks.size - 1]])] + 1
    most = REQUEST_BYTES_MAX // BLOCK_BYTES
    return [
        (start, min(start + most, end))
        for first, end in zip(firsts.tolist(), ends.tolist(), strict=True)
        for start in range(first, end, most)
    ]


def _portions(runs: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Runs that are fetched together."""
    together: list[tuple[int, int]] = []
    size = 0
    for first, end in runs:
        if together and size + (end - first) * BLOCK_BYTES > _TOGETHER_BYTES_MAX:
            yield together
            together, size = [], 0
        together.append((first, end))
        size += (end - first) * BLOCK_BYTES
    if together:
        yield together
