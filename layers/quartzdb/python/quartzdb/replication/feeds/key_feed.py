"""The feed `keys`: key-value items in the order in which they took their present state at this site.

HAZARD: the position moves only past what is older than `behind_ms`. That covers the overlap, in which an acknowledged
put may still land, and how far the table's index may lag. What is younger is given out as well, and once more later: a
key that is put again and again moves on each time, and would otherwise never be given out, nor what it replaced.
"""

from __future__ import annotations

from itertools import groupby

from quartzdb.domain.clock import Clock
from quartzdb.domain.hlc import COUNTER_BITS, stamp_at
from quartzdb.domain.namespace import Partition
from quartzdb.replication.feeds.feed_page import BelowFloor, FeedBatch, PageOf
from quartzdb.replication.feeds.feed_position import START, FeedPosition, after_stamp
from quartzdb.replication.wire.limits import FEED_KEPT_MS
from quartzdb.storage.ports import Item, KeyValueTable

_AT_ONCE = 8
_AT_ONCE_MAX = 128
"""Items of one look: values may be large, so a page begins with few."""
_END = (1 << 63) - 1
SCANNED_ITEMS_MAX = 10_000
"""Items that one page looks through at most where everything is left out."""


class KeyFeed:
    """Reads the feed of any namespace."""

    def __init__(self, table: KeyValueTable, clock: Clock, behind_ms: int) -> None:
        self._table = table
        self._clock = clock
        self._behind_ms = behind_ms

    def after(
        self, partition: Partition, position: FeedPosition, limit: int, exclude_site: str | None
    ) -> FeedBatch[Item]:
        """What comes after a position. Raises BelowFloor."""
        now_ms = self._clock.unix_ms()
        # Deleted and expired items are forgotten after that long. From the very beginning nobody misses them.
        if position != START and position.stamp < stamp_at(now_ms - FEED_KEPT_MS):
            raise BelowFloor
        upto = stamp_at(now_ms - self._behind_ms)
        position, young_from = _divided(position, upto)
        page: PageOf[Item] = PageOf(limit)
        at_once, scanned = _AT_ONCE, 0
        while True:
            items = self._table.changes(partition, position.stamp - 1, upto, at_once)
            if not items:
                position = max(position, after_stamp(upto))
                reached = self._take_young(page, partition, young_from, exclude_site)
                if reached is None:
                    return FeedBatch(page.changes, position, False, upto >> COUNTER_BITS)
                # Not at its end before all that is young was given out: a key that has moved on is only there.
                return FeedBatch(
                    page.changes, position._replace(given=reached), True, position.stamp >> COUNTER_BITS
                )
            for item in items:
                here = FeedPosition(item.appended, item.key, 1)
                if here <= position:
                    continue
                if item.version.site != exclude_site and not page.take(item):
                    return FeedBatch(page.changes, position, True, position.stamp >> COUNTER_BITS)
                position = here
            # The table gives all that shares the last one's stamp, so that stamp is done with.
            position = max(position, after_stamp(items[-1].appended))
            at_once, scanned = min(2 * at_once, _AT_ONCE_MAX), scanned + len(items)
            if not page.changes and scanned >= SCANNED_ITEMS_MAX:
                return FeedBatch(page.changes, position, True, position.stamp >> COUNTER_BITS)

    def _take_young(
        self, page: PageOf[Item], partition: Partition, after: int, exclude_site: str | None
    ) -> int | None:
        """The stamp up to which the page has what is young; None where that is all."""
        begun_with_none = not page.changes
        reached = after
        # Few at a time: the page is what bounds the values that are held.
        while items := self._table.changes(partition, reached, _END, _AT_ONCE):
            for stamp, together in groupby(items, key=lambda item: item.appended):
                for item in together:
                    if item.version.site != exclude_site and not page.take(item):
                        # More under one stamp than a page holds: the rest comes when it is no longer young.
                        return stamp if begun_with_none and reached == after else reached
                reached = stamp
        return None

    def present(self) -> FeedPosition:
        """The position after everything that can be given out now."""
        return after_stamp(stamp_at(self._clock.unix_ms() - self._behind_ms))


def _divided(position: FeedPosition, upto: int) -> tuple[FeedPosition, int]:
    """Where what is old enough goes on, and the stamp after which what is young does.

    A position that is in the midst of what is young has that stamp as `given`, where others count a few changes.
    """
    if position.given > 1:
        return position._replace(given=0), max(upto, position.given)
    return position, upto
