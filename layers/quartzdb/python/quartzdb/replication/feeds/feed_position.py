"""Places in a feed, and the cursors that carry them.

A cursor is bound to its feed and to the namespace's generation; to everybody but this module it is opaque.
"""

from __future__ import annotations

from typing import NamedTuple

from quartzdb.domain.cursor import decode_cursor, encode_cursor
from quartzdb.domain.errors import InvalidCursor
from quartzdb.replication.ports import Feed, SharedNamespace

NOWHERE = "-"
"""The generation of a namespace that this site did not have yet when it gave the cursor out."""


class FeedPosition(NamedTuple):
    """Everything before (stamp, within) was given out, and of what is there the first `given` changes.

    `stamp` is an append stamp; `within` tells apart what shares it: a writer in the feed `records`, a key in `keys`.
    """

    stamp: int
    within: str = ""
    given: int = 0


START = FeedPosition(0)


def after_stamp(stamp: int) -> FeedPosition:
    """Everything up to a stamp was given out."""
    return FeedPosition(stamp + 1)


def encode_feed_position(
    namespace: SharedNamespace, feed: Feed, generation: str, position: FeedPosition
) -> str:
    """The cursor of a position."""
    return encode_position(
        namespace, feed, generation, f"{position.stamp:016x}/{position.given}/{position.within}"
    )


def encode_position(namespace: SharedNamespace, feed: Feed, generation: str, position: str) -> str:
    """The cursor of a position in whatever form."""
    return encode_cursor(_listing(namespace, feed), f"{generation}/{position}")


def decode_position(namespace: SharedNamespace, feed: Feed, cursor: str) -> tuple[str, str]:
    """The generation of a cursor of this feed, and a position in the form in which it was given out.

    Raises InvalidCursor.
    """
    generation, _, position = decode_cursor(_listing(namespace, feed), cursor).partition("/")
    return generation, position


def parse_position(position: str) -> FeedPosition:
    """Read what `encode_feed_position` wrote. Raises InvalidCursor."""
    try:
        stamp, given, within = position.split("/", 2)
        return FeedPosition(int(stamp, 16), within, int(given))
    except ValueError as error:
        raise InvalidCursor("The cursor has another form than this site's.", field="cursor") from error


def _listing(namespace: SharedNamespace, feed: Feed) -> str:
    return f"feed/{namespace.tenant}/{namespace.namespace}/{feed}"
