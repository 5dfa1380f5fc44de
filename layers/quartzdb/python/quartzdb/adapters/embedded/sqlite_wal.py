"""Looks for damage in a write-ahead log of SQLite, which SQLite itself takes for its end.

A frame that does not have its checksum is where a writer was killed, for SQLite, and all that follows is passed over:
one flipped bit undoes every commit since. Here it is told from that: a later transaction is whole, or the index in
shared memory, which a commit reaches only once it is in the log, has more frames than can be read.

That frames of one transaction follow, up to its commit, is no sign of damage. A transaction that does not fit into
memory is in the log before it commits; what it changes there again is written over in place, the commit is appended,
and only then the checksums from there on are computed again. A writer may be killed in between.

Reads files and never opens the database. The format is that of https://www.sqlite.org/walformat.html.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quartzdb.domain.values import dataclass

_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24
_FRAME_BYTES_MIN = _FRAME_HEADER_BYTES + 512
_SUMMED_WORDS = 2
"""Of a frame's header: page number and size. Salt and checksum are not summed."""
_NOT_SUMMED_WORDS = _FRAME_HEADER_BYTES // 4 - _SUMMED_WORDS
_BLOCK = 256
"""Frames of which the checksums are computed at once."""
_INDEX_HEADER = struct.Struct("=IIIBBHII8s8s8s")
_LITTLE, _BIG = 0x377F0682, 0x377F0683
_COMMITS = 2
"""From a frame without its checksum on: its own transaction's, which may never have ended, and one that did."""
_LOOKS = 2
"""A writer may be at work: what is damaged is so at the second look, too."""

_MASK = 0xFFFFFFFF

Words = npt.NDArray[np.uint32]
Sum = tuple[int, int]


def wal_problem(database: Path, *, index: bool) -> str | None:
    """What is wrong with the write-ahead log of a database file; None where all is well, or there is none.

    With the `index` the last frame is compared, too. HAZARD: only where this process has not opened the database yet.
    Closing a file drops all locks of the process on it, and SQLite holds some on the index.
    """
    wal, shared = (database.with_name(database.name + suffix) for suffix in ("-wal", "-shm"))
    problem = None
    for _ in range(_LOOKS):
        # The index first: what it says that the log has was there before.
        committed = _committed(shared) if index else None
        try:
            content = wal.read_bytes()
        except FileNotFoundError:
            return None
        problem = _problem(content, committed)
        if problem is None:
            return None
    return f"its write-ahead log {problem}"


@dataclass(frozen=True, slots=True)
class _Committed:
    """What shared memory says: so many frames, in the log that has this salt."""

    frames: int
    salt: bytes


def _committed(index: Path) -> _Committed | None:
    try:
        with index.open("rb") as file:
            found = file.read(2 * _INDEX_HEADER.size)
    except FileNotFoundError:
        return None
    one, two = found[: _INDEX_HEADER.size], found[_INDEX_HEADER.size :]
    if one != two or len(one) < _INDEX_HEADER.size:
        return None  # it is being written
    *_, initialised, _, _, frames, _, _, salt, _ = _INDEX_HEADER.unpack(one)
    stored = struct.unpack("=II", one[-8:])
    if not initialised or _sum(np.frombuffer(one[:-8], np.uint32), (0, 0)) != stored:
        return None
    return _Committed(frames, salt)


def _problem(content: bytes, committed: _Committed | None) -> str | None:
    if not any(content[:_HEADER_BYTES]) or len(content) < _HEADER_BYTES + _FRAME_BYTES_MIN:
        return None  # it never had a frame
    magic, _, page, _ = struct.unpack(">IIII", content[:16])
    salt, stored = content[16:24], struct.unpack(">II", content[24:32])
    if magic not in (_LITTLE, _BIG) or page < 512 or page > 65_536 or page & (page - 1):
        return "has a header that is none"
    order = np.dtype(">u4" if magic == _BIG else "<u4")
    computed = _sum(np.frombuffer(content[:24], order).astype(np.uint32), (0, 0))
    frames = _Frames(content, page, order)
    if computed != stored:
        # Before its first frame is written, the header is on the disk.
        return "has a damaged header" if frames.any_follows(0, stored, computed) else None
    seed = stored
    for number in range(frames.count):
        computed = frames.sum(number, seed)
        if frames.salt(number) != salt or computed != frames.stored(number):
            # What is left of a log before this one has another salt. What is left of a transaction that was killed has
            # this one, where the next process wrote less than that over its beginning; but it has one commit at most.
            if frames.transaction_follows(number, frames.stored(number), computed, salt=salt):
                return f"is damaged at frame {number + 1}"
            return _missing(number, salt, committed)
        seed = computed
    return _missing(frames.count, salt, committed)


