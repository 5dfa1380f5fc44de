"""Where one comes to after signing in: one's organizations, or the beginning of the first."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from quartzdb.domain.errors import QuartzError
from quartzdb_platform.api.auth import PlatformNow
from quartzdb_platform.console import page
from quartzdb_platform.console.snippets import snippets
from quartzdb_platform.console.visitor import Posted, Visitor, VisitorNow
from quartzdb_platform.console.words import english

router = APIRouter()


@router.get("/home")
def show_home(request: Request, who: VisitorNow, platform: PlatformNow) -> Response:
    """Who has one organization goes there at once."""
    seats = platform.organizations.of_user(who.user.id)
    if len(seats) == 1:
        return page.go_to(f"/organizations/{seats[0][0].id}")
    return _show(request, who, platform)


@router.get("/organizations")
def show_organizations(request: Request, who: VisitorNow, platform: PlatformNow) -> Response:
    """All of them, and a form for another."""
    return _show(request, who, platform)


@router.post("/start")
def start(request: Request, who: VisitorNow, form: Posted, platform: PlatformNow) -> Response:
    """The first organization, project and key in one go, and what to do with the key."""
    try:
        started = platform.onboarding.start(
            who.user,
            who.caller.credential,
            who.caller.address,
            organization_name=form.text("organization"),
            project_name=form.text("project"),
        )
    except QuartzError as error:
        return _show(request, who, platform, error)
    values = {
        "visitor": who,
        "organization": started.organization,
        "project": started.project,
        "key": started.key,
        "text": started.text,
        "snippets": snippets(started.url, started.text, started.quickstart),
    }
    return page.render(request, "started.html", values)


@router.post("/organizations")
def create(request: Request, who: VisitorNow, form: Posted, platform: PlatformNow) -> Response:
    """A further organization."""
    try:
        made = platform.organizations.create(who.user, form.text("name"), who.caller.address)
    except QuartzError as error:
        return _show(request, who, platform, error)
    return page.go_to(f"/organizations/{made.id}")


def _show(
    request: Request, who: Visitor, platform: PlatformNow, error: QuartzError | None = None
) -> Response:
    seats = platform.organizations.of_user(who.user.id)
    values = {
        "visitor": who,
        "seats": seats,
        "suggested": english()("home.suggested_organization"),
    }
    return page.render(request, "home.html" if seats else "start.html", values, error=error)
