"""The order of rows by one field: what listings sort by. Values of one type stand together: booleans, numbers, strings.

Keys are those of `domain.fieldkey`, so a string longer than ORDERED_CHARACTERS_MAX stands by its beginning.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from quartzdb.domain.fieldkey import encode, numbers_of
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask, Rows
from quartzdb.storage.index.fields.key_dictionary import KeyDictionary, ReadBlocks

Ranks = npt.NDArray[np.uint32]
Numbers = npt.NDArray[np.float64]

UNRANKED = 0xFFFFFFFF
"""The rank of a row without a value to sort by: the field is missing, null, an object or an array."""
NULL_KEY = encode(None)


class RankedKeys(Protocol):
    """The distinct keys of a field, ascending; a key's place among them is its rank."""

    def rank(self, key: bytes) -> int:
        """How many keys are less than this one."""
        ...

    def at(self, ranks: Sequence[int]) -> list[bytes]:
        """The keys of those ranks, which may repeat."""
        ...

    def numbers(self) -> Numbers:
        """By rank, what number each key is, as the nearest float; not-a-number for a key of anything else."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class FieldOrder:
    """`ranks` (n,): the rank of each row's key, of the least one where a row has several; UNRANKED for none.

    Null has a key, and so a rank is taken, but its rows are unranked. The array is shared: nobody writes to it.
    """

    ranks: Ranks
    keys: RankedKeys

    @property
    def size_bytes(self) -> int:
        """Bytes in memory, without the keys."""
        return self.ranks.nbytes


@dataclass(frozen=True, slots=True, eq=False)
class Occurrences:
    """Which rows have which keys at a path: `rows` (m,) ascending, `ranks` (m,), no pair twice; null is left out.

    `rows` None: `ranks` has one place for each row, UNRANKED where it has no key. The arrays are shared.
    """

    ranks: Ranks
    keys: RankedKeys
    key_count: int
    rows: Rows | None = None

    def among(self, matching: Mask) -> tuple[Rows, Ranks]:
        """Those of the rows that a mask (n,) flags: rows and their ranks."""
        if self.rows is None:
            rows = np.flatnonzero(matching & (self.ranks != UNRANKED))
            return rows, self.ranks[rows]
        kept = matching[self.rows]
        return self.rows[kept], self.ranks[kept]

    def at(self, rows: Rows) -> tuple[Rows, Ranks]:
        """Those of a few rows (k,), ascending: places among them, and the rank of each key that the row there has."""
        if self.rows is None:
            ranks = self.ranks[rows]
            places = np.flatnonzero(ranks != UNRANKED)
            return places, ranks[places]
        starts = np.searchsorted(self.rows, rows, side="left")
        counts = np.searchsorted(self.rows, rows, side="right") - starts
        places = np.repeat(np.arange(len(rows)), counts)
        # Within the run of each row: 0, 1, …
        within = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
        return places, self.ranks[starts[places] + within]

    def before(self, row: int) -> Occurrences:
        """Those of rows before that one."""
        if self.rows is None:
            return Occurrences(self.ranks[:row], self.keys, self.key_count)
        end = int(np.searchsorted(self.rows, row))
        return Occurrences(self.ranks[:end], self.keys, self.key_count, self.rows[:end])

    @property
    def size_bytes(self) -> int:
        """Bytes in memory, without the keys."""
        return self.ranks.nbytes + (0 if self.rows is None else self.rows.nbytes)


@dataclass(frozen=True, slots=True)
class ListedKeys:
    """Keys that are in memory."""

    keys: Sequence[bytes]

    def rank(self, key: bytes) -> int:
        return bisect_left(self.keys, key)

    def at(self, ranks: Sequence[int]) -> list[bytes]:
        return [self.keys[rank] for rank in ranks]

    def numbers(self) -> Numbers:
        return numbers_of(self.keys)


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """Keys in the blocks of a column's dictionary. `keep` gives what was made of them all once, or makes it."""

    dictionary: KeyDictionary
    read_blocks: ReadBlocks
    keep: Callable[[Callable[[], Numbers]], Numbers]

    def rank(self, key: bytes) -> int:
        return self.dictionary.rank(key, self.read_blocks)

    def at(self, ranks: Sequence[int]) -> list[bytes]:
        per_block = self.dictionary.keys_per_block
        wanted = sorted({rank // per_block for rank in ranks})
        blocks = dict(zip(wanted, self.read_blocks(wanted), strict=True))
        return [blocks[rank // per_block][rank % per_block] for rank in ranks]

    def numbers(self) -> Numbers:
        return self.keep(self._read_numbers)

    def _read_numbers(self) -> Numbers:
        numbers = range(len(self.dictionary.fences))
        return np.concatenate(
            [numbers_of(block) for number in numbers for block in self.read_blocks([number])]
        )


def no_order(row_count: int) -> FieldOrder:
    """Of a field that no row has."""
    return FieldOrder(np.full(row_count, UNRANKED, dtype=np.uint32), ListedKeys(()))
