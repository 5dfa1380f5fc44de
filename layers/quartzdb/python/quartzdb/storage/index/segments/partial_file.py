"""A file of which only the parts that were needed are here: memory of its whole size, filled block by block.

Owns which blocks are here, and that each is what was written. Where the bytes come from is its caller's affair. A file
that is asked for again and again is fetched whole once the waiting would have paid for that (ski rental).
"""

from __future__ import annotations

import mmap
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import xxhash

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.vector import Rows
from quartzdb.storage.ports import BlobMissing

BLOCK_BYTES = 16 * 1024
"""The unit that is fetched and checked: two pages of records.sqlite, ten rows of 384 numbers."""
ROUND_WORTH_BYTES = 5 * 1024 * 1024
"""What one connection brings while a reader waits for an answer to begin: 60 ms at 90 MB/s."""
REQUEST_BYTES_MIN = 1024 * 1024
REQUEST_BYTES_MAX = 8 * 1024 * 1024
STREAMS = 16
"""What is large comes in so many requests side by side, as far as they are between these sizes."""
GAP_BLOCKS_MAX = 8
"""Blocks that nobody asked for are brought along rather than left out by one more request: they take a millisecond, and
a request takes as much of a processor."""
REQUESTS_MAX = 32
"""Beyond so many requests of one round, wider gaps are brought along, up to WIDE_GAP_BLOCKS_MAX: connections are made
anew for them, and a handshake takes more of a processor than what is brought along. Wider still, bytes would be what
takes long: with 64 blocks a search of a million rows brought 42 MB, with 16 it brings half of that."""
WIDE_GAP_BLOCKS_MAX = 16
_TOGETHER_BYTES_MAX = 64 * 1024 * 1024
"""Held twice while it arrives: as an answer and in its place."""
_UNLOCKED_ATTEMPTS = 2

Fetch = Callable[[Sequence[tuple[int, int]]], Sequence[bytes | bytearray]]
"""Brings (start, length) ranges that lie apart, side by side. Raises BlobMissing, Corrupted, Unavailable."""
Sums = npt.NDArray[np.uint32]
Copy = TypeVar("Copy")


def sums_of_file(path: Path) -> Sums:
    """The checksum of each block of a file."""
    if path.stat().st_size == 0:
        return np.empty(0, dtype="<u4")
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as view,
    ):
        return block_sums(view)


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
                if not file.in_use:
                    excess -= file.empty()

    def touch(self, user: PartialFile) -> None:
        """It is in use now, though nothing had to be fetched for it."""
        with self.lock:
            if id(user) in self._by_use:
                self._by_use.move_to_end(id(user))

    def _files(self) -> list[PartialFile]:
        files = [(key, reference()) for key, reference in self._by_use.items()]
        for key, file in files:
            if file is None:
                del self._by_use[key]
        return [file for _, file in files if file is not None]


