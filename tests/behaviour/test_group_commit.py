"""Writes that are asked for at the same time share a commit, and nothing else."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from quartzdb.adapters.embedded.sqlite_commit_group import OPERATIONS_MAX, CommitGroup, Operation
from quartzdb.domain.errors import Conflict, OutcomeUnknown, StorageFull, Unavailable


class _BrokenDisk(sqlite3.Connection):
    """Fails beneath the commit, as SQLite says it of a disk that could not be synced."""

    code = sqlite3.SQLITE_IOERR_FSYNC

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        if sql == "COMMIT":
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self.code
            raise error
        return super().execute(sql, parameters)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_IOERR_FSYNC, OutcomeUnknown),
        (sqlite3.SQLITE_IOERR, OutcomeUnknown),
        (sqlite3.SQLITE_FULL, StorageFull),
    ],
)
def test_a_commit_that_broke_off_may_have_been_made(code: int, kind: type[Unavailable]) -> None:
    """Nobody is told that nothing was changed, unless SQLite has taken it back."""
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=_BrokenDisk)
    connection.code = code
    connection.execute("CREATE TABLE facts (number INTEGER PRIMARY KEY)")
    group = CommitGroup(lambda: nullcontext(connection), Path("quartz.db"))
    with pytest.raises(Unavailable) as told:
        group.commit(lambda it: it.execute("INSERT INTO facts VALUES (1)").rowcount)
    assert type(told.value) is kind
    assert told.value.hint


class Bench:
    """A commit group over one connection that notes what is executed, and threads that wait for it."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.connection.execute("CREATE TABLE facts (number INTEGER PRIMARY KEY)")
        self.statements: list[str] = []
        self.connection.set_trace_callback(self.statements.append)
        self.group = CommitGroup(lambda: nullcontext(self.connection), Path("quartz.db"))
        self.told: dict[str, object] = {}

    def insert(self, number: int) -> Operation[int]:
        def operation(connection: sqlite3.Connection) -> int:
            connection.execute("INSERT INTO facts VALUES (?)", (number,))
            return number

        return operation

    def ask(self, name: str, operation: Operation[object]) -> threading.Thread:
        def run() -> None:
            try:
                self.told[name] = self.group.commit(operation)
            except BaseException as error:  # noqa: BLE001 - what was told is what the test is about
                self.told[name] = error

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def together(self, operations: dict[str, Operation[object]]) -> None:
        """Have all operations wait while another commits, so that they form the next group; in this order."""
        leading, go = threading.Event(), threading.Event()

        def hold(connection: sqlite3.Connection) -> None:
            leading.set()
            assert go.wait(60)

        threads = [self.ask("first", hold)]
        assert leading.wait(60)
        for waiting, (name, operation) in enumerate(operations.items(), start=2):
            threads.append(self.ask(name, operation))
            while len(self.group._queue) < waiting:
                threading.Event().wait(0.001)
        go.set()
        for thread in threads:
            thread.join()

    @property
    def facts(self) -> list[int]:
        return [number for (number,) in self.connection.execute("SELECT number FROM facts ORDER BY number")]

    @property
    def commits(self) -> int:
        return self.statements.count("COMMIT")


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.connection.close()


def raising(error: BaseException, bench: Bench, number: int) -> Operation[object]:
    def operation(connection: sqlite3.Connection) -> object:
        bench.insert(number)(connection)
        raise error

    return operation


def test_waiting_writes_share_one_commit(bench: Bench) -> None:
    """Each gets its own result."""
    bench.together({f"w{number}": bench.insert(number) for number in range(7)})
    assert bench.told == {"first": None} | {f"w{number}": number for number in range(7)}
    assert bench.facts == list(range(7))
    assert bench.commits == 2


def test_one_failure_undoes_itself_alone(bench: Bench) -> None:
    """Its thread gets its error; those before and after it are committed. A broken constraint is no different."""
    refused = Conflict("refused")
    bench.together(
        {
            "before": bench.insert(1),
            "refused": raising(refused, bench, 2),
            "constraint": bench.insert(1),
            "after": bench.insert(3),
        }
    )
    assert bench.told["refused"] is refused
    assert isinstance(bench.told["constraint"], sqlite3.IntegrityError)
    assert (bench.told["before"], bench.told["after"]) == (1, 3)
    assert bench.facts == [1, 3]
    assert bench.commits == 2


def test_a_group_that_cannot_be_committed_fails_as_a_whole(bench: Bench) -> None:
    """Everyone is told, each with an error of their own, and nothing is there."""

    def roll_back(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")  # as SQLite itself does when the disk is full
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    bench.together({"a": bench.insert(1), "full": roll_back, "b": bench.insert(2)})
    told = [bench.told[name] for name in ("a", "full", "b")]
    assert all(isinstance(error, Unavailable) and "full" in str(error) for error in told)
    assert len({id(error) for error in told}) == 3
    assert bench.facts == []
    assert bench.group.commit(bench.insert(5)) == 5


def test_an_interrupted_leader_leaves_nobody_waiting(bench: Bench) -> None:
    """Its group is told that the outcome is unknown; the next write goes through."""
    bench.together({"stopped": raising(KeyboardInterrupt(), bench, 1), "other": bench.insert(2)})
    # Whichever of the two led, the interrupt surfaces in one thread and as OutcomeUnknown in the other.
    kinds = sorted(type(bench.told[name]).__name__ for name in ("stopped", "other"))
    assert kinds == ["KeyboardInterrupt", "OutcomeUnknown"]
    assert bench.facts == []
    assert bench.group.commit(bench.insert(3)) == 3


def test_a_lone_write_that_is_interrupted(bench: Bench) -> None:
    """Is undone, and the interrupt goes on up."""
    with pytest.raises(KeyboardInterrupt):
        bench.group.commit(raising(KeyboardInterrupt(), bench, 1))
    assert bench.facts == []
    assert bench.group.commit(bench.insert(1)) == 1


def test_a_connection_that_cannot_be_opened() -> None:
    """Is every waiting write's error."""

    def connect() -> AbstractContextManager[sqlite3.Connection]:
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        raise error

    group = CommitGroup(connect, Path("quartz.db"))
    for _ in range(2):
        with pytest.raises(Unavailable, match="could not be opened"):
            group.commit(lambda connection: None)


def test_a_group_is_bounded(bench: Bench) -> None:
    """A long queue is worked off in several commits."""
    order: list[int] = []

    def note(number: int) -> Callable[[sqlite3.Connection], None]:
        return lambda connection: order.append(number)

    count = OPERATIONS_MAX + 5
    bench.together({f"w{number}": note(number) for number in range(count)})
    assert order == list(range(count))
    assert bench.commits == 3
