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
from quartzdb.replication.feeds.shard_positions import ShardPositions


class ShardedFeedBatch(NamedTuple):
    """As FeedBatch, with the positions in all shards."""

    changes: list[Change]
    positions: ShardPositions
    more: bool
    through_ms: int


class ShardedFeed:
    """Over the feed of one log."""

    def __init__(self, feed: RecordFeed) -> None:
        self._feed = feed

    def after(
        self, namespace: Namespace, positions: ShardPositions, limit: int, exclude_site: str | None
    ) -> ShardedFeedBatch:
        """A page of what comes after those positions, from one shard after the other. Raises BelowFloor."""
        shards = namespace.partitions
        order = [(positions.turn + step) % len(shards) for step in range(len(shards))]
        page: PageOf[Change] = PageOf(limit)
        through_ms: list[int] = []
        for number in order:
            batch = self._feed.fill(page, shards[number], positions.positions[number], exclude_site)
            positions = positions.moved(number, batch.position)
            through_ms.append(batch.through_ms)
            if batch.more:
                # The page is full. The next goes on in this shard, and comes back to those before after all others.
                return ShardedFeedBatch(page.changes, positions.going_on(number), True, min(through_ms))
        return ShardedFeedBatch(page.changes, positions, False, min(through_ms))

    def present(self, namespace: Namespace) -> ShardPositions:
        """The positions after everything that can be given out now."""
        return ShardPositions(tuple(self._feed.present(partition) for partition in namespace.partitions))
