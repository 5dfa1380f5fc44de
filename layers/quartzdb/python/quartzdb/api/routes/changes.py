"""The routes of change feeds: what changed in a namespace, in commit order, from a cursor on."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from quartzdb.api.answer import Answer
from quartzdb.api.call import Call
from quartzdb.api.feed import OpenFeed, ToldChanges
from quartzdb.api.following import LAST_EVENT_ID
from quartzdb.api.operation import Family, Success
from quartzdb.api.receipts import read_body
from quartzdb.api.routes.vectors import READ, VERSION, vector_document
from quartzdb.api.schemas import changes as schemas
from quartzdb.api.times import rfc3339, rfc3339_or_none, unix_ms_of
from quartzdb.domain.change import Change, Patch, Upsert
from quartzdb.domain.errors import InvalidArgument, InvalidVersion
from quartzdb.domain.expired import Expired
from quartzdb.domain.expiry import EXPIRY_FIELD, split_expiry
from quartzdb.domain.hlc import Version
from quartzdb.domain.limits import CHANGES_BYTES_MAX, WAIT_SECONDS_MAX
from quartzdb.domain.units import units_read
from quartzdb.services.change_cursor import Followed
from quartzdb.services.change_origin import FROM_NOW, FromOldest, Origin, SinceMoment, SinceWrite
from quartzdb.services.keys import Scope
from quartzdb.services.page import check_limit
from quartzdb.services.record_changes import RecordEvent

FAMILY = Family(
    "changes",
    "What changed, in commit order: with `wait` an answer comes as soon as there is something; with "
    "`Accept: text/event-stream` a stream of Server-Sent Events, each with a cursor as its id.",
)

_MOMENT_MAX = 1 << 46
"""Some millenia from now: a later one has no stamp."""
_KINDS = {"Upsert": "upsert", "Patch": "patch", "Delete": "delete", "Expired": "expire"}


class FollowedRecords:
    """The feed of records for one request."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._query = query = call.query(schemas.FollowChanges)
        self._limit = check_limit(query.limit)
        self.wait_seconds = min(checked_wait(query.wait), call.context.settings.wait_seconds_max)
        changes, namespace = call.services.record_changes, call.namespace()
        cursor = call.headers.get(LAST_EVENT_ID) or query.cursor
        origin = origin_of(query)
        self._places = changes.resume(namespace, cursor) if cursor else changes.begin(namespace, origin)
        self._namespace = namespace
        self._looks = 0

    def page(self) -> ToldChanges:
        """As the protocol says."""
        changes = self._call.services.record_changes
        namespace = self._call.namespace()
        if namespace.generation != self._namespace.generation:
            # Deleted and created again: the cursor says so.
            changes.resume(namespace, changes.cursor(self._namespace, self._places))
        written: list[bytes] = []
        size = 0

        def take(event: RecordEvent) -> bool:
            nonlocal size
            document = orjson.dumps(self._document(event), option=orjson.OPT_SERIALIZE_NUMPY)
            if written and size + len(document) > CHANGES_BYTES_MAX:
                return False
            written.append(document)
            size += len(document) + 1
            return True

        followed = changes.page(namespace, self._places, take, self._limit)
        self._places = followed.places
        return page_of(written, changes.cursor(namespace, self._places), followed)

    def look(self) -> bool:
        """As the protocol says."""
        self._looks += len(self._places.places)
        return self._call.services.record_changes.has_more(self._namespace, self._places)

    def answer(self, page: ToldChanges) -> Answer:
        """As the protocol says."""
        reads = 1 + (self._looks if self._call.context.settings.looks_cost else 0)
        return read_body(self._call, page.body, reads=reads, records=page.events)

    def used(self, sent_bytes: int, events: int) -> None:
        """As the protocol says."""
        self._call.trace.used(units_read(1, sent_bytes), events)

    def _document(self, event: RecordEvent) -> dict[str, object]:
        change = event.change
        document: dict[str, object] = {
            "kind": _KINDS[type(change).__name__],
            "id": change.id,
            "version": str(change.version),
            "shard": event.shard,
            "at": rfc3339(event.at_ms),
        }
        return document | self._contents(change)

    def _contents(self, change: Change | Expired) -> dict[str, object]:
        contents: dict[str, object] = {}
        if isinstance(change, Expired):
            return {"expires_at": rfc3339(change.expires_at_ms)}
        if isinstance(change, Upsert):
            if self._query.include_vectors != "false":
                contents["vector"] = vector_document(change.vector, self._query.include_vectors)
            metadata = dict(change.metadata)
            moment = split_expiry(metadata)
            if moment is not None:
                contents["expires_at"] = rfc3339(moment)
            if self._query.include_metadata:
                contents["metadata"] = metadata
        elif isinstance(change, Patch):
            fields = dict(change.set)
            moment = split_expiry(fields)
            if moment is not None or EXPIRY_FIELD in change.unset:
                contents["expires_at"] = rfc3339_or_none(moment)
            if self._query.include_metadata:
                contents |= {"set": fields, "unset": [one for one in change.unset if one != EXPIRY_FIELD]}
        return contents


