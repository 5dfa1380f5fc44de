"""Codes: rows in inverted lists, a few bits per coordinate. What a code is, and who searches it, its kind says."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property

import numpy as np
import numpy.typing as npt

from quartzdb.domain.vector import Floats, Mask, Rows
from quartzdb.storage.index.engines.centroids import Centroids
from quartzdb.storage.index.engines.file_fields import damaged
from quartzdb.storage.index.segments.partial_file import PartialFile

Float32Matrix = npt.NDArray[np.float32]
Bits = npt.NDArray[np.uint8]
"""One bit per row, least significant first, as numpy.packbits(…, bitorder="little") makes them."""
NUMBER_BYTES = 8
"""Of a row's number, which is beside its code in a list."""


class Codes(ABC):
    """An encoded matrix. Searching changes nothing in it, and the interpreter lock is released meanwhile.

    `arranged`: rows lie list after list, so the number of a row says where its code is. `part` is the file where it is
    read in parts: each search brings the lists that it visits. `sizes` says how many rows each list has.
    """

    def __init__(
        self,
        centroids: Centroids,
        sizes: Rows,
        *,
        arranged: bool,
        checked: bool = False,
        part: PartialFile | None = None,
    ) -> None:
        self._centroids = centroids
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._arranged = arranged
        self._part = part
        # Lists of a file whose row numbers nobody has looked at yet.
        self._unread = np.full(centroids.lists, not checked, dtype=np.bool_)
        self._grouping = threading.Lock()

    @abstractmethod
    def spans(self, lists: Rows) -> tuple[Rows, Rows]:
        """Where these lists, none of them empty, begin in the file, and how many bytes each takes."""
        ...

    @abstractmethod
    def among(self, allowed: Mask) -> Codes | None:
        """The codes of the allowed rows (n,) alone, around the same centroids, under the same numbers, in memory.

        None where the lists have to be fetched.
        """
        ...

    @property
    @abstractmethod
    def row_bytes(self) -> int:
        """Bytes of one row's code."""
        ...

    @property
    @abstractmethod
    def listed_bytes(self) -> int:
        """Bytes of all lists."""
        ...

    @property
    def rows(self) -> int:
        """How many rows are encoded."""
        return int(self._starts[-1])

    @property
    def width(self) -> int:
        """Coordinates of a row."""
        return self._centroids.width

    @property
    def lists(self) -> int:
        """How many lists there are, empty ones included."""
        return self._centroids.lists

    @property
    def centroids(self) -> Centroids:
        """The centres of the lists."""
        return self._centroids

    @abstractmethod
    def search(
        self, query: Floats, depth: int, lists: Rows, nearness: Floats, allowed: Bits | None = None
    ) -> tuple[Rows, Floats]:
        """The `depth` rows that codes estimate best in these lists, of the allowed ones, best first; their estimates.

        `nearness` (lists,) belongs to the lists given. Estimates are on the same scale: products, or distances negated.
        Nearest first is fastest: later lists then add few rows.
        """
        ...

    @abstractmethod
    def search_each(
        self, queries: Float32Matrix, depth: int, lists: Sequence[Rows], nearness: Float32Matrix
    ) -> Sequence[Rows]:
        """The rows that `search` finds for each query (m, width) in its own lists.

        `nearness` (m, all lists).
        """
        ...

    def matches_by_list(self, allowed: Mask) -> npt.NDArray[np.int32]:
        """How many rows that are allowed (n,) each list has."""
        filled = np.flatnonzero(np.diff(self._starts))
        matches = np.zeros(self.lists, dtype=np.int32)
        in_lists = allowed if self._arranged else allowed.take(self.grouped[0])
        matches[filled] = np.add.reduceat(in_lists, self._starts[filled], dtype=np.int32)
        return matches

    @property
    def grouped(self) -> tuple[npt.NDArray[np.int32], Rows]:
        """Row numbers list after list, and where each list starts (lists + 1).

        Where rows are not arranged the numbers are gathered on first use and kept.
        """
        if self._arranged:
            return np.arange(self.rows, dtype=np.int32), self._starts
        with self._grouping:
            return self._grouped, self._starts

    @abstractmethod
    def numbers(self, number: int) -> Rows:
        """The row numbers of a list that is in memory, where they lie."""
        ...

    @cached_property
    def _grouped(self) -> npt.NDArray[np.int32]:
        filled = np.flatnonzero(np.diff(self._starts))
        self._check_numbers(filled)
        return np.concatenate([self.numbers(number) for number in filled.tolist()]).astype(np.int32)

    def _here(self, lists: Rows) -> AbstractContextManager[None]:
        """While this lasts, these lists are in memory."""
        if self._part is None:
            return nullcontext()
        return self._part.held(*self.spans(lists[self._starts[lists] < self._starts[lists + 1]]))

    def _check_numbers(self, lists: Rows) -> None:
        """That these lists, which are in memory, have rows that are there. Each is looked at once. Raises Corrupted."""
        for number in lists[self._unread[lists]].tolist():
            begin, end = self._starts[number : number + 2].tolist()
            if begin < end:
                check_numbers(self.numbers(number), begin if self._arranged else None, self.rows)
            self._unread[number] = False


def check_numbers(numbers: Rows, begin: int | None, rows: int) -> None:
    """Raises Corrupted unless a list names its own rows: those from `begin` on, or with None any ascending ones."""
    if begin is not None:
        right = (numbers == np.arange(begin, begin + numbers.size)).all()
    else:
        right = numbers[0] >= 0 and numbers[-1] < rows and (numbers[1:] > numbers[:-1]).all()
    if not right:
        raise damaged("of codes", "a list names rows that are not in it")
