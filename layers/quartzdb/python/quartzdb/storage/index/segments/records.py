"""records.sqlite: everything of a segment's records but their vectors, in one immutable SQLite file.

Row numbers are the vectors' row numbers. `metadata` is what a reader sees; `patches` keeps the versions of patched
fields, because those still take part in merging. Tombstones, and patches of ids never written, have no row.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt
import orjson

from quartzdb.domain.hlc import Version
from quartzdb.domain.limits import ID_END
from quartzdb.domain.merge import Patched, RecordState
from quartzdb.storage.index.fields.selections import Selections
from quartzdb.storage.index.fields.sqlite_fields import SqliteFields, write_fields

_SCHEMA = """
CREATE TABLE writers (writer INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE records (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL, stamp INTEGER NOT NULL, writer INTEGER NOT NULL,
    metadata BLOB, patches BLOB
);
CREATE TABLE tombstones (
    id TEXT PRIMARY KEY, stamp INTEGER NOT NULL, writer INTEGER NOT NULL, patches BLOB
) WITHOUT ROWID;
"""
_LOOKUP_IDS = 500
_SELECTED_SINGLY_MAX = 24
_INSERT_ROWS = 2_000


PackedRecord = tuple[str, int, int, bytes | None, bytes | None]
"""A record to be written: its id, its version's stamp and the number of its writer, metadata and patches as JSON."""


class StoredRecord(NamedTuple):
    """One record's row as it is stored; `metadata` and `patches` are JSON bytes, None for none."""

    row: int
    id: str
    version: Version
    metadata: bytes | None
    patches: bytes | None


class StoredTombstone(NamedTuple):
    """One id without a vector: deleted, or only patched so far."""

    id: str
    version: Version
    patches: bytes | None


def encode_patches(patches: Mapping[str, Patched]) -> bytes | None:
    """{field: [version, value]} or {field: [version]} where the field was removed."""
    if not patches:
        return None
    return orjson.dumps(
        {name: [str(p.version)] if p.removed else [str(p.version), p.value] for name, p in patches.items()}
    )


def decode_patches(encoded: bytes | None) -> dict[str, Patched]:
    """What encode_patches was given."""
    if encoded is None:
        return {}
    return {
        name: Patched(Version.parse(version), value[0] if value else None, removed=not value)
        for name, (version, *value) in orjson.loads(encoded).items()
    }


def decode_metadata(encoded: bytes | None) -> dict[str, Any]:
    """A record's visible metadata."""
    return orjson.loads(encoded) if encoded else {}


_SMALL_ROWS = 256
_SMALL_PAGE_BYTES = 1_024
"""The size of pages in a file of so few rows."""


class RecordsWriter:
    """Writes records.sqlite; rows in order, from 0."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        # The file is checksummed and published only when it is whole, so a crash while it is written costs nothing.
        self._connection.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA page_size=8192;"
        )
        self._connection.executescript(_SCHEMA)
        self._connection.execute("BEGIN")
        self._writers: dict[str, int] = {}
        self._tombstones: list[tuple[Any, ...]] = []
        self.rows = 0
        self.tombstones = 0

    def add(self, records: Iterable[PackedRecord]) -> None:
        """Append the next rows."""
        inserted = self._connection.executemany(
            "INSERT INTO records VALUES (?,?,?,?,?,?)",
            ((row, *record) for row, record in enumerate(records, self.rows)),
        )
        self.rows += inserted.rowcount

    def writer_number(self, writer: str) -> int:
        """What stands for this writer in records that are added."""
        number = self._writers.get(writer)
        if number is None:
            number = self._writers[writer] = len(self._writers)
            self._connection.execute("INSERT INTO writers VALUES (?,?)", (number, writer))
        return number

    def add_tombstone(self, record_id: str, version: Version, patches: bytes | None) -> None:
        """Remember an id that has no vector."""
        self._tombstones.append((record_id, version.stamp, self.writer_number(version.writer), patches))
        self.tombstones += 1
        if len(self._tombstones) >= _INSERT_ROWS:
            self._flush()

    def metadata(self) -> Iterator[dict[str, Any]]:
        """What readers see of all rows so far, in their order."""
        encoded = self._connection.execute("SELECT metadata FROM records ORDER BY row")
        return (decode_metadata(metadata) for (metadata,) in encoded)

    def finish(self) -> None:
        """Write the indexes and close the file."""
        self._flush()
        self._connection.execute("CREATE UNIQUE INDEX records_id ON records (id)")
        write_fields(self._connection, self.metadata())
        self._connection.execute("COMMIT")
        if self.rows + self.tombstones <= _SMALL_ROWS:
            # Each of a dozen tables and indexes has a page of its own at least, most of it empty.
            self._connection.execute(f"PRAGMA page_size={_SMALL_PAGE_BYTES}")
            self._connection.execute("VACUUM")
        self._connection.close()

    def close(self) -> None:
        """Let go of the file; finished or not."""
        self._connection.close()

    def _flush(self) -> None:
        self._connection.executemany("INSERT INTO tombstones VALUES (?,?,?,?)", self._tombstones)
        self._tombstones.clear()


class ReadAhead(Protocol):
    """Is told what is about to be read, where it has to be fetched."""

    def rows(self, rows: Sequence[int]) -> None:
        """These rows."""
        ...

    def ids(self, ids: Sequence[str]) -> Sequence[str]:
        """The rows of these ids will be looked up; returns those that may be there."""
        ...

    def found(self, rows: Sequence[int]) -> None:
        """These rows, as those of ids, with their vectors."""
        ...


class SegmentRecords:
    """Reads records.sqlite. Thread-safe; the file is closed when nobody holds the object any more.

    `connection` is one of sqlite3, or one of apsw, which answers alike.
    """

    def __init__(
        self,
        connection: Any,
        rows: int,
        *,
        ahead: ReadAhead | None = None,
    ) -> None:
        self._connection = connection
        self._ahead = ahead
        weakref.finalize(self, connection.close)
        self._lock = threading.Lock()
        self._id_ranks: npt.NDArray[np.uint32] | None = None
        self._writers: dict[int, str] = dict(self._connection.execute("SELECT writer, name FROM writers"))
        self._has_tombstones = bool(self._all("SELECT 1 FROM tombstones LIMIT 1", ()))
        self.fields = SqliteFields(self._connection, rows, lock=self._lock)
        self.selections = Selections(self.fields)

    @classmethod
    def of_file(cls, path: Path, rows: int, *, held: bool) -> Self:
        """Over a file of this machine, which stays open; `held`: over a copy of it in memory, and it does not."""
        if held:
            connection = sqlite3.connect(":memory:", check_same_thread=False)
            connection.deserialize(path.read_bytes())
        else:
            connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?immutable=1&mode=ro", uri=True, check_same_thread=False
            )
        connection.execute("PRAGMA mmap_size=1073741824")
        return cls(connection, rows)

    def at_rows(self, rows: Sequence[int]) -> dict[int, StoredRecord]:
        """The records of those rows."""
        return {record.row: record for record in self.each_at(rows)}

    def each_at(self, rows: Sequence[int]) -> Iterator[StoredRecord]:
        """The records of those rows, in no particular order."""
        if not rows:
            return
        if self._ahead is not None:
            self._ahead.rows(rows)
        writers = self._writers
        for some in _groups(rows):
            for row, record_id, stamp, writer, metadata, patches in self._all(_at_rows(len(some)), some):
                yield StoredRecord(row, record_id, Version(stamp, writers[writer]), metadata, patches)

    def with_ids(self, ids: Iterable[str]) -> dict[str, StoredRecord]:
        """The records of those ids that have a row here."""
        found: dict[str, StoredRecord] = {}
        wanted: Sequence[str] = list(ids)
        if self._ahead is not None:
            wanted = self._ahead.ids(wanted)
            self._ahead.found([row for some in _groups(wanted) for row in self._rows_of(some)])
        for some in _groups(wanted):
            for values in self._all(
                f"SELECT row, id, stamp, writer, metadata, patches FROM records WHERE id IN ({_marks(some)})",
                some,
            ):
                found[values[1]] = self._record(values)
        return found

    def tombstones_with_ids(self, ids: Iterable[str]) -> dict[str, StoredTombstone]:
        """The tombstones of those ids that have one here."""
        found: dict[str, StoredTombstone] = {}
        if not self._has_tombstones:
            return found
        wanted = list(ids)
        for some in _groups(wanted if self._ahead is None else self._ahead.ids(wanted)):
            for record_id, stamp, writer, patches in self._all(
                f"SELECT id, stamp, writer, patches FROM tombstones WHERE id IN ({_marks(some)})", some
            ):
                found[record_id] = StoredTombstone(record_id, Version(stamp, self._writers[writer]), patches)
        return found

    def ids_from(self, prefix: str, after: str | None, limit: int) -> list[tuple[str, int]]:
        """(id, row) in id order: with the prefix, after an id, at most `limit`."""
        low = prefix if after is None or after < prefix else after
        operator = ">=" if low is prefix and after != prefix else ">"
        # SQLite orders UTF-8 as Python orders code points.
        return self._all(
            f"SELECT id, row FROM records WHERE id {operator} ? AND id < ? ORDER BY id LIMIT ?",
            (low, prefix + ID_END, limit),
        )

    def ids_beyond(self, after: str | None, limit: int, *, descending: bool) -> list[tuple[str, int]]:
        """(id, row) in id order, or against it: those that come after an id, at most `limit`."""
        order = "DESC" if descending else "ASC"
        if after is None:
            return self._all(f"SELECT id, row FROM records ORDER BY id {order} LIMIT ?", (limit,))
        operator = "<" if descending else ">"
        return self._all(
            f"SELECT id, row FROM records WHERE id {operator} ? ORDER BY id {order} LIMIT ?", (after, limit)
        )

    def ids_at(self, rows: Sequence[int]) -> dict[int, str]:
        """The ids of those rows."""
        if self._ahead is not None and rows:
            self._ahead.rows(rows)
        return {
            row: record_id
            for some in _groups(rows)
            for row, record_id in self._all(
                f"SELECT row, id FROM records WHERE row IN ({_marks(some)})", some
            )
        }

    def id_ranks(self) -> npt.NDArray[np.uint32]:
        """For each row (n,) how many ids are less than its own. Read once, with all ids; then it is kept."""
        ranks = self._id_ranks
        if ranks is None:
            in_order = self._all("SELECT row FROM records ORDER BY id", ())
            rows = np.fromiter((row for (row,) in in_order), dtype=np.int64, count=len(in_order))
            ranks = np.empty(len(rows), dtype=np.uint32)
            ranks[rows] = np.arange(len(rows), dtype=np.uint32)
            self._id_ranks = ranks
        return ranks

    def all_rows(self) -> Iterator[StoredRecord]:
        """All records in row order, in blocks."""
        start = 0
        while block := self._all(
            "SELECT row, id, stamp, writer, metadata, patches FROM records WHERE row >= ? ORDER BY row LIMIT ?",
            (start, _INSERT_ROWS),
        ):
            yield from map(self._record, block)
            start = block[-1][0] + 1

    def without_metadata(self) -> Iterator[StoredRecord]:
        """As `everything`, but with None for all metadata: for whoever looks at versions only."""
        start = 0
        while block := self._all(
            "SELECT row, id, stamp, writer, NULL, patches FROM records WHERE row >= ? ORDER BY row LIMIT ?",
            (start, _INSERT_ROWS),
        ):
            yield from map(self._record, block)
            start = block[-1][0] + 1

    def all_tombstones(self) -> Iterator[StoredTombstone]:
        """All tombstones in id order, in blocks."""
        after = ""
        while block := self._all(
            "SELECT id, stamp, writer, patches FROM tombstones WHERE id > ? ORDER BY id LIMIT ?",
            (after, _INSERT_ROWS),
        ):
            for record_id, stamp, writer, patches in block:
                yield StoredTombstone(record_id, Version(stamp, self._writers[writer]), patches)
            after = block[-1][0]

    def _rows_of(self, ids: Sequence[str]) -> list[int]:
        """The rows of some ids, from their index alone."""
        return [row for (row,) in self._all(f"SELECT row FROM records WHERE id IN ({_marks(ids)})", ids)]

    def _all(self, statement: str, values: Sequence[Any]) -> list[Any]:
        with self._lock:
            found: list[Any] = self._connection.execute(statement, values).fetchall()
            return found

    def _record(self, values: Sequence[Any]) -> StoredRecord:
        row, record_id, stamp, writer, metadata, patches = values
        return StoredRecord(row, record_id, Version(stamp, self._writers[writer]), metadata, patches)


def tombstone_state(stored: StoredTombstone) -> RecordState:
    """What a tombstone says of its id."""
    return RecordState(stored.version, patches=decode_patches(stored.patches))


def _groups(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    if len(values) <= _LOOKUP_IDS:
        return (values,) if values else ()
    return (values[start : start + _LOOKUP_IDS] for start in range(0, len(values), _LOOKUP_IDS))


@lru_cache(maxsize=_LOOKUP_IDS)
def _at_rows(count: int) -> str:
    """The statement that a query runs, made once for each number of rows."""
    selected = "SELECT row, id, stamp, writer, metadata, patches FROM records WHERE row"
    if count <= _SELECTED_SINGLY_MAX:
        # SQLite sorts a list of rows in an index of its own before it looks one up: a fifth of the time for ten.
        return " UNION ALL ".join([f"{selected} = ?"] * count)
    return f"{selected} IN ({','.join('?' * count)})"


def _marks(values: Sequence[Any]) -> str:
    return ",".join("?" * len(values))
