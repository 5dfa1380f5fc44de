"""Pages of a feed, what applying one came to, and fetched changes, as JSON documents, and back."""

from __future__ import annotations

from typing import Any

from quartzdb.domain.errors import InvalidArgument
from quartzdb.replication.ports import Applied, Changes, Feed, FeedPage
from quartzdb.replication.wire import fields
from quartzdb.replication.wire.change_document import change_document, parse_changes
from quartzdb.replication.wire.limits import CHANGES_MAX, FETCHED_MAX

CURSOR_CHARACTERS_MAX = 4_096


def page_document(page: FeedPage) -> dict[str, Any]:
    """One page."""
    return {
        "changes": [change_document(change) for change in page.changes],
        "cursor": page.cursor,
        "more": page.more,
        "through_ms": page.through_ms,
    }


def parse_page(document: object, feed: Feed) -> FeedPage:
    """One page. Raises InvalidArgument."""
    page = fields.object_of(document, "")
    return FeedPage(
        parse_changes(page.get("changes"), feed, most=CHANGES_MAX),
        parse_cursor(page),
        fields.flag_in(page, "more", ""),
        fields.integer_in(page, "through_ms", ""),
    )


def parse_cursor(document: Any) -> str:
    """The cursor of a page, or of a gap. Raises InvalidArgument."""
    cursor = fields.text_in(document, "cursor", "")
    if not 0 < len(cursor) <= CURSOR_CHARACTERS_MAX:
        raise InvalidArgument(f"A cursor has 1 to {CURSOR_CHARACTERS_MAX} characters.", field="cursor")
    return cursor


def applied_document(applied: Applied) -> dict[str, Any]:
    """What applying changes came to."""
    return {"applied": applied.applied, "known": applied.known}


def parse_applied(document: object) -> Applied:
    """What applying changes came to. Raises InvalidArgument."""
    answer = fields.object_of(document, "")
    return Applied(fields.integer_in(answer, "applied", ""), fields.integer_in(answer, "known", ""))


def fetched_document(changes: Changes, more: bool) -> dict[str, Any]:
    """The present state of some ids."""
    return {"changes": [change_document(change) for change in changes], "more": more}


def parse_fetched(document: object, feed: Feed) -> tuple[Changes, bool]:
    """The present state of some ids, and whether some are missing. Raises InvalidArgument."""
    answer = fields.object_of(document, "")
    changes = parse_changes(answer.get("changes"), feed, most=FETCHED_MAX)
    return changes, fields.flag_in(answer, "more", "")
