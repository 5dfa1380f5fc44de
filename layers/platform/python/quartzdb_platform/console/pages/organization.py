"""An organization: its projects, and its name."""

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
SeesSettings = Annotated[Place, Depends(in_organization(Permission.ORGANIZATION_READ))]
Renames = Annotated[Place, Depends(in_organization(Permission.ORGANIZATION_UPDATE))]


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


@router.get(f"{_PATH}/settings")
def show_settings(request: Request, place: SeesSettings) -> Response:
    """What may be changed of the organization itself."""
    return page.render(request, "settings.html", {"visitor": place.visitor, "place": place})


@router.post(f"{_PATH}/settings")
def rename(request: Request, place: Renames, form: Posted, platform: PlatformNow) -> Response:
    """Call it something else."""
    try:
        platform.organizations.rename(place.access, form.text("name"))
    except QuartzError as error:
        values = {"visitor": place.visitor, "place": place}
        return page.render(request, "settings.html", values, error=error)
    return page.go_to(f"/organizations/{place.organization.id}/settings")


def _show_projects(
    request: Request, place: Place, platform: PlatformNow, error: QuartzError | None = None
) -> Response:
    values = {
        "visitor": place.visitor,
        "place": place,
        "projects": platform.projects.list(place.access),
    }
    return page.render(request, "projects.html", values, error=error)
