"""The probe of a platform beside the one database it has: a look each minute, kept by day.

Nobody looks while the process is down, so such minutes are not known, and no downtime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError
from quartzdb_platform.domain.availability import SERVICE, Looks, Observed, OriginNow
from quartzdb_platform.domain.calendar import DAY_MS, day_of
from quartzdb_platform.ports import Document, DocumentTable, Put
from quartzdb_platform.transaction import change

DAYS_KEPT = 91
FRESH_MS = 5 * 60_000
"""A look that is older says nothing of now."""
_PK = "STATUS"


class OwnProbe:
    """StatusSource, and a step of upkeep. `look` raises QuartzError where the database does not do what it should."""

    def __init__(self, table: DocumentTable, clock: Clock, name: str, look: Callable[[], object]) -> None:
        self._table = table
        self._clock = clock
        self._name = name
        self._look = look

    def probe(self, now_ms: int) -> bool:
        """Look once, and keep what came of it."""
        try:
            self._look()
            well = True
        except QuartzError:
            well = False
        day = day_of(now_ms)

        def decide() -> tuple[None, list[Put]]:
            found = self._table.get(_PK, day)
            ok, failed = found.body["looks"] if found is not None else (0, 0)
            body = {"looks": [ok + well, failed + (not well)], "well": well, "at_ms": now_ms}
            revision = None if found is None else found.revision
            return None, [Put(_PK, day, body, revision, now_ms + DAYS_KEPT * DAY_MS)]

        change(self._table, decide)
        return well

    def read(self) -> Observed:
        """Raises Unavailable."""
        now_ms = self._clock.unix_ms()
        first = day_of(now_ms - (DAYS_KEPT - 1) * DAY_MS)
        documents = [one for one in self._table.query(_PK, "", limit=2 * DAYS_KEPT) if one.sk >= first]
        days = {one.sk: {self._name: _looks(one), SERVICE: _looks(one)} for one in documents}
        latest = documents[-1].body if documents else None
        fresh = latest is not None and abs(now_ms - latest["at_ms"]) <= FRESH_MS
        now = OriginNow(
            self._name,
            latest["well"] if latest is not None and fresh else None,
            None if latest is None else latest["at_ms"],
        )
        return Observed([now], active=self._name, days=days)


def _looks(document: Document) -> Looks:
    body: Mapping[str, list[int]] = document.body
    return Looks(*body["looks"])
