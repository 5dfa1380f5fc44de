"""The audit log of an organization. Its events are stored in the transaction of what they tell, so none is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from quartzdb.domain.clock import Clock
from quartzdb_platform.domain.audit_event import GENESIS, AuditEvent, broken_at
from quartzdb_platform.ports import Change, DocumentTable, Put

PAGE_EVENTS_MAX = 1_000
_HEAD = "audit-head"
_EVENT = "audit#"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: the id of a user or of a management token, and the network address it came from."""

    id: str
    address: str


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
        pk = _pk(organization_id)
        head = self._table.get(pk, _HEAD)
        sequence, previous = (head.body["sequence"], head.body["hash"]) if head else (0, GENESIS)
        now_ms, puts = self._clock.unix_ms(), []
        for action, target in done:
            sequence += 1
            event = AuditEvent(sequence, now_ms, actor.id, action, target, actor.address, previous).sealed()
            puts.append(Put(pk, f"{_EVENT}{sequence:012d}", asdict(event)))
            previous = event.hash
        newest = {"sequence": sequence, "hash": previous}
        return (*puts, Put(pk, _HEAD, newest, head.revision if head else None))

    def newest(self, organization_id: str, *, limit: int, before: int | None = None) -> Sequence[AuditEvent]:
        """Events before that number, the newest first."""
        after = None if before is None else f"{_EVENT}{before:012d}"
        found = self._table.query(_pk(organization_id), _EVENT, limit=limit, after=after, reverse=True)
        return [AuditEvent(**document.body) for document in found]

    def all(self, organization_id: str) -> Iterator[AuditEvent]:
        """Every event, the oldest first."""
        after = None
        while True:
            found = self._table.query(_pk(organization_id), _EVENT, limit=PAGE_EVENTS_MAX, after=after)
            if not found:
                return
            yield from (AuditEvent(**document.body) for document in found)
            after = found[-1].sk

    def count(self, organization_id: str) -> int:
        """Events that were written."""
        head = self._table.get(_pk(organization_id), _HEAD)
        return head.body["sequence"] if head else 0

    def broken_at(self, organization_id: str) -> str | None:
        """Where the chain is broken, in words; None where it is whole."""
        head = self._table.get(_pk(organization_id), _HEAD)
        newest = (head.body["sequence"], head.body["hash"]) if head else (0, GENESIS)
        return broken_at(self.all(organization_id), newest)


def _pk(organization_id: str) -> str:
    return f"ORG#{organization_id}"
