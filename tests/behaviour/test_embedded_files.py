"""What the embedded adapters do when files are foreign, newer, damaged, locked, full or left behind by a crash."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quartzdb.adapters.embedded import sqlite_keyvalue, sqlite_log
from quartzdb.adapters.embedded.filesystem_blobs import FilesystemBlobs
from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.embedded.sqlite_keyvalue import SqliteKeyValue
from quartzdb.adapters.embedded.sqlite_log import SqliteChangeLog
from quartzdb.adapters.embedded.sqlite_schema import SCHEMA_VERSION
from quartzdb.domain.errors import Corrupted, Unavailable
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Partition
from quartzdb.storage.ports import BlobMissing, Item
from tests.manual_clock import ManualClock

PARTITION = Partition("t", "n", "g")
HOUR_MS = 3_600_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "quartz.db"


@pytest.fixture
def database(path: Path) -> Iterator[SqliteDatabase]:
    with SqliteDatabase(path, busy_timeout_ms=1) as database:
        yield database


def append(database: SqliteDatabase, stamp: int, body: bytes = b"body") -> None:
    SqliteChangeLog(database, behind_max=0).append(PARTITION, Version(stamp, "w"), body)


def stamps(database: SqliteDatabase) -> list[int]:
    return [key.stamp for key, _ in SqliteChangeLog(database, behind_max=0).read(PARTITION, 0).entries]


def by_hand(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def test_an_acknowledged_write_is_on_the_disk(database: SqliteDatabase) -> None:
    """Every commit waits for its fsync."""
    assert database.rows("PRAGMA synchronous") == [(2,)]
    assert database.rows("PRAGMA journal_mode") == [("wal",)]
    assert database.rows("PRAGMA user_version") == [(SCHEMA_VERSION,)]


@pytest.mark.parametrize("version", [SCHEMA_VERSION - 1, SCHEMA_VERSION + 1])
def test_another_schema_is_refused(path: Path, version: int) -> None:
    """And the file is not touched."""
    SqliteDatabase(path).close()
    by_hand(path, f"PRAGMA user_version = {version}")
    for _ in range(2):
        with pytest.raises(Unavailable, match="schema version") as refused:
            SqliteDatabase(path)
        assert "that wrote it" in (refused.value.hint or "")


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE theirs (a)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"]
)
def test_another_programs_database_is_refused(path: Path, statement: str) -> None:
    """Nothing is created in it."""
    path.parent.mkdir()
    by_hand(path, statement)
    with pytest.raises(Corrupted, match="another program"):
        SqliteDatabase(path)
    connection = sqlite3.connect(path)
    assert "log" not in {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """As damaged, and it is left as it is."""
    path.parent.mkdir()
    path.write_bytes(b"not a database " * 1_000)
    with pytest.raises(Corrupted, match="not a SQLite database"):
        SqliteDatabase(path)
    assert path.read_bytes() == b"not a database " * 1_000


def test_a_place_where_no_file_can_be(tmp_path: Path) -> None:
    """The error names the path."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "quartz.db", tmp_path):
        with pytest.raises(Unavailable, match=str(tmp_path)):
            SqliteDatabase(path)
    with pytest.raises(Unavailable, match=str(tmp_path)):
        FilesystemBlobs(tmp_path / "file", ManualClock())


