"""Many who open a SQLite file for the first time at the same moment."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from quartzdb.adapters.embedded.sqlite_connection import connect

OPENERS = 8
FILES = 40


def test_whoever_opens_a_new_file_beside_others_waits_for_them(tmp_path: Path) -> None:
    """The change to write-ahead mode is refused at once, without patience, while another makes it."""
    together = Barrier(OPENERS)

    def open_each(opener: int) -> list[str]:
        modes = []
        for number in range(FILES):
            together.wait()
            connection = connect(tmp_path / f"{number}.db", busy_seconds=10.0, synchronous="OFF")
            connection.execute("CREATE TABLE IF NOT EXISTS numbers (number INTEGER)")
            connection.execute("INSERT INTO numbers VALUES (?)", (opener,))
            modes.append(connection.execute("PRAGMA journal_mode").fetchone()[0])
            connection.close()
        return modes

    with ThreadPoolExecutor(OPENERS) as threads:
        for modes in threads.map(open_each, range(OPENERS)):
            assert modes == ["wal"] * FILES
    for number in range(FILES):
        connection = connect(tmp_path / f"{number}.db", busy_seconds=10.0, synchronous="OFF")
        assert connection.execute("SELECT count(*) FROM numbers").fetchone() == (OPENERS,)
        connection.close()


def test_what_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    """A directory that is not there, and a file that is no database."""
    with pytest.raises((sqlite3.Error, OSError)):
        connect(tmp_path / "none" / "here.db", busy_seconds=1.0, synchronous="OFF")
    (tmp_path / "text.db").write_text(
        "No database, but a text that is long enough to be taken for none. " * 20
    )
    with pytest.raises(sqlite3.DatabaseError):
        connect(tmp_path / "text.db", busy_seconds=1.0, synchronous="OFF")
