"""The feed `records`: the changes of this site's log, in the order of their append stamps.

HAZARD: of a log that is ordered by clocks only what is older than the overlap is given out, so that nothing that was
acknowledged can still come before it. A put that lands after its writer gave up may: anti-entropy finds that one.
"""

from __future__ import annotations

from collections.abc import Iterator

from quartzdb.domain.change import Change
from quartzdb.domain.clock import Clock
from quartzdb.domain.hlc import COUNTER_BITS, Version, stamp_at
from quartzdb.domain.namespace import Partition
from quartzdb.replication.feeds.feed_page import BelowFloor, FeedBatch, PageOf
from quartzdb.replication.feeds.feed_position import FeedPosition, after_stamp
from quartzdb.storage.log.codec import decode_entry
from quartzdb.storage.log.protocol import overlap_of
from quartzdb.storage.ports import SEALED, ChangeLog

_READ_BYTES = 4 * 1024 * 1024
"""Of log bodies, in one read."""
SCANNED_BYTES_MAX = 64 * 1024 * 1024
"""Log bytes that one page looks through at most where everything is left out."""
_ALL = (1 << 31) - 1
"""More changes than an entry has."""


class RecordFeed:
    """Reads the feed of any namespace that has records."""

    def __init__(self, log: ChangeLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock

    def after(
        self, partition: Partition, position: FeedPosition, limit: int, exclude_site: str | None
    ) -> FeedBatch[Change]:
        """What comes after a position. Raises BelowFloor."""
        return self.fill(PageOf(limit), partition, position, exclude_site)

    def fill(
        self, page: PageOf[Change], partition: Partition, position: FeedPosition, exclude_site: str | None
    ) -> FeedBatch[Change]:
        """The same on a page that may have changes of other logs on it already."""
        scanned = 0
        done = {Version(position.stamp, position.within)} if position.given == _ALL else set()
        while True:
            # Before the read: what is older than the overlap by this clock has landed by then.
            now_ms = self._clock.unix_ms()
            read = self._log.read(partition, position.stamp - 1, done, bytes_max=_READ_BYTES)
            if read.floor == SEALED:
                return FeedBatch(page.changes, position, False, now_ms)
            if read.floor >= max(position.stamp, 1):
                raise BelowFloor
            upto = self._safe(now_ms, read.entries[-1][0].stamp if read.entries else 0)
            for key, body in read.entries:
                if key.stamp > upto:
                    return FeedBatch(
                        page.changes, max(position, after_stamp(upto)), False, upto >> COUNTER_BITS
                    )
                for number, change in _rest(key, body, position):
                    if change.version.site != exclude_site and not page.take(change):
                        return FeedBatch(page.changes, FeedPosition(*key, number), True, key.milliseconds)
                if key.stamp > position.stamp:
                    done.clear()
                done.add(key)
                position = max(position, FeedPosition(*key, _ALL))
                scanned += len(body)
            if not read.more:
                through_ms = now_ms if self._log.ordered else upto >> COUNTER_BITS
                return FeedBatch(page.changes, max(position, after_stamp(upto)), False, through_ms)
            if page.changes or scanned >= SCANNED_BYTES_MAX:
                return FeedBatch(page.changes, position, True, position.stamp >> COUNTER_BITS)

    def present(self, partition: Partition) -> FeedPosition:
        """The position after everything that can be given out now."""
        now_ms = self._clock.unix_ms()
        return after_stamp(self._safe(now_ms, self._log.head(partition)))

    def _safe(self, now_ms: int, head: int) -> int:
        """The stamp up to which nothing that was acknowledged can still be missing."""
        return head if self._log.ordered else max(stamp_at(now_ms), head) - overlap_of(self._log)


def _rest(key: Version, body: bytes, position: FeedPosition) -> Iterator[tuple[int, Change]]:
    """The changes of an entry that lie after a position, each with its position."""
    if key < (position.stamp, position.within):
        return
    given = position.given if key == (position.stamp, position.within) else 0
    if given == _ALL:
        return
    for number, change in enumerate(decode_entry(body, key)):
        if number >= given:
            yield number, change