def _missing(whole: int, salt: bytes, committed: _Committed | None) -> str | None:
    if committed is not None and committed.salt == salt and committed.frames > whole:
        return f"has {committed.frames} frames that were committed, of which {whole} can be read"
    return None


class _Frames:
    """The frames of a log, by number from 0."""

    def __init__(self, content: bytes, page_bytes: int, order: np.dtype[np.uint32]) -> None:
        self._content = content
        self._size = _FRAME_HEADER_BYTES + page_bytes
        self.count = (len(content) - _HEADER_BYTES) // self._size
        size = self.count * self._size
        self._words = np.frombuffer(content, order, size // 4, _HEADER_BYTES).reshape(
            self.count, self._size // 4
        )
        self._blocks: dict[int, tuple[Words, Words]] = {}

    def salt(self, number: int) -> bytes:
        """Of the log that it belongs to."""
        return self._part(number, 8, 16)

    def stored(self, number: int) -> Sum:
        """Its checksum."""
        first, second = struct.unpack(">II", self._part(number, 16, 24))
        return first, second

    def sum(self, number: int, seed: Sum) -> Sum:
        """What its checksum has to be, after one that had `seed`."""
        block, place = divmod(number, _BLOCK)
        if block not in self._blocks:
            words = self._words[block * _BLOCK : (block + 1) * _BLOCK]
            summed = np.delete(words, range(_SUMMED_WORDS, _FRAME_HEADER_BYTES // 4), axis=1)
            self._blocks = {block: _unseeded(summed.astype(np.uint32))}
        before, last = self._blocks[block]
        return _seeded((int(before[place]), int(last[place])), self._words.shape[1] - _NOT_SUMMED_WORDS, seed)

    def any_follows(self, number: int, *seeds: Sum, salt: bytes | None = None) -> bool:
        """Whether this frame is whole, after one that had one of these checksums."""
        if number >= self.count or (salt is not None and self.salt(number) != salt):
            return False
        return any(self.sum(number, seed) == self.stored(number) for seed in seeds)

    def transaction_follows(self, number: int, *seeds: Sum, salt: bytes) -> bool:
        """Whether a transaction after that of this frame is whole, if the frame has one of these checksums."""
        commits, last = int(self._commits(number)), number + 1
        while commits < _COMMITS and self.any_follows(last, *seeds, salt=salt):
            commits += self._commits(last)
            seeds = (self.stored(last),)
            last += 1
        return commits == _COMMITS

    def _commits(self, number: int) -> bool:
        """Whether it is the last of a transaction: it has the size of the database then."""
        return any(self._part(number, 4, 8))

    def _part(self, number: int, start: int, end: int) -> bytes:
        place = _HEADER_BYTES + number * self._size
        return self._content[place + start : place + end]


def _sum(words: Words, seed: Sum) -> Sum:
    """SQLite's checksum, modulo 2**32: each word in turn is added to the two sums before it, at first the seed.

    The last two are the result. Unrolled, each word counts by a Fibonacci number, so that numpy adds them up.
    """
    before, last = _unseeded(words[None, :])
    return _seeded((int(before[0]), int(last[0])), len(words), seed)


def _unseeded(rows: Words) -> tuple[Words, Words]:
    """The checksum of each row, after none."""
    count = rows.shape[1]
    fibonacci = _fibonacci(count + 2)
    before = (rows * fibonacci[:count][::-1]).sum(axis=1, dtype=np.uint32)
    return before, (rows * fibonacci[count:0:-1]).sum(axis=1, dtype=np.uint32)


def _seeded(unseeded: Sum, count: int, seed: Sum) -> Sum:
    """The same of `count` words after one that had `seed`."""
    less, same, more = (int(number) for number in _fibonacci(count + 2)[count - 1 :])
    before, last = unseeded
    return (
        (before + less * seed[0] + same * seed[1]) & _MASK,
        (last + same * seed[0] + more * seed[1]) & _MASK,
    )


@lru_cache(maxsize=8)
def _fibonacci(count: int) -> Words:
    numbers = np.zeros(count, np.uint32)
    one, two = 0, 1
    for place in range(count):
        numbers[place] = one
        one, two = two, (one + two) & _MASK
    return numbers
