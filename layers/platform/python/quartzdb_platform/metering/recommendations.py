"""What projects could save, from their counters and what they hold. Reads, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb_platform.domain.calendar import DAY_MS, HOUR_MS, day_of, month_end_ms, start_ms
from quartzdb_platform.domain.plan import Plan, Plans
from quartzdb_platform.domain.records import Project
from quartzdb_platform.metering import places
from quartzdb_platform.metering.bill import Used, bill, total
from quartzdb_platform.metering.places import RowPlace, row_of
from quartzdb_platform.metering.savings import (
    Counted,
    Facts,
    KeyFacts,
    Recommendation,
    Saving,
    recommendations,
)
from quartzdb_platform.metering.tally import (
    BYTES_OUT,
    FAILED,
    READ_UNITS,
    RECORDS,
    REFUSED,
    REQUESTS,
    WRITE_UNITS,
)
from quartzdb_platform.metering.usage import Month, Usage
from quartzdb_platform.ports import DataPlaneDescriptions, DataPlaneKeys, DocumentTable, HeldNamespace

DAYS_MAX = 30
_PAGE = 500


class Found(NamedTuple):
    """A recommendation of a project. `micro_dollars` is at the prices, of 30 days; `bill_micro_dollars` is what this
    month's bill would have less by its end, and nothing while the plan includes it all.
    """

    project_id: str
    recommendation: Recommendation
    micro_dollars: int
    bill_micro_dollars: int


class Answer(NamedTuple):
    """`days` that were looked at. `described`: whether what namespaces hold was known, of all of the projects."""

    days: int
    described: bool
    found: Sequence[Found]


class Recommendations:
    """One instance serves everybody."""

    def __init__(
        self,
        table: DocumentTable,
        usage: Usage,
        keys: DataPlaneKeys,
        descriptions: DataPlaneDescriptions,
        plans: Plans,
        clock: Clock,
    ) -> None:
        self._table = table
        self._usage = usage
        self._keys = keys
        self._descriptions = descriptions
        self._plans = plans
        self._clock = clock

    def of(self, projects: Sequence[Project], everything: Sequence[Project], plan: Plan) -> Answer:
        """Of these projects; the bill is of `everything` that the organization has. Raises Unavailable."""
        month = self._usage.month([project.id for project in everything], plan)
        days = min(DAYS_MAX, plan.retention_days)
        found, described = [], True
        for project in projects:
            namespaces = self._descriptions.describe(project.id)
            described = described and namespaces is not None
            for one in recommendations(self._facts(project, days, namespaces or ())):
                saved = one.saving.micro_dollars(self._plans.prices_at(month.month))
                found.append(Found(project.id, one, saved, self._off_the_bill(plan, month, one.saving)))
        found.sort(key=lambda one: -one.micro_dollars)
        return Answer(days, described, found)

    def _off_the_bill(self, plan: Plan, month: Month, saving: Saving) -> int:
        used = month.forecast_used
        hours = (month_end_ms(month.month) - start_ms(month.month)) // HOUR_MS
        less = Used(
            max(0, used.read_units - saving.read_units),
            max(0, used.write_units - saving.write_units),
            max(0, used.byte_hours - saving.bytes * hours),
        )
        return total(month.forecast_lines) - total(
            bill(plan, self._plans.prices_at(month.month), less, month.month)
        )

    def _facts(self, project: Project, days: int, namespaces: Sequence[HeldNamespace]) -> Facts:
        """Of whole days that are over, and of as many as the project has been there."""
        now_ms = self._clock.unix_ms()
        today_ms = start_ms(day_of(now_ms))
        first_ms = max(today_ms - days * DAY_MS, start_ms(day_of(project.created_at_ms)) + DAY_MS)
        days = max(0, (today_ms - first_ms) // DAY_MS)
        counts: dict[tuple[str, str], list[int]] = {}
        used, asked = set(), set()
        for of, sums in self._rows(project.id, day_of(first_ms)):
            used.add(of.key)
            asked.add(of.namespace)
            if of.day == day_of(now_ms):
                continue  # not over: it counts as use, and not for the pace
            into = counts.setdefault((of.namespace, of.operation), [0] * len(sums))
            for place, count in enumerate(sums):
                into[place] += count
        keys = [
            KeyFacts(
                key.id,
                key.name,
                key.created_at_ms,
                key.id in used or (key.last_used_at_ms or 0) >= first_ms,
            )
            for key in self._keys.list(project.id)
            if key.revoked_at_ms is None and (key.expires_at_ms is None or key.expires_at_ms > now_ms)
        ]
        return Facts(
            days,
            first_ms,
            {of: _counted(sums) for of, sums in counts.items()},
            asked,
            namespaces,
            keys,
        )

    def _rows(self, project_id: str, first: str) -> Iterator[tuple[RowPlace, Sequence[int]]]:
        pk, after = places.usage_pk(project_id), f"{places.ROW}{first}"
        while True:
            found = self._table.query(pk, places.ROW, limit=_PAGE, after=after)
            for document in found:
                hours = document.body["hours"].values()
                yield row_of(document.sk), [sum(column) for column in zip(*hours, strict=True)]
            if len(found) < _PAGE:
                return
            after = found[-1].sk


def _counted(sums: Sequence[int]) -> Counted:
    return Counted(
        answered=sums[REQUESTS] - sums[REFUSED] - sums[FAILED],
        records=sums[RECORDS],
        read_units=sums[READ_UNITS],
        write_units=sums[WRITE_UNITS],
        bytes_out=sums[BYTES_OUT],
    )
