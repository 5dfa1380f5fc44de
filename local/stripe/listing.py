"""Lists: the newest first, a page at a time, with a cursor that is an id."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from local.stripe.errors import Refused, no_such
from local.stripe.parameters import Given
from local.stripe.store import Object

CURSORS = "limit starting_after ending_before created"
_LIMIT, _LIMIT_MAX = 10, 100
_COMPARISONS = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


def page(found: Iterable[Object], given: Given, url: str) -> Object:
    """`found` has the oldest first, and is what the filters left but `created`. Raises Refused."""
    limit = given.get("limit", _LIMIT)
    if not 1 <= limit <= _LIMIT_MAX:
        raise Refused(f"Invalid limit: must be between 1 and {_LIMIT_MAX}", param="limit")
    if "starting_after" in given and "ending_before" in given:
        raise Refused(
            "You may only specify one of these parameters: starting_after, ending_before.",
            code="parameters_exclusive",
            param="starting_after",
        )
    rows = [row for row in found if _was_made(row, given.get("created"))]
    rows.reverse()
    more = False
    if "ending_before" in given:
        rows = rows[: _position(rows, given["ending_before"], "ending_before")]
        more, rows = len(rows) > limit, rows[-limit:]
    else:
        if "starting_after" in given:
            rows = rows[_position(rows, given["starting_after"], "starting_after") + 1 :]
        more, rows = len(rows) > limit, rows[:limit]
    return {"object": "list", "data": rows, "has_more": more, "url": url}


def whole(rows: list[Object], url: str) -> Object:
    """A list inside an object, all of it."""
    return {"object": "list", "data": rows, "has_more": False, "url": url}


def _position(rows: list[Object], wanted: str, param: str) -> int:
    for index, row in enumerate(rows):
        if row["id"] == wanted:
            return index
    raise no_such("object", wanted, param, status=400)


def _was_made(row: Object, wanted: Any) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, int):
        return bool(row["created"] == wanted)
    return all(_COMPARISONS[name](row["created"], moment) for name, moment in wanted.items())
