"""Whether anything was committed, told from what SQLite has in memory."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.embedded.sqlite_log import SqliteChangeLog
from quartzdb.adapters.embedded.wal_index import wal_index_of
from quartzdb.domain.errors import Unavailable
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Partition
from quartzdb.storage.log.tail import LogTail

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="not told here: what is mapped (needs Linux's /proc)"
)
PARTITION = Partition("t", "n", "g")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    with SqliteDatabase(tmp_path / "quartz.db") as opened:
        yield opened


def known(database: SqliteDatabase) -> bytes | None:
    return [database.data_version() for _ in range(20)][-1]


def append(database: SqliteDatabase, stamp: int) -> None:
    SqliteChangeLog(database, behind_max=0).append(PARTITION, Version(stamp, "w"), b"body")


def test_a_quiet_log_is_not_read(database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as there is something, it is."""
    log = SqliteChangeLog(database, behind_max=0)
    tail = LogTail(log, PARTITION)
    append(database, 1)
    assert len(tail.poll()) == 1
    assert [list(tail.poll()) for _ in range(20)] == [[]] * 20
    with monkeypatch.context() as patched:
        patched.delattr(SqliteDatabase, "rows")
        assert tail.poll() == ()
    append(database, 2)
    assert [key.stamp for key, _ in tail.poll()] == [2]


def test_what_only_moves_pages_about_loses_nothing(database: SqliteDatabase) -> None:
    """A checkpoint empties the write-ahead log, and VACUUM writes the file anew: commits before and after count."""
    tail = LogTail(SqliteChangeLog(database, behind_max=0), PARTITION)
    seen = []
    for stamp in range(1, 60):
        append(database, stamp)
        seen += [key.stamp for key, _ in tail.poll()]
        assert tail.poll() == ()
        if stamp % 7 == 0:
            database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        if stamp % 11 == 0:
            database.rows("VACUUM")
    assert seen == list(range(1, 60))


def test_what_is_rolled_back_is_no_commit(database: SqliteDatabase) -> None:
    """Nor does a reader have to look again for it."""
    append(database, 1)
    before = known(database)

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE another (number INTEGER)")
        raise KeyError

    with pytest.raises(KeyError):
        database.write(fail)
    assert known(database) == before


def test_it_is_found_by_way_of_a_link(tmp_path: Path) -> None:
    """What is mapped has its real name."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with SqliteDatabase(tmp_path / "link" / "quartz.db") as database:
        append(database, 1)
        assert known(database) is not None


def test_where_nothing_is_mapped_nothing_is_told(tmp_path: Path) -> None:
    """A closed file, and one that is read as it is and cannot change."""
    path = tmp_path / "quartz.db"
    with SqliteDatabase(path) as database:
        append(database, 1)
        assert wal_index_of(path) is not None
    assert wal_index_of(path) is None
    assert database.data_version() is None
    with SqliteDatabase(path, read_only=True) as database:
        assert known(database) is None
        tail = LogTail(SqliteChangeLog(database, behind_max=0), PARTITION)
        assert len(tail.poll()) == 1
        assert [list(tail.poll()) for _ in range(20)] == [[]] * 20


def test_a_connection_that_was_closed_tells_nothing(database: SqliteDatabase) -> None:
    """Its memory is not looked into any more."""
    append(database, 1)
    assert known(database) is not None
    session = database._session()
    database.close()
    assert session.data_version(database.path) is None


def test_a_thread_that_cannot_open_the_file_is_told_why(tmp_path: Path) -> None:
    """Its first look opens its connection, which fails as any read does."""
    (tmp_path / "data").mkdir()
    with SqliteDatabase(tmp_path / "data" / "quartz.db") as database:
        append(database, 1)
        (tmp_path / "data").rename(tmp_path / "gone")
        with ThreadPoolExecutor(1) as thread:
            look = thread.submit(database.data_version)
            with pytest.raises(Unavailable, match=r"quartz\.db"):
                look.result()
