"""The field index of the tail: grows by one row at a time and catches up with what was appended when it is asked.

Not safe to use from several threads: the caller holds a lock around every call. It keeps no metadata it has indexed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence

import numpy as np

from quartzdb.domain.fieldkey import encode
from quartzdb.domain.metadata import Kind, flatten
from quartzdb.domain.vector import Mask
from quartzdb.storage.index.fields.field_order import (
    NULL_KEY,
    UNRANKED,
    FieldOrder,
    ListedKeys,
    Occurrences,
    no_order,
)

_UNRANKED_MAX = 1_024
"""Comparing so many keys one by one takes about 0.1 ms; ranking 100,000 takes about 50."""


class MemoryFields:
    """A FieldIndex over the rows appended so far."""

    def __init__(self) -> None:
        self._row_count = 0
        self._pending: list[tuple[int, Mapping[str, object]]] = []
        self._existing: dict[str, array[int]] = {}
        self._fields: dict[tuple[str, Kind], _GrowingField] = {}

    @property
    def row_count(self) -> int:
        """Rows appended."""
        return self._row_count

    def append(self, metadata: Mapping[str, object] | None) -> int:
        """Add the next row and return its number. Nothing is indexed yet, so this costs next to nothing.

        The mapping must not change afterwards.
        """
        row = self._row_count
        if metadata:
            self._pending.append((row, metadata))
        self._row_count += 1
        return row

    def existing(self, path: str) -> Mask:
        self._catch_up()
        mask = np.zeros(self._row_count, dtype=np.bool_)
        rows = self._existing.get(path)
        if rows is not None:
            mask[np.array(rows, dtype=np.int64)] = True
        return mask

    def equal(self, path: str, key: bytes) -> Mask:
        return self.any_of(path, (key,))

    def any_of(self, path: str, keys: Sequence[bytes]) -> Mask:
        mask = self._any_of(path, Kind.VALUE, keys)
        if (path, Kind.ELEMENT) in self._fields:
            mask |= self._any_of(path, Kind.ELEMENT, keys)
        return mask

    def containing(self, path: str, key: bytes) -> Mask:
        return self._any_of(path, Kind.ELEMENT, (key,))

    def within(self, path: str, low: bytes, high: bytes) -> Mask:
        self._catch_up()
        field = self._fields.get((path, Kind.VALUE))
        if field is None:
            return np.zeros(self._row_count, dtype=np.bool_)
        return field.within(low, high, self._row_count)

    def paths(self) -> Sequence[str]:
        self._catch_up()
        return list(self._existing)

    def order(self, path: str) -> FieldOrder:
        self._catch_up()
        field = self._fields.get((path, Kind.VALUE))
        return no_order(self._row_count) if field is None else field.order(self._row_count)

    def occurrences(self, path: str) -> Sequence[Occurrences]:
        self._catch_up()
        kinds = (self._fields.get((path, kind)) for kind in (Kind.VALUE, Kind.ELEMENT))
        return [field.occurrences() for field in kinds if field is not None]

    def _any_of(self, path: str, kind: Kind, keys: Sequence[bytes]) -> Mask:
        self._catch_up()
        field = self._fields.get((path, kind))
        if field is None:
            return np.zeros(self._row_count, dtype=np.bool_)
        return field.any_of(keys, self._row_count)

    def _catch_up(self) -> None:
        for row, metadata in self._pending:
            for path, kind, value in flatten(metadata):
                if kind is not Kind.ELEMENT:
                    self._existing.setdefault(path, array("I")).append(row)
                if kind is not Kind.CONTAINER:
                    field = self._fields.get((path, kind))
                    if field is None:
                        field = self._fields[path, kind] = _GrowingField()
                    field.add(encode(value), row)
        self._pending.clear()


class _GrowingField:
    """Which row has which key. A key is known by its place of arrival, its number.

    Keys are ranked in order when a range needs it, and then again only after many more have come: those that came since
    are compared one by one, so that a range between two writes does not sort the whole field again.
    """

    __slots__ = ("_arrivals", "_numbers", "_order", "_ranks", "_row_numbers", "_rows")

    def __init__(self) -> None:
        self._rows = array("I")
        self._row_numbers = array("I")
        self._numbers: dict[bytes, int] = {}
        self._arrivals: list[bytes] = []
        self._order: list[bytes] = []
        self._ranks = np.empty(0, dtype=np.int64)

    def add(self, key: bytes, row: int) -> None:
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._arrivals)
            self._arrivals.append(key)
        self._rows.append(row)
        self._row_numbers.append(number)

    def any_of(self, keys: Sequence[bytes], row_count: int) -> Mask:
        wanted = np.zeros(len(self._arrivals), dtype=np.bool_)
        wanted[[number for key in keys if (number := self._numbers.get(key)) is not None]] = True
        return self._rows_with(wanted, row_count)

    def within(self, low: bytes, high: bytes, row_count: int) -> Mask:
        if len(self._arrivals) - len(self._order) > max(_UNRANKED_MAX, len(self._order) // 8):
            self._rank()
        ranked = len(self._order)
        first, end = bisect_left(self._order, low), bisect_left(self._order, high)
        wanted = np.empty(len(self._arrivals), dtype=np.bool_)
        wanted[:ranked] = (self._ranks >= first) & (self._ranks < end)
        wanted[ranked:] = [low <= key < high for key in self._arrivals[ranked:]]
        return self._rows_with(wanted, row_count)

    def occurrences(self) -> Occurrences:
        if len(self._order) < len(self._arrivals):
            self._rank()
        keys = tuple(self._order)
        ranks = self._ranks[np.array(self._row_numbers, dtype=np.int64)]
        rows = np.array(self._rows, dtype=np.int64)
        # Rows were added in order, an array's elements with their repeats.
        pairs = np.unique(rows * max(1, len(keys)) + ranks)
        rows, ranks = pairs // max(1, len(keys)), pairs % max(1, len(keys))
        if keys and keys[0] == NULL_KEY:
            rows, ranks = rows[ranks > 0], ranks[ranks > 0]
        return Occurrences(ranks.astype(np.uint32), ListedKeys(keys), len(keys), rows)

    def order(self, row_count: int) -> FieldOrder:
        if len(self._order) < len(self._arrivals):
            self._rank()
        keys = tuple(self._order)
        ranks = self._ranks[np.array(self._row_numbers, dtype=np.int64)]
        if keys and keys[0] == NULL_KEY:
            ranks = np.where(ranks == 0, UNRANKED, ranks)
        least = np.full(row_count, UNRANKED, dtype=np.uint32)
        np.minimum.at(least, np.array(self._rows, dtype=np.int64), ranks.astype(np.uint32))
        return FieldOrder(least, ListedKeys(keys))

    def _rows_with(self, wanted: Mask, row_count: int) -> Mask:
        """Rows that have a key whose number is wanted."""
        hits = wanted[np.array(self._row_numbers, dtype=np.int64)]
        mask = np.zeros(row_count, dtype=np.bool_)
        mask[np.array(self._rows, dtype=np.int64)[hits]] = True
        return mask

    def _rank(self) -> None:
        """Sort what came since into what is in order already."""
        self._order.extend(self._arrivals[len(self._order) :])
        self._order.sort()
        numbers = np.fromiter(
            map(self._numbers.__getitem__, self._order), dtype=np.int64, count=len(self._order)
        )
        self._ranks = np.empty(len(numbers), dtype=np.int64)
        self._ranks[numbers] = np.arange(len(numbers))
