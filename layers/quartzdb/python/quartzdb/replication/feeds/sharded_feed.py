"""The feed `records` of a namespace in shards: one log after the other, as many as go on a page.

So changes of one record come in their order, but not all changes in one order over all shards. Nothing depends on that:
each record is in one shard, and applying changes is free of order.
"""

from __future__ import annotations

from typing import NamedTuple

from quartzdb.domain.change import Change
from quartzdb.domain.namespace import Namespace
from quartzdb.replication.feeds.feed_page import PageOf
from quartzdb.replication.feeds.record_feed import RecordFeed
from quartzdb.replication.feeds.shard_positions import ShardPlaces


class ShardsFed(NamedTuple):
    """As Fed, with the places in all shards."""

    changes: list[Change]
    places: ShardPlaces
    more: bool
    through_ms: int


class ShardedFeed:
    """Over the feed of one log."""

    def __init__(self, feed: RecordFeed) -> None:
        self._feed = feed

    def after(
        self, namespace: Namespace, places: ShardPlaces, limit: int, exclude_site: str | None
    ) -> ShardsFed:
        """A page of what comes after those places, from one shard after the other. Raises BelowFloor."""
        shards = namespace.partitions
        order = [(places.turn + step) % len(shards) for step in range(len(shards))]
        page: PageOf[Change] = PageOf(limit)
        through_ms: list[int] = []
        for number in order:
            fed = self._feed.fill(page, shards[number], places.places[number], exclude_site)
            places = places.moved(number, fed.place)
            through_ms.append(fed.through_ms)
            if fed.more:
                # The page is full. The next goes on in this shard, and comes back to those before after all others.
                return ShardsFed(page.changes, places.going_on(number), True, min(through_ms))
        return ShardsFed(page.changes, places, False, min(through_ms))

    def present(self, namespace: Namespace) -> ShardPlaces:
        """The places after everything that can be given out now."""
        return ShardPlaces(tuple(self._feed.present(partition) for partition in namespace.partitions))
