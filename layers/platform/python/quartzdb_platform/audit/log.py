"""The audit log of an organization. Its events are stored in the transaction of what they tell, so none is missing.

Events lie by their number. The head has the newest, and each day has the number of the first that was written on it, so
that a stretch of time is found without reading what is before or after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb_platform.domain.audit_event import GENESIS, AuditEvent, broken_at
from quartzdb_platform.ports import Change, DocumentTable, Json, Put

PAGE_EVENTS_MAX = 1_000
"""Events that are read for one page, those that a filter leaves out included."""
_HEAD = "audit-head"
_EVENT = "audit#"
_DAY = "audit-day#"
_DAY_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: the id of a user or of a management token, and the network address it came from."""

    id: str
    address: str


@dataclass(frozen=True, slots=True)
class Happened:
    """An event before it has its place in a chain."""

    at_ms: int
    actor: str
    action: str
    target: str
    address: str
    outcome: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events are wanted: from `from_ms` on, before `until_ms`, of one actor, of one action or of a family of
    them (`key.`). None: whichever.
    """

    from_ms: int | None = None
    until_ms: int | None = None
    actor: str | None = None
    action: str | None = None

    def passes(self, event: AuditEvent) -> bool:
        """Whether it is wanted."""
        return (
            (self.from_ms is None or event.at_ms >= self.from_ms)
            and (self.until_ms is None or event.at_ms < self.until_ms)
            and (self.actor is None or event.actor == self.actor)
            and (self.action is None or _is_of(event.action, self.action))
        )


class AuditPage(NamedTuple):
    """Events, the newest first. `before`: where the next page goes on; None where nothing is left to look at."""

    events: Sequence[AuditEvent]
    before: int | None


EVERYTHING = AuditFilter()


class AuditLog:
    """Events by organization."""

    def __init__(self, table: DocumentTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def entry(self, organization_id: str, actor: Actor, action: str, target: str) -> Sequence[Change]:
        """What to add to the transaction in which the actor does it."""
        return self.entries(organization_id, actor, [(action, target)])

    def entries(
        self, organization_id: str, actor: Actor, done: Sequence[tuple[str, str]]
    ) -> Sequence[Change]:
        """The same where one transaction does several things: each an action and its target, in their order."""
        now_ms = self._clock.unix_ms()
        happened = [Happened(now_ms, actor.id, action, target, actor.address) for action, target in done]
        return self.appended(organization_id, happened)

    def appended(self, organization_id: str, happened: Sequence[Happened]) -> Sequence[Change]:
        """What happened elsewhere, as what to add to a transaction: a change for each, and two more at most, of which
        the head is the last.
        """
        pk = _pk(organization_id)
        head = self._table.get(pk, _HEAD)
        before: Json = head.body if head else {"sequence": 0, "hash": GENESIS}
        sequence, previous, today = before["sequence"], before["hash"], _day(self._clock.unix_ms())
        puts: list[Change] = []
        if before.get("day") != today:
            first = self._table.get(pk, _DAY + today)  # there, where a clock was set back over midnight
            if first is None:
                puts.append(Put(pk, _DAY + today, {"sequence": sequence + 1}))
        for one in happened:
            sequence += 1
            event = AuditEvent(sequence=sequence, previous=previous, **asdict(one)).sealed()
            puts.append(Put(pk, f"{_EVENT}{sequence:012d}", asdict(event)))
            previous = event.hash
        body = {"sequence": sequence, "hash": previous, "day": today}
        return (*puts, Put(pk, _HEAD, body, head.revision if head else None))

    def newest(
        self, organization_id: str, *, limit: int, before: int | None = None, only: AuditFilter = EVERYTHING
    ) -> AuditPage:
        """Events before that number that pass, the newest first: a page of at most `limit`, and fewer where it would
        take reading more than PAGE_EVENTS_MAX.
        """
        pk = _pk(organization_id)
        lowest, beyond = self._stretch(pk, only)
        if before is not None:
            beyond = before if beyond is None else min(before, beyond)
        after = None if beyond is None else f"{_EVENT}{beyond:012d}"
        most = PAGE_EVENTS_MAX if only != EVERYTHING else limit
        found = self._table.query(pk, _EVENT, limit=most, after=after, reverse=True)
        wanted: list[AuditEvent] = []
        looked_at = 0
        for document in found:
            event = _event(document.body)
            if event.sequence < lowest:
                return AuditPage(wanted, None)
            looked_at = event.sequence
            if only.passes(event):
                wanted.append(event)
                if len(wanted) == limit:
                    break
        else:
            if len(found) < most:
                return AuditPage(wanted, None)
        return AuditPage(wanted, looked_at if looked_at > lowest else None)

    def all(self, organization_id: str) -> Iterator[AuditEvent]:
        """Every event, the oldest first."""
        after = None
        while True:
            found = self._table.query(_pk(organization_id), _EVENT, limit=PAGE_EVENTS_MAX, after=after)
            if not found:
                return
            yield from (_event(document.body) for document in found)
            after = found[-1].sk

    def head(self, organization_id: str) -> tuple[int, str]:
        """The number and the hash of the newest event."""
        head = self._table.get(_pk(organization_id), _HEAD)
        return (head.body["sequence"], head.body["hash"]) if head else (0, GENESIS)

    def count(self, organization_id: str) -> int:
        """Events that were written."""
        return self.head(organization_id)[0]

    def broken_at(self, organization_id: str) -> str | None:
        """Where the chain is broken, in words; None where it is whole."""
        head = self.head(organization_id)
        return broken_at(self.all(organization_id), head)

    def _stretch(self, pk: str, only: AuditFilter) -> tuple[int, int | None]:
        """The first number that may pass, and one beyond which none does. What the database tells is written up to a
        day after it happened, and never before.
        """
        lowest, beyond = 1, None
        if only.from_ms is not None:
            found = self._table.query(
                pk, _DAY, limit=1, after=_DAY + _day(only.from_ms) + "\x7f", reverse=True
            )
            lowest = found[0].body["sequence"] if found else 1
        if only.until_ms is not None:
            found = self._table.query(pk, _DAY, limit=1, after=_DAY + _day(only.until_ms + _DAY_MS))
            beyond = found[0].body["sequence"] if found else None
        return lowest, beyond


def _event(body: Json) -> AuditEvent:
    return AuditEvent(**body)


def _is_of(action: str, wanted: str) -> bool:
    return action.startswith(wanted) if wanted.endswith(".") else action == wanted


def _day(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1_000, UTC).date().isoformat()


def _pk(organization_id: str) -> str:
    return f"ORG#{organization_id}"
