"""Failovers as events of every organization whose data they were about: which cloud answered from when on, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from quartzdb_platform.audit.log import AuditLog, Happened
from quartzdb_platform.domain.availability import Switched
from quartzdb_platform.ports import Change, DocumentTable, Put, StatusSource
from quartzdb_platform.transaction import change

_TOLD = "AUDIT_FAILOVERS", "told"
_KEPT_MS = 400 * 24 * 3_600_000
"""Longer than switches are known: one that was told is not told again."""


class FailoverAudit:
    """One instance is enough; several do no harm. `organizations` gives all that there are: the id of each, and when
    it was made in unix milliseconds.
    """

    def __init__(
        self,
        table: DocumentTable,
        audit: AuditLog,
        source: StatusSource,
        organizations: Callable[[], Iterable[tuple[str, int]]],
    ) -> None:
        self._table = table
        self._audit = audit
        self._source = source
        self._organizations = organizations

    def run(self, now_ms: int) -> int:
        """Tell organizations of the switches since the last time; how many events there were. Raises Unavailable,
        Conflict; then the next run goes on.
        """
        told = self._table.get(*_TOLD)
        since = told.body["at_ms"] if told else 0
        switches = sorted(one for one in self._source.read().switches if one.at_ms > since)
        events = sum(self._tell(switch, now_ms) for switch in switches)
        if switches:
            revision = told.revision if told else None
            self._table.transact([Put(*_TOLD, {"at_ms": switches[-1].at_ms}, revision)])
        return events

    def _tell(self, switch: Switched, now_ms: int) -> int:
        return sum(
            self._append(organization_id, switch, now_ms)
            for organization_id, created_at_ms in self._organizations()
            if created_at_ms <= switch.at_ms
        )

    def _append(self, organization_id: str, switch: Switched, now_ms: int) -> bool:
        """Whether it was news: the note that it was told is of the same transaction as the event."""
        note = f"ORG#{organization_id}", f"failover#{switch.at_ms}"
        happened = Happened(
            switch.at_ms, "failover", "origin.switched", switch.active, "", outcome=switch.reason
        )

        def decide() -> tuple[bool, Sequence[Change]]:
            if self._table.get(*note) is not None:
                return False, ()
            noted = Put(*note, {}, None, now_ms + _KEPT_MS)
            return True, [noted, *self._audit.appended(organization_id, [happened])]

        return change(self._table, decide)
