"""Places in the feed of a namespace in shards: one in each shard's log, and whose turn it is. Owns their cursors.

A cursor has as many places as the namespace has shards, so it belongs to that number; it is at most some 4 KB.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quartzdb.domain.errors import InvalidCursor
from quartzdb.replication.feeds.feed_position import START, Place

_MARK = "shards:"


@dataclass(frozen=True, slots=True)
class ShardPlaces:
    """`turn` is the shard in which the next page begins: the others come after it, so that none is forgotten."""

    places: tuple[Place, ...]
    turn: int = 0

    def moved(self, shard: int, place: Place) -> ShardPlaces:
        """With another place in one shard."""
        return ShardPlaces((*self.places[:shard], place, *self.places[shard + 1 :]), self.turn)

    def going_on(self, shard: int) -> ShardPlaces:
        """The next page begins in this shard."""
        return ShardPlaces(self.places, shard)

    def __str__(self) -> str:
        return f"{_MARK}{self.turn}/" + "/".join(
            f"{place.stamp:x},{place.given},{place.within}" for place in self.places
        )


def at_start(shards: int) -> ShardPlaces:
    """Nothing was given out."""
    return ShardPlaces((START,) * shards)


def in_shards(position: str) -> bool:
    """Whether it is a position of this kind, not one in a single log."""
    return position.startswith(_MARK)


def parse_shard_places(position: str, shards: int | None = None) -> ShardPlaces:
    """What `str` of it was. Raises InvalidCursor, also for another number of shards, where that is given."""
    turn, *places = position.removeprefix(_MARK).split("/")
    try:
        found = ShardPlaces(tuple(_place(one) for one in places), int(turn))
    except ValueError as error:
        raise InvalidCursor("The cursor has another form than this site's.", field="cursor") from error
    if not in_shards(position) or not 0 <= found.turn < len(places) or shards not in (None, len(places)):
        raise InvalidCursor("The cursor has another form than this site's.", field="cursor")
    return found


def _place(text: str) -> Place:
    stamp, given, within = text.split(",")
    return Place(int(stamp, 16), within, int(given))


def each_place(places: ShardPlaces, change: Callable[[Place], Place]) -> ShardPlaces:
    """With every place changed."""
    return ShardPlaces(tuple(change(place) for place in places.places), places.turn)
