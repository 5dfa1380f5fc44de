"""Reads the field index of one segment from its records.sqlite. Never writes; several threads may share one reader.

What was read once is kept decoded in a byte-bounded cache; the lock is held only while SQLite is asked for bytes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock
from typing import Any, cast

import numpy as np

from quartzdb.domain.metadata import Kind
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask, Rows
from quartzdb.storage.index.decoded_cache import DecodedCache
from quartzdb.storage.index.fields.field_order import (
    NULL_KEY,
    UNRANKED,
    FieldOrder,
    ListedKeys,
    Numbers,
    Occurrences,
    Ranks,
    StoredKeys,
    no_order,
)
from quartzdb.storage.index.fields.key_dictionary import KeyDictionary, size_of_keys, unpack_keys
from quartzdb.storage.index.fields.ordinal_column import OrdinalColumn, column_of
from quartzdb.storage.index.fields.sqlite_field_schema import (
    decode_path,
    encode_path,
    unpack_planes,
    unpack_rows,
)
from quartzdb.storage.index.fields.sqlite_field_writer import write_fields

__all__ = ["SqliteFields", "write_fields"]

CACHE_BYTES_PER_ROW = 96
"""Holds the columns of about ten fields and one decoded dictionary of keys that are all distinct."""
CACHE_BYTES_MIN = 1024 * 1024

_RowSet = Mask | Rows
"""Rows as numbers where they are few, as a mask where that is smaller."""


@dataclass(frozen=True, slots=True)
class _Field:
    """What the `fields` table says of one path and kind. `dictionary` None: postings, or kind 0."""

    id: int
    rows: bytes | None
    key_count: int
    dictionary: KeyDictionary | None


class SqliteFields:
    """A FieldIndex over the rows of one segment.

    `connection` must have been opened with check_same_thread=False if several threads come. Whoever uses it for
    anything else at the same time passes the `lock` that both then take. Unless `cache_bytes_max` is given, the
    cache's bound grows with the rows.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        row_count: int,
        *,
        lock: Lock | None = None,
        cache_bytes_max: int | None = None,
    ) -> None:
        self._connection = connection
        self._row_count = row_count
        self._lock = lock or Lock()
        if cache_bytes_max is None:
            cache_bytes_max = max(CACHE_BYTES_MIN, CACHE_BYTES_PER_ROW * row_count)
        self._cache = DecodedCache(cache_bytes_max)

    @property
    def row_count(self) -> int:
        """Rows in the segment."""
        return self._row_count

    @property
    def resident_bytes(self) -> int:
        """Bytes that the cache holds now."""
        return self._cache.size_bytes

    def existing(self, path: str) -> Mask:
        field = self._field(path, Kind.CONTAINER)
        if field is None or field.rows is None:
            return self._nothing()
        stored = field.rows
        return self._mask(
            self._cache.get(("rows", field.id), lambda: self._row_set(unpack_rows(stored)), _bytes_of)
        )

    def equal(self, path: str, key: bytes) -> Mask:
        return self.any_of(path, (key,))

    def any_of(self, path: str, keys: Sequence[bytes]) -> Mask:
        mask = self._with_keys(path, Kind.VALUE, keys)
        if self._field(path, Kind.ELEMENT) is not None:
            mask |= self._with_keys(path, Kind.ELEMENT, keys)
        return mask

    def containing(self, path: str, key: bytes) -> Mask:
        return self._with_keys(path, Kind.ELEMENT, (key,))

    def within(self, path: str, low: bytes, high: bytes) -> Mask:
        field = self._field(path, Kind.VALUE)
        if field is None:
            return self._nothing()
        if field.dictionary is None:
            return self._union(self._postings_within(field, low, high))
        read_blocks = partial(self._blocks, field.id)
        first, end = field.dictionary.rank(low, read_blocks), field.dictionary.rank(high, read_blocks)
        return self._column(path, field).within(first, end) if first < end else self._nothing()

    def paths(self) -> Sequence[str]:
        found = self._select("SELECT DISTINCT path FROM fields")
        return [decode_path(path) for (path,) in found]

    def order(self, path: str) -> FieldOrder:
        field = self._field(path, Kind.VALUE)
        if field is None:
            return no_order(self._row_count)
        if field.dictionary is not None:
            keys = self._stored_keys(field, field.dictionary)
            return FieldOrder(self._column_ranks(path, field, keys), keys)
        return self._cache.get(
            ("order", field.id), lambda: self._read_order(field), lambda order: order.size_bytes
        )

    def occurrences(self, path: str) -> Sequence[Occurrences]:
        found = []
        for kind in (Kind.VALUE, Kind.ELEMENT):
            field = self._field(path, kind)
            if field is None:
                continue
            if field.dictionary is None:
                found.append(
                    self._cache.get(
                        ("occurrences", field.id),
                        partial(self._read_occurrences, field),
                        _bytes_of_occurrences,
                    )
                )
                continue
            keys = self._stored_keys(field, field.dictionary)
            ranks = self._column_ranks(path, field, keys)
            found.append(Occurrences(ranks, keys, field.key_count))
        return found

    def _with_keys(self, path: str, kind: Kind, keys: Sequence[bytes]) -> Mask:
        field = self._field(path, kind)
        if field is None:
            return self._nothing()
        if field.dictionary is None:
            return self._union([self._posting(field, key) for key in keys])
        found = field.dictionary.find(keys, partial(self._blocks, field.id))
        return self._column(path, field).any_of(found) if found else self._nothing()

    # --- decoded parts ---

    def _field(self, path: str, kind: Kind) -> _Field | None:
        return self._cache.get((path, kind), lambda: self._read_field(path, kind), _bytes_of_field)

    def _read_field(self, path: str, kind: Kind) -> _Field | None:
        found = self._select(
            "SELECT id, rows, key_count, keys_per_block, fences FROM fields WHERE path = ? AND kind = ?",
            encode_path(path),
            int(kind),
        )
        if not found:
            return None
        field, rows, key_count, keys_per_block, fences = found[0]
        dictionary = None if fences is None else KeyDictionary(unpack_keys(fences), keys_per_block)
        return _Field(field, rows, key_count, dictionary)

    def _blocks(self, field: int, numbers: Sequence[int]) -> list[list[bytes]]:
        return self._cache.get_many(
            [("block", field, number) for number in numbers],
            lambda place: self._read_block(field, numbers[place]),
            size_of_keys,
        )

    def _read_block(self, field: int, number: int) -> list[bytes]:
        found = self._select("SELECT keys FROM field_key_blocks WHERE field = ? AND block = ?", field, number)
        return unpack_keys(found[0][0])

    def _column(self, path: str, field: _Field) -> OrdinalColumn:
        return self._cache.get(
            ("column", field.id), lambda: self._read_column(path, field), lambda column: column.size_bytes
        )

    def _read_column(self, path: str, field: _Field) -> OrdinalColumn:
        planes = self._select("SELECT ordinals FROM field_planes WHERE field = ? ORDER BY plane", field.id)
        ordinals = unpack_planes([plane for (plane,) in planes])
        rows = field.rows
        if rows is None:
            existing = self._field(path, Kind.CONTAINER)
            rows = existing.rows if existing is not None else None
            assert rows is not None, "every path has its row of kind 0"
        return column_of(self._row_count, field.key_count, unpack_rows(rows), ordinals)

    def _stored_keys(self, field: _Field, dictionary: KeyDictionary) -> StoredKeys:
        def keep(read: Callable[[], Numbers]) -> Numbers:
            return self._cache.get(("numbers", field.id), read, lambda numbers: numbers.nbytes)

        return StoredKeys(dictionary, partial(self._blocks, field.id), keep)

    def _postings_of(self, field: _Field) -> list[tuple[bytes, bytes]]:
        return self._select("SELECT key, rows FROM field_postings WHERE field = ? ORDER BY key", field.id)

    def _read_occurrences(self, field: _Field) -> Occurrences:
        stored = self._postings_of(field)
        of_keys = [unpack_rows(rows) for _, rows in stored]
        keys = ListedKeys([key for key, _ in stored])
        if not stored:
            return Occurrences(np.empty(0, np.uint32), keys, 0, np.empty(0, np.int64))
        rows = np.concatenate(of_keys)
        ranks = np.repeat(np.arange(len(stored), dtype=np.uint32), [len(some) for some in of_keys])
        if stored[0][0] == NULL_KEY:
            rows, ranks = rows[len(of_keys[0]) :], ranks[len(of_keys[0]) :]
        order = np.argsort(rows, kind="stable")
        return Occurrences(ranks[order], keys, len(stored), rows[order])

    def _read_order(self, field: _Field) -> FieldOrder:
        ranks = np.full(self._row_count, UNRANKED, dtype=np.uint32)
        stored = self._postings_of(field)
        # Downwards, so that of several keys of one row the least stays.
        for rank in range(len(stored) - 1, -1, -1):
            key, rows = stored[rank]
            if key != NULL_KEY:
                ranks[unpack_rows(rows)] = rank
        return FieldOrder(ranks, ListedKeys([key for key, _ in stored]))

    def _column_ranks(self, path: str, field: _Field, keys: StoredKeys) -> Ranks:
        """Of each row; kept, since it is the column in other form."""
        return self._cache.get(
            ("ranks", field.id), lambda: self._read_ranks(path, field, keys), lambda ranks: ranks.nbytes
        )

    def _read_ranks(self, path: str, field: _Field, keys: StoredKeys) -> Ranks:
        ranks = np.full(self._row_count, UNRANKED, dtype=np.uint32)
        column = self._column(path, field)
        if column.rows is not None:
            ranks[column.rows] = column.ordinals
        else:
            ranks[:] = column.ordinals
            ranks[column.ordinals == np.iinfo(column.ordinals.dtype).max] = UNRANKED
        if field.key_count and keys.at([0]) == [NULL_KEY]:
            ranks[ranks == 0] = UNRANKED
        return ranks

    def _posting(self, field: _Field, key: bytes) -> _RowSet:
        return self._cache.get(("posting", field.id, key), lambda: self._read_posting(field, key), _bytes_of)

    def _read_posting(self, field: _Field, key: bytes) -> _RowSet:
        found = self._select("SELECT rows FROM field_postings WHERE field = ? AND key = ?", field.id, key)
        return self._row_set(unpack_rows(found[0][0])) if found else np.empty(0, dtype=np.int64)

    def _postings_within(self, field: _Field, low: bytes, high: bytes) -> list[_RowSet]:
        """Not cached: a field with few values, or one that some record spells in two ways."""
        found = self._select(
            "SELECT rows FROM field_postings WHERE field = ? AND key >= ? AND key < ?", field.id, low, high
        )
        return [unpack_rows(rows) for (rows,) in found]

    def _select(self, statement: str, *arguments: int | bytes) -> list[Any]:
        with self._lock:
            return self._connection.execute(statement, arguments).fetchall()

    # --- masks ---

    def _row_set(self, rows: Rows) -> _RowSet:
        return rows if rows.nbytes < self._row_count else self._mask(rows)

    def _mask(self, rows: _RowSet) -> Mask:
        return self._union([rows])

    def _union(self, row_sets: Sequence[_RowSet]) -> Mask:
        mask = self._nothing()
        for rows in row_sets:
            if rows.dtype == np.bool_:
                mask |= cast(Mask, rows)
            else:
                mask[rows] = True
        return mask

    def _nothing(self) -> Mask:
        return np.zeros(self._row_count, dtype=np.bool_)


def _bytes_of_occurrences(occurrences: Occurrences) -> int:
    return occurrences.size_bytes


def _bytes_of(rows: _RowSet) -> int:
    return rows.nbytes


def _bytes_of_field(field: _Field | None) -> int:
    if field is None:
        return 0
    return len(field.rows or b"") + (0 if field.dictionary is None else field.dictionary.size_bytes)
