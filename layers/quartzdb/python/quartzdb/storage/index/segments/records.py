"""A segment's records but for their vectors: `rows` has each by its row, records.sqlite each id's row, tombstones, and
the index of every metadata field.

Row numbers are the vectors' row numbers. `metadata` is what a reader sees; `patches` keeps the versions of patched
fields, because those still take part in merging. Tombstones, and patches of ids never written, have no row.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from quartzdb.storage.index.segments.row_file import RowFile, RowFileWriter
from quartzdb.storage.index.segments.sqlite_rows import SqliteRows, grouped, marks
from quartzdb.storage.index.segments.stored_record import PackedRecord, StoredRecord

_SCHEMA = """
CREATE TABLE writers (writer INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE ids (id TEXT PRIMARY KEY, row INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE tombstones (
    id TEXT PRIMARY KEY, stamp INTEGER NOT NULL, writer INTEGER NOT NULL, patches BLOB
) WITHOUT ROWID;
"""
_INSERT_ROWS = 2_000
_UNSORTED = ".unsorted"
"""Ids of a file under construction, until they can be written in their order."""


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
    """Writes both files; rows in order, from 0."""

    def __init__(self, path: Path, rows_path: Path) -> None:
        self._rows_path = rows_path
        self._row_file = RowFileWriter(rows_path)
        self._unsorted = path.with_name(path.name + _UNSORTED)
        self._connection = sqlite3.connect(path, isolation_level=None)
        # The file is checksummed and published only when it is whole, so a crash while it is written costs nothing.
        self._connection.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA page_size=8192;"
        )
        self._connection.executescript(_SCHEMA)
        self._connection.execute("ATTACH ? AS unsorted", (str(self._unsorted),))
        self._connection.executescript(
            "PRAGMA unsorted.journal_mode=OFF; PRAGMA unsorted.synchronous=OFF; "
            "CREATE TABLE unsorted.added (row INTEGER PRIMARY KEY, id TEXT NOT NULL);"
        )
        self._connection.execute("BEGIN")
        self._writers: dict[str, int] = {}
        self._tombstones: list[tuple[Any, ...]] = []
        self.tombstones = 0

    @property
    def rows(self) -> int:
        """Records so far."""
        return self._row_file.rows

    def add(self, records: Iterable[PackedRecord]) -> None:
        """Append the next rows."""
        self._connection.executemany("INSERT INTO unsorted.added VALUES (?,?)", self._added(records))

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

    def end_rows(self) -> None:
        """There are no further ones: their file is whole from now on."""
        self._row_file.finish()

    def metadata(self) -> Iterator[dict[str, Any]]:
        """What readers see of all rows, in their order, once there are no further ones."""
        names = {number: name for name, number in self._writers.items()}
        return (decode_metadata(record.metadata) for record in RowFile.of_file(self._rows_path, names).all())

    def finish(self) -> None:
        """Write the indexes and close the file, after `end_rows`."""
        self._flush()
        self._connection.execute("INSERT INTO ids SELECT id, row FROM unsorted.added ORDER BY id")
        write_fields(self._connection, self.metadata())
        self._connection.execute("COMMIT")
        self._connection.execute("DETACH unsorted")
        self._unsorted.unlink()
        if self.rows + self.tombstones <= _SMALL_ROWS:
            # Each of a dozen tables and indexes has a page of its own at least, most of it empty.
            self._connection.execute(f"PRAGMA page_size={_SMALL_PAGE_BYTES}")
            self._connection.execute("VACUUM")
        self._connection.close()

    def close(self) -> None:
        """Let go of the files; finished or not."""
        try:
            self._row_file.close()
        finally:
            self._connection.close()

    def _added(self, records: Iterable[PackedRecord]) -> Iterator[tuple[int, str]]:
        for row, record in enumerate(records, self.rows):
            self._row_file.add(record)
            yield row, record[0]

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
    """Reads both files. Thread-safe; they are closed when nobody holds the object any more.

    `connection` is one of sqlite3, or one of apsw, which answers alike. `row_file` opens `rows`, given the writers by
    their numbers; None for a segment of before, which has all of its records in records.sqlite.
    """

    def __init__(
        self,
        connection: Any,
        rows: int,
        row_file: Callable[[Mapping[int, str]], RowFile] | None,
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
        self._rows = SqliteRows(self._all, self._writers) if row_file is None else row_file(self._writers)
        self._ids = "records" if row_file is None else "ids"
        self.fields = SqliteFields(self._connection, rows, lock=self._lock)
        self.selections = Selections(self.fields)

    @classmethod
    def of_file(
        cls,
        path: Path,
        rows: int,
        row_file: Callable[[Mapping[int, str]], RowFile] | None,
        *,
        held: bool,
    ) -> Self:
        """Over a file of this machine, which stays open; `held`: over a copy of it in memory, and it does not."""
        if held:
            connection = sqlite3.connect(":memory:", check_same_thread=False)
            connection.deserialize(path.read_bytes())
        else:
            connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?immutable=1&mode=ro", uri=True, check_same_thread=False
            )
        connection.execute("PRAGMA mmap_size=1073741824")
        return cls(connection, rows, row_file)

    def at_rows(self, rows: Sequence[int]) -> dict[int, StoredRecord]:
        """The records of those rows."""
        return {record.row: record for record in self.each_at(rows)}

    def each_at(self, rows: Sequence[int]) -> list[StoredRecord]:
        """The records of those rows, in their order."""
        if not rows:
            return []
        if self._ahead is not None:
            self._ahead.rows(rows)
        return self._rows.at(rows)

    def with_ids(self, ids: Iterable[str]) -> dict[str, StoredRecord]:
        """The records of those ids that have a row here."""
        wanted: Sequence[str] = list(ids)
        if self._ahead is not None:
            wanted = self._ahead.ids(wanted)
        rows = [
            row
            for some in grouped(wanted)
            for (row,) in self._all(f"SELECT row FROM {self._ids} WHERE id IN ({marks(some)})", some)
        ]
        if not rows:
            return {}
        if self._ahead is not None:
            self._ahead.found(rows)
        return {record.id: record for record in self._rows.at(rows)}

    def tombstones_with_ids(self, ids: Iterable[str]) -> dict[str, StoredTombstone]:
        """The tombstones of those ids that have one here."""
        found: dict[str, StoredTombstone] = {}
        if not self._has_tombstones:
            return found
        wanted = list(ids)
        for some in grouped(wanted if self._ahead is None else self._ahead.ids(wanted)):
            for record_id, stamp, writer, patches in self._all(
                f"SELECT id, stamp, writer, patches FROM tombstones WHERE id IN ({marks(some)})", some
            ):
                found[record_id] = StoredTombstone(record_id, Version(stamp, self._writers[writer]), patches)
        return found

    def ids_from(self, prefix: str, after: str | None, limit: int) -> list[tuple[str, int]]:
        """(id, row) in id order: with the prefix, after an id, at most `limit`."""
        low = prefix if after is None or after < prefix else after
        operator = ">=" if low is prefix and after != prefix else ">"
        # SQLite orders UTF-8 as Python orders code points.
        return self._all(
            f"SELECT id, row FROM {self._ids} WHERE id {operator} ? AND id < ? ORDER BY id LIMIT ?",
            (low, prefix + ID_END, limit),
        )

    def ids_beyond(self, after: str | None, limit: int, *, descending: bool) -> list[tuple[str, int]]:
        """(id, row) in id order, or against it: those that come after an id, at most `limit`."""
        order = "DESC" if descending else "ASC"
        if after is None:
            return self._all(f"SELECT id, row FROM {self._ids} ORDER BY id {order} LIMIT ?", (limit,))
        operator = "<" if descending else ">"
        return self._all(
            f"SELECT id, row FROM {self._ids} WHERE id {operator} ? ORDER BY id {order} LIMIT ?",
            (after, limit),
        )

    def ids_at(self, rows: Sequence[int]) -> dict[int, str]:
        """The ids of those rows."""
        if self._ahead is not None and rows:
            self._ahead.rows(rows)
        return self._rows.ids_at(rows)

    def id_ranks(self) -> npt.NDArray[np.uint32]:
        """For each row (n,) how many ids are less than its own. Read once, with all ids; then it is kept."""
        ranks = self._id_ranks
        if ranks is None:
            in_order = self._all(f"SELECT row FROM {self._ids} ORDER BY id", ())
            rows = np.fromiter((row for (row,) in in_order), dtype=np.int64, count=len(in_order))
            ranks = np.empty(len(rows), dtype=np.uint32)
            ranks[rows] = np.arange(len(rows), dtype=np.uint32)
            self._id_ranks = ranks
        return ranks

    def all_rows(self) -> Iterator[StoredRecord]:
        """All records in row order."""
        return self._rows.all(metadata=True)

    def without_metadata(self) -> Iterator[StoredRecord]:
        """The same, perhaps with None for all metadata: for whoever looks at versions only."""
        return self._rows.all(metadata=False)

    def strays(self) -> Iterator[str]:
        """Ids whose rows have other ids, or none: of a whole segment there is no such id."""
        block = self.ids_beyond(None, _INSERT_ROWS, descending=False)
        while block:
            known = self.ids_at([row for _, row in block])
            yield from (record_id for record_id, row in block if known.get(row) != record_id)
            block = self.ids_beyond(block[-1][0], _INSERT_ROWS, descending=False)

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

    def _all(self, statement: str, values: Sequence[Any]) -> list[Any]:
        with self._lock:
            found: list[Any] = self._connection.execute(statement, values).fetchall()
            return found


def tombstone_state(stored: StoredTombstone) -> RecordState:
    """What a tombstone says of its id."""
    return RecordState(stored.version, patches=decode_patches(stored.patches))
