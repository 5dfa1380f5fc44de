"""Segments as they were written before there was a file of rows: all of their records in a table of records.sqlite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

from quartzdb.storage.index.segments import id_leaves
from quartzdb.storage.index.segments.id_leaves import IdLeaves
from quartzdb.storage.index.segments.partial_file import BLOCK_BYTES, sums_of_file
from quartzdb.storage.index.segments.records_map import RecordsMap
from quartzdb.storage.index.segments.row_file import RowFile
from quartzdb.storage.index.segments.segment_files import HEADER_FILE, RECORDS_FILE, ROWS_FILE
from quartzdb.storage.index.segments.segment_header import SegmentHeader
from quartzdb.storage.index.segments.segment_writer import SegmentWriter, WrittenSegment


def as_before(directory: Path, written: WrittenSegment) -> WrittenSegment:
    """Rewrite a finished segment's files in the layout of before."""
    with closing(sqlite3.connect(directory / RECORDS_FILE, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("BEGIN")
        writers = dict(connection.execute("SELECT writer, name FROM writers"))
        numbers = {name: number for number, name in writers.items()}
        connection.execute(
            "CREATE TABLE records (row INTEGER PRIMARY KEY, id TEXT NOT NULL, stamp INTEGER NOT NULL, "
            "writer INTEGER NOT NULL, metadata BLOB, patches BLOB)"
        )
        connection.executemany(
            "INSERT INTO records VALUES (?,?,?,?,?,?)",
            [
                (one.row, one.id, one.version.stamp, numbers[one.version.writer], one.metadata, one.patches)
                for one in RowFile.of_file(directory / ROWS_FILE, writers).all()
            ],
        )
        connection.execute("DROP TABLE ids")
        connection.execute("CREATE UNIQUE INDEX records_id ON records (id)")
        connection.execute("COMMIT")
        connection.execute("VACUUM")
    (directory / ROWS_FILE).unlink()
    if HEADER_FILE in written.files:
        header = SegmentHeader.decode((directory / HEADER_FILE).read_bytes())
        (directory / HEADER_FILE).write_bytes(_header_of_before(directory, header).encode())
    return replace(written, files=[name for name in written.files if name != ROWS_FILE])


@contextmanager
def written_as_before() -> Iterator[None]:
    """While this lasts, segments are written in the layout of before."""
    finish = SegmentWriter.finish

    def finish_as_before(writer: SegmentWriter, *arguments: Any, **options: Any) -> WrittenSegment:
        return as_before(writer._directory, finish(writer, *arguments, **options))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SegmentWriter, "finish", finish_as_before)
        yield


def _header_of_before(directory: Path, header: SegmentHeader) -> SegmentHeader:
    path = directory / RECORDS_FILE
    of_file = RecordsMap.of(path)
    with closing(
        apsw.Connection(f"{path.as_uri()}?immutable=1", apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    ) as c:
        leaves: list[Any] = c.execute(
            "SELECT pageno, ncell FROM dbstat WHERE name = 'records' AND pagetype = 'leaf' ORDER BY path"
        ).fetchall()
        ids = [one for (one,) in c.execute("SELECT id FROM records ORDER BY id")]
    cells = np.cumsum([0, *(count for _, count in leaves)])[:-1] if leaves else np.empty(0)
    places = replace(
        of_file,
        leaf_rows=cells.astype(np.uint32),
        leaf_pages=np.array([number - 1 for number, _ in leaves], dtype=np.uint32),
    )
    content = path.read_bytes()
    blocks = np.unique(places.first.astype(np.int64) * places.page_bytes // BLOCK_BYTES).tolist()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(id_leaves, "_INDEX", "records_id")
        by_id = IdLeaves.of(path, ids)
    return replace(
        header,
        places=places,
        leaves=by_id,
        sums={name: sums for name, sums in header.sums.items() if name != ROWS_FILE}
        | {RECORDS_FILE: sums_of_file(path)},
        first_blocks=b"".join(content[one * BLOCK_BYTES : (one + 1) * BLOCK_BYTES] for one in blocks),
        packed={name: packed for name, packed in header.packed.items() if name != ROWS_FILE},
        end_of_rows=None,
    )
