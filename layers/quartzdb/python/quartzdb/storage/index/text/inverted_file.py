"""The inverted index of one segment, read from its two files. Thread-safe; what was read is kept, within bounds."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np

from quartzdb.domain.vector import Mask
from quartzdb.storage.index.decoded_cache import DecodedCache
from quartzdb.storage.index.text.dictionary import WordBlock, WordEntry, decode_block
from quartzdb.storage.index.text.gaps import Numbers
from quartzdb.storage.index.text.inverted import Lengths, Wanted
from quartzdb.storage.index.text.inverted_head import FieldHead, InvertedHead
from quartzdb.storage.index.text.postings import Postings, damaged, decode_list, decode_places

CACHE_BYTES_PER_ROW = 64
"""Holds the lists of all but the rarest words of texts of ten words."""
CACHE_BYTES_MIN = 4 * 1024 * 1024
_LENGTH_TYPES = {1: "<u1", 2: "<u2", 4: "<u4"}


class StoredBytes(Protocol):
    """The large file. Raises Corrupted and BlobMissing."""

    def expect(self, ranges: Sequence[tuple[int, int]]) -> None:
        """These (start, length) are about to be read."""
        ...

    def read(self, start: int, length: int) -> memoryview:
        """So many bytes from there on; fewer where the file ends before."""
        ...


class InvertedFile:
    """An Inverted."""

    def __init__(self, head: InvertedHead, stored: StoredBytes) -> None:
        self._head = head
        self._stored = stored
        self.rows = head.rows
        self.cache = DecodedCache(max(CACHE_BYTES_MIN, CACHE_BYTES_PER_ROW * head.rows))
        self.live_totals: dict[tuple[str, ...], tuple[Mask | None, tuple[int, tuple[int, ...]]]] = {}
        """By fields: which rows were alive, how many of them have a text, and how many words each field then has."""
        self._fields = {one.name: _Field(one, head.rows, stored, self.cache) for one in head.fields}

    @property
    def analyser(self) -> int:
        """The version of what found its words."""
        return self._head.analyser

    def expect(self, wanted: Iterable[Wanted]) -> None:
        asked = [one for one in wanted if one.field in self._fields]
        blocks = [place for one in asked for place in self._fields[one.field].block_ranges(one)]
        lengths = [self._fields[name].lengths_range for name in {one.field for one in asked}]
        self._stored.expect([*blocks, *lengths])
        self._stored.expect([place for one in asked for place in self._fields[one.field].list_ranges(one)])

    def lengths(self, field: str) -> Lengths:
        one = self._fields.get(field)
        return np.zeros(self.rows, np.uint8) if one is None else one.lengths

    def shortest(self, field: str) -> int:
        one = self._fields.get(field)
        return 1 if one is None else max(1, one.head.shortest)

    def totals(self, field: str) -> tuple[int, int]:
        one = self._fields.get(field)
        return (0, 0) if one is None else (one.head.documents, one.head.total)

    def documents(self, field: str, word: str) -> int:
        # Whoever wants to know is going to need the list, and that is kept, unlike every block of words.
        found = self.postings(field, word)
        return 0 if found is None else found.rows.size

    def postings(self, field: str, word: str) -> Postings | None:
        one = self._fields.get(field)
        return None if one is None else one.postings(word)

    def places(self, field: str, word: str) -> Numbers:
        one = self._fields.get(field)
        return np.empty(0, np.int64) if one is None else one.places(word)

    def words_from(self, field: str, prefix: str, limit: int) -> Sequence[str]:
        one = self._fields.get(field)
        return [] if one is None else one.words_from(prefix, limit)


class _Field:
    def __init__(self, head: FieldHead, rows: int, stored: StoredBytes, cache: DecodedCache) -> None:
        self.head = head
        self._rows = rows
        self._stored = stored
        self._cache = cache

    @property
    def lengths_range(self) -> tuple[int, int]:
        return self.head.lengths_start, self._rows * self.head.length_bytes

    @cached_property
    def lengths(self) -> Lengths:
        start, length = self.lengths_range
        data = self._read(start, length)
        # A copy, which stays: every search needs them.
        return np.frombuffer(bytes(data), dtype=_LENGTH_TYPES[self.head.length_bytes])

    def block_ranges(self, wanted: Wanted) -> Iterator[tuple[int, int]]:
        """Where the words are looked up."""
        for number in self._block_numbers(wanted):
            place = self.head.blocks[number]
            yield place.start, place.length

    def list_ranges(self, wanted: Wanted) -> Iterator[tuple[int, int]]:
        """Where their lists are."""
        for number in self._block_numbers(wanted):
            block = self._block(number)
            first = bisect_left(block.words, wanted.word)
            for place, word in enumerate(block.words[first:], first):
                if not (word.startswith(wanted.word) if wanted.prefix else word == wanted.word):
                    break
                entry = block.entry(place)
                yield entry.list_start, entry.shape.list_bytes
                if wanted.places and entry.shape.place_bytes:
                    yield entry.places_start, entry.shape.place_bytes

    def entry(self, word: str) -> WordEntry | None:
        number = bisect_right(self.head.firsts, word) - 1
        if number < 0:
            return None
        block = self._block(number)
        place = bisect_left(block.words, word)
        return block.entry(place) if place < len(block.words) and block.words[place] == word else None

    def postings(self, word: str) -> Postings | None:
        return self._cache.get(
            ("list", self.head.name, word), lambda: self._postings(word), lambda one: one.bytes if one else 0
        )

    def places(self, word: str) -> Numbers:
        entry, postings = self.entry(word), self.postings(word)
        if entry is None or postings is None:
            return np.empty(0, np.int64)
        data = self._read(entry.places_start, entry.shape.place_bytes)
        return decode_places(data, entry.shape, postings.counts)

    def words_from(self, prefix: str, limit: int) -> Sequence[str]:
        found: list[str] = []
        for number in self._block_numbers(Wanted(self.head.name, prefix, prefix=True)):
            words = self._block(number).words
            for word in words[bisect_left(words, prefix) :]:
                if not word.startswith(prefix):
                    break
                found.append(word)
            if len(found) >= limit:
                break
        return found[:limit]

    def _postings(self, word: str) -> Postings | None:
        entry = self.entry(word)
        if entry is None:
            return None
        return decode_list(self._read(entry.list_start, entry.shape.list_bytes), entry.shape, self._rows)

    def _block_numbers(self, wanted: Wanted) -> range:
        firsts = self.head.firsts
        first = max(0, bisect_right(firsts, wanted.word) - 1)
        if not firsts or (not wanted.prefix and firsts[0] > wanted.word):
            return range(0)
        if not wanted.prefix:
            return range(first, first + 1)
        end = first + 1
        while end < len(firsts) and firsts[end].startswith(wanted.word):
            end += 1
        return range(first, end)

    def _block(self, number: int) -> WordBlock:
        place = self.head.blocks[number]
        return self._cache.get(
            ("block", self.head.name, number),
            lambda: decode_block(bytes(self._read(place.start, place.length)), place),
            lambda block: block.bytes,
        )

    def _read(self, start: int, length: int) -> memoryview:
        data = self._stored.read(start, length)
        if len(data) != length:
            raise damaged("it ends before what it should have")
        return data
