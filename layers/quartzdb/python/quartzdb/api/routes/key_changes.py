"""The route of the change feed of key-values: which keys changed, and what they are now."""

from __future__ import annotations

from dataclasses import replace

import orjson

from quartzdb.api.answer import Answer
from quartzdb.api.call import Call
from quartzdb.api.feed import OpenFeed, ToldChanges
from quartzdb.api.following import LAST_EVENT_ID
from quartzdb.api.operation import Family, Success
from quartzdb.api.receipts import read_body
from quartzdb.api.routes import changes as of_records
from quartzdb.api.routes.keyvalue_json import item_document
from quartzdb.api.routes.vectors import READ, VERSION
from quartzdb.api.schemas import changes as schemas
from quartzdb.api.times import rfc3339, rfc3339_or_none
from quartzdb.domain.answer_budget import AnswerBudget
from quartzdb.domain.limits import CHANGES_BYTES_MAX
from quartzdb.domain.units import units_read
from quartzdb.services.key_changes import KeyEvent
from quartzdb.services.keys import Scope
from quartzdb.services.page import check_limit

FAMILY = Family(of_records.FAMILY.tag, of_records.FAMILY.description)


class FollowedKeys:
    """The feed of key-values for one request."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._query = query = call.query(schemas.FollowKeyChanges)
        self._limit = check_limit(query.limit)
        self.wait_seconds = min(of_records.checked_wait(query.wait), call.context.settings.wait_seconds_max)
        changes, namespace = call.services.key_changes, call.namespace()
        cursor = call.headers.get(LAST_EVENT_ID) or query.cursor
        origin = of_records.origin_of(query)
        self._places = changes.resume(namespace, cursor) if cursor else changes.begin(namespace, origin)
        self._namespace = namespace
        self._looks = 0

    def page(self) -> ToldChanges:
        """As the protocol says."""
        changes = self._call.services.key_changes
        namespace = self._call.namespace()
        if namespace.generation != self._namespace.generation:
            # Deleted and created again: the cursor says so.
            changes.resume(namespace, changes.cursor(self._namespace, self._places))
        written: list[bytes] = []
        size = 0

        def take(event: KeyEvent) -> bool:
            nonlocal size
            if len(written) >= self._limit:
                return False
            document = orjson.dumps(self._document(event))
            if written and size + len(document) > CHANGES_BYTES_MAX:
                return False
            written.append(document)
            size += len(document) + 1
            return True

        followed = changes.page(namespace, self._places, take)
        self._places = followed.places
        kept = {"history": namespace.settings.key_history}
        return of_records.page_of(written, changes.cursor(namespace, self._places), followed, kept)

    def look(self) -> bool:
        """As the protocol says."""
        changes = self._call.services.key_changes
        self._looks += changes.looks(self._namespace)
        if not self._call.context.settings.looks_cost:
            # Raises where it was deleted, so that nobody waits for what cannot come.
            self._call.namespace()
        return changes.has_more(self._namespace, self._places)

    def answer(self, page: ToldChanges) -> Answer:
        """As the protocol says."""
        reads = 1 + (self._looks if self._call.context.settings.looks_cost else 0)
        return read_body(self._call, page.body, reads=reads, records=page.events)

    def used(self, sent_bytes: int, events: int) -> None:
        """As the protocol says."""
        self._call.trace.used(units_read(1, sent_bytes), events)

    def _document(self, event: KeyEvent) -> dict[str, object]:
        item, at = event.item, rfc3339(event.at_ms)
        if event.kind != "put":
            told: dict[str, object] = {
                "kind": event.kind,
                "key": item.key,
                "version": str(item.version),
                "at": at,
            }
            ends = {"expires_at": rfc3339_or_none(item.expires_at_ms)} if event.kind == "expire" else {}
            return told | ends
        if item.value is None:
            # Too large for the history, or erased since: how large it was says so.
            shown = item_document(replace(item, value=b""), AnswerBudget(), with_value=False)
            return {"kind": "put", "at": at, **shown, "value_bytes": event.value_bytes}
        shown = item_document(item, AnswerBudget(), with_value=self._query.values)
        return {"kind": "put", "at": at, **shown}


def open_key_feed(call: Call) -> OpenFeed:
    """The feed that a request asks for."""
    return FollowedKeys(call)


@FAMILY.operation(
    "GET",
    "/v1/namespaces/{namespace}/kv-changes",
    summary="Follow changes of key-values",
    scope=Scope.READ,
    query=schemas.FollowKeyChanges,
    headers=(LAST_EVENT_ID,),
    errors=(406, 410),
    feed=open_key_feed,
    answers=(
        Success(
            "Which keys changed; none where none did. As an event stream: events `changes` with the same document, "
            "without `usage`.",
            schemas.KeyChangePage,
            {
                "changes": [
                    {
                        "kind": "put",
                        "at": "2026-11-30T05:20:00.125Z",
                        "key": "greeting",
                        "version": VERSION,
                        "content_type": "text/plain; charset=utf-8",
                        "expires_at": "2026-11-30T06:20:00.125Z",
                        "value": "good morning",
                    },
                    {
                        "kind": "delete",
                        "key": "farewell",
                        "version": VERSION,
                        "at": "2026-11-30T05:20:00.250Z",
                    },
                ],
                "cursor": "q1w2e3r4t5y6",
                "more": False,
                "complete_until": "2026-11-30T05:20:00.500Z",
                "history": False,
                "usage": READ,
            },
        ),
    ),
)
def follow_key_changes(call: Call) -> Answer:
    """Every key that was put or deleted after the cursor, in commit order. In a namespace with `key_history` each
    change is told, and each expiry at its moment; a value above 32 KB is left out, and `value_bytes` says so. In
    another each key is told with its last state: one that was put several times since is told once, `history` is false,
    and a key whose last told end (`expires_at`) is not after `complete_until` has expired.

    On AWS a change comes two seconds after it was acknowledged. Without history a key comes when its change is five
    seconds old, in order, and at once before that, out of order: so most come twice, with the same version.

    With history a cursor is good for the retention (7 days, unless the server is told otherwise), without for 7 days;
    from then on it is answered 410 with a cursor to begin anew with.
    """
    feed = FollowedKeys(call)
    return feed.answer(feed.page())
