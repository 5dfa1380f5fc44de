"""Postings: the rows that have a word, how often or how much, and where in the text; and the bytes that say so.

How often is a flag for each row that has it more than once, and numbers for those. Where is a list of gaps: each row's
first place, then the way from one to the next.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Floats
from quartzdb.storage.index.text.gaps import Bytes, Numbers, decode_numbers, decode_sums, encode_lists

RowNumbers = npt.NDArray[np.int32]
"""Ascending row numbers, (m,)."""
WEIGHTS = 3
"""Kind of counts: float32 numbers, as sparse vectors have."""
_COUNT_TYPES: tuple[Any, ...] = (np.dtype("<u1"), np.dtype("<u2"), np.dtype("<u4"))


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """`counts` (m,): how often each of the rows (m,) has the word, or with which weight. Never written to.

    `peak`: the greatest count.
    """

    rows: RowNumbers
    counts: Floats
    peak: float

    @classmethod
    def of(cls, rows: RowNumbers, counts: Floats) -> Self:
        """With the greatest of the counts."""
        return cls(rows, counts, float(counts.max(initial=0)))

    @property
    def bytes(self) -> int:
        """In memory."""
        return self.rows.nbytes + self.counts.nbytes


@dataclass(frozen=True, slots=True)
class ListShape:
    """How the bytes of one word's list are to be read. `documents`: how many rows it has."""

    documents: int
    row_bytes: int
    count_bytes: int
    place_bytes: int
    kinds: int

    @property
    def list_bytes(self) -> int:
        """All but the places."""
        return self.row_bytes + self.count_bytes


@dataclass(frozen=True, slots=True, eq=False)
class EncodedLists:
    """The lists of several words, one after another, their places likewise, and the columns of their shapes (t,)."""

    lists: Bytes
    places: Bytes
    documents: Numbers
    row_bytes: Numbers
    count_bytes: Numbers
    place_bytes: Numbers
    kinds: Numbers


def encode_words(words: Numbers, rows: Numbers, places: Numbers) -> EncodedLists:
    """Of occurrences (m,), ordered by word, row and place: the lists of the words that there are, in their order."""
    new_word = np.diff(words, prepend=-1) != 0
    new_row = new_word | (np.diff(rows, prepend=-1) != 0)
    firsts = np.flatnonzero(new_row)
    counts = np.diff(firsts, append=len(words))
    word_starts = np.flatnonzero(new_word[firsts])
    documents = np.diff(word_starts, append=len(firsts))
    gaps = _gaps(rows[firsts], word_starts)
    row_bytes, row_sizes, row_widths = encode_lists(gaps, documents)
    count_bytes, count_sizes, count_kinds = _encode_counts(counts, documents, word_starts)
    steps = np.diff(places, prepend=0)
    steps[firsts] = places[firsts]
    in_text = np.add.reduceat(counts, word_starts)
    place_bytes, place_sizes, place_widths = encode_lists(steps, in_text)
    return EncodedLists(
        _interleaved(row_bytes, row_sizes, count_bytes, count_sizes),
        place_bytes,
        documents,
        row_sizes,
        count_sizes,
        place_sizes,
        _kinds(row_widths, count_kinds, place_widths),
    )


def encode_weights(words: Numbers, rows: Numbers, weights: Floats) -> EncodedLists:
    """Of numbers of sparse vectors (m,), ordered by index and row."""
    word_starts = np.flatnonzero(np.diff(words, prepend=-1) != 0)
    documents = np.diff(word_starts, append=len(words))
    row_bytes, row_sizes, row_widths = encode_lists(_gaps(rows, word_starts), documents)
    nothing = np.zeros(len(documents), dtype=np.int64)
    return EncodedLists(
        _interleaved(row_bytes, row_sizes, weights.astype("<f4").view(np.uint8), 4 * documents),
        np.empty(0, dtype=np.uint8),
        documents,
        row_sizes,
        4 * documents,
        nothing,
        _kinds(row_widths, nothing + WEIGHTS, nothing + 1),
    )


def decode_list(data: memoryview, shape: ListShape, row_count: int) -> Postings:
    """Read one word's list back. Raises Corrupted."""
    try:
        rows = decode_sums(data[: shape.row_bytes], 1 << (shape.kinds & 3))
        counts = _decode_counts(data[shape.row_bytes :], shape)
        fits = len(rows) == shape.documents > 0 and rows[-1] < row_count
    except ValueError as error:
        raise damaged("a list of rows cannot be read") from error
    if not fits:
        raise damaged("a list names other rows than there are")
    postings = Postings.of(rows.astype(np.int32), counts)
    postings.rows.flags.writeable = False
    postings.counts.flags.writeable = False
    return postings


