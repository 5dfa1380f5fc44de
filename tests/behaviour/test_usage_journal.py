"""The journal of usage lines on one machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from quartzdb.adapters.embedded.sqlite_usage_journal import SqliteUsageJournal
from quartzdb.cli.serve.worker import JournalWriting
from quartzdb.domain.errors import Unavailable


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteUsageJournal]:
    journal = SqliteUsageJournal(tmp_path / "usage.db", lines_held_max=3)
    yield journal
    journal.close()


def test_lines_are_read_in_order_by_any_process(journal: SqliteUsageJournal, tmp_path: Path) -> None:
    """Once they are written, which is all at once."""
    for line in (b"one", b"two"):
        journal.take(line)
    assert journal.read(0, 10) == []
    assert journal.write() == 2
    other = SqliteUsageJournal(tmp_path / "usage.db")
    first, second = other.read(0, 10)
    assert (first[1], second[1]) == (b"one", b"two")
    assert other.read(first[0], 10) == [second]
    assert other.read(0, 1) == [first]
    other.close()


def test_a_number_never_comes_again(journal: SqliteUsageJournal) -> None:
    """Also where all lines were forgotten: whoever remembers how far it read passes nothing over."""
    journal.take(b"one")
    journal.write()
    ((number, _),) = journal.read(0, 10)
    journal.forget(number)
    assert journal.read(0, 10) == []
    journal.take(b"two")
    journal.write()
    ((later, line),) = journal.read(number, 10)
    assert (later > number, line) == (True, b"two")


def test_what_is_forgotten_is_in_no_file(journal: SqliteUsageJournal, tmp_path: Path) -> None:
    """Lines name namespaces, which somebody may want gone."""
    for number in range(3):
        journal.take(f"a-name-to-be-forgotten {number} {'x' * 5_000}".encode())
    journal.write()
    assert any(b"forgotten" in file.read_bytes() for file in tmp_path.iterdir())
    journal.forget(journal.read(0, 10)[-1][0])
    assert not any(b"forgotten" in file.read_bytes() for file in tmp_path.iterdir())


def test_lines_wait_while_the_file_takes_none(journal: SqliteUsageJournal, tmp_path: Path) -> None:
    """Within a bound: what is beyond it is lost, and counted."""
    with sqlite3.connect(tmp_path / "usage.db") as other:
        other.execute("DROP TABLE lines")
    for number in range(5):
        journal.take(f"{number}".encode())
    with pytest.raises(Unavailable, match="3 lines wait, 2 were lost"):
        journal.write()
    with sqlite3.connect(tmp_path / "usage.db") as other:
        other.execute("CREATE TABLE lines (number INTEGER PRIMARY KEY AUTOINCREMENT, line BLOB NOT NULL)")
    assert journal.write() == 3
    assert [line for _, line in journal.read(0, 10)] == [b"0", b"1", b"2"]
    assert journal.lost == 2


def test_stopping_writes_the_rest(journal: SqliteUsageJournal) -> None:
    """A server that is stopped loses nothing."""
    writing = JournalWriting(journal, every_seconds=60)
    writing.start()
    journal.take(b"last")
    assert writing.stop(10)
    assert [line for _, line in journal.read(0, 10)] == [b"last"]


def test_a_journal_that_nobody_reads_has_a_bound(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The oldest lines make room, once told in the log; whoever reads later has the newest, and numbers go on."""
    journal = SqliteUsageJournal(tmp_path / "usage.db", lines_kept_max=10)
    for number in range(25):
        journal.take(b"%d" % number)
        journal.write()
    assert [line for _, line in journal.read(0, 100)] == [b"%d" % number for number in range(15, 25)]
    assert journal.read(0, 1)[0][0] == 16
    assert caplog.text.count("nobody reads the usage journal") == 1
    journal.forget(25)
    for number in range(10):
        journal.take(b"%d" % number)
    journal.write()
    assert len(journal.read(0, 100)) == 10
    journal.close()
