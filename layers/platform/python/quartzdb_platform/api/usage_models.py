"""What routes of usage take and answer."""

from __future__ import annotations

import csv
import io
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from quartzdb_platform.domain.money import dollars
from quartzdb_platform.domain.records import Organization
from quartzdb_platform.domain.times import rfc3339
from quartzdb_platform.metering.bill import BillLine, Used, total
from quartzdb_platform.metering.statements import Statement
from quartzdb_platform.metering.tally import FIELDS
from quartzdb_platform.metering.usage import Latency, Month, Report, Row

_COST = Field(
    description="At the plan's prices, as an exact decimal, before anything that the plan includes."
)


class CountsAnswer(BaseModel):
    """What requests were and used. `refused` were answered 4xx, `failed` 5xx or not at all."""

    requests: int
    refused: int
    failed: int
    read_units: int
    write_units: int
    bytes_in: int
    bytes_out: int
    records: int
    cost_usd: Annotated[str, _COST]

    @classmethod
    def counts_of(cls, row: Row) -> CountsAnswer:
        """The answer for a sum."""
        return cls(**_counts(row))


class RowAnswer(CountsAnswer):
    """Of a day or an hour, and what was asked for."""

    at: str
    operation: str | None = None
    namespace: str | None = None
    key: str | None = None
    project: str | None = None

    @classmethod
    def of(cls, report: Report, row: Row) -> RowAnswer:
        """The answer for a row."""
        names: dict[str, Any] = {
            group.value: name for group, name in zip(report.question.groups, row.names, strict=True)
        }
        return cls(at=row.at, **{**names, **_counts(row)})


class LatencyAnswer(BaseModel):
    """How long requests took, in milliseconds, within 1 %."""

    operation: str
    requests: int
    p50_ms: float
    p95_ms: float
    p99_ms: float

    @classmethod
    def of(cls, latency: Latency) -> LatencyAnswer:
        """The answer for a value."""
        return cls(
            operation=latency.operation,
            requests=latency.requests,
            p50_ms=latency.p50,
            p95_ms=latency.p95,
            p99_ms=latency.p99,
        )


class BillLineAnswer(BaseModel):
    """What is charged of one kind of usage: what is beyond what the plan includes, at a price of so many."""

    name: str
    unit: str
    used: int
    included: int
    beyond: int
    price_usd: str
    per: int
    cost_usd: str

    @classmethod
    def of(cls, line: BillLine) -> BillLineAnswer:
        """The answer for a value."""
        return cls(
            name=line.name,
            unit=line.unit,
            used=line.used,
            included=line.included,
            beyond=line.beyond,
            price_usd=dollars(line.price_micro_dollars),
            per=line.per,
            cost_usd=dollars(line.micro_dollars),
        )


class UsedAnswer(BaseModel):
    """Units, and bytes of live data times the hours for which they were there."""

    read_units: int
    write_units: int
    byte_hours: int

    @classmethod
    def of(cls, used: Used) -> UsedAnswer:
        """The answer for a value."""
        return cls(**used._asdict())


class SumAnswer(BaseModel):
    """What is to be paid: the plan's own price and what is beyond it, less what credits take off."""

    plan_usd: str
    beyond_usd: str
    credits_usd: str
    due_usd: str

    @classmethod
    def of(cls, statement: Statement) -> SumAnswer:
        """The answer for a value."""
        return cls(
            plan_usd=dollars(statement.plan_micro_dollars),
            beyond_usd=dollars(total(statement.lines)),
            credits_usd=dollars(statement.credit_micro_dollars),
            due_usd=dollars(statement.due_micro_dollars),
        )


class CreditTakenAnswer(BaseModel):
    """What was taken off of one credit."""

    id: str
    why: str
    amount_usd: str


class StatementAnswer(BaseModel):
    """What a month came to. `version` is that of the prices, which is that of the month it began to hold."""

    month: str
    plan: str
    version: str
    lines: list[BillLineAnswer]
    credits: list[CreditTakenAnswer]
    sum: SumAnswer
    made_at: str

    @classmethod
    def of(cls, statement: Statement) -> StatementAnswer:
        """The answer for a value."""
        assert statement.closed_at_ms is not None
        return cls(
            month=statement.month,
            plan=statement.plan,
            version=statement.version,
            lines=[BillLineAnswer.of(line) for line in statement.lines],
            credits=[
                CreditTakenAnswer(id=one.credit_id, why=one.why, amount_usd=dollars(one.micro_dollars))
                for one in statement.taken
            ],
            sum=SumAnswer.of(statement),
            made_at=rfc3339(statement.closed_at_ms),
        )