def test_damage_is_noticed(path: Path) -> None:
    """A page of garbage is an error, never an answer."""
    with SqliteDatabase(path) as database:
        for stamp in range(1, 200):
            append(database, stamp, b"x" * 500)
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        for page in range(2, size // 4096):
            file.seek(page * 4096)
            file.write(b"\xa5" * 4096)
    with pytest.raises(Corrupted, match="damaged"), SqliteDatabase(path) as database:
        stamps(database)


def test_a_lock_that_is_held_too_long(path: Path, database: SqliteDatabase) -> None:
    """Reads go on, writes say that they may be tried again, and then succeed."""
    append(database, 1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        append(database, 2)
    assert stamps(database) == [1]
    other.execute("ROLLBACK")
    other.close()
    append(database, 2)
    assert stamps(database) == [1, 2]


def test_a_full_disk_fails_the_write_and_nothing_else(database: SqliteDatabase) -> None:
    """What was there stays readable, and there is no half-written entry."""
    append(database, 1)
    (pages,) = database.rows("PRAGMA page_count")[0]
    database.rows(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(Unavailable, match="full"):
        append(database, 2, b"x" * 1_000_000)
    assert stamps(database) == [1]
    append(database, 3)
    database.rows("PRAGMA max_page_count = 1000000")
    append(database, 4, b"x" * 1_000_000)
    assert stamps(database) == [1, 3, 4]


def test_a_closed_database(database: SqliteDatabase) -> None:
    """Says so, on the threads that used it and on new ones."""
    append(database, 1)
    database.close()
    database.close()
    told: list[Unavailable] = []

    def use() -> None:
        for call in (lambda: stamps(database), lambda: append(database, 2)):
            with pytest.raises(Unavailable, match="closed") as closed:
                call()
            told.append(closed.value)

    use()
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert len(told) == 4


@pytest.mark.parametrize("attempt", range(5))
def test_closing_while_others_are_at_work(path: Path, attempt: int) -> None:
    """Each call of theirs is done whole or raises Unavailable; what was acknowledged is there."""
    database = SqliteDatabase(path)
    table = SqliteKeyValue(database)
    puts = threading.Semaphore(0)
    acknowledged: list[str] = []

    def work(number: int) -> None:
        for turn in range(1, 1_000_000):
            item = Item(f"{number}/{turn}", Version(turn, f"w.{number}"), turn, b"")
            try:
                table.put(PARTITION, item)
                acknowledged.append(item.key)
                table.get(PARTITION, [item.key])
            except Unavailable:
                return
            finally:
                puts.release()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        puts.acquire()
    database.close()
    for thread in threads:
        thread.join()
    with SqliteDatabase(path) as reopened:
        assert len(acknowledged) > 10
        assert set(acknowledged) == set(SqliteKeyValue(reopened).get(PARTITION, acknowledged))


def test_a_threads_connection_ends_with_it(path: Path, database: SqliteDatabase) -> None:
    """Or a server that starts many threads would run out of file descriptors."""
    append(database, 1)

    def open_files() -> int:
        return sum(os.path.realpath(f"/proc/self/fd/{fd}") == str(path) for fd in os.listdir("/proc/self/fd"))

    before = open_files()
    for _ in range(10):
        thread = threading.Thread(target=stamps, args=(database,))
        thread.start()
        thread.join()
    # SQLite closes a descriptor late where closing it would drop another connection's lock, but never keeps them all.
    assert open_files() <= before + 1


@pytest.mark.parametrize(
    ("statement", "parameters", "index"),
    [
        (sqlite_log._KEYS, 3, "COVERING INDEX sqlite_autoindex_log_1"),
        (sqlite_keyvalue._COUNT, 2, "COVERING INDEX items_by_appended"),
        (sqlite_keyvalue._DELETED, 3, "INDEX items_deleted"),
        (sqlite_keyvalue._EXPIRED, 3, "INDEX items_by_expiry"),
        (sqlite_keyvalue._CHANGES, 7, "INDEX items_by_appended"),
        (sqlite_keyvalue._WITHOUT_VALUE + sqlite_keyvalue._PAGE, 6, "INDEX sqlite_autoindex_items_1"),
    ],
)
def test_hot_statements_use_their_index(
    database: SqliteDatabase, statement: str, parameters: int, index: str
) -> None:
    """Covering where bodies and values must not be read; and nothing is scanned whole."""
    plan = [row[3] for row in database.rows(f"EXPLAIN QUERY PLAN {statement}", [1] * parameters)]
    assert any(index in step for step in plan), plan
    assert not any(step.startswith("SCAN") for step in plan), plan


def test_dropping_and_trimming_leave_room_for_what_comes(database: SqliteDatabase) -> None:
    """Freed pages are used again: the file of a busy log does not grow for ever."""
    log, table = SqliteChangeLog(database, behind_max=0), SqliteKeyValue(database)
    sizes = []
    for turn in range(5):
        for number in range(30):
            append(database, turn * 100 + number + 1, b"x" * 20_000)
        log.trim(PARTITION, turn * 100 + 99)
        table.drop(PARTITION)
        sizes.append(database.rows("PRAGMA page_count")[0][0])
    assert sizes[-1] <= sizes[1]


def test_files_of_crashed_writers_are_cleared_when_they_are_old(tmp_path: Path) -> None:
    """A young one may belong to a writer that is still at work; neither is ever seen as a blob."""
    clock = ManualClock()
    FilesystemBlobs(tmp_path, clock).put("a/b", b"whole")
    torn = [tmp_path / "temporary" / name for name in ("old", "young")]
    for file, age_ms in zip(torn, (HOUR_MS + 1, HOUR_MS - 1), strict=True):
        file.write_bytes(b"half of a bl")
        os.utime(file, ns=((clock.unix_ms() - age_ms) * 1_000_000,) * 2)
    blobs = FilesystemBlobs(tmp_path, clock)
    assert [file.exists() for file in torn] == [False, True]
    assert [key for key, _, _ in blobs.list("")] == ["a/b"]


def test_a_put_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Neither a blob nor a temporary file."""
    blobs = FilesystemBlobs(tmp_path, ManualClock())
    blobs.put("a/file", b"")
    for key, source in (("a/b", tmp_path / "no such file"), ("a/file/below", b"")):
        with pytest.raises(Unavailable):
            blobs.put(key, source)
        with pytest.raises(BlobMissing):
            blobs.get(key)
    assert os.listdir(tmp_path / "temporary") == []


def test_a_blob_is_synced_before_it_has_its_name_and_its_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut leaves the whole blob or none, and none is lost that was acknowledged."""
    blobs = FilesystemBlobs(tmp_path, ManualClock())
    steps: list[str] = []

    def recorded(name: str, call: Callable[..., None]) -> Callable[..., None]:
        def record(*arguments: object) -> None:
            target = arguments[0]
            shown = os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else str(target)
            steps.append(f"{name} {Path(shown).relative_to(tmp_path).parts[0]}/…/{Path(shown).name}")
            call(*arguments)

        return record

    monkeypatch.setattr("quartzdb.adapters.embedded.durable_file.os.fsync", recorded("fsync", os.fsync))
    monkeypatch.setattr("quartzdb.adapters.embedded.durable_file.os.replace", recorded("rename", os.replace))
    blobs.put("t/n/blob", b"content")
    temporary = steps[0].split()[1]
    assert steps == [
        f"fsync {temporary}",
        f"rename {temporary}",
        "fsync blobs/…/n",
        "fsync blobs/…/t",
        "fsync blobs/…/blobs",
    ]
    assert temporary.startswith("temporary/")


def test_a_damaged_pointer_is_not_followed(tmp_path: Path) -> None:
    """Neither read nor replaced."""
    blobs = FilesystemBlobs(tmp_path, ManualClock())
    blobs.swap_pointer("p/CURRENT", b"content", None)
    file = tmp_path / "pointers" / "p" / "CURRENT"
    for damaged in (file.read_bytes()[:-1], file.read_bytes().replace(b"content", b"cantent"), b""):
        file.write_bytes(damaged)
        with pytest.raises(Corrupted):
            blobs.read_pointer("p/CURRENT")
        with pytest.raises(Corrupted):
            blobs.swap_pointer("p/CURRENT", b"new", None)


def test_a_trimmed_burst_gives_its_room_back(database: SqliteDatabase) -> None:
    """The file shrinks to what is left and a little for what comes; nothing that is left is harmed."""
    log = SqliteChangeLog(database, behind_max=0)
    for number in range(1, 61):
        append(database, number, b"x" * 200_000)
    log.trim(PARTITION, 59)
    assert database.rows("PRAGMA page_count")[0][0] * 4096 < 5_000_000
    (entry,) = log.read(PARTITION, 59).entries
    assert entry[1] == b"x" * 200_000
    assert database.rows("PRAGMA integrity_check") == [("ok",)]
