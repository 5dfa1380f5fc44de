"""Audit lines that a log delivered, kept until they are events: by a function that has no right to any audit log.

A batch that is delivered again is kept again, under another place, and comes to nothing: it is known by its id to who
makes events of it. HAZARD: as with usage, the same lines must never come under another id.
"""

from __future__ import annotations

from collections.abc import Sequence

from quartzdb.domain.clock import Clock
from quartzdb_platform.audit.data_plane import DataPlaneAudit
from quartzdb_platform.ports import Delete, DocumentTable, Put

PK = "AUDIT-LINES"
_LINES_MAX = 200
"""Of one document. A line has some 350 bytes, and never more than 2 KB."""
_LINE_CHARACTERS_MAX = 1_500
_AT_ONCE = 20
_KEPT_MS = 35 * 24 * 3_600_000


class DeliveredAudit:
    """Thread-safe; any number of processes may keep and take."""

    def __init__(self, table: DocumentTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def keep(self, batch_id: str, lines: Sequence[str]) -> None:
        """The audit lines of a batch, in their order. Raises Unavailable: then it has to come again."""
        now_ms = self._clock.unix_ms()
        for first in range(0, len(lines), _LINES_MAX):
            part = f"{batch_id}#{first // _LINES_MAX:04d}"
            texts = [line[:_LINE_CHARACTERS_MAX] for line in lines[first : first + _LINES_MAX]]
            body = {"batch": part, "lines": texts}
            # One that is there was kept in the same millisecond: it is the same.
            self._table.transact([Put(PK, f"{now_ms:015d}#{part}", body, None, now_ms + _KEPT_MS)])

    def take_all(self, audit: DataPlaneAudit) -> int:
        """Make events of all that is kept, the oldest first, and forget it; how many lines were new. Raises
        Unavailable, Conflict; then what is left is taken by the next call.
        """
        taken = 0
        while found := self._table.query(PK, "", limit=_AT_ONCE):
            for kept in found:
                taken += audit.take_batch(kept.body["batch"], kept.body["lines"])
                # Where somebody else was faster, it is gone.
                self._table.transact([Delete(kept.pk, kept.sk, kept.revision)])
        return taken
