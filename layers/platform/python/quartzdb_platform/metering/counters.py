"""Applies batches of usage lines to counters, each exactly once: however often it comes, and in whatever order.

A part's counters and its marker are one transaction. Whoever delivers a batch again finds the markers.
HAZARD: a batch is known by its id, so the same lines must never come under another one; and markers are kept for
MARKER_DAYS, so a batch that is older than that must not come again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb_platform.domain.calendar import DAY_MS
from quartzdb_platform.metering.addition import added
from quartzdb_platform.metering.parts import Part, parts
from quartzdb_platform.metering.tally import Tally, tally
from quartzdb_platform.ports import Change, DocumentTable, Put
from quartzdb_platform.transaction import change

logger = logging.getLogger(__name__)

MARKER_DAYS = 35
_ATTEMPTS_MAX = 64
"""Of a part: of so many deliverers that change one project's sums at a moment, each has its turn."""


class Applied(NamedTuple):
    """What became of a batch: its parts that were counted now, and those that had been before."""

    tally: Tally
    counted: int
    known: int


class Counters:
    """Thread-safe; any number of processes may count the same batches side by side."""

    def __init__(self, table: DocumentTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def apply(self, batch_id: str, texts: Iterable[bytes | str], source: str) -> Applied:
        """Count the lines of a batch. Raises Unavailable, OutcomeUnknown, Conflict: then it has to come again."""
        found = tally(texts, source)
        if found.malformed:
            logger.warning(
                "%d usage lines from %s cannot be read and are not counted", found.malformed, source
            )
        outcomes = [self._apply(batch_id, number, part) for number, part in enumerate(parts(found.additions))]
        return Applied(found, outcomes.count(True), outcomes.count(False))

    def _apply(self, batch_id: str, number: int, part: Part) -> bool:
        """Whether it was counted now."""
        marker = f"BATCH#{batch_id}", f"part#{number:05d}"

        def decide() -> tuple[bool, Sequence[Change]]:
            if self._table.get(*marker) is not None:
                return False, ()
            ends_ms = self._clock.unix_ms() + MARKER_DAYS * DAY_MS
            puts = [Put(*marker, {"documents": len(part)}, None, ends_ms)]
            for place, (counts, expires_at_ms) in part.items():
                present = self._table.get(*place)
                body = counts if present is None else added(present.body, counts)
                revision = None if present is None else present.revision
                puts.append(Put(*place, body, revision, expires_at_ms))
            return True, puts

        return change(self._table, decide, attempts_max=_ATTEMPTS_MAX)
