"""How often something may be tried: the generic cell rate algorithm, its one number kept in the table.

Source: ITU-T I.371, annex A (virtual scheduling). A burst may come at once, then one every `seconds`.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from quartzdb.domain.clock import Clock
from quartzdb_platform.domain.errors import TooManyAttempts
from quartzdb_platform.ports import DocumentTable, Put
from quartzdb_platform.transaction import change


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, and one more every so many seconds."""

    burst: int
    seconds: float


class Attempts:
    """Counts by what is tried and by whom; who that is, is kept as a hash."""

    def __init__(self, table: DocumentTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def count(self, what: str, who: str, rate: Rate) -> None:
        """One more. Raises TooManyAttempts, and then it does not count."""
        pk = f"RATE#{what}#{hashlib.sha256(who.encode()).hexdigest()}"

        def decide() -> tuple[None, list[Put]]:
            now_ms, found = self._clock.unix_ms(), self._table.get(pk, "rate")
            due_ms = max(now_ms, found.body["due_ms"] if found else 0)
            if due_ms - now_ms > rate.burst * rate.seconds * 1_000:
                # Further ahead than anybody who was let in can leave it: a clock that was wrong wrote it.
                due_ms = now_ms
            late_ms = due_ms - now_ms - (rate.burst - 1) * rate.seconds * 1_000
            if late_ms > 0:
                raise TooManyAttempts(f"There were too many attempts: {what}.", math.ceil(late_ms / 1_000))
            next_ms = due_ms + int(rate.seconds * 1_000)
            return None, [Put(pk, "rate", {"due_ms": next_ms}, found.revision if found else None, next_ms)]

        change(self._table, decide)
