"""What a killed transaction leaves in a write-ahead log is no damage, however much of it the next one writes over."""

from __future__ import annotations

import shutil
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from quartzdb.adapters.embedded.sqlite_wal import wal_problem

FRAME_BYTES = 24 + 4_096


def killed(source: Path, target: Path) -> Path:
    """The files as they are at this moment, of a process that did not close them."""
    for suffix in ("", "-wal"):
        shutil.copy(f"{source}{suffix}", f"{target}{suffix}")
    return target


@pytest.fixture
def rewritten(tmp_path: Path) -> Path:
    """A log whose end is of a killed transaction, over the beginning of which another process wrote a small one."""
    first = tmp_path / "first.db"
    with closing(sqlite3.connect(first, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, value BLOB)")
        connection.execute("PRAGMA cache_size = 10")  # so that much is in the log before it commits
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO t (value) VALUES (?)", [(bytes(3_000),)] * 100)
        second = killed(first, tmp_path / "second.db")
        connection.execute("ROLLBACK")
    assert wal_problem(second, index=False) is None
    with closing(sqlite3.connect(second, isolation_level=None)) as connection:
        connection.execute("INSERT INTO t (value) VALUES ('small')")
        return killed(second, tmp_path / "third.db")


def test_it_is_no_damage(rewritten: Path) -> None:
    """What was committed is all there, and says so."""
    size = rewritten.with_name("third.db-wal").stat().st_size
    assert size > 50 * FRAME_BYTES, "most of the log is of the killed one"
    assert wal_problem(rewritten, index=False) is None
    with closing(sqlite3.connect(rewritten)) as connection:
        assert connection.execute("SELECT value FROM t").fetchall() == [("small",)]


def test_damage_before_it_is_told(rewritten: Path) -> None:
    """A flipped bit in any frame that is followed by a commit."""
    wal = rewritten.with_name("third.db-wal")
    content = wal.read_bytes()
    frames = (len(content) - 32) // FRAME_BYTES
    commits = [at for at in range(frames) if struct.unpack_from(">I", content, 32 + at * FRAME_BYTES + 4)[0]]
    assert len(commits) >= 2
    for frame in range(commits[-1]):
        damaged = bytearray(content)
        damaged[32 + frame * FRAME_BYTES + 100] ^= 4
        wal.write_bytes(damaged)
        assert wal_problem(rewritten, index=False) is not None, frame
