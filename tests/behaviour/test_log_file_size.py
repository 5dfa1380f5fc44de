"""How large the log's file is: as large as a burst made it while that goes on, and small when it is over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.embedded.sqlite_log import SqliteChangeLog
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Partition

PARTITION = Partition("t", "n", "g")
ENTRY_BYTES = 100_000
ENTRIES = 60


def size_of(database: SqliteDatabase) -> int:
    """Bytes of the file with everything committed in it."""
    database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    return database.path.stat().st_size


def test_a_trim_moves_nothing_that_the_next_one_deletes(tmp_path: Path) -> None:
    """Free pages stay for the next writes while more than half of the file is in use, and go when it is not."""
    with SqliteDatabase(tmp_path / "log.db") as database:
        log = SqliteChangeLog(database, behind_max=-1)
        for number in range(1, ENTRIES + 1):
            log.append(PARTITION, Version(number, "w"), bytes([number]) * ENTRY_BYTES)
        full = size_of(database)
        assert full > ENTRIES * ENTRY_BYTES
        log.trim(PARTITION, ENTRIES // 3)
        assert size_of(database) == full
        for number in range(ENTRIES + 1, ENTRIES + 1 + ENTRIES // 4):
            log.append(PARTITION, Version(number, "w"), bytes([number]) * ENTRY_BYTES)
        assert size_of(database) == full, "what was free is used again"
        log.trim(PARTITION, ENTRIES)
        assert size_of(database) < full / 2
        entries = log.read(PARTITION, 0).entries
        assert [body[0] for _, body in entries] == list(range(ENTRIES + 1, ENTRIES + 1 + ENTRIES // 4))


def test_the_file_shrinks_beside_writers_who_lose_nothing(tmp_path: Path) -> None:
    """It is rewritten between two of their transactions."""
    with SqliteDatabase(tmp_path / "log.db") as database:
        log = SqliteChangeLog(database, behind_max=-1)
        other = Partition("t", "other", "g")
        for number in range(1, ENTRIES + 1):
            log.append(PARTITION, Version(number, "w"), bytes(ENTRY_BYTES))
        with ThreadPoolExecutor(1) as pool:

            def write() -> None:
                for number in range(1, 200):
                    log.append(other, Version(number, "v"), b"small")

            writing = pool.submit(write)
            log.trim(PARTITION, ENTRIES)
            writing.result()
        assert len(log.read(other, 0).entries) == 199
        assert log.read(PARTITION, 0).entries == ()
        assert size_of(database) < ENTRIES * ENTRY_BYTES / 4
