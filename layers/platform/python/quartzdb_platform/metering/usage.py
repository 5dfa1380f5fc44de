"""What was used, as people ask for it: by day or hour, and by what they choose. Reads counters, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import InvalidArgument, TooLarge
from quartzdb.domain.units import Units, cost_usd
from quartzdb_platform.domain.calendar import DAY_MS, day_of, month_end_ms, month_of, start_ms
from quartzdb_platform.domain.plan import Plan, Plans
from quartzdb_platform.domain.records import Organization
from quartzdb_platform.metering import places
from quartzdb_platform.metering.addition import added
from quartzdb_platform.metering.bill import BillLine, Used, bill, total
from quartzdb_platform.metering.former_projects import used_by_former
from quartzdb_platform.metering.month import held_now, used_in
from quartzdb_platform.metering.places import RowPlace, row_of
from quartzdb_platform.metering.settlements import Settlements
from quartzdb_platform.metering.sketch import quantile
from quartzdb_platform.metering.tally import FIELDS, READ_UNITS, WRITE_UNITS
from quartzdb_platform.ports import Document, DocumentTable, Held

HOURLY_DAYS_MAX = 31
ROWS_MAX = 10_000
"""Of one answer. An answer of more would be read by nobody; a program asks for fewer days at a time."""
_PAGE = 500
_DAY_CHARACTERS = len("2026-11-29")


class Step(StrEnum):
    """How long a time a row is about."""

    DAY = "day"
    HOUR = "hour"


class Group(StrEnum):
    """What a row is about."""

    OPERATION = "operation"
    NAMESPACE = "namespace"
    KEY = "key"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Question:
    """`first` and `last` are days, both included."""

    first: str
    last: str
    step: Step = Step.DAY
    groups: tuple[Group, ...] = ()


class Row(NamedTuple):
    """`at` is a day, or a day and an hour. `counts` are as FIELDS has them."""

    at: str
    names: tuple[str, ...]
    counts: tuple[int, ...]
    cost_usd: str


class Latency(NamedTuple):
    """Of one operation over all of the time, in milliseconds, within one part of a hundred."""

    operation: str
    requests: int
    p50: float
    p95: float
    p99: float


class Month(NamedTuple):
    """The present month: what was used, what it costs, and what both come to if it goes on like this."""

    month: str
    used: Used
    held: Held
    lines: Sequence[BillLine]
    forecast_used: Used
    forecast_lines: Sequence[BillLine]

    @property
    def micro_dollars(self) -> int:
        """What it costs by now, beyond the plan's price."""
        return total(self.lines)


class Report(NamedTuple):
    """An answer."""

    question: Question
    rows: Sequence[Row]
    totals: Row
    latencies: Sequence[Latency]
    month: Month


