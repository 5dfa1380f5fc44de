"""What a client is told of a failure of the disk: which file, and nothing of the machine's directories."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from quartzdb.adapters.embedded.filesystem_blobs import FilesystemBlobs
from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.domain.errors import QuartzError
from tests.manual_clock import ManualClock


def _damaged_database(place: Path) -> None:
    with SqliteDatabase(place / "log.db") as database:
        for at in range(200):
            row = (at, b"x" * 500)
            database.write(
                lambda c, row=row: c.execute("INSERT INTO log VALUES (1, ?, 'w', ?)", row).rowcount  # type: ignore[misc]  # a default binds the row
            )
        database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        with (place / "log.db").open("r+b") as file:
            file.seek(100_000)  # behind the declarations of the tables
            file.write(b"\xff" * 65_536)
    with SqliteDatabase(place / "log.db") as database:
        database.rows("SELECT * FROM log")


def _closed_database(place: Path) -> None:
    database = SqliteDatabase(place / "log.db")
    database.close()
    database.rows("SELECT 1")


def _locked_database(place: Path) -> None:
    with SqliteDatabase(place / "log.db", busy_timeout_ms=1) as database:
        other = sqlite3.connect(place / "log.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            database.write(lambda connection: connection.execute("DELETE FROM log").rowcount)
        finally:
            other.close()


def _blob_in_the_way(place: Path) -> None:
    blobs = FilesystemBlobs(place / "segments", ManualClock())
    (place / "segments" / "blobs" / "t").write_bytes(b"a file where a directory belongs")
    blobs.put("t/n/blob", b"content")


def _no_room_for_temporary_files(place: Path) -> None:
    blobs = FilesystemBlobs(place / "segments", ManualClock())
    (place / "segments" / "temporary").rmdir()
    blobs.put("t/n/blob", b"content")


def _damaged_pointer(place: Path) -> None:
    blobs = FilesystemBlobs(place / "segments", ManualClock())
    blobs.swap_pointer("t/n/CURRENT", b"content", None)
    (place / "segments" / "pointers" / "t" / "n" / "CURRENT").write_bytes(b"1-0\nother")
    blobs.read_pointer("t/n/CURRENT")


@pytest.mark.parametrize(
    "fail",
    [
        _damaged_database,
        _closed_database,
        _locked_database,
        _blob_in_the_way,
        _no_room_for_temporary_files,
        _damaged_pointer,
    ],
)
def test_no_directory_is_named(tmp_path: Path, fail: Callable[[Path], None]) -> None:
    """The message is what the API answers as `detail`; the hint goes with it."""
    with pytest.raises(QuartzError) as raised:
        fail(tmp_path)
    said = f"{raised.value.message} {raised.value.hint}"
    assert str(tmp_path) not in said
    assert "Errno" not in said
