"""The dictionary of one field: its words in order, in compressed blocks, and where each word's list is.

A reader holds the first word of each block; a block is fetched and unpacked when a word of it is asked for.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from quartzdb.domain.values import dataclass
from quartzdb.storage.index.text.gaps import Numbers
from quartzdb.storage.index.text.postings import EncodedLists, ListShape, damaged

BLOCK_WORDS = 128
_COLUMNS = 4
_BETWEEN = "\n"
"""What no word has."""


@dataclass(frozen=True, slots=True)
class BlockPlace:
    """Where a block's bytes are, and where the lists and places of its first word begin."""

    start: int
    length: int
    lists: int
    places: int


@dataclass(frozen=True, slots=True)
class WordEntry:
    """Where one word's list is, where its places are, and how both are to be read."""

    list_start: int
    places_start: int
    shape: ListShape


@dataclass(frozen=True, slots=True, eq=False)
class WordBlock:
    """Some words in order, and in columns (n,) how their lists are to be read and where they begin."""

    words: Sequence[str]
    columns: Sequence[Numbers]
    kinds: bytes
    list_starts: Numbers
    places_starts: Numbers

    @property
    def bytes(self) -> int:
        """In memory, roughly."""
        return 140 * len(self.words)

    def entry(self, number: int) -> WordEntry:
        """That of one of its words."""
        documents, rows, counts, places = (int(column[number]) for column in self.columns)
        shape = ListShape(documents, rows, counts, places, self.kinds[number])
        return WordEntry(int(self.list_starts[number]), int(self.places_starts[number]), shape)


def encode_block(words: Sequence[str], encoded: EncodedLists, first: int) -> bytes:
    """The words (at most BLOCK_WORDS) whose lists are those from number `first` on."""
    some = slice(first, first + len(words))
    columns = np.stack(
        [
            encoded.documents[some],
            encoded.row_bytes[some],
            encoded.count_bytes[some],
            encoded.place_bytes[some],
        ]
    ).astype("<u4")
    parts = [
        np.array([len(words)], dtype="<u2").tobytes(),
        # Byte by byte of all numbers: most of those are small, and their upper bytes are nothing but zeros.
        columns.view(np.uint8).reshape(-1, 4).T.tobytes(),
        encoded.kinds[some].astype(np.uint8).tobytes(),
        _BETWEEN.join(words).encode(),
    ]
    return zlib.compress(b"".join(parts), 6)


def decode_block(data: bytes, place: BlockPlace) -> WordBlock:
    """Read it back. Raises Corrupted."""
    try:
        content = zlib.decompress(data)
        count = int(np.frombuffer(content, "<u2", 1)[0])
        end = 2 + 4 * _COLUMNS * count
        planes = np.frombuffer(content[2:end], np.uint8).reshape(4, _COLUMNS * count)
        columns = np.ascontiguousarray(planes.T).view("<u4").reshape(_COLUMNS, count).astype(np.int64)
        kinds = content[end : end + count]
        words = content[end + count :].decode().split(_BETWEEN)
    except (zlib.error, ValueError, IndexError) as error:
        raise damaged("a block of words cannot be read") from error
    if len(words) != count or len(kinds) != count:
        raise damaged("a block has other words than it says")
    _, rows, counts, places = columns
    lists = rows + counts
    return WordBlock(
        words,
        list(columns),
        kinds,
        place.lists + np.cumsum(lists) - lists,
        place.places + np.cumsum(places) - places,
    )
