"""How a project or an organization does, with figures that change while one looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from quartzdb_platform.api.auth import PlatformNow
from quartzdb_platform.console import page
from quartzdb_platform.console.pages.usage import Sees, SeesProject, meters
from quartzdb_platform.console.visitor import Place
from quartzdb_platform.console.words import english
from quartzdb_platform.domain.money import dollars
from quartzdb_platform.metering.bill import total
from quartzdb_platform.metering.overview import Hour, Overview

router = APIRouter()
_MEGABYTE = 1_000_000


@router.get("/organizations/{organization_id}/overview")
def show_overview(request: Request, place: Sees, platform: PlatformNow, part: str = "") -> Response:
    """Of all projects together. `part`: the figures alone."""
    return _show(request, place, platform, part)


@router.get("/projects/{project_id}/overview")
def show_project_overview(
    request: Request, place: SeesProject, platform: PlatformNow, part: str = ""
) -> Response:
    """Of one project."""
    return _show(request, place, platform, part)


def _show(request: Request, place: Place, platform: PlatformNow, part: str) -> Response:
    plan = platform.statements.billed_plan(place.organization)
    everything = [one.id for one in platform.projects.list(place.access)]
    shown = everything if place.project is None else [place.project.id]
    overview = platform.overviews.of(shown, plan.name, place.organization if place.project is None else None)
    whole = (
        overview.month
        if place.project is None
        else platform.overviews.month(everything, plan, place.organization)
    )
    cap = place.organization.cap_micro_dollars
    values = {
        "visitor": place.visitor,
        "place": place,
        "overview": overview,
        "hours": list(enumerate(overview.hours))[::-1],
        "errors": overview.refused + overview.failed,
        "charts": charts(overview),
        "megabytes": megabytes,
        "plan": plan,
        "spent": dollars(whole.micro_dollars),
        "forecast": dollars(total(whole.forecast_lines)),
        "cap": None if cap is None else dollars(cap),
        "cap_share": 0.0 if not cap else min(whole.micro_dollars / cap, 1.0),
        "meters": list(meters(whole.lines)),
    }
    return page.render(request, "overview_figures.html" if part == "figures" else "overview.html", values)


def charts(overview: Overview) -> Mapping[str, Mapping[str, Sequence[Any]]]:
    """By what they are of, as a script draws them: what the table beside them says. None is a gap."""
    hours = overview.hours
    words = english()
    return {
        "requests": {
            "at": [hour.at for hour in hours],
            words("overview.requests"): [hour.requests for hour in hours],
            words("overview.refused"): [hour.refused for hour in hours],
            words("overview.failed"): [hour.failed for hour in hours],
        },
        "latency": {
            "at": [hour.at for hour in hours],
            **{
                words("overview.percentile", share=share): [_latency(hour, share) for hour in hours]
                for share in (50, 95, 99)
            },
        },
        "storage": {
            "at": [hour.at for hour in hours],
            words("overview.megabytes"): [
                None if hour.bytes_held is None else hour.bytes_held / _MEGABYTE for hour in hours
            ],
        },
    }


def megabytes(held: int | None) -> str:
    """As the table has it."""
    return english()("overview.nothing") if held is None else f"{held / _MEGABYTE:,.2f}"


def _latency(hour: Hour, share: int) -> float | None:
    return None if hour.latency is None else float(getattr(hour.latency, f"p{share}"))
