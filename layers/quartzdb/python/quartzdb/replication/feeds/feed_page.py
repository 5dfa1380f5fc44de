"""What a feed gives out, and filling one page of it: feeds decide what comes; this decides when a page is full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from quartzdb.domain.change import Change
from quartzdb.replication.feeds.feed_position import FeedPosition
from quartzdb.replication.wire.change_document import encoded_change
from quartzdb.replication.wire.limits import CHANGES_MAX, PAGE_BYTES_MAX
from quartzdb.storage.ports import Item

C = TypeVar("C", bound=Change | Item)
T = TypeVar("T")


class PageOf(Generic[C]):
    """At most `limit` changes and PAGE_BYTES_MAX as JSON; the first one always fits."""

    def __init__(self, limit: int) -> None:
        self._limit = min(limit, CHANGES_MAX)
        self._bytes = 0
        self.changes: list[C] = []

    def take(self, change: C) -> bool:
        """Put the change on the page; False where it is full."""
        if len(self.changes) >= self._limit:
            return False
        size = len(encoded_change(change)) + 1
        if self.changes and self._bytes + size > PAGE_BYTES_MAX:
            return False
        self.changes.append(change)
        self._bytes += size
        return True


class FeedBatch(NamedTuple, Generic[T]):
    """Changes in feed order. `through_ms` is as in FeedPage."""

    changes: Sequence[T]
    position: FeedPosition
    more: bool
    through_ms: int


class BelowFloor(Exception):
    """The feed is not kept from that position on."""
