"""An organization: its projects."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from quartzdb.domain.errors import QuartzError
from quartzdb_platform.api.auth import PlatformNow
from quartzdb_platform.console import page
from quartzdb_platform.console.visitor import Place, Posted, in_organization
from quartzdb_platform.domain.permissions import Permission

router = APIRouter()
_PATH = "/organizations/{organization_id}"
Sees = Annotated[Place, Depends(in_organization(Permission.PROJECTS_READ))]
CreatesProjects = Annotated[Place, Depends(in_organization(Permission.PROJECTS_CREATE))]


@router.get(_PATH)
def show_projects(request: Request, place: Sees, platform: PlatformNow) -> Response:
    """The projects, and a form for another."""
    return _show_projects(request, place, platform)


@router.post(f"{_PATH}/projects")
def create_project(request: Request, place: CreatesProjects, form: Posted, platform: PlatformNow) -> Response:
    """Go on in the new one."""
    try:
        made = platform.projects.create(place.access, form.text("name"))
    except QuartzError as error:
        return _show_projects(request, place, platform, error)
    return page.go_to(f"/projects/{made.id}")


def _show_projects(
    request: Request, place: Place, platform: PlatformNow, error: QuartzError | None = None
) -> Response:
    values = {
        "visitor": place.visitor,
        "place": place,
        "projects": platform.projects.list(place.access),
    }
    return page.render(request, "projects.html", values, error=error)
