"""Places in the feed of a namespace in shards: one in each shard's log, and whose turn it is. Owns their cursors.

A cursor has as many positions as the namespace has shards, so it belongs to that number; it is at most some 4 KB.
"""

from __future__ import annotations

from collections.abc import Callable

from quartzdb.domain.errors import InvalidCursor
from quartzdb.domain.values import dataclass
from quartzdb.replication.feeds.feed_position import START, FeedPosition

_MARK = "shards:"


@dataclass(frozen=True, slots=True)
class ShardPositions:
    """`turn` is the shard in which the next page begins: the others come after it, so that none is forgotten."""

    positions: tuple[FeedPosition, ...]
    turn: int = 0

    def moved(self, shard: int, position: FeedPosition) -> ShardPositions:
        """With another position in one shard."""
        return ShardPositions((*self.positions[:shard], position, *self.positions[shard + 1 :]), self.turn)

    def going_on(self, shard: int) -> ShardPositions:
        """The next page begins in this shard."""
        return ShardPositions(self.positions, shard)

    def __str__(self) -> str:
        return f"{_MARK}{self.turn}/" + "/".join(
            f"{one.stamp:x},{one.given},{one.within}" for one in self.positions
        )


def at_start(shards: int) -> ShardPositions:
    """Nothing was given out."""
    return ShardPositions((START,) * shards)


def in_shards(position: str) -> bool:
    """Whether it is a position of this kind, not one in a single log."""
    return position.startswith(_MARK)


def parse_shard_positions(position: str, shards: int | None = None) -> ShardPositions:
    """What `str` of it was. Raises InvalidCursor, also for another number of shards, where that is given."""
    turn, *positions = position.removeprefix(_MARK).split("/")
    try:
        found = ShardPositions(tuple(_position(one) for one in positions), int(turn))
    except ValueError as error:
        raise InvalidCursor("The cursor has another form than this site's.", field="cursor") from error
    if (
        not in_shards(position)
        or not 0 <= found.turn < len(positions)
        or shards not in (None, len(positions))
    ):
        raise InvalidCursor("The cursor has another form than this site's.", field="cursor")
    return found


def _position(text: str) -> FeedPosition:
    stamp, given, within = text.split(",")
    return FeedPosition(int(stamp, 16), within, int(given))


def each_position(
    positions: ShardPositions, change: Callable[[FeedPosition], FeedPosition]
) -> ShardPositions:
    """With every position changed."""
    return ShardPositions(tuple(change(position) for position in positions.positions), positions.turn)
