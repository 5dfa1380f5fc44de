"""What was used, of an organization or of one project, and the cap on what a month may cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from quartzdb.domain.errors import InvalidArgument, QuartzError
from quartzdb.services.ports import BROWSER
from quartzdb_platform.api.auth import PlatformNow
from quartzdb_platform.console import page
from quartzdb_platform.console.visitor import Place, Posted, in_organization, in_project
from quartzdb_platform.console.words import english
from quartzdb_platform.domain.calendar import DAY_MS, day_of, start_ms
from quartzdb_platform.domain.money import dollars, micro_dollars
from quartzdb_platform.domain.permissions import Permission
from quartzdb_platform.metering.bill import BillLine, total
from quartzdb_platform.metering.statements import Statement
from quartzdb_platform.metering.tally import FIELDS
from quartzdb_platform.metering.usage import Group, Report, Step

router = APIRouter()
_ORGANIZATION = "/organizations/{organization_id}"
_PROJECT = "/projects/{project_id}"
_ROWS_SHOWN_MAX = 200
_CHARTED = ("requests", "read_units", "write_units")
_GIGABYTE = 1_000_000_000
Sees = Annotated[Place, Depends(in_organization(Permission.USAGE_READ))]
SeesProject = Annotated[Place, Depends(in_project(Permission.USAGE_READ))]
Caps = Annotated[Place, Depends(in_organization(Permission.CAP_UPDATE))]


class Meter(NamedTuple):
    """How much there is of what a month includes. `text` is the amount in words that people use."""

    name: str
    share: float
    text: str


class Asked(NamedTuple):
    """What the form above the figures asks for, as it was sent."""

    first: str
    last: str
    by: str
    groups: Sequence[str]

    def query(self, **more: str) -> str:
        """The same as a query string of the API."""
        given = [
            ("from", self.first),
            ("to", self.last),
            ("by", self.by),
            *(("group", one) for one in self.groups),
        ]
        return urlencode([(name, value) for name, value in (*given, *more.items()) if value])


@router.get(f"{_ORGANIZATION}/usage")
def show_usage(request: Request, place: Sees, platform: PlatformNow) -> Response:
    """Of all projects together, with what the month costs so far and comes to."""
    return _show(request, place, platform)


@router.get(f"{_PROJECT}/usage")
def show_project_usage(request: Request, place: SeesProject, platform: PlatformNow) -> Response:
    """Of one project."""
    return _show(request, place, platform)


@router.post(f"{_ORGANIZATION}/cap")
def set_cap(request: Request, place: Caps, form: Posted, platform: PlatformNow) -> Response:
    """The most that a month may cost beyond the plan's price; empty for no cap."""
    text = form.text("dollars").removeprefix("$")
    try:
        amount = micro_dollars(text) if text else None
    except ValueError:
        wrong = InvalidArgument(english()("usage.cap_wrong"), field="dollars")
        return _show(request, place, platform, wrong)
    platform.caps.set_cap(place.access, amount)
    return page.go_to(f"/organizations/{place.organization.id}/usage")


def _show(
    request: Request, place: Place, platform: PlatformNow, error: QuartzError | None = None
) -> Response:
    sent = request.query_params
    groups = [one for one in sent.getlist("group") if one]
    asked = Asked(sent.get("from", ""), sent.get("to", ""), sent.get("by", "") or Step.DAY.value, groups)
    try:
        report = _report(place, platform, asked)
    except QuartzError as refused:
        error = error or refused
        asked = Asked("", "", Step.DAY.value, ())
        report = _report(place, platform, asked)
    plan = platform.statements.billed_plan(place.organization)
    cap = place.organization.cap_micro_dollars
    sums = [
        platform.statements.present(place.organization, used)
        for used in (report.month.used, report.month.forecast_used)
    ]
    values = {
        "visitor": place.visitor,
        "place": place,
        "report": report,
        "asked": asked,
        "groups": [group for group in Group if place.project is None or group is not Group.PROJECT],
        "fields": FIELDS,
        "rows": report.rows[:_ROWS_SHOWN_MAX],
        "chart": _chart(report),
        "browser": BROWSER,
        "meters": list(meters(report.month.lines)) if place.project is None else [],
        "sums": [_sum(statement) for statement in sums] if place.project is None else [],
        "spent": dollars(report.month.micro_dollars),
        "forecast": dollars(total(report.month.forecast_lines)),
        "plan": plan,
        "cap": None if cap is None else dollars(cap),
        "held": f"{report.month.held.bytes / _GIGABYTE:,.3f}",
        "here": f"{page.ROOT}{_whose(place)}/usage",
        "saving": f"{page.ROOT}{_whose(place)}/recommendations",
        "api": f"/platform/v1{_whose(place)}/usage",
    }
    return page.render(request, "usage.html", values, error=error)


def _whose(place: Place) -> str:
    if place.project is not None:
        return f"/projects/{place.project.id}"
    return f"/organizations/{place.organization.id}"


def _report(place: Place, platform: PlatformNow, asked: Asked) -> Report:
    """Raises InvalidArgument, TooLarge."""
    plan = place.organization.plan
    if place.project is not None:
        projects = [place.project.id]
    else:
        projects = [project.id for project in platform.projects.list(place.access)]
    try:
        step, groups = Step(asked.by), [Group(one) for one in asked.groups]
    except ValueError as error:
        raise InvalidArgument(english()("usage.asked_wrong"), field="by") from error
    question = platform.usage.question(plan, asked.first or None, asked.last or None, step, groups)
    billed = platform.statements.billed_plan(place.organization).name
    organization = place.organization if place.project is None else None
    return platform.usage.report(question, projects, billed, organization)


def _chart(report: Report) -> Mapping[str, Sequence[object]]:
    """By time, whatever else the rows are about: what a script draws beside the table that has the same."""
    asked = report.question
    sums = {at: [0] * len(FIELDS) for at in _times(asked.first, asked.last, asked.step)}
    for row in report.rows:
        for number, count in enumerate(row.counts):
            sums[row.at][number] += count
    series = {name: [counts[FIELDS.index(name)] for counts in sums.values()] for name in _CHARTED}
    return {"at": list(sums), **series}


def _times(first: str, last: str, step: Step) -> Iterator[str]:
    """Every day or hour of these days, as rows name it."""
    for at_ms in range(start_ms(first), start_ms(last) + DAY_MS, DAY_MS):
        day = day_of(at_ms)
        yield from [day] if step is Step.DAY else [f"{day}T{hour:02d}:00Z" for hour in range(24)]


def _sum(statement: Statement) -> Mapping[str, str]:
    """What is to be paid of a month, a line for each thing that makes it up."""
    lines = {line.name: dollars(line.micro_dollars) for line in statement.lines}
    return {
        "plan": f"${dollars(statement.plan_micro_dollars)}",
        **{name: f"${amount}" for name, amount in lines.items()},
        "credits": f"−${dollars(statement.credit_micro_dollars)}",
        "due": f"${dollars(statement.due_micro_dollars)}",
    }


def meters(lines: Sequence[BillLine]) -> Iterator[Meter]:
    """How much of what a month includes was used."""
    for line in lines:
        share = line.used / line.included if line.included else 0.0
        if line.name == "storage":  # its unit is of machines: people think of what is there all month
            used, included, unit = (
                f"{line.used / line.per:,.3f}",
                f"{line.included / line.per:,.0f}",
                "GB-month",
            )
        else:
            used, included, unit = f"{line.used:,}", f"{line.included:,}", line.unit
        text = english()("usage.of", share=f"{share:.1%}", used=used, included=included, unit=unit)
        yield Meter(line.name, min(share, 1.0), text)
