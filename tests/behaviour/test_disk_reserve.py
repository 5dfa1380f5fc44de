"""The reserve on the disk: who may write while it is given up, and when it is taken back."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from quartzdb.adapters.embedded.disk_reserve import DiskReserve
from quartzdb.adapters.embedded.filesystem_blobs import FilesystemBlobs
from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.domain.errors import Corrupted, StorageFull
from quartzdb.domain.freeing import freeing, frees_space
from tests.contracts.adapters import in_threads
from tests.manual_clock import ManualClock

SIZE = 1024 * 1024


@pytest.fixture
def reserve(tmp_path: Path) -> DiskReserve:
    made = DiskReserve(tmp_path)
    assert made.keep(SIZE)
    return made


def taken(tmp_path: Path) -> int:
    """Bytes of the disk."""
    return (tmp_path / "reserve").stat().st_blocks * 512


def test_it_takes_space_from_the_disk_and_gives_it_back(reserve: DiskReserve, tmp_path: Path) -> None:
    """Really, not as a hole in a file; another size replaces it, and 0 is none."""
    assert taken(tmp_path) >= SIZE
    with reserve.released():
        assert taken(tmp_path) <= 4096
    assert reserve.given_up
    assert not reserve.short()
    assert taken(tmp_path) >= SIZE
    assert reserve.keep(2 * SIZE)
    assert taken(tmp_path) >= 2 * SIZE
    assert reserve.keep(0)
    assert list(tmp_path.iterdir()) == []


def test_while_it_is_given_up_only_what_frees_space_writes(reserve: DiskReserve, tmp_path: Path) -> None:
    """In SQLite's files and beside them, by this process and by others; afterwards everybody does."""
    other = DiskReserve(tmp_path)
    blobs = FilesystemBlobs(tmp_path / "segments", ManualClock(), reserve=other)
    with SqliteDatabase(tmp_path / "log.db", reserve=other) as database:

        def write() -> None:
            database.write(lambda connection: connection.execute("DELETE FROM leases").rowcount)

        with reserve.released():
            for refused in (write, lambda: blobs.put("a", b"1"), lambda: blobs.swap_pointer("p", b"1", None)):
                with pytest.raises(StorageFull, match="kept for deletions") as told:
                    refused()
                assert told.value.hint
            with freeing():
                write()
                blobs.put("a", b"2")
        write()
        blobs.put("a", b"3")
        assert blobs.get("a") == b"3"
    assert taken(tmp_path) >= SIZE


def test_what_was_given_up_meanwhile_is_not_taken_by_who_was_queued(
    reserve: DiskReserve, tmp_path: Path
) -> None:
    """One operation of a group that frees nothing is refused alone; the others are done."""
    outcomes: list[str] = []
    with SqliteDatabase(tmp_path / "log.db", reserve=DiskReserve(tmp_path)) as database, reserve.released():

        def write(number: int) -> None:
            try:
                with freeing(number % 2 == 0):
                    database.write(lambda connection: connection.execute("DELETE FROM leases").rowcount)
                outcomes.append("done")
            except StorageFull:
                outcomes.append("refused")

        in_threads(8, write)
    assert sorted(outcomes) == ["done"] * 4 + ["refused"] * 4


def test_a_full_disk_gives_the_reserve_to_what_frees_space(reserve: DiskReserve) -> None:
    """It is done again, once; what frees nothing fails at its first try and takes nothing."""
    tries: list[bool] = []

    def work() -> str:
        tries.append(reserve.given_up)
        if not reserve.given_up:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return "done"

    with pytest.raises(OSError, match="space"):
        reserve.writing(work)
    assert tries == [False]
    with freeing():
        assert reserve.writing(work) == "done"
    assert tries == [False, False, True]


def test_a_commit_on_a_full_disk(reserve: DiskReserve, tmp_path: Path) -> None:
    """SQLite's own error, here of a file that may not grow any further, does the same."""
    with SqliteDatabase(tmp_path / "log.db", reserve=reserve) as database:

        def fill(connection: sqlite3.Connection) -> int:
            # As large as it is now until the reserve is given up: SQLite says what a full disk makes it say.
            pages = 100_000 if reserve.given_up else connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")
            row = ("n", "h", b"x" * 100_000)
            return connection.execute(
                "INSERT INTO replication (kind, name, document) VALUES (?, ?, ?)", row
            ).rowcount

        with pytest.raises(StorageFull) as told:
            database.write(fill)
        assert told.value.hint
        assert not reserve.given_up
        with freeing():
            assert database.write(fill) == 1
        assert reserve.given_up


def test_a_reserve_that_is_not_ours_is_never_cut(reserve: DiskReserve, tmp_path: Path) -> None:
    """Whatever has its name; what to do is said."""
    (tmp_path / "reserve").write_bytes(b"somebody's file " * 100)
    with pytest.raises(Corrupted, match="reserve") as told, reserve.released():
        pass
    assert told.value.hint
    assert (tmp_path / "reserve").stat().st_size == 1_600


def test_freeing_is_a_matter_of_what_is_done_inside() -> None:
    """And of what is called from there, whatever that says itself."""
    assert not frees_space()
    with freeing():
        with freeing(False):
            assert frees_space()
        assert frees_space()
    assert not frees_space()
