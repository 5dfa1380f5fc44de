"""A reader behind a long log reads it in parts, and ends although writers go on."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest

from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Partition
from quartzdb.storage.log.tail import LogTail
from quartzdb.storage.ports import LogPage
from tests.doubles.memory_log import MemoryChangeLog

PARTITION = Partition("t", "n", "g")
BODY = bytes(100)


class GrowingLog(MemoryChangeLog):
    """A log to which a writer adds `entries` between any two reads."""

    entries = 0
    written = 0

    def write(self, count: int) -> None:
        """Entries under ever later stamps."""
        for _ in range(count):
            self.written += 1
            self.append(PARTITION, Version(self.written << 16, "w"), BODY)

    def read(
        self,
        partition: Partition,
        after: int,
        known: Collection[Version] = (),
        *,
        bytes_max: int | None = None,
        entries_max: int | None = None,
    ) -> LogPage:
        """As of a moment before the writer goes on."""
        page = super().read(partition, after, known, bytes_max=bytes_max, entries_max=entries_max)
        self.write(self.entries)
        return page


def polled(tail: LogTail) -> Sequence[Sequence[int]]:
    """The stamps of each poll, until there is no more."""
    polls = []
    while True:
        polls.append([key.stamp >> 16 for key, _ in tail.poll()])
        if not tail.more:
            return polls


@pytest.fixture
def log() -> GrowingLog:
    return GrowingLog(behind_max=-1)


def test_a_long_log_comes_in_parts_that_together_are_all_of_it(log: GrowingLog) -> None:
    """Each part is some entries longer than the bound, never a single entry twice."""
    log.write(25)
    polls = polled(LogTail(log, PARTITION, poll_bytes_max=950))
    assert [len(poll) for poll in polls] == [10, 10, 5]
    assert [stamp for poll in polls for stamp in poll] == list(range(1, 26))


def test_a_short_log_comes_at_once(log: GrowingLog) -> None:
    """One read, as every warm search makes."""
    log.write(5)
    tail = LogTail(log, PARTITION, poll_bytes_max=950)
    assert polled(tail) == [[1, 2, 3, 4, 5]]
    assert polled(tail) == [[]]


def test_a_writer_that_is_faster_keeps_no_reader_waiting_for_ever(log: GrowingLog) -> None:
    """Polls end with what there was when the first of them began, and the next begins where they ended."""
    log.write(25)
    log.entries = 40
    tail = LogTail(log, PARTITION, poll_bytes_max=950)
    first = [stamp for poll in polled(tail) for stamp in poll]
    assert first[:25] == list(range(1, 26))
    assert len(first) < 100
    log.entries = 0
    rest = [stamp for poll in polled(tail) for stamp in poll]
    assert first + rest == list(range(1, log.written + 1))
