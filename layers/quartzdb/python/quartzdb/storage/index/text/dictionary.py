"""The dictionary of one field: its words in order, in compressed blocks, and where each word's list is.

A reader holds the first word of each block; a block is fetched and unpacked when a word of it is asked for.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quartzdb.storage.index.text.postings import EncodedLists, ListShape, damaged

BLOCK_WORDS = 128
_COLUMNS = 4


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
    """Some words in order, with their entries."""

    words: Sequence[str]
    entries: Sequence[WordEntry]

    @property
    def bytes(self) -> int:
        """In memory, roughly."""
        return 300 * len(self.words)


def encode_block(words: Sequence[str], encoded: EncodedLists, first: int) -> bytes:
    """The words (at most BLOCK_WORDS) whose lists are those from number `first` on."""
    some = slice(first, first + len(words))
    keys = [word.encode() for word in words]
    columns = np.stack(
        [
            encoded.documents[some],
            encoded.row_bytes[some],
            encoded.count_bytes[some],
            encoded.place_bytes[some],
        ]
    ).astype("<u4")
    parts = [
        np.array([len(words), *map(len, keys)], dtype="<u2").tobytes(),
        # Byte by byte of all numbers: most of those are small, and their upper bytes are nothing but zeros.
        columns.view(np.uint8).reshape(-1, 4).T.tobytes(),
        encoded.kinds[some].astype(np.uint8).tobytes(),
        *keys,
    ]
    return zlib.compress(b"".join(parts), 6)


def decode_block(data: bytes, place: BlockPlace) -> WordBlock:
    """Read it back. Raises Corrupted."""
    try:
        content = zlib.decompress(data)
        count = int(np.frombuffer(content, "<u2", 1)[0])
        lengths = np.frombuffer(content, "<u2", count, 2).tolist()
        at = 2 + 2 * count
        planes = np.frombuffer(content, np.uint8, 4 * _COLUMNS * count, at).reshape(4, -1)
        columns = np.ascontiguousarray(planes.T).view("<u4").reshape(_COLUMNS, count).tolist()
        at += 4 * _COLUMNS * count
        kinds = content[at : at + count]
        at += count
        words: list[str] = []
        for length in lengths:
            words.append(content[at : at + length].decode())
            at += length
    except (zlib.error, ValueError, IndexError) as error:
        raise damaged("a block of words cannot be read") from error
    if at != len(content) or len(kinds) != count:
        raise damaged("a block of words has another length than it says")
    entries: list[WordEntry] = []
    list_start, places_start = place.lists, place.places
    for documents, row_bytes, count_bytes, place_bytes, kind in zip(*columns, kinds, strict=True):
        shape = ListShape(documents, row_bytes, count_bytes, place_bytes, kind)
        entries.append(WordEntry(list_start, places_start, shape))
        list_start += shape.list_bytes
        places_start += shape.place_bytes
    return WordBlock(words, entries)
