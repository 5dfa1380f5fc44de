"""What several processes on one machine may expect of the embedded adapters, and what is left when one is killed."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from quartzdb.adapters.embedded.filesystem_blobs import FilesystemBlobs
from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.embedded.sqlite_keyvalue import SqliteKeyValue
from quartzdb.adapters.embedded.sqlite_log import SqliteChangeLog
from quartzdb.storage.log.tail import LogTail
from tests.contracts import processes
from tests.contracts.processes import PARTITION, ROUNDS
from tests.manual_clock import ManualClock

SPAWN = multiprocessing.get_context("spawn")


def side_by_side(work: Callable[..., None], directory: Path, extra: list[tuple[str, ...]]) -> list[Any]:
    """Run `work` in a process for each of `extra`, starting together; what each of them answered."""
    start = SPAWN.Barrier(len(extra))
    running = []
    for arguments in extra:
        ours, theirs = SPAWN.Pipe(duplex=False)
        process = SPAWN.Process(target=work, args=(directory, start, theirs, *arguments))
        process.start()
        theirs.close()  # so that a child that dies is an EOFError here and not a wait for ever
        running.append((process, ours))
    answers = []
    for process, ours in running:
        with ours:
            answers.append(ours.recv())
        process.join()
        assert process.exitcode == 0
    return answers


def test_one_process_wins_each_swap_of_a_pointer(tmp_path: Path) -> None:
    """Compare-and-set holds between processes: one creator per pointer, and no increment is lost."""
    answers = side_by_side(processes.swap_pointers, tmp_path, [(), ()])
    assert sum(created for created, _ in answers) == ROUNDS
    there = FilesystemBlobs(tmp_path, ManualClock()).read_pointer("counter")
    assert there is not None
    assert int(there[0]) == sum(incremented for _, incremented in answers)


def test_processes_share_one_log(tmp_path: Path) -> None:
    """Both create the file at the same moment; every acknowledged entry is there, once, with its own body."""
    answers = side_by_side(processes.append_to_log, tmp_path, [("a",), ("b",)])
    acknowledged = sorted(key for answer in answers for key in answer)
    assert len(acknowledged) == 2 * 4 * ROUNDS
    with SqliteDatabase(tmp_path / "quartz.db") as database:
        entries = SqliteChangeLog(database, behind_max=0).read(PARTITION, 0).entries
    assert entries == [(key, str(key).encode()) for key in acknowledged]


def test_a_reader_is_told_of_each_commit_of_another_process(tmp_path: Path) -> None:
    """Also of one that was killed right after it, and though most looks at the log ask nobody."""
    ours, theirs = SPAWN.Pipe(duplex=False)
    with SqliteDatabase(tmp_path / "quartz.db") as database:
        tail = LogTail(SqliteChangeLog(database, behind_max=0), PARTITION)
        process = SPAWN.Process(target=processes.append_until_killed, args=(tmp_path, theirs))
        process.start()
        theirs.close()
        seen: set[int] = set()
        with ours:
            for stamp in iter(ours.recv, 60):
                seen |= {key.stamp for key, _ in tail.poll()}
                assert stamp in seen
            process.kill()
            process.join()
            last = 60
            with suppress(EOFError):
                while ours.poll():
                    last = ours.recv()
        seen |= {key.stamp for key, _ in tail.poll()}
        assert set(range(1, last + 1)) <= seen
        assert database.data_version() is not None
        assert tail.poll() == ()


def test_one_process_wins_each_compare_and_set_of_a_key(tmp_path: Path) -> None:
    """No increment is lost."""
    answers = side_by_side(processes.count_up, tmp_path, [(), ()])
    with SqliteDatabase(tmp_path / "quartz.db") as database:
        counter = SqliteKeyValue(database).get(PARTITION, ["counter"])["counter"]
    assert counter.value == b"%d" % sum(answers)


def test_what_was_acknowledged_outlives_a_killed_process(tmp_path: Path) -> None:
    """Everything up to the last acknowledgement is there, whole; nothing half-done shows."""
    ours, theirs = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=processes.append_until_killed, args=(tmp_path, theirs))
    process.start()
    theirs.close()
    with ours:
        last = next(stamp for stamp in (ours.recv() for _ in count()) if stamp == 40)
        process.kill()
        process.join()
        while ours.poll():
            try:
                last = ours.recv()
            except EOFError:
                break
    with SqliteDatabase(tmp_path / "quartz.db") as database:
        entries = SqliteChangeLog(database, behind_max=0).read(PARTITION, 0).entries
        keys = [f"k{stamp}" for stamp in range(1, last + 1)]
        items = SqliteKeyValue(database).get(PARTITION, keys)
    assert [key.stamp for key, _ in entries[:last]] == list(range(1, last + 1))
    assert all(body == b"%d" % key.stamp * 1_000 for key, body in entries)
    assert [items[key].value for key in keys] == [b"%d" % stamp for stamp in range(1, last + 1)]
    blobs = FilesystemBlobs(tmp_path / "blobs", ManualClock())
    there = blobs.read_pointer("CURRENT")
    assert there is not None
    assert int(there[0]) >= last
    for key, _, _ in blobs.list("blob/"):
        assert blobs.get(key) == key.removeprefix("blob/").encode()
