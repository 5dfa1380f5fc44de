"""What a feed gives out: changes and the position after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from quartzdb.replication.feeds.feed_position import FeedPosition

C = TypeVar("C")


class FeedBatch(NamedTuple, Generic[C]):
    """Changes in feed order. `through_ms` is as in FeedPage."""

    changes: Sequence[C]
    position: FeedPosition
    more: bool
    through_ms: int


class BelowFloor(Exception):
    """The feed is not kept from that position on."""
