"""What a feed gives out: changes and the place after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from quartzdb.replication.feeds.feed_position import Place

C = TypeVar("C")


class Fed(NamedTuple, Generic[C]):
    """Changes in feed order. `through_ms` is as in FeedPage."""

    changes: Sequence[C]
    place: Place
    more: bool
    through_ms: int


class BelowFloor(Exception):
    """The feed is not kept from that place on."""
