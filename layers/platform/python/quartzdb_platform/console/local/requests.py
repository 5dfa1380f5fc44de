"""What was asked of a server: counts by hour and operation, in memory until they are written, and kept for a month."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from quartzdb.domain.clock import Clock
from quartzdb_platform.domain.calendar import DAY_MS, day_of, hour_of
from quartzdb_platform.ports import Change, DocumentTable, Put
from quartzdb_platform.transaction import change

KEPT_DAYS = 31
_PK = "REQUESTS"
_PAGE = 500
_LINES_MAX = 20_000
FIELDS = ("requests", "refused", "failed", "read_units", "write_units")
"""`refused` were answered 4xx, `failed` 5xx or not at all."""


class Row(NamedTuple):
    """Of a day and an operation, as FIELDS has them."""

    day: str
    operation: str
    counts: Sequence[int]


class RequestCounts:
    """Of one process; any number of them write to one table."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, str], list[int]] = {}
        self._lines: deque[bytes] = deque()

    def take(self, line: bytes) -> None:
        """Count a usage line. Never waits for a disk, never raises. What the line says is looked at when it is to be
        written, or when very many wait for that.
        """
        self._lines.append(line)
        if len(self._lines) > _LINES_MAX:
            self._count_one()

    def _count_one(self) -> bool:
        """Count the oldest line that is not counted yet; whether there was one."""
        try:
            line = self._lines.popleft()
        except IndexError:
            return False
        document = orjson.loads(line)
        at_ms, status = document["at"], document.get("status", 0)
        one = (
            1,
            400 <= status < 500,
            status >= 500 or status == 0,
            document.get("read_units", 0),
            document.get("write_units", 0),
        )
        of = day_of(at_ms), hour_of(at_ms), document.get("op", "")
        with self._lock:
            counts = self._counts.setdefault(of, [0] * len(FIELDS))
            for place, value in enumerate(one):
                counts[place] += value
        return True

    def any(self) -> bool:
        """Whether there is something to write."""
        return bool(self._counts or self._lines)

    def write(self, table: DocumentTable) -> int:
        """Add them to what is there: how many documents. What could not be written is kept. Raises Unavailable,
        Conflict.
        """
        while self._count_one():
            pass
        with self._lock:
            taken, self._counts = self._counts, {}
        by_document: dict[str, dict[str, list[int]]] = {}
        for (day, hour, operation), counts in taken.items():
            by_document.setdefault(f"{day}#{operation}", {})[hour] = counts
        for done, (sk, hours) in enumerate(by_document.items()):
            try:
                self._add(table, sk, hours)
            except BaseException:
                self._take_back(dict(list(by_document.items())[done:]))
                raise
        return len(by_document)

    def _add(self, table: DocumentTable, sk: str, hours: Mapping[str, Sequence[int]]) -> None:
        ends_ms = self._clock.unix_ms() + KEPT_DAYS * DAY_MS

        def decide() -> tuple[None, Sequence[Change]]:
            found = table.get(_PK, sk)
            body = {} if found is None else dict(found.body)
            for hour, counts in hours.items():
                body[hour] = _sum(body.get(hour, [0] * len(FIELDS)), counts)
            return None, [Put(_PK, sk, body, None if found is None else found.revision, ends_ms)]

        change(table, decide)

    def _take_back(self, by_document: Mapping[str, Mapping[str, Sequence[int]]]) -> None:
        with self._lock:
            for sk, hours in by_document.items():
                day, _, operation = sk.partition("#")
                for hour, counts in hours.items():
                    present = self._counts.get((day, hour, operation), [0] * len(FIELDS))
                    self._counts[day, hour, operation] = _sum(present, counts)


def rows(table: DocumentTable, first_day: str) -> Sequence[Row]:
    """By day and operation, from a day on. Raises Unavailable."""
    found, after = [], first_day
    while documents := table.query(_PK, "", limit=_PAGE, after=after):
        for document in documents:
            day, _, operation = document.sk.partition("#")
            sums = [sum(column) for column in zip(*document.body.values(), strict=True)]
            found.append(Row(day, operation, sums))
        after = documents[-1].sk
    return found


def _sum(one: Sequence[int], other: Sequence[int]) -> list[int]:
    return [a + b for a, b in zip(one, other, strict=True)]