def decode_places(data: memoryview, shape: ListShape, counts: Floats) -> Numbers:
    """Where the word is: the places (sum of counts,) of the first row, of the second, and so on. Raises Corrupted."""
    try:
        steps = decode_numbers(data, 1 << (shape.kinds >> 4 & 3))
    except ValueError as error:
        raise damaged("places of a word cannot be read") from error
    many = counts.astype(np.int64)
    if steps.size != many.sum():
        raise damaged("a word is at more or fewer places than it should be")
    sums = np.cumsum(steps)
    firsts = np.cumsum(many) - many
    before: Numbers = np.repeat(sums[firsts] - steps[firsts], many)
    return sums - before


def damaged(wrong: str) -> Corrupted:
    """The error about a part of the inverted index that is not as it was built."""
    return Corrupted(
        f"The inverted index of a segment is damaged: {wrong}.",
        hint="The file is not served. Restore it from a backup, or import the data again.",
    )


def _gaps(rows: Numbers, word_starts: Numbers) -> Numbers:
    gaps: Numbers = np.diff(rows, prepend=0)
    gaps[word_starts] = rows[word_starts]
    return gaps


def _kinds(row_widths: Numbers, count_kinds: Numbers, place_widths: Numbers) -> Numbers:
    # 1, 2 and 4 are told by the half of them.
    return row_widths // 2 | count_kinds << 2 | (place_widths // 2) << 4


def _encode_counts(counts: Numbers, documents: Numbers, starts: Numbers) -> tuple[Bytes, Numbers, Numbers]:
    """Nothing where all are 1; else a bit for each row that has more, and for each of these how many more."""
    more = counts > 1
    greatest = np.maximum.reduceat(counts, starts)
    many = np.add.reduceat(more, starts, dtype=np.int64)
    kinds: Numbers = np.digitize(greatest - 1, [1 << 8, 1 << 16])
    widths = 1 << kinds
    flags = np.where(many > 0, -(-documents // 8), 0)
    sizes: Numbers = flags + many * widths
    places = np.cumsum(sizes) - sizes
    encoded = np.zeros(int(sizes.sum()), dtype=np.uint8)
    if not encoded.size:
        return encoded, sizes, kinds
    flagged = np.flatnonzero(more)
    word = np.repeat(np.arange(len(documents)), documents)[flagged]
    bit = flagged - starts[word]
    np.bitwise_or.at(encoded, places[word] + bit // 8, (1 << (bit % 8)).astype(np.uint8))
    nth = np.arange(len(flagged)) - (np.cumsum(many) - many)[word]
    to = places[word] + flags[word] + nth * widths[word]
    beyond = counts[flagged] - 1
    for byte in range(4):
        wide = widths[word] > byte
        if wide.any():
            encoded[to[wide] + byte] = beyond[wide] >> (8 * byte) & 0xFF
    return encoded, sizes, kinds


def _decode_counts(data: memoryview, shape: ListShape) -> Floats:
    kind = shape.kinds >> 2 & 3
    if kind == WEIGHTS:
        weights: Floats = np.frombuffer(data, dtype="<f4", count=shape.documents).copy()
        return weights
    counts = np.ones(shape.documents, dtype=np.float32)
    if shape.count_bytes:
        flag_bytes = -(-shape.documents // 8)
        flags = np.frombuffer(data, dtype=np.uint8, count=flag_bytes)
        more = np.flatnonzero(np.unpackbits(flags, bitorder="little", count=shape.documents))
        beyond = np.frombuffer(data[flag_bytes : shape.count_bytes], dtype=_COUNT_TYPES[kind])
        counts[more] += beyond
    return counts


def _interleaved(first: Bytes, first_sizes: Numbers, second: Bytes, second_sizes: Numbers) -> Bytes:
    """A part of the first, one of the second, the next of the first, and so on."""
    if not second.size:
        return first
    both = np.empty(first.size + second.size, dtype=np.uint8)
    places = np.cumsum(first_sizes + second_sizes) - (first_sizes + second_sizes)
    for part, sizes, begin in ((first, first_sizes, places), (second, second_sizes, places + first_sizes)):
        both[np.repeat(begin - (np.cumsum(sizes) - sizes), sizes) + np.arange(part.size)] = part
    return both
