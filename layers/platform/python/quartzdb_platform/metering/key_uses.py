"""When keys were last used, from what was counted: to the hour, and without a write for any request.

Where requests are answered by functions, nothing runs beside them that could note it. What they used is counted by key
and hour in any case; once an hour this looks at projects that had requests since, and tells the database of their keys.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Protocol

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError
from quartzdb_platform.domain.calendar import DAY_MS, HOUR_MS, day_of, month_of, start_ms
from quartzdb_platform.metering import places
from quartzdb_platform.metering.places import row_of
from quartzdb_platform.metering.storage import every_project
from quartzdb_platform.metering.tally import REQUESTS
from quartzdb_platform.ports import Document, DocumentTable, Put

logger = logging.getLogger(__name__)
_SK = "key-uses"
_PAGE = 500
_LATE_MS = DAY_MS
"""Of lines that are counted after the hour that they are of: so far back is looked."""


class KeyUseTable(Protocol):
    """API keys of the database."""

    def note_used(self, key_id: str, at_ms: int) -> None:
        """It was used then: the latest of several times stays. Raises Unavailable."""
        ...


class KeyUses:
    """A step of upkeep, safe to repeat."""

    def __init__(self, table: DocumentTable, keys: KeyUseTable, clock: Clock) -> None:
        self._table = table
        self._keys = keys
        self._clock = clock

    def run(self, now_ms: int) -> int:
        """How many keys were noted. A project that fails keeps no other from its turn, and is looked at again."""
        noted = 0
        for project_id in every_project(self._table):
            try:
                noted += self._note(project_id, now_ms)
            except QuartzError as error:
                logger.warning("When keys of %s were used could not be noted: %s", project_id, error)
        return noted

    def _note(self, project_id: str, now_ms: int) -> int:
        place = places.usage_pk(project_id), _SK
        before = self._table.get(*place)
        requests = self._requests(project_id, now_ms)
        known = before.body if before is not None else {"requests": {}, "used": {}}
        if known["requests"] == requests:
            return 0
        used = self._used(project_id, now_ms)
        new = {key: at_ms for key, at_ms in used.items() if at_ms > known["used"].get(key, 0)}
        for key, at_ms in new.items():
            self._keys.note_used(key, at_ms)
        # What is remembered is what a later look may find again; where somebody else was faster, they noted the same.
        body = {"requests": requests, "used": used}
        self._table.transact([Put(*place, body, None if before is None else before.revision)])
        return len(new)

    def _requests(self, project_id: str, now_ms: int) -> dict[str, int]:
        """Of this month and the one that a late line may be of: where they are what they were, nothing came."""
        found = {}
        for month in sorted({month_of(now_ms), month_of(now_ms - _LATE_MS)}):
            sums = self._table.get(*places.month(project_id, month))
            if sums is not None:
                found[month] = sums.body["requests"]
        return found

    def _used(self, project_id: str, now_ms: int) -> Mapping[str, int]:
        """The end of the last hour with requests of each key, and never a time that is yet to come."""
        used: dict[str, int] = {}
        for day in sorted({day_of(now_ms - _LATE_MS), day_of(now_ms)}):
            for row in self._rows(project_id, day):
                key = row_of(row.sk).key
                hours = [int(hour) for hour, counts in row.body["hours"].items() if counts[REQUESTS]]
                if key and hours:
                    ends_ms = start_ms(day) + (max(hours) + 1) * HOUR_MS - 1
                    used[key] = max(used.get(key, 0), min(ends_ms, now_ms))
        return used

    def _rows(self, project_id: str, day: str) -> list[Document]:
        found: list[Document] = []
        pk, prefix, after = places.usage_pk(project_id), f"{places.ROW}{day}#", None
        while page := self._table.query(pk, prefix, limit=_PAGE, after=after):
            found += page
            after = page[-1].sk
        return found
