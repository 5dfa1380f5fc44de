"""What was made of projects' counters, for as long as they are as they were: whoever looks every few seconds costs two
small reads a project and not all of its rows.

The sums of a month change with each batch that is counted, and the samples of a day with each sample: where neither
did, nothing else of the present month has. What is counted late of a month before is seen when this is old.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from quartzdb.domain.clock import Clock
from quartzdb_platform.domain.calendar import HOUR_MS, day_of, month_of
from quartzdb_platform.metering import places
from quartzdb_platform.ports import DocumentTable

OLD_MS = 60_000
"""Nothing is remembered for longer."""
BUSY_MS = 2_000
"""So long not even that is asked: of a busy project each look would find it changed."""
_ENTRIES_MAX = 512
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Made:
    at_ms: int
    marks: tuple[int, ...]
    value: Any


class Remembered:
    """One instance serves everybody in a process. Thread-safe; two who ask at once may both make it."""

    def __init__(self, table: DocumentTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._made: OrderedDict[Hashable, _Made] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, about: Hashable, project_ids: Sequence[str], make: Callable[[], T]) -> T:
        """What `make` makes of these projects, or made of them a moment ago."""
        now_ms = self._clock.unix_ms()
        key = (about, tuple(project_ids), now_ms // HOUR_MS)
        with self._lock:
            found = self._made.get(key)
        age_ms = OLD_MS if found is None else now_ms - found.at_ms
        if found is not None and 0 <= age_ms < BUSY_MS:
            value: T = found.value
            return value
        # Read before anything is made of it: what comes in between is news the next time.
        marks = self._marks(project_ids, now_ms)
        if found is not None and 0 <= age_ms < OLD_MS and found.marks == marks:
            known: T = found.value
            return known
        value = make()
        with self._lock:
            self._made[key] = _Made(now_ms, marks, value)
            self._made.move_to_end(key)
            while len(self._made) > _ENTRIES_MAX:
                self._made.popitem(last=False)
        return value

    def _marks(self, project_ids: Sequence[str], now_ms: int) -> tuple[int, ...]:
        documents = (
            self._table.get(*place)
            for project_id in project_ids
            for place in (
                places.month(project_id, month_of(now_ms)),
                places.storage(project_id, day_of(now_ms)),
            )
        )
        return tuple(0 if one is None else one.revision for one in documents)
