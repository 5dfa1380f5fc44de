"""What projects used of a month, and what they hold: read from counters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from quartzdb_platform.metering import places
from quartzdb_platform.metering.bill import Used
from quartzdb_platform.ports import DocumentTable, Held

_DAYS_MAX = 31


def used_in(table: DocumentTable, project_ids: Iterable[str], month: str) -> Mapping[str, Used]:
    """By project."""
    return {project_id: _used(table, project_id, month) for project_id in project_ids}


def held_now(table: DocumentTable, project_ids: Iterable[str]) -> Mapping[str, Held]:
    """By project, as it was sampled last; those that never were are left out."""
    found = {}
    for project_id in project_ids:
        latest = table.query(places.usage_pk(project_id), places.STORAGE, limit=1, reverse=True)
        for document in latest:
            found[project_id] = Held(document.body["latest"]["bytes"], document.body["latest"]["vectors"])
    return found


def _used(table: DocumentTable, project_id: str, month: str) -> Used:
    sums = table.get(*places.month(project_id, month))
    days = table.query(places.usage_pk(project_id), f"{places.STORAGE}{month}", limit=_DAYS_MAX)
    byte_hours = sum(sum(day.body["hours"].values()) for day in days)
    if sums is None:
        return Used(byte_hours=byte_hours)
    return Used(sums.body["read_units"], sums.body["write_units"], byte_hours)
