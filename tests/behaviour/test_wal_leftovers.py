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


def killed(source: Path, target: Path, suffixes: tuple[str, ...] = ("", "-wal")) -> Path:
    """The files as they are at this moment, of a process that did not close them."""
    for suffix in suffixes:
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
    """A flipped bit in any frame that a later transaction follows."""
    content = rewritten.with_name("third.db-wal").read_bytes()
    commits = commits_of(content)
    assert len(commits) >= 2
    for frame in range(commits[-2] + 1):
        damage(rewritten, content, frame)
        assert wal_problem(rewritten, index=False) is not None, frame


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A log of one large transaction after a small one, and copies of its index: from before the commit, and after."""
    source = tmp_path / "source.db"
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, value BLOB)")
        connection.execute("PRAGMA cache_size = 10")
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO t (value) VALUES (?)", [(bytes(3_000),)] * 100)
        killed(source, tmp_path / "before.db", ("-shm",))
        connection.execute("COMMIT")
        killed(source, tmp_path / "after.db", ("-shm",))
        return killed(source, tmp_path / "large.db")


def test_a_commit_that_was_broken_off_while_checksums_were_computed_again_is_no_damage(large: Path) -> None:
    """Some page was written over in place, and the commit appended; nobody was told yet that it is there."""
    content = large.with_name("large.db-wal").read_bytes()
    *_, before, last = commits_of(content)
    for frame in range(before + 1, last):
        damage(large, content, frame)
        for index in (False, True):
            shutil.copy(large.with_name("before.db-shm"), large.with_name("large.db-shm"))
            assert wal_problem(large, index=index) is None, frame
    with closing(sqlite3.connect(large)) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_damage_to_the_last_commit_is_told_by_the_index(large: Path) -> None:
    """What somebody may have been told was committed is in the index, whatever its frames look like."""
    content = large.with_name("large.db-wal").read_bytes()
    shutil.copy(large.with_name("after.db-shm"), large.with_name("large.db-shm"))
    assert wal_problem(large, index=True) is None
    for frame in range(len(content) // FRAME_BYTES):
        damage(large, content, frame)
        assert wal_problem(large, index=True) is not None, frame


def commits_of(content: bytes) -> list[int]:
    """The frames that end a transaction."""
    frames = (len(content) - 32) // FRAME_BYTES
    return [at for at in range(frames) if struct.unpack_from(">I", content, 32 + at * FRAME_BYTES + 4)[0]]


def damage(database: Path, content: bytes, frame: int) -> None:
    """Write the log again, with another byte in the page of a frame."""
    damaged = bytearray(content)
    damaged[32 + frame * FRAME_BYTES + 100] ^= 4
    database.with_name(f"{database.name}-wal").write_bytes(damaged)
