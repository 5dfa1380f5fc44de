"""A batch of lines as what it adds to counters. Pure: one batch has one tally, in whatever order its lines come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from quartzdb_platform.domain.calendar import day_of, hour_of
from quartzdb_platform.metering import places
from quartzdb_platform.metering.addition import Counts
from quartzdb_platform.metering.line import Line, Malformed, line_of
from quartzdb_platform.metering.places import Place, RowPlace
from quartzdb_platform.metering.sketch import bin_of
from quartzdb_platform.plans.unlooked import place_of

REQUESTS, REFUSED, FAILED, READ_UNITS, WRITE_UNITS, BYTES_IN, BYTES_OUT, RECORDS = range(8)
"""What an hour of a row has, in this order. `refused`: 4xx; `failed`: 5xx, or no answer at all."""
FIELDS: Final = (
    "requests", "refused", "failed", "read_units", "write_units", "bytes_in", "bytes_out", "records",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Addition:
    """What is added to one document. `month`: what comes to a month's sums in the same transaction; `note`: that caps
    have to be looked at, in it as well.
    """

    place: Place
    counts: Counts
    expires_at_ms: int | None = None
    month: Place | None = None
    month_counts: Counts = field(default_factory=dict)
    note: Place | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """By place, in order. `foreign`: lines that are no project's."""

    additions: tuple[Addition, ...]
    lines: int
    foreign: int
    malformed: int
    projects: frozenset[str]


def tally(texts: Iterable[bytes | str], source: str) -> Tally:
    """What a batch comes to. A line that cannot be read is counted under its source, and stops nothing."""
    rows: dict[tuple[str, RowPlace], dict[str, list[int]]] = {}
    latencies: dict[tuple[str, str, str, str], dict[str, int]] = {}
    lines = foreign = malformed = 0
    for text in texts:
        try:
            line = line_of(text)
        except Malformed:
            malformed += 1
            continue
        if line is None:
            foreign += 1
            continue
        lines += 1
        _add_row(rows, line)
        _add_latency(latencies, line)
    projects = frozenset(project_id for project_id, _ in rows)
    return Tally(
        (*_rows(rows), *_latencies(latencies), *_malformed(malformed, source)),
        lines,
        foreign,
        malformed,
        projects,
    )


def _add_row(rows: dict[tuple[str, RowPlace], dict[str, list[int]]], line: Line) -> None:
    of = RowPlace(day_of(line.at_ms), line.namespace, line.key, line.operation)
    hours = rows.setdefault((line.project_id, of), {})
    counts = hours.setdefault(hour_of(line.at_ms), [0] * len(FIELDS))
    counts[REQUESTS] += 1
    counts[REFUSED] += 400 <= line.status < 500
    counts[FAILED] += line.status >= 500 or line.status == 0
    counts[READ_UNITS] += line.read_units
    counts[WRITE_UNITS] += line.write_units
    counts[BYTES_IN] += line.bytes_in
    counts[BYTES_OUT] += line.bytes_out
    counts[RECORDS] += line.records


def _add_latency(latencies: dict[tuple[str, str, str, str], dict[str, int]], line: Line) -> None:
    of = (line.project_id, day_of(line.at_ms), hour_of(line.at_ms), line.operation)
    bins = latencies.setdefault(of, {})
    name = bin_of(line.milliseconds)
    bins[name] = bins.get(name, 0) + 1


def _rows(rows: Mapping[tuple[str, RowPlace], Mapping[str, list[int]]]) -> Iterable[Addition]:
    for (project_id, of), hours in sorted(rows.items()):
        sums = [sum(column) for column in zip(*hours.values(), strict=True)]
        month: dict[str, Any] = {
            "requests": sums[REQUESTS],
            "read_units": sums[READ_UNITS],
            "write_units": sums[WRITE_UNITS],
        }
        yield Addition(
            places.row(project_id, of),
            {"hours": hours},
            places.expires_at_ms(of.day),
            places.month(project_id, of.day[: len("2026-11")]),
            month,
            Place(*place_of(project_id)),
        )


def _latencies(latencies: Mapping[tuple[str, str, str, str], Mapping[str, int]]) -> Iterable[Addition]:
    for (project_id, day, hour, operation), bins in sorted(latencies.items()):
        place = places.latency(project_id, day, hour, operation)
        yield Addition(place, bins, places.expires_at_ms(day))


def _malformed(count: int, source: str) -> Iterable[Addition]:
    if count:
        yield Addition(Place(places.MALFORMED_PK, source), {"lines": count})
