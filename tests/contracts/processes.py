"""What the child processes of test_processes do. Importable by name, as the spawn method needs it."""

from __future__ import annotations

from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

from quartzdb.adapters.embedded.filesystem_blobs import FilesystemBlobs
from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.embedded.sqlite_keyvalue import SqliteKeyValue
from quartzdb.adapters.embedded.sqlite_log import SqliteChangeLog
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Partition
from quartzdb.storage.ports import Expect, Item
from tests.contracts.adapters import in_threads

PARTITION = Partition("t", "n", "g")
ROUNDS = 25


def swap_pointers(directory: Path, start: Barrier, answers: Connection) -> None:
    """In each round, try to be the one that creates the pointer, then increment a common one; tell how often it won."""
    blobs = FilesystemBlobs(directory, SystemClock())
    start.wait()
    created = sum(blobs.swap_pointer(f"round/{number}", b"", None) for number in range(ROUNDS))
    incremented = 0
    for _ in range(ROUNDS):
        there = blobs.read_pointer("counter")
        content, tag = there or (b"0", None)
        incremented += blobs.swap_pointer("counter", b"%d" % (int(content) + 1), tag)
    answers.send((created, incremented))


def append_to_log(directory: Path, start: Barrier, answers: Connection, writer: str) -> None:
    """Open the database at the same moment as others and append from several threads; tell what was acknowledged."""
    start.wait()
    with SqliteDatabase(directory / "quartz.db") as database:
        log = SqliteChangeLog(database, behind_max=1_000)
        acknowledged: list[Version] = []

        def work(thread: int) -> None:
            for number in range(1, ROUNDS + 1):
                key = Version(number, f"{writer}.{thread}")
                log.append(PARTITION, key, str(key).encode())
                acknowledged.append(key)
                assert key in {entry for entry, _ in log.read(PARTITION, number - 1).entries}

        in_threads(4, work)
        answers.send(acknowledged)


def count_up(directory: Path, start: Barrier, answers: Connection) -> None:
    """Increment one key-value item by compare-and-set; tell how often that succeeded."""
    start.wait()
    with SqliteDatabase(directory / "quartz.db") as database:
        table = SqliteKeyValue(database)
        succeeded = 0
        for _ in range(ROUNDS):
            there = table.get(PARTITION, ["counter"]).get("counter")
            count = int(there.value or b"0") if there else 0
            stamp = there.version.stamp + 1 if there else 1
            item = Item("counter", Version(stamp, "w"), stamp, b"%d" % (count + 1))
            succeeded += table.put(PARTITION, item, Expect(there.version if there else None, 0)).stored
        answers.send(succeeded)


def append_until_killed(directory: Path, answers: Connection) -> None:
    """Append entries and put items for ever, telling of each as soon as it is acknowledged."""
    database = SqliteDatabase(directory / "quartz.db")
    log, table = SqliteChangeLog(database, behind_max=1_000), SqliteKeyValue(database)
    blobs = FilesystemBlobs(directory / "blobs", SystemClock())
    stamp = 0
    while True:
        stamp += 1
        log.append(PARTITION, Version(stamp, "w"), b"%d" % stamp * 1_000)
        table.put(PARTITION, Item(f"k{stamp}", Version(stamp, "w"), stamp, b"%d" % stamp))
        blobs.put(f"blob/{stamp}", b"%d" % stamp)
        there = blobs.read_pointer("CURRENT")
        blobs.swap_pointer("CURRENT", b"%d" % stamp, there[1] if there else None)
        answers.send(stamp)
