"""What the route of an overview answers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from quartzdb_platform.api.models import at
from quartzdb_platform.api.usage_models import CapAnswer, MonthAnswer
from quartzdb_platform.domain.records import Organization
from quartzdb_platform.metering.overview import Hour, Overview, Percentiles
from quartzdb_platform.metering.usage import Month


class PercentilesAnswer(BaseModel):
    """How long requests took, in milliseconds, within 1 %."""

    p50_ms: float
    p95_ms: float
    p99_ms: float

    @classmethod
    def of(cls, found: Percentiles | None) -> PercentilesAnswer | None:
        """The answer for a value; None where nothing was asked."""
        return None if found is None else cls(p50_ms=found.p50, p95_ms=found.p95, p99_ms=found.p99)


class HourAnswer(BaseModel):
    """An hour. `latency` is null where nothing was asked, `bytes_held` where nobody sampled what is stored."""

    at: str
    requests: int
    refused: int
    failed: int
    latency: PercentilesAnswer | None
    bytes_held: int | None

    @classmethod
    def of(cls, hour: Hour) -> HourAnswer:
        """The answer for a value."""
        return cls(
            at=hour.at,
            requests=hour.requests,
            refused=hour.refused,
            failed=hour.failed,
            latency=PercentilesAnswer.of(hour.latency),
            bytes_held=hour.bytes_held,
        )


class OverviewAnswer(BaseModel):
    """The latest 24 hours, and the month. `refused` were answered 4xx, `failed` 5xx or not at all."""

    at: str
    hours: Annotated[list[HourAnswer], Field(description="24 of them in UTC, the present one last.")]
    requests: int
    refused: int
    failed: int
    latency: PercentilesAnswer | None
    month: MonthAnswer
    cap: Annotated[CapAnswer, Field(description="The organization's, and what all of its projects cost.")]

    @classmethod
    def of(cls, found: Overview, organization: Organization, whole: Month, *, billed: bool) -> OverviewAnswer:
        """The answer for a value; `whole` is the month of the organization."""
        return cls(
            at=at(found.at_ms),
            hours=[HourAnswer.of(hour) for hour in found.hours],
            requests=found.requests,
            refused=found.refused,
            failed=found.failed,
            latency=PercentilesAnswer.of(found.latency),
            month=MonthAnswer.of(found.month, billed=billed),
            cap=CapAnswer.of(organization, whole.micro_dollars),
        )