def open_record_feed(call: Call) -> OpenFeed:
    """The feed that a request asks for."""
    return FollowedRecords(call)


@FAMILY.operation(
    "GET",
    "/v1/namespaces/{namespace}/changes",
    summary="Follow changes of records",
    scope=Scope.READ,
    query=schemas.FollowChanges,
    headers=(LAST_EVENT_ID,),
    errors=(406, 410),
    feed=open_record_feed,
    answers=(
        Success(
            "What changed; nothing where nothing did. As an event stream: events `changes` with the same document, "
            "without `usage`.",
            schemas.ChangePage,
            {
                "changes": [
                    {
                        "kind": "upsert",
                        "id": "dune",
                        "version": VERSION,
                        "shard": 0,
                        "at": "2026-11-30T05:20:00.125Z",
                        "metadata": {"year": 1965},
                    },
                    {
                        "kind": "delete",
                        "id": "emma",
                        "version": VERSION,
                        "shard": 0,
                        "at": "2026-11-30T05:20:00.250Z",
                    },
                    {
                        "kind": "expire",
                        "id": "ubik",
                        "version": VERSION,
                        "shard": 0,
                        "at": "2026-11-30T05:20:00.375Z",
                        "expires_at": "2026-11-30T05:20:00.375Z",
                    },
                ],
                "cursor": "q1w2e3r4t5y6",
                "more": False,
                "complete_until": "2026-11-30T05:20:00.500Z",
                "usage": READ,
            },
        ),
    ),
)
def follow_changes(call: Call) -> Answer:
    """Every upsert, patch and delete that was committed after the cursor, and every record that expired, those of a
    shard in commit order. What was acknowledged is in the feed, nothing else is, and a cursor gives the same again
    however often it is asked. Without a cursor it begins now.

    A record's expiry stands at its moment: after all that was committed before, and before all that was committed from
    then on. It comes once, with the version of the record that expired. What was prolonged, replaced or deleted in time
    has none.

    A change that the other of two sites made comes where this site committed it, with the version it was made with;
    where that is earlier than what you have of the record, leave it out, as the database does. On AWS changes come some
    two seconds after they were acknowledged, and one whose writer had to send it again may come twice, with two
    versions.

    `complete_until`: all that was committed and has expired up to then was told.

    A cursor that is older than the retention (7 days, unless the server is told otherwise), or than an erasure, is
    answered 410 with a cursor to begin anew with.
    """
    feed = FollowedRecords(call)
    return feed.answer(feed.page())


def page_of(
    written: list[bytes], cursor: str, followed: Followed, more: Mapping[str, object] | None = None
) -> ToldChanges:
    """A page of events that are JSON already, with more fields."""
    through = rfc3339(max(0, followed.complete_ms))
    rest = orjson.dumps({"cursor": cursor, "more": followed.more, "complete_until": through, **(more or {})})
    body = b'{"changes":[' + b",".join(written) + b"]," + rest[1:]
    return ToldChanges(body, cursor, followed.more, len(written))


def checked_wait(seconds: float) -> float:
    """How long to wait. Raises InvalidArgument."""
    if not 0 <= seconds <= WAIT_SECONDS_MAX:
        raise InvalidArgument(
            f"A request waits 0 to {WAIT_SECONDS_MAX} seconds, not {seconds:g}.",
            field="wait",
            hint="Ask again with the cursor of the answer: nothing is missed in between.",
        )
    return seconds


def origin_of(query: schemas.FollowChanges | schemas.FollowKeyChanges) -> Origin:
    """Where to begin without a cursor. Raises InvalidArgument."""
    given = [
        name
        for name, value in (("cursor", query.cursor), ("from", query.begin), ("since", query.since))
        if value is not None
    ]
    if len(given) > 1:
        raise InvalidArgument(
            f"`{given[0]}` and `{given[1]}` both say where to begin.",
            field=given[1],
            hint="Send one of them.",
        )
    if query.since is not None:
        return _since(query.since)
    return FromOldest() if query.begin == "beginning" else FROM_NOW


def _since(text: str) -> Origin:
    moment = unix_ms_of(text)
    if moment is not None:
        return SinceMoment(min(max(0, moment), _MOMENT_MAX))
    try:
        return SinceWrite(Version.parse(text))
    except InvalidVersion as error:
        raise InvalidArgument(
            "`since` is neither an RFC 3339 time with its offset nor the version of a write.",
            field="since",
            hint="2026-11-30T05:20:00Z, or the `version` of an earlier answer. In an address + is written %2B.",
        ) from error
