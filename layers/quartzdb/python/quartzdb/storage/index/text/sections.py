"""The parts of `postings` while it is written: bytes of one kind, of all fields, and a dictionary as it grows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quartzdb.domain.values import dataclass
from quartzdb.storage.index.text.dictionary import BLOCK_WORDS, BlockPlace, encode_block
from quartzdb.storage.index.text.postings import EncodedLists


class Section:
    """One kind of bytes of all fields."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._file = path.open("wb")

    def append(self, data: Any) -> int:
        """Where in the section it begins."""
        start = self.size
        self._file.write(data)
        self.size += len(data)
        return start

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


@dataclass(slots=True, eq=False)
class GrowingDictionary:
    """The dictionary as it grows, a block at a time."""

    blocks: Section
    lists: Section
    places: Section
    firsts: list[str]
    placed: list[BlockPlace]

    def append(self, words: Sequence[str], encoded: EncodedLists) -> None:
        list_starts = np.cumsum(encoded.row_bytes + encoded.count_bytes)
        place_starts = np.cumsum(encoded.place_bytes)
        lists = self.lists.append(encoded.lists.data)
        places = self.places.append(encoded.places.data)
        for first in range(0, len(words), BLOCK_WORDS):
            some = words[first : first + BLOCK_WORDS]
            block = encode_block(some, encoded, first)
            self.firsts.append(some[0])
            self.placed.append(
                BlockPlace(
                    self.blocks.append(block),
                    len(block),
                    lists + (int(list_starts[first - 1]) if first else 0),
                    places + (int(place_starts[first - 1]) if first else 0),
                )
            )


@dataclass(frozen=True, slots=True, eq=False)
class Sections:
    """All four."""

    lengths: Section
    blocks: Section
    lists: Section
    places: Section

    @property
    def in_order(self) -> tuple[Section, ...]:
        """As they lie in the file."""
        return self.lengths, self.blocks, self.lists, self.places

    def dictionary(self) -> GrowingDictionary:
        """A new one."""
        return GrowingDictionary(self.blocks, self.lists, self.places, [], [])
