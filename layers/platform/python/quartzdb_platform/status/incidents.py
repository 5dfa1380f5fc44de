"""Incidents: what an operator says goes on, in the platform's table, for everybody to read."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict, InvalidArgument, NotFound
from quartzdb_platform.domain.availability import Incident, Note
from quartzdb_platform.domain.ids import new_id
from quartzdb_platform.ports import Change, Document, DocumentTable, Put
from quartzdb_platform.transaction import change

LISTED = 50
NOTES_MAX = 100
TITLE_CHARACTERS_MAX = 120
TEXT_CHARACTERS_MAX = 2_000
_PK = "INCIDENTS"


class Incidents:
    """One instance serves everybody; who may say something has the table."""

    def __init__(
        self,
        table: DocumentTable,
        clock: Clock,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._table = table
        self._clock = clock
        self._random_bytes = random_bytes

    def newest(self) -> Sequence[Incident]:
        """The LISTED newest, those that go on among them. Raises Unavailable."""
        return [_incident(one) for one in self._table.query(_PK, "", limit=LISTED, reverse=True)]

    def open(self, title: str, text: str) -> Incident:
        """Raises InvalidArgument."""
        now_ms = self._clock.unix_ms()
        title = _checked(title, "title", TITLE_CHARACTERS_MAX)
        notes = (Note(now_ms, _checked(text, "text", TEXT_CHARACTERS_MAX)),)
        incident = Incident(new_id("inc", now_ms, self._random_bytes), title, now_ms, notes)
        change(self._table, lambda: (None, [Put(_PK, incident.id, asdict(incident))]))
        return incident

    def update(self, incident_id: str, text: str) -> Incident:
        """Say more of one that goes on. Raises NotFound, Conflict, InvalidArgument."""
        return self._say(incident_id, text, closes=False)

    def close(self, incident_id: str, text: str) -> Incident:
        """Say that it is over. Raises NotFound, Conflict, InvalidArgument."""
        return self._say(incident_id, text, closes=True)

    def _say(self, incident_id: str, text: str, *, closes: bool) -> Incident:
        text = _checked(text, "text", TEXT_CHARACTERS_MAX)

        def decide() -> tuple[Incident, Sequence[Change]]:
            found = self._table.get(_PK, incident_id)
            if found is None:
                raise NotFound(
                    f"There is no incident {incident_id[:40]!r}.", hint="`quartzdb platform incident list`"
                )
            before = _incident(found)
            if before.closed_at_ms is not None:
                raise Conflict("This incident is closed.", hint="Open another one.")
            if len(before.notes) >= NOTES_MAX:
                raise Conflict(
                    f"An incident has {NOTES_MAX} notes at most.", hint="Close it, and open another."
                )
            now_ms = self._clock.unix_ms()
            after = replace(
                before, notes=(*before.notes, Note(now_ms, text)), closed_at_ms=now_ms if closes else None
            )
            return after, [Put(found.pk, found.sk, asdict(after), found.revision)]

        return change(self._table, decide)


def _incident(document: Document) -> Incident:
    body = document.body
    return Incident(
        body["id"],
        body["title"],
        body["opened_at_ms"],
        tuple(Note(*note) for note in body["notes"]),
        body["closed_at_ms"],
    )


def _checked(text: str, field: str, most: int) -> str:
    text = text.strip()
    if not 1 <= len(text) <= most or any(ord(one) < 32 and one != "\n" for one in text):
        raise InvalidArgument(
            f"The {field} of an incident has 1 to {most} characters, and no control characters.", field=field
        )
    return text