class PartialFile:
    """Thread-safe. `sums` gives the `block_sums` of the whole file, perhaps after waiting; `name` is for messages.

    `mappable`: the memory is a file, so that a library which maps files can be given its `path`.
    """

    def __init__(
        self,
        name: str,
        size: int,
        sums: Callable[[], Sums],
        fetch: Fetch,
        memory: FetchedMemory,
        *,
        mappable: bool = False,
    ) -> None:
        self.name = name
        self.size = size
        self._sums = sums
        self._fetch = fetch
        self._memory = memory
        self._map, self._descriptor = _memory_of(self, size, mappable=mappable)
        self.path = None if self._descriptor is None else Path(f"/proc/self/fd/{self._descriptor}")
        self._bytes = np.frombuffer(self._map, dtype=np.uint8, count=size)
        self._here = np.zeros(-(-size // BLOCK_BYTES), dtype=np.bool_)
        self._bringing_all = threading.Lock()
        self._rounds = 0
        self._users = 0
        self._head = 0
        self.damage: Exception | None = None
        """The Corrupted or BlobMissing that reading it has raised."""

    @property
    def held_bytes(self) -> int:
        """Memory that it takes now."""
        return int(np.count_nonzero(self._here)) * BLOCK_BYTES

    @property
    def memory_bytes_max(self) -> int:
        """What all partial files of this process may hold together."""
        return self._memory.bytes_max

    @property
    def in_use(self) -> bool:
        """Whether somebody reads its memory directly just now, so that it must not be emptied."""
        return self._users > 0

    def expect(self, starts: Rows, length: int) -> None:
        """Bring what is about to be read: ranges of one length that begin there."""
        self._bring(_blocks(starts, length))

    def expect_ranges(self, starts: Rows, lengths: Rows) -> None:
        """Bring ranges of any lengths (each >= 1) that begin there."""
        if starts.size:
            self._bring(_blocks_between(starts, starts + lengths))

    def has(self, starts: Rows, length: int) -> bool:
        """Whether that is here already."""
        return bool(self._here[_blocks(starts, length)].all())

    def expect_all(self) -> None:
        """Bring everything, if there is room for it. If not, each read brings what it needs."""
        if self.size <= self._memory.bytes_max:
            with self._bringing_all:  # whoever comes second waits for what the first one brings
                self._bring(np.arange(len(self._here)))

    def put(self, blocks: Rows, data: bytes) -> None:
        """These blocks, one after another, came from elsewhere. Raises Corrupted."""
        start = 0
        for block in blocks.tolist():
            length = min(BLOCK_BYTES, self.size - block * BLOCK_BYTES)
            self._keep(block, block + 1, data[start : start + length])
            start += length

    def keep_head(self, length: int) -> None:
        """Bring the first bytes, and never give them back: who maps the file has them in use all the time."""
        with self.held(np.zeros(1, dtype=np.int64), np.array([length])), self._memory.lock:
            self._head = max(self._head, -(-length // BLOCK_BYTES))

    @contextmanager
    def held(self, starts: Rows, lengths: Rows) -> Iterator[None]:
        """While this lasts, these ranges (each >= 1 long) are here and stay, for who reads the memory directly."""
        blocks = _blocks_between(starts, starts + lengths)

        def use() -> None:
            self._users += 1

        self._with(blocks, use)
        self._memory.touch(self)
        try:
            yield
        finally:
            with self._memory.lock:
                self._users -= 1

    def read(self, start: int, length: int) -> bytes:
        """A copy of some bytes; fewer where the file ends before."""
        end = min(start + length, self.size)
        if end <= start:
            return b""
        return self._with(_blocks(np.array([start]), end - start), lambda: self._map[start:end])

    def take(self, rows: Rows, row_bytes: int) -> npt.NDArray[np.uint8]:
        """A copy of some rows of one length, by number: (m, row_bytes)."""
        table = self._bytes[: self.size - self.size % row_bytes].reshape(-1, row_bytes)
        return self._with(_blocks(rows * row_bytes, row_bytes), lambda: table.take(rows, axis=0))

    def empty(self) -> int:
        """Give the memory back, all but the head, and say how much it was: what is needed again is fetched again.

        Only the memory's lock makes this safe.
        """
        before = self.held_bytes
        if self._head < len(self._here):
            self._here[self._head :] = False
            # A file's pages stay until a hole is made of them.
            advice = mmap.MADV_DONTNEED if self.path is None else mmap.MADV_REMOVE
            self._map.madvise(advice, self._head * BLOCK_BYTES)
        return before - self.held_bytes

    def _with(self, blocks: Rows, copy: Callable[[], Copy]) -> Copy:
        """What the call makes of these blocks while nobody can empty the file."""
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
        """These blocks, or all that are not here, once waiting for some has cost as much as all of them do."""
        rest = np.flatnonzero(~self._here)
        costs_more = self._rounds * ROUND_WORTH_BYTES >= len(rest) * BLOCK_BYTES
        self._rounds += 1
        return rest if costs_more and self.size <= self._memory.bytes_max // 2 else missing

    def _keep(self, first: int, end: int, data: bytes | bytearray) -> None:
        sums = self._sums()
        if len(sums) != len(self._here):
            raise Corrupted(f"{self.name} has {len(self._here)} blocks, and checksums for {len(sums)}.")
        if not np.array_equal(block_sums(memoryview(data)), sums[first:end]):
            raise Corrupted(
                f"{self.name} is damaged between bytes {first * BLOCK_BYTES} and {end * BLOCK_BYTES}.",
                hint="The file is not served. Restore it from a backup, or import the data again.",
            )
        start = first * BLOCK_BYTES
        with self._memory.lock:
            if self._descriptor is None:
                self._bytes[start : start + len(data)] = np.frombuffer(data, dtype=np.uint8)
            else:
                # A page of a file that is first touched where it is mapped is cleared before it is written to.
                _write_all(self._descriptor, data, start)
            self._here[first:end] = True


def _blocks(starts: Rows, length: int) -> Rows:
    """The blocks that ranges of one length (>= 1) touch."""
    first, last = starts // BLOCK_BYTES, (starts + length - 1) // BLOCK_BYTES
    longest = int((last - first).max(initial=0)) + 1
    every = first[:, None] + np.arange(longest)
    blocks: Rows = every[every <= last[:, None]]
    return blocks


def _blocks_between(starts: Rows, ends: Rows) -> Rows:
    """The blocks that ranges touch."""
    firsts, lasts = starts // BLOCK_BYTES, (ends - 1) // BLOCK_BYTES
    counts = lasts - firsts + 1
    before = np.repeat(np.cumsum(counts) - counts, counts)
    blocks: Rows = np.unique(np.repeat(firsts, counts) + np.arange(counts.sum()) - before)
    return blocks


def _runs(blocks: Rows) -> list[tuple[int, int]]:
    """(first, end) of requests that bring these ascending blocks, small gaps between them included."""
    if not blocks.size:
        return []
    gaps = np.diff(blocks)
    # As narrow as they may be for not too many requests.
    wide = np.partition(gaps, -REQUESTS_MAX)[-REQUESTS_MAX] if gaps.size >= REQUESTS_MAX else 0
    cuts = np.flatnonzero(gaps > min(max(wide, GAP_BLOCKS_MAX + 1), WIDE_GAP_BLOCKS_MAX + 1))
    firsts = blocks[np.concatenate([[0], cuts + 1])]
    ends = blocks[np.concatenate([cuts, [blocks.size - 1]])] + 1
    brought = int((ends - firsts).sum()) * BLOCK_BYTES
    most = min(max(brought // STREAMS, REQUEST_BYTES_MIN), REQUEST_BYTES_MAX) // BLOCK_BYTES
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


def _memory_of(owner: PartialFile, size: int, *, mappable: bool) -> tuple[mmap.mmap, int | None]:
    if not mappable:
        return mmap.mmap(-1, max(1, size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), None
    descriptor = os.memfd_create(owner.name)
    weakref.finalize(owner, os.close, descriptor)
    os.ftruncate(descriptor, max(1, size))
    return mmap.mmap(descriptor, max(1, size), flags=mmap.MAP_SHARED), descriptor


def _write_all(descriptor: int, data: bytes | bytearray, start: int) -> None:
    with memoryview(data) as left:
        written = 0
        while written < len(left):
            written += os.pwrite(descriptor, left[written:], start + written)
