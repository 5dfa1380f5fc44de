"""Writes the field index of one segment into its records.sqlite. Runs once, when the segment is built; never commits.

A field whose rows have one key each becomes a column. One with several keys in some row (arrays, two spellings of one
path), or with few values, becomes postings. Building takes 8 bytes per value, and each distinct key about once.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from quartzdb.domain.fieldkey import encode
from quartzdb.domain.metadata import Kind, flatten
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Rows
from quartzdb.storage.index.fields.key_dictionary import KEYS_PER_BLOCK, cut_blocks, pack_keys
from quartzdb.storage.index.fields.ordinal_column import ordinal_type
from quartzdb.storage.index.fields.sqlite_field_schema import TABLES, encode_path, pack_planes, pack_rows

_INSERTED_AT_ONCE = 1_000
_RECENT_KEYS_MAX = 16_384
"""Keys of one field that are recognised when they come again; beyond it a key may be held twice until the sort."""


@dataclass(frozen=True, slots=True)
class FieldLayout:
    """How fields are laid out. A reader finds everything it needs in the file, so any layout can be read."""

    keys_per_block: int = KEYS_PER_BLOCK
    column_rows_min: int = 64
    """Fields with fewer values are postings: metadata with ever new names makes a great many of them, and to build a
    column takes ten times as long as to list a few rows."""


DEFAULT_LAYOUT = FieldLayout()


def write_fields(
    connection: sqlite3.Connection,
    metadata_by_row: Iterable[Mapping[str, object] | None],
    *,
    layout: FieldLayout = DEFAULT_LAYOUT,
) -> int:
    """Create the tables and index the metadata of rows 0, 1, …; returns how many rows there were.

    The caller commits. Every row counts, those without metadata too.
    """
    for statement in TABLES:
        connection.execute(statement)
    containers: dict[str, array[int]] = {}
    fields: dict[tuple[str, Kind], _Gathered] = {}
    row_count = 0
    for row, metadata in enumerate(metadata_by_row):
        row_count = row + 1
        for path, kind, value in flatten(metadata) if metadata else ():
            if kind is Kind.CONTAINER:
                containers.setdefault(path, array("I")).append(row)
                continue
            field = fields.get((path, kind))
            if field is None:
                field = fields[path, kind] = _Gathered()
            field.add(encode(value), row)
    _Writer(connection, layout).write(containers, fields)
    return row_count


class _Gathered:
    """The keys of one field as they come. An entry is one appearance of a key; a posting names its entry."""

    __slots__ = ("_entries", "_key_bytes", "_key_ends", "_posted_rows", "_recent")

    def __init__(self) -> None:
        self._posted_rows = array("I")
        self._entries = array("I")
        self._key_bytes = bytearray()
        self._key_ends = array("Q")
        self._recent: dict[bytes, int] = {}

    def add(self, key: bytes, row: int) -> None:
        entry = self._recent.get(key)
        if entry is None:
            if len(self._recent) >= _RECENT_KEYS_MAX:
                self._recent.clear()
            entry = self._recent[key] = len(self._key_ends)
            self._key_bytes += key
            self._key_ends.append(len(self._key_bytes))
        self._posted_rows.append(row)
        self._entries.append(entry)

    def rows(self) -> Rows:
        """Rows with any key, ascending."""
        return _without_repeats(np.array(self._posted_rows, dtype=np.int64))

    def postings(self) -> _Postings:
        """The distinct keys in order, and (row, rank of key) pairs by row and rank, without repeats."""
        keys = self._entry_keys()
        order = sorted(range(len(keys)), key=keys.__getitem__)
        distinct: list[bytes] = []
        ranks = np.empty(len(keys), dtype=np.int64)
        for entry in order:
            if not distinct or keys[entry] != distinct[-1]:
                distinct.append(keys[entry])
            ranks[entry] = len(distinct) - 1
        rows = np.array(self._posted_rows, dtype=np.int64)
        pairs = rows * len(distinct) + ranks[np.array(self._entries, dtype=np.uint32)]
        pairs = _without_repeats(np.sort(pairs, kind="stable"))
        return _Postings(distinct, pairs // len(distinct), pairs % len(distinct))

    def _entry_keys(self) -> list[bytes]:
        data, start = bytes(self._key_bytes), 0
        keys = []
        for end in self._key_ends:
            keys.append(data[start:end])
            start = end
        return keys


class _Postings(NamedTuple):
    keys: list[bytes]
    rows: Rows
    ranks: Rows

    @property
    def is_column(self) -> bool:
        """Whether no row has two keys."""
        return not bool((self.rows[1:] == self.rows[:-1]).any())


class _Writer:
    """The SQL side: one field at a time, so that only one is ever sorted in memory."""

    def __init__(self, connection: sqlite3.Connection, layout: FieldLayout) -> None:
        self._connection = connection
        self._layout = layout
        self._next_id = 0
        self._fields: list[tuple[bytes, int, int, bytes | None, int, int | None, bytes | None]] = []
        self._postings: list[tuple[int, bytes, bytes]] = []

    def write(self, containers: Mapping[str, array[int]], fields: dict[tuple[str, Kind], _Gathered]) -> None:
        """Write every path in order, and let go of what was gathered for it."""
        for path in sorted({*containers, *(path for path, _ in fields)}):
            existing = _existing(containers.get(path), fields.get((path, Kind.VALUE)))
            self._add_field(path, Kind.CONTAINER, pack_rows(existing))
            for kind in (Kind.VALUE, Kind.ELEMENT):
                gathered = fields.pop((path, kind), None)
                if gathered is not None:
                    self._write_field(path, kind, gathered.postings(), existing)
            if len(self._fields) + len(self._postings) >= _INSERTED_AT_ONCE:
                self._flush()
        self._flush()

    def _write_field(self, path: str, kind: Kind, postings: _Postings, existing: Rows) -> None:
        if len(postings.rows) >= self._layout.column_rows_min and postings.is_column:
            self._write_column(path, kind, postings, existing)
        else:
            field = self._add_field(path, kind, None, len(postings.keys))
            self._postings.extend((field, key, rows) for key, rows in _rows_by_key(postings))

    def _write_column(self, path: str, kind: Kind, postings: _Postings, existing: Rows) -> None:
        everywhere = len(postings.rows) == len(existing)
        blocks = list(cut_blocks(postings.keys, self._layout.keys_per_block))
        field = self._add_field(
            path,
            kind,
            None if everywhere else pack_rows(postings.rows),
            len(postings.keys),
            self._layout.keys_per_block,
            pack_keys([block[0] for block in blocks]),
        )
        self._connection.executemany(
            "INSERT INTO field_key_blocks VALUES (?, ?, ?)",
            ((field, number, pack_keys(block)) for number, block in enumerate(blocks)),
        )
        ordinals = postings.ranks.astype(ordinal_type(len(postings.keys)))
        self._connection.executemany(
            "INSERT INTO field_planes VALUES (?, ?, ?)",
            ((field, number, plane) for number, plane in enumerate(pack_planes(ordinals))),
        )

    def _add_field(
        self,
        path: str,
        kind: Kind,
        rows: bytes | None,
        key_count: int = 0,
        keys_per_block: int | None = None,
        fences: bytes | None = None,
    ) -> int:
        field = self._next_id
        self._next_id += 1
        self._fields.append((encode_path(path), int(kind), field, rows, key_count, keys_per_block, fences))
        return field

    def _flush(self) -> None:
        self._connection.executemany(
            "INSERT INTO fields (path, kind, id, rows, key_count, keys_per_block, fences)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            self._fields,
        )
        self._connection.executemany("INSERT INTO field_postings VALUES (?, ?, ?)", self._postings)
        self._fields.clear()
        self._postings.clear()


def _existing(containers: array[int] | None, values: _Gathered | None) -> Rows:
    """Rows that have the path, as a scalar or as a container."""
    found = values.rows() if values is not None else np.empty(0, dtype=np.int64)
    if containers is None:
        return found
    return _without_repeats(np.sort(np.concatenate([found, np.array(containers, dtype=np.int64)])))


def _without_repeats(ascending: Rows) -> Rows:
    """What np.unique would give; it would hash what is in order already, which takes ten times as long."""
    if len(ascending) == 0:
        return ascending
    return ascending[np.concatenate(([True], ascending[1:] != ascending[:-1]))]


def _rows_by_key(postings: _Postings) -> Iterator[tuple[bytes, bytes]]:
    """(key, packed rows) in key order."""
    by_rank = np.argsort(postings.ranks, kind="stable")  # stable: the rows of one key stay ascending
    rows = postings.rows[by_rank]
    ends = np.cumsum(np.bincount(postings.ranks, minlength=len(postings.keys))).tolist()
    start = 0
    for key, end in zip(postings.keys, ends, strict=True):
        yield key, pack_rows(rows[start:end])
        start = end
