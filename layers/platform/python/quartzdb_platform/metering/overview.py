"""How a project does: the latest 24 hours by hour, what it holds, and how the month stands. Reads counters, and changes
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb_platform.domain.calendar import HOUR_MS, day_of, hour_of, month_of
from quartzdb_platform.domain.plan import Plan, Plans
from quartzdb_platform.domain.records import Organization
from quartzdb_platform.metering import places
from quartzdb_platform.metering.addition import added
from quartzdb_platform.metering.remembered import Remembered
from quartzdb_platform.metering.sketch import quantile
from quartzdb_platform.metering.tally import FAILED, REFUSED, REQUESTS
from quartzdb_platform.metering.usage import Month, Usage
from quartzdb_platform.ports import Document, DocumentTable

HOURS = 24
_PAGE = 500


class Percentiles(NamedTuple):
    """Of how long requests took, in milliseconds, within one part of a hundred."""

    p50: float
    p95: float
    p99: float


class Hour(NamedTuple):
    """`at` is a day and an hour. `latency` None: nothing was asked. `bytes_held` None: nobody sampled it."""

    at: str
    requests: int
    refused: int
    failed: int
    latency: Percentiles | None
    bytes_held: int | None


class Overview(NamedTuple):
    """`hours`: the present one is the last. The sums are of all of them."""

    at_ms: int
    hours: Sequence[Hour]
    requests: int
    refused: int
    failed: int
    latency: Percentiles | None
    month: Month


class Day(NamedTuple):
    """What is counted of a project and a day, by hour: requests with those refused and failed, bins, bytes."""

    requests: Mapping[str, Sequence[int]]
    latencies: Mapping[str, Mapping[str, int]]
    bytes_held: Mapping[str, int]


class Overviews:
    """One instance serves everybody."""

    def __init__(self, table: DocumentTable, usage: Usage, plans: Plans, clock: Clock) -> None:
        self._table = table
        self._usage = usage
        self._plans = plans
        self._clock = clock
        self._remembered = Remembered(table, clock)

    def of(
        self, project_ids: Sequence[str], plan_name: str, organization: Organization | None = None
    ) -> Overview:
        """Of these projects together, with the organization whose projects all of them are; some seconds old at most.
        Raises InvalidArgument for what is no plan.
        """
        return self._remembered.of(
            ("overview", plan_name, organization),
            project_ids,
            lambda: self._made(project_ids, plan_name, organization),
        )

    def month(self, project_ids: Sequence[str], plan: Plan, organization: Organization) -> Month:
        """The month of all projects of an organization, as `Usage` has it; some seconds old at most."""
        return self._remembered.of(
            ("month", plan.name, organization),
            project_ids,
            lambda: self._usage.month(project_ids, plan, organization),
        )

    def _made(
        self, project_ids: Sequence[str], plan_name: str, organization: Organization | None
    ) -> Overview:
        now_ms = self._clock.unix_ms()
        hours = [now_ms - back * HOUR_MS for back in reversed(range(HOURS))]
        slots = {(day_of(at_ms), hour_of(at_ms)): number for number, at_ms in enumerate(hours)}
        days = sorted({day for day, _ in slots})
        counts = [[0, 0, 0] for _ in hours]
        bins: list[dict[str, int]] = [{} for _ in hours]
        held: list[int | None] = [None for _ in hours]
        for project_id in project_ids:
            for day in days:
                facts = self._day(project_id, day, now_ms)
                for hour, sums in facts.requests.items():
                    if (number := slots.get((day, hour))) is not None:
                        counts[number] = [
                            have + more for have, more in zip(counts[number], sums, strict=True)
                        ]
                for hour, more in facts.latencies.items():
                    if (number := slots.get((day, hour))) is not None:
                        bins[number] = added(bins[number], more)
                for hour, size in facts.bytes_held.items():
                    if (number := slots.get((day, hour))) is not None:
                        held[number] = (held[number] or 0) + size
        merged: dict[str, int] = {}
        for one in bins:
            merged = added(merged, one)
        requests, refused, failed = (sum(column) for column in zip(*counts, strict=True))
        return Overview(
            now_ms,
            [
                _hour(f"{day}T{hour}:00Z", counts[number], bins[number], held[number])
                for (day, hour), number in slots.items()
            ],
            requests,
            refused,
            failed,
            _percentiles(merged),
            self._usage.month(project_ids, self._plans.of(plan_name, month_of(now_ms)), organization),
        )

    def _day(self, project_id: str, day: str, now_ms: int) -> Day:
        """Of the day before the present one what was read a moment ago: only late lines change it."""
        if day == day_of(now_ms):
            return self._read(project_id, day)
        # Of no project's counters that change now, so that it is read again when it is old, and not before.
        return self._remembered.of((project_id, day), (), lambda: self._read(project_id, day))

    def _read(self, project_id: str, day: str) -> Day:
        requests: dict[str, list[int]] = {}
        for document in self._all(project_id, f"{places.ROW}{day}#"):
            for hour, counted in document.body["hours"].items():
                sums = requests.setdefault(hour, [0, 0, 0])
                for place, column in enumerate((REQUESTS, REFUSED, FAILED)):
                    sums[place] += counted[column]
        latencies: dict[str, dict[str, int]] = {}
        for document in self._all(project_id, f"{places.LATENCY}{day}#"):
            hour = document.sk.removeprefix(places.LATENCY).split("#")[1]
            latencies[hour] = added(latencies.get(hour, {}), document.body)
        found = self._table.get(*places.storage(project_id, day))
        return Day(requests, latencies, {} if found is None else found.body["hours"])

    def _all(self, project_id: str, prefix: str) -> Iterator[Document]:
        after = None
        while True:
            found = self._table.query(places.usage_pk(project_id), prefix, limit=_PAGE, after=after)
            yield from found
            if len(found) < _PAGE:
                return
            after = found[-1].sk


def _hour(at: str, counts: Sequence[int], bins: Mapping[str, int], held: int | None) -> Hour:
    requests, refused, failed = counts
    return Hour(at, requests, refused, failed, _percentiles(bins), held)


def _percentiles(bins: Mapping[str, int]) -> Percentiles | None:
    if not bins:
        return None
    return Percentiles(*(round(quantile(bins, share) or 0.0, 2) for share in (0.5, 0.95, 0.99)))
