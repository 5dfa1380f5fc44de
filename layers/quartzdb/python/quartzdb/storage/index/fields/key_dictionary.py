"""The distinct keys of one column on disk: sorted, cut into compressed blocks, found through the blocks' first keys.

A look-up decodes one block of keys, so neither a cold reader nor memory ever needs the whole dictionary.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np

from quartzdb.domain.values import dataclass

KEYS_PER_BLOCK = 128
"""Larger blocks compress better and smaller ones decode sooner; at 128 the fences are below 1% of the keys."""

_PLAIN = b"\x00"
_DEFLATED = b"\x01"
_WORTHWHILE = 0.9
"""Reading deflated bytes costs a cold reader time, so they must be this much smaller."""


def squeeze(data: bytes) -> bytes:
    """The bytes, deflated where that pays."""
    deflated = zlib.compress(data, 6)
    return _DEFLATED + deflated if len(deflated) < len(data) * _WORTHWHILE else _PLAIN + data


def unsqueeze(stored: bytes) -> bytes:
    """What was squeezed."""
    return zlib.decompress(stored[1:]) if stored[:1] == _DEFLATED else stored[1:]


def pack_keys(keys: Sequence[bytes]) -> bytes:
    """Keys of at most 65,535 bytes each, as one blob: their count, lengths and bytes."""
    lengths = np.array([len(key) for key in keys], dtype="<u2")
    return squeeze(len(keys).to_bytes(4, "little") + lengths.tobytes() + b"".join(keys))


def unpack_keys(stored: bytes) -> list[bytes]:
    """What was packed."""
    data = unsqueeze(stored)
    start = 4 + 2 * int.from_bytes(data[:4], "little")
    lengths = np.frombuffer(data[4:start], dtype="<u2").tolist()
    return [data[low:high] for low, high in pairwise(accumulate(lengths, initial=start))]


def cut_blocks(keys: Sequence[bytes], keys_per_block: int = KEYS_PER_BLOCK) -> Iterator[Sequence[bytes]]:
    """Sorted keys in the blocks in which they are stored."""
    return (keys[start : start + keys_per_block] for start in range(0, len(keys), keys_per_block))


ReadBlocks = Callable[[Sequence[int]], Sequence[Sequence[bytes]]]
"""Reads blocks of keys by their numbers, in which one may repeat."""


@dataclass(frozen=True, slots=True)
class KeyDictionary:
    """The dictionary of one column. `fences` are the blocks' first keys; every block but the last is full."""

    fences: list[bytes]
    keys_per_block: int

    @property
    def size_bytes(self) -> int:
        """Bytes in memory, counting what Python adds to each key."""
        return size_of_keys(self.fences)

    def find(self, keys: Sequence[bytes], read_blocks: ReadBlocks) -> list[int]:
        """The ranks of those of the keys that are here, in no particular order."""
        # In order, so that neighbouring look-ups touch neighbouring memory.
        wanted = [
            (number, key) for key in sorted(keys) if (number := bisect_right(self.fences, key) - 1) >= 0
        ]
        ranks = []
        for (number, key), block in zip(wanted, read_blocks([number for number, _ in wanted]), strict=True):
            place = bisect_left(block, key)
            if place < len(block) and block[place] == key:
                ranks.append(number * self.keys_per_block + place)
        return ranks

    def rank(self, key: bytes, read_blocks: ReadBlocks) -> int:
        """How many keys are less than this one."""
        number = bisect_right(self.fences, key) - 1
        if number < 0:
            return 0
        (block,) = read_blocks([number])
        return number * self.keys_per_block + bisect_left(block, key)


def size_of_keys(keys: Sequence[bytes]) -> int:
    """What a list of keys takes in memory: each is an object of its own."""
    return sum(map(len, keys)) + 41 * len(keys)