class Usage:
    """One instance serves everybody."""

    def __init__(self, table: DocumentTable, plans: Plans, clock: Clock) -> None:
        self._table = table
        self._plans = plans
        self._clock = clock
        self._settlements = Settlements(table, plans, clock)

    def question(
        self,
        plan_name: str,
        first: str | None,
        last: str | None,
        step: Step,
        groups: Sequence[Group],
    ) -> Question:
        """Checked, and no further back than the plan keeps usage. Without days: this month so far.

        Raises InvalidArgument.
        """
        now_ms = self._clock.unix_ms()
        today = day_of(now_ms)
        last = _day(last or today, "to")
        first = _day(first or f"{last[:7]}-01", "from")
        kept = day_of(now_ms - self._plans.of(plan_name, month_of(now_ms)).retention_days * DAY_MS)
        first, last = max(first, kept), min(last, today)
        days = (start_ms(last) - start_ms(first)) // DAY_MS + 1
        if first > last:
            raise InvalidArgument(
                f"There is nothing between these days: usage is kept from {kept} on, by the plan {plan_name}.",
                field="from",
            )
        if step is Step.HOUR and days > HOURLY_DAYS_MAX:
            raise InvalidArgument(
                f"By hours at most {HOURLY_DAYS_MAX} days are told at once, not {days}.",
                field="from",
                hint="Ask for fewer days, or by day.",
            )
        if len(set(groups)) != len(groups):
            raise InvalidArgument("A group comes twice.", field="group")
        return Question(first, last, step, tuple(groups))

    def report(
        self,
        question: Question,
        project_ids: Sequence[str],
        plan_name: str,
        organization: Organization | None = None,
    ) -> Report:
        """Of these projects together; `plan_name` is what the present month is billed by, `organization` whose projects
        all of these are. Raises TooLarge for more rows than ROWS_MAX.
        """
        sums: dict[tuple[str, tuple[str, ...]], list[int]] = {}
        by_month: dict[str, list[int]] = {}
        for project_id in project_ids:
            for of, hours in self._rows(project_id, question):
                names = tuple(_name(group, of, project_id) for group in question.groups)
                for hour, counts in hours.items():
                    at = of.day if question.step is Step.DAY else f"{of.day}T{hour}:00Z"
                    _into(sums.setdefault((at, names), [0] * len(FIELDS)), counts)
                    _into(by_month.setdefault(_month(of.day), [0] * len(FIELDS)), counts)
            if len(sums) > ROWS_MAX:
                raise TooLarge(
                    f"This is more than {ROWS_MAX} rows.", field="from", hint="Ask for fewer days or groups."
                )
        return Report(
            question,
            [self._row(at, names, counts) for (at, names), counts in sorted(sums.items())],
            self._totals(by_month),
            self._latencies(project_ids, question),
            self.month(project_ids, self._plans.of(plan_name, month_of(self._clock.unix_ms())), organization),
        )

    def month(
        self, project_ids: Sequence[str], plan: Plan, organization: Organization | None = None
    ) -> Month:
        """The present one. The forecast goes on as the month has gone so far. With the organization that all of the
        projects are of, its bill is what is settled of the month, where plans and caps changed in it.
        """
        now_ms = self._clock.unix_ms()
        month = month_of(now_ms)
        by_project = used_in(self._table, project_ids, month)
        gone_projects = {} if organization is None else used_by_former(self._table, organization.id, month)
        used = sum((*by_project.values(), *gone_projects.values()), Used())
        held = held_now(self._table, project_ids).values()
        begun, ends = start_ms(month), month_end_ms(month)
        gone = max(1, now_ms - begun)
        to_come = {
            project_id: Used(*(value * (ends - begun) // gone for value in one))
            for project_id, one in by_project.items()
        }
        by_project, to_come = {**gone_projects, **by_project}, {**gone_projects, **to_come}
        forecast = sum(to_come.values(), Used())
        prices = self._plans.prices_at(month)
        settled = organization and self._settlements.lines(organization, month, by_project)
        settled_then = organization and self._settlements.lines(organization, month, to_come)
        return Month(
            month,
            used,
            Held(sum(one.bytes for one in held), sum(one.vectors for one in held)),
            settled or bill(plan, prices, used, month),
            forecast,
            settled_then or bill(plan, prices, forecast, month),
        )

    def _row(self, at: str, names: tuple[str, ...], counts: Sequence[int]) -> Row:
        return Row(at, names, tuple(counts), self._cost_usd(_month(at), counts))

    def _totals(self, by_month: Mapping[str, Sequence[int]]) -> Row:
        """Each month at its own prices."""
        sums = [0] * len(FIELDS)
        cost = Decimal(0)
        for month, counts in by_month.items():
            _into(sums, counts)
            cost += Decimal(self._cost_usd(month, counts))
        return Row("", (), tuple(sums), f"{cost.normalize() + 0:f}")

    def _cost_usd(self, month: str, counts: Sequence[int]) -> str:
        return cost_usd(Units(counts[READ_UNITS], counts[WRITE_UNITS]), self._plans.prices_at(month))

    def _rows(
        self, project_id: str, question: Question
    ) -> Iterator[tuple[RowPlace, Mapping[str, Sequence[int]]]]:
        for document in self._days(project_id, places.ROW, question):
            yield row_of(document.sk), document.body["hours"]

    def _latencies(self, project_ids: Sequence[str], question: Question) -> Sequence[Latency]:
        merged: dict[str, dict[str, int]] = {}
        for project_id in project_ids:
            for document in self._days(project_id, places.LATENCY, question):
                operation = document.sk.rpartition("#")[2]
                merged[operation] = added(merged.get(operation, {}), document.body)
        return [_latency(operation, bins) for operation, bins in sorted(merged.items())]

    def _days(self, project_id: str, prefix: str, question: Question) -> Iterator[Document]:
        pk, after = places.usage_pk(project_id), f"{prefix}{question.first}"
        while True:
            found = self._table.query(pk, prefix, limit=_PAGE, after=after)
            for document in found:
                begin = len(prefix)
                if document.sk[begin : begin + _DAY_CHARACTERS] > question.last:
                    return
                yield document
            if len(found) < _PAGE:
                return
            after = found[-1].sk


def _day(text: str, field: str) -> str:
    try:
        if len(text) != _DAY_CHARACTERS:
            raise ValueError(text)
        return day_of(start_ms(text))
    except ValueError as error:
        raise InvalidArgument(
            f"{text[:20]!r} is no day.", field=field, hint="It looks like 2026-11-29."
        ) from error


def _month(day: str) -> str:
    return day[: len("2026-11")]


def _name(group: Group, of: RowPlace, project_id: str) -> str:
    return project_id if group is Group.PROJECT else str(getattr(of, group.value))


def _into(sums: list[int], counts: Sequence[int]) -> None:
    for place, count in enumerate(counts):
        sums[place] += count


def _latency(operation: str, bins: Mapping[str, int]) -> Latency:
    shares = (quantile(bins, share) or 0.0 for share in (0.5, 0.95, 0.99))
    return Latency(operation, sum(bins.values()), *(round(value, 2) for value in shares))
