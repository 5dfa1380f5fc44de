"""Where counters lie in the platform's table. Nothing is decided here.

Of a project: a row for each day, namespace, key and operation, with its hours; the latencies of each hour and
operation; the sums of a month, so that a cap is one look.
"""

from __future__ import annotations

from typing import NamedTuple

from quartzdb_platform.domain.calendar import DAY_MS, start_ms

ROW = "count#"
LATENCY = "latency#"
MONTH = "month#"
STORAGE = "storage#"
MALFORMED_PK = "USAGE-MALFORMED"
_KEPT_MS = 400 * DAY_MS


class Place(NamedTuple):
    """Of a document."""

    pk: str
    sk: str


class RowPlace(NamedTuple):
    """What a row counts."""

    day: str
    namespace: str
    key: str
    operation: str


def usage_pk(project_id: str) -> str:
    """Of everything that a project used."""
    return f"USAGE#{project_id}"


def row(project_id: str, of: RowPlace) -> Place:
    """Of a row."""
    return Place(usage_pk(project_id), ROW + "#".join(of))


def row_of(sk: str) -> RowPlace:
    """What a row counts, by its sort key."""
    return RowPlace(*sk.removeprefix(ROW).split("#"))


def latency(project_id: str, day: str, hour: str, operation: str) -> Place:
    """Of a sketch."""
    return Place(usage_pk(project_id), f"{LATENCY}{day}#{hour}#{operation}")


def month(project_id: str, of: str) -> Place:
    """Of a month's sums."""
    return Place(usage_pk(project_id), MONTH + of)


def storage(project_id: str, day: str) -> Place:
    """Of the samples of a day."""
    return Place(usage_pk(project_id), STORAGE + day)


def described(project_id: str) -> Place:
    """Of what its namespaces are."""
    return Place(usage_pk(project_id), "described")


def expires_at_ms(day: str) -> int:
    """When what is about a day may be dropped. Sums of months stay: they are what was billed."""
    return start_ms(day) + _KEPT_MS
