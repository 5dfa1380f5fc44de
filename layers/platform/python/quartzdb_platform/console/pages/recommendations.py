"""What could be saved: a page of its own, and a part of the usage page that comes after it, as it takes longer."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from quartzdb_platform.api.auth import PlatformNow
from quartzdb_platform.console import page
from quartzdb_platform.console.pages.usage import Sees, SeesProject
from quartzdb_platform.console.visitor import Place
from quartzdb_platform.console.words import english
from quartzdb_platform.domain.money import dollars
from quartzdb_platform.metering.savings import Recommendation

router = APIRouter()


@router.get("/organizations/{organization_id}/recommendations")
def show_recommendations(request: Request, place: Sees, platform: PlatformNow, part: str = "") -> Response:
    """Of all projects. `part`: what a page of usage takes in."""
    return _show(request, place, platform, part)


@router.get("/projects/{project_id}/recommendations")
def show_project_recommendations(
    request: Request, place: SeesProject, platform: PlatformNow, part: str = ""
) -> Response:
    """Of one project."""
    return _show(request, place, platform, part)


def _show(request: Request, place: Place, platform: PlatformNow, part: str) -> Response:
    everything = platform.projects.list(place.access)
    asked = everything if place.project is None else [place.project]
    plan = platform.statements.billed_plan(place.organization)
    answer = platform.recommendations.of(asked, everything, plan)
    values = {
        "visitor": place.visitor,
        "place": place,
        "answer": answer,
        "names": {project.id: project.name for project in everything},
        "saves": saves,
        "how": how,
        "dollars": dollars,
    }
    template = "recommendations_list.html" if part == "list" else "recommendations.html"
    return page.render(request, template, values)


def saves(one: Recommendation) -> Sequence[str]:
    """What it saves in 30 days, each kind as a text."""
    saving, words = one.saving, english()
    texts = []
    if saving.requests:
        texts.append(words("recommendations.requests", n=f"{saving.requests:,}"))
    if saving.read_units:
        texts.append(words("recommendations.read_units", n=f"{saving.read_units:,}"))
    if saving.write_units:
        texts.append(words("recommendations.write_units", n=f"{saving.write_units:,}"))
    if saving.bytes:
        texts.append(words("recommendations.megabytes", n=f"{saving.bytes / 1e6:,.1f}"))
    if saving.keys:
        texts.append(words("recommendations.keys", n=saving.keys))
    return texts


def how(one: Recommendation) -> str:
    """How that was computed, with the numbers."""
    numbers = {
        name: f"{number:,}" if isinstance(number, int) else number for name, number in one.numbers.items()
    }
    return english()(f"recommendations.how_{one.advice}", **numbers)
