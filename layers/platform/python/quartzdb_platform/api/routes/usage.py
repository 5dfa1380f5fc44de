"""Usage of projects and organizations, and the cap on what it may cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Response

from quartzdb.domain.errors import InvalidArgument
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.api.auth import PlatformNow, may, may_in_project
from quartzdb_platform.api.usage_models import (
    CapAnswer,
    CapBody,
    MonthsBill,
    StatementAnswer,
    UsageAnswer,
    usage_csv,
)
from quartzdb_platform.domain.money import micro_dollars
from quartzdb_platform.domain.permissions import Permission
from quartzdb_platform.domain.records import Organization, Project
from quartzdb_platform.metering.usage import Group, Report, Step
from quartzdb_platform.wiring import Platform

router = APIRouter()
_CSV = "text/csv"
ReadsOne = Annotated[tuple[Access, Project], Depends(may_in_project(Permission.USAGE_READ))]
Reads = Annotated[Access, Depends(may(Permission.USAGE_READ))]
Caps = Annotated[Access, Depends(may(Permission.CAP_UPDATE))]
From = Annotated[
    str | None, Query(alias="from", description="The first day, in UTC. Without it, that of the month.")
]
To = Annotated[str | None, Query(description="The last day, included. Without it, today.")]
By = Annotated[Step, Query(description="What a row is of.")]
Groups = Annotated[
    list[Group] | None, Query(description="What a row is about: once for each, in their order.")
]
Format = Annotated[Literal["json", "csv"] | None, Query(description="csv: the rows alone. So does Accept.")]
Accept = Annotated[str, Header()]
_ANSWERS: dict[int | str, dict[str, Any]] = {200: {"content": {_CSV: {"schema": {"type": "string"}}}}}


@router.get("/projects/{project_id}/usage", tags=["Usage"], response_model=UsageAnswer, responses=_ANSWERS)
def project_usage(
    found: ReadsOne,
    platform: PlatformNow,
    from_: From = None,
    to: To = None,
    by: By = Step.DAY,
    group: Groups = None,
    format_: Annotated[Format, Query(alias="format")] = None,
    accept: Accept = "",
) -> object:
    """Requests, units and their cost by day or hour; latencies; and how the month stands. At most seconds old on one
    machine, minutes on AWS.
    """
    access, project = found
    plan = platform.organizations.get(access).plan
    report = _report(platform, plan, [project.id], (from_, to, by, group or ()), plan)
    return _answer(report, None, format_, accept)


@router.get(
    "/organizations/{organization_id}/usage", tags=["Usage"], response_model=UsageAnswer, responses=_ANSWERS
)
def organization_usage(
    access: Reads,
    platform: PlatformNow,
    from_: From = None,
    to: To = None,
    by: By = Step.DAY,
    group: Groups = None,
    format_: Annotated[Format, Query(alias="format")] = None,
    accept: Accept = "",
) -> object:
    """The same of all projects together, with the lines of the month's bill and what they come to."""
    organization = platform.organizations.get(access)
    billed = platform.statements.billed_plan(organization).name
    projects = [project.id for project in platform.projects.list(access)]
    report = _report(
        platform, organization.plan, projects, (from_, to, by, group or ()), billed, organization
    )
    present, forecast = (
        platform.statements.present(organization, used)
        for used in (report.month.used, report.month.forecast_used)
    )
    return _answer(report, MonthsBill(present, forecast), format_, accept)


@router.get("/organizations/{organization_id}/statements", tags=["Usage"])
def list_statements(access: Reads, platform: PlatformNow) -> list[StatementAnswer]:
    """What the months that are over came to, the newest first. Each is made three days after its month, and stays."""
    return [StatementAnswer.of(one) for one in platform.statements.closed(access.organization_id)]


@router.put("/organizations/{organization_id}/cap", tags=["Usage"])
def set_cap(body: CapBody, access: Caps, platform: PlatformNow) -> CapAnswer:
    """The most that a month may cost beyond the plan's price. What is beyond is refused until the month ends; raising
    the cap lifts that within seconds.
    """
    try:
        amount = None if body.dollars is None else micro_dollars(body.dollars)
    except ValueError as error:
        raise InvalidArgument(
            f"{body.dollars!r} is no amount of dollars.",
            field="dollars",
            hint='An exact decimal in a string, such as "12.50"; null for no cap.',
        ) from error
    organization = platform.caps.set_cap(access, amount)
    projects = [project.id for project in platform.projects.list(access)]
    month = platform.usage.month(projects, platform.statements.billed_plan(organization), organization)
    return CapAnswer.of(organization, month.micro_dollars)


def _report(
    platform: Platform,
    plan: str,
    projects: Sequence[str],
    asked: tuple[str | None, str | None, Step, Sequence[Group]],
    billed: str,
    organization: Organization | None = None,
) -> Report:
    question = platform.usage.question(plan, *asked)
    return platform.usage.report(question, projects, billed, organization)


def _answer(report: Report, bill: MonthsBill | None, format_: str | None, accept: str) -> object:
    if format_ == "csv" or (format_ is None and accept.partition(";")[0].strip() == _CSV):
        return Response(usage_csv(report), media_type=_CSV)
    return UsageAnswer.of(report, bill)