class ForecastAnswer(BaseModel):
    """What the month comes to if it goes on as it has gone."""

    used: UsedAnswer
    cost_usd: str
    lines: list[BillLineAnswer] | None = None
    sum: SumAnswer | None = None


class MonthsBill(NamedTuple):
    """The statement of a month if it ended now, and if it goes on as it has gone."""

    present: Statement
    forecast: Statement


class MonthAnswer(BaseModel):
    """The present month. Bills are of organizations, so a project has no lines of its own, and no sum. `cost_usd` is
    what is beyond the plan's price.
    """

    month: str
    used: UsedAnswer
    bytes_held: int
    vectors_held: int
    cost_usd: str | None = None
    lines: list[BillLineAnswer] | None = None
    sum: SumAnswer | None = None
    forecast: ForecastAnswer

    @classmethod
    def of(cls, month: Month, *, billed: bool, bill: MonthsBill | None = None) -> MonthAnswer:
        """The answer for a value: with the lines of the bill, or what is to be paid, where those are given."""
        lines = [BillLineAnswer.of(line) for line in month.lines] if billed else None
        forecast_lines = [BillLineAnswer.of(line) for line in month.forecast_lines] if billed else None
        return cls(
            month=month.month,
            used=UsedAnswer.of(month.used),
            bytes_held=month.held.bytes,
            vectors_held=month.held.vectors,
            cost_usd=dollars(month.micro_dollars) if billed else None,
            lines=lines,
            sum=SumAnswer.of(bill.present) if bill else None,
            forecast=ForecastAnswer(
                used=UsedAnswer.of(month.forecast_used),
                cost_usd=dollars(total(month.forecast_lines)),
                lines=forecast_lines,
                sum=SumAnswer.of(bill.forecast) if bill else None,
            ),
        )


class UsageAnswer(BaseModel):
    """What was used. `first` and `last` are days in UTC, both included: no further back than the plan keeps usage."""

    first: str
    last: str
    by: str
    rows: list[RowAnswer]
    totals: CountsAnswer
    latency: list[LatencyAnswer]
    month: MonthAnswer

    @classmethod
    def of(cls, report: Report, bill: MonthsBill | None) -> UsageAnswer:
        """The answer for a value."""
        return cls(
            first=report.question.first,
            last=report.question.last,
            by=report.question.step.value,
            rows=[RowAnswer.of(report, row) for row in report.rows],
            totals=CountsAnswer.counts_of(report.totals),
            latency=[LatencyAnswer.of(latency) for latency in report.latencies],
            month=MonthAnswer.of(report.month, billed=bill is not None, bill=bill),
        )


def _counts(row: Row) -> dict[str, Any]:
    return {**dict(zip(FIELDS, row.counts, strict=True)), "cost_usd": row.cost_usd}


def usage_csv(report: Report) -> str:
    """The rows, with a header."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["at", *(group.value for group in report.question.groups), *FIELDS, "cost_usd"])
    for row in report.rows:
        writer.writerow([row.at, *row.names, *row.counts, row.cost_usd])
    return text.getvalue()


class CapBody(BaseModel):
    """What a month may cost at most beyond the plan's price."""

    model_config = ConfigDict(extra="forbid", strict=True)

    dollars: Annotated[
        str | None,
        Field(description='An exact decimal, such as "50" or "12.50"; null for no cap.', max_length=30),
    ]


class CapAnswer(BaseModel):
    """The cap as it holds now, and what of it is used."""

    dollars: str | None
    used_usd: str

    @classmethod
    def of(cls, organization: Organization, micro_dollars: int) -> CapAnswer:
        """The answer for a value."""
        cap = organization.cap_micro_dollars
        return cls(dollars=None if cap is None else dollars(cap), used_usd=dollars(micro_dollars))
