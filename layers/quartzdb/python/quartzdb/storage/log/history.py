"""The log as history: reading entries on from any place that is still kept, in commit order, none twice.

HAZARD: of a log that is ordered by clocks only what is older than the overlap is read, so that nothing that was
acknowledged can still come before it. A put that lands after its writer gave up may; it was never acknowledged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.hlc import COUNTER_BITS, Version, stamp_at
from quartzdb.domain.namespace import Partition
from quartzdb.storage.log.protocol import overlap_of
from quartzdb.storage.log.tail import GapInLog, LogSealed
from quartzdb.storage.ports import SEALED, ChangeLog

WHOLE = (1 << 31) - 1
"""More changes than an entry has."""
_LOOK_ENTRIES = 4
"""More than one, because those before a place may share its stamp."""
_READ_BYTES = 4 * 1024 * 1024
"""Of bodies, in one read."""


class LogPlace(NamedTuple):
    """Everything before the entry (stamp, writer) was read, and of that entry the first `given` changes."""

    stamp: int
    writer: str = ""
    given: int = 0


def after_stamp(stamp: int) -> LogPlace:
    """Everything up to a stamp was read."""
    return LogPlace(stamp + 1)


def after_entry(key: Version) -> LogPlace:
    """Everything up to an entry, and all of it."""
    return LogPlace(key.stamp, key.writer, WHOLE)


class HistoryPage(NamedTuple):
    """Entries in commit order; where to go on once all of them were taken; whether there is more at once.

    `complete_ms`: nothing that was committed up to this moment (unix) comes after them; `settled` says the same as a
    stamp. What is to stand between entries can be told up to that.
    """

    entries: Sequence[tuple[Version, bytes]]
    through: LogPlace
    more: bool
    complete_ms: int
    settled: int


class LogHistory:
    """Reads any log. Raises GapInLog where what follows a place is not kept, LogSealed for a deleted generation."""

    def __init__(self, log: ChangeLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock

    def after(self, partition: Partition, place: LogPlace, entries_max: int) -> HistoryPage:
        """What comes after a place: at most so many entries, the one first in whose midst the place may be."""
        done = {Version(place.stamp, place.writer)} if place.given == WHOLE else set()
        # Before the read: what is older than the overlap by this clock has landed by then.
        now_ms = self._clock.unix_ms()
        read = self._log.read(
            partition, max(0, place.stamp - 1), done, bytes_max=_READ_BYTES, entries_max=entries_max
        )
        if read.floor == SEALED:
            raise LogSealed
        if read.floor >= max(place.stamp, 1):
            raise GapInLog
        upto = self._safe(now_ms, read.entries[-1][0].stamp if read.entries else 0)
        entries = [
            (key, body)
            for key, body in read.entries
            if key.stamp <= upto and (key.stamp, key.writer) >= (place.stamp, place.writer)
        ]
        if read.more and read.entries[-1][0].stamp <= upto:
            last = read.entries[-1][0]
            if not entries and after_entry(last) <= place:
                # So many that were read before share the place's stamp: what is wanted comes after them.
                return self.after(partition, place, 2 * entries_max)
            # Another entry may share the last one's millisecond.
            return HistoryPage(
                entries, max(place, after_entry(last)), True, last.milliseconds - 1, last.stamp - 1
            )
        complete_ms = now_ms if self._log.ordered else upto >> COUNTER_BITS
        settled = max(upto, stamp_at(now_ms) - 1) if self._log.ordered else upto
        return HistoryPage(entries, max(place, after_stamp(upto)), False, complete_ms, settled)

    def is_beyond(self, partition: Partition, place: LogPlace) -> bool:
        """Whether something comes after a place that can be read now. Raises nothing of what `after` does."""
        if self._log.ordered:
            head = self._log.head(partition)
            # None after there was one: the log is sealed, which whoever reads on is told.
            return head >= place.stamp or (head == 0 and place.stamp > 1)
        page = self._log.read(partition, max(0, place.stamp - 1), entries_max=_LOOK_ENTRIES)
        upto = self._safe(self._clock.unix_ms(), 0)
        return page.floor >= max(place.stamp, 1) or any(
            key.stamp <= upto and after_entry(key) > place for key, _ in page.entries
        )

    def settled(self) -> int:
        """A stamp up to which everything can be read now, in any log: by the clock alone."""
        now_ms = self._clock.unix_ms()
        return stamp_at(now_ms) - 1 if self._log.ordered else self._safe(now_ms, 0)

    def present(self, partition: Partition) -> LogPlace:
        """After everything that can be read now."""
        now_ms = self._clock.unix_ms()
        return after_stamp(self._safe(now_ms, self._log.head(partition)))

    def oldest(self, partition: Partition) -> LogPlace:
        """Before everything that is kept."""
        floor = self._log.read(partition, 0, entries_max=1).floor
        if floor == SEALED:
            raise LogSealed
        return after_stamp(floor) if floor else LogPlace(0)

    def _safe(self, now_ms: int, head: int) -> int:
        """The stamp up to which nothing that was acknowledged can still be missing."""
        return head if self._log.ordered else max(stamp_at(now_ms), head) - overlap_of(self._log)
