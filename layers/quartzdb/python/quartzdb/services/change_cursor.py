"""Cursors of change feeds: which generation of a namespace, and a place in each of its shards. Opaque to others.

A cursor belongs to one site, whose log it names places of: another site has generations of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from quartzdb.domain.cursor import decode_cursor, encode_cursor
from quartzdb.domain.errors import ChangesGone, InvalidCursor
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.values import dataclass
from quartzdb.storage.log.history import LogPlace
from quartzdb.storage.snapshot.expired_feed import ExpiredPlace


class ChangePlace(NamedTuple):
    """A place in the log, and how far what expires was told. The latter goes by the clock, the former never does: so a
    clock that is set back loses no commit.
    """

    log: LogPlace
    expired: ExpiredPlace


def before_expiries(log: LogPlace) -> ChangePlace:
    """At a place in the log, with all that expired before it told."""
    return ChangePlace(log, ExpiredPlace(log.stamp))


@dataclass(frozen=True, slots=True)
class ChangePlaces:
    """One place in each shard; the next page begins in the shard `turn`, so that none waits for a busy one."""

    places: tuple[ChangePlace, ...]
    turn: int = 0

    def moved(self, shard: int, place: ChangePlace) -> ChangePlaces:
        """With another place in one shard."""
        return ChangePlaces((*self.places[:shard], place, *self.places[shard + 1 :]), self.turn)

    def next_in_turn(self, shard: int) -> ChangePlaces:
        """The next page begins after this shard."""
        return ChangePlaces(self.places, (shard + 1) % len(self.places))


class Followed(NamedTuple):
    """Where to go on, and whether there is more at once.

    `complete_ms` (unix): all that was committed and has expired up to then was told.
    """

    places: ChangePlaces
    more: bool
    complete_ms: int


def encode_places(namespace: Namespace, of: str, places: ChangePlaces) -> str:
    """The cursor of places in the feed `of` records or keys."""
    spelled = ";".join(map(_spelled, places.places))
    return encode_cursor(_listing(namespace, of), f"{namespace.generation}/{places.turn}/{spelled}")


def decode_places(namespace: Namespace, of: str, cursor: str, present: str) -> ChangePlaces:
    """What `encode_places` wrote. Raises InvalidCursor, and for another generation ChangesGone with `present`."""
    generation, _, position = decode_cursor(_listing(namespace, of), cursor).partition("/")
    if generation != namespace.generation:
        raise ChangesGone(
            "The cursor is of a namespace of this name that was deleted, or of the other site.",
            cursor=present,
        )
    turn, _, spelled = position.partition("/")
    try:
        places = tuple(_place(one) for one in spelled.split(";"))
        found = ChangePlaces(places, int(turn))
    except ValueError as error:
        raise InvalidCursor("The cursor has another form than this server's.", field="cursor") from error
    if not 0 <= found.turn < len(places) or len(places) != _places(namespace, of):
        raise InvalidCursor("The cursor has another form than this server's.", field="cursor")
    return found


def _spelled(place: ChangePlace) -> str:
    log, expired = place
    spelled = f"{log.stamp:x},{log.given},{log.writer}"
    return spelled if place == before_expiries(log) else f"{spelled},{expired.after:x},{expired.given}"


def _place(text: str) -> ChangePlace:
    stamp, given, writer, *expired = text.split(",")
    log = LogPlace(int(stamp, 16), writer, int(given))
    if not expired:
        return before_expiries(log)
    after, told = expired
    return ChangePlace(log, ExpiredPlace(int(after, 16), int(told)))


def _places(namespace: Namespace, of: str) -> int:
    return namespace.settings.shards if of == RECORDS else 1


def _listing(namespace: Namespace, of: str) -> str:
    return f"changes/{of}/{namespace.tenant}/{namespace.name}"


RECORDS = "records"
KEYS = "keys"
FEEDS: Sequence[str] = (RECORDS, KEYS)
