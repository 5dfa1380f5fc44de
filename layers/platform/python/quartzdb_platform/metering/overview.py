"""How a project does: the latest 24 hours by hour, what it holds, and how the month stands. Reads counters, and changes
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb_platform.domain.calendar import HOUR_MS, day_of, hour_of, month_of
from quartzdb_platform.domain.plan import Plans
from quartzdb_platform.domain.records import Organization
from quartzdb_platform.metering import places
from quartzdb_platform.metering.addition import added
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


class Overviews:
    """One instance serves everybody."""

    def __init__(self, table: DocumentTable, usage: Usage, plans: Plans, clock: Clock) -> None:
        self._table = table
        self._usage = usage
        self._plans = plans
        self._clock = clock

    def of(
        self, project_ids: Sequence[str], plan_name: str, organization: Organization | None = None
    ) -> Overview:
        """Of these projects together, with the organization whose projects all of them are. Raises InvalidArgument
        for what is no plan.
        """
        now_ms = self._clock.unix_ms()
        hours = [now_ms - back * HOUR_MS for back in reversed(range(HOURS))]
        slots = {(day_of(at_ms), hour_of(at_ms)): number for number, at_ms in enumerate(hours)}
        days = sorted({day for day, _ in slots})
        counts = [[0, 0, 0] for _ in hours]
        bins: list[dict[str, int]] = [{} for _ in hours]
        held: list[int | None] = [None for _ in hours]
        for project_id in project_ids:
            for day in days:
                for number, sums in self._requests(project_id, day, slots):
                    counts[number] = [have + more for have, more in zip(counts[number], sums, strict=True)]
                for number, more in self._latencies(project_id, day, slots):
                    bins[number] = added(bins[number], more)
                for number, size in self._samples(project_id, day, slots):
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

    def _requests(
        self, project_id: str, day: str, slots: Mapping[tuple[str, str], int]
    ) -> Iterator[tuple[int, Sequence[int]]]:
        for document in self._all(project_id, f"{places.ROW}{day}#"):
            for hour, counted in document.body["hours"].items():
                number = slots.get((day, hour))
                if number is not None:
                    yield number, (counted[REQUESTS], counted[REFUSED], counted[FAILED])

    def _latencies(
        self, project_id: str, day: str, slots: Mapping[tuple[str, str], int]
    ) -> Iterator[tuple[int, Mapping[str, int]]]:
        for document in self._all(project_id, f"{places.LATENCY}{day}#"):
            hour = document.sk.removeprefix(places.LATENCY).split("#")[1]
            number = slots.get((day, hour))
            if number is not None:
                yield number, document.body

    def _samples(
        self, project_id: str, day: str, slots: Mapping[tuple[str, str], int]
    ) -> Iterator[tuple[int, int]]:
        found = self._table.get(*places.storage(project_id, day))
        for hour, size in found.body["hours"].items() if found is not None else ():
            number = slots.get((day, hour))
            if number is not None:
                yield number, size

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
