"""Settings of an organization and of a project, their export, and the end of both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from quartzdb.domain.errors import InvalidArgument, QuartzError
from quartzdb_platform.api.auth import PlatformNow
from quartzdb_platform.console import page
from quartzdb_platform.console.visitor import Place, Posted, in_organization, in_project
from quartzdb_platform.console.words import english
from quartzdb_platform.domain.errors import StepUpRequired
from quartzdb_platform.domain.money import dollars, micro_dollars
from quartzdb_platform.domain.permissions import Permission
from quartzdb_platform.wiring import Platform

router = APIRouter()
_PATH = "/organizations/{organization_id}/settings"
_PROJECT = "/projects/{project_id}/settings"
Sees = Annotated[Place, Depends(in_organization(Permission.ORGANIZATION_READ))]
Updates = Annotated[Place, Depends(in_organization(Permission.ORGANIZATION_UPDATE))]
Caps = Annotated[Place, Depends(in_organization(Permission.CAP_UPDATE))]
Deletes = Annotated[Place, Depends(in_organization(Permission.ORGANIZATION_DELETE))]
SeesProject = Annotated[Place, Depends(in_project(Permission.PROJECTS_READ))]
RenamesProject = Annotated[Place, Depends(in_project(Permission.PROJECTS_CREATE))]
SuspendsProject = Annotated[Place, Depends(in_project(Permission.PROJECTS_SUSPEND))]
DeletesProject = Annotated[Place, Depends(in_project(Permission.PROJECTS_DELETE))]


@router.get(_PATH)
def show_settings(request: Request, place: Sees, platform: PlatformNow) -> Response:
    """What may be changed of the organization itself."""
    return _show(request, place, platform)


@router.post(_PATH)
def rename(request: Request, place: Updates, form: Posted, platform: PlatformNow) -> Response:
    """Call it something else."""
    return _done(
        request, place, platform, lambda: platform.organizations.rename(place.access, form.text("name"))
    )


@router.post(f"{_PATH}/cap")
def set_cap(request: Request, place: Caps, form: Posted, platform: PlatformNow) -> Response:
    """The most that a month may cost beyond the plan's price; empty for no cap."""

    def change() -> None:
        text = form.text("dollars").removeprefix("$")
        try:
            amount = micro_dollars(text) if text else None
        except ValueError as error:
            raise InvalidArgument(english()("usage.cap_wrong"), field="dollars") from error
        platform.caps.set_cap(place.access, amount)

    return _done(request, place, platform, change)


@router.post(f"{_PATH}/region")
def move(request: Request, place: Updates, form: Posted, platform: PlatformNow) -> Response:
    """Keep its data elsewhere, which it can while it has none."""
    return _done(
        request, place, platform, lambda: platform.residences.move(place.access, form.text("region"))
    )


@router.post(f"{_PATH}/delete")
def request_deletion(request: Request, place: Deletes, form: Posted, platform: PlatformNow) -> Response:
    """Have it deleted in thirty days; its name is typed once more."""
    return _done(
        request, place, platform, lambda: platform.closings.request(place.access, form.text("confirm"))
    )


@router.post(f"{_PATH}/keep")
def cancel_deletion(request: Request, place: Deletes, _: Posted, platform: PlatformNow) -> Response:
    """Call that off."""
    return _done(request, place, platform, lambda: platform.closings.cancel(place.access))


@router.get(_PROJECT)
def show_project_settings(request: Request, place: SeesProject) -> Response:
    """What may be changed of a project."""
    return page.render(request, "project_settings.html", {"visitor": place.visitor, "place": place})


@router.post(_PROJECT)
def rename_project(request: Request, place: RenamesProject, form: Posted, platform: PlatformNow) -> Response:
    """Call it something else."""
    return _done_there(
        request, place, lambda: platform.projects.rename(place.access, place.here, form.text("name"))
    )


@router.post(f"{_PROJECT}/status")
def say_status(request: Request, place: SuspendsProject, form: Posted, platform: PlatformNow) -> Response:
    """Have it answer everything, reads, or nothing."""
    return _done_there(
        request, place, lambda: platform.project_ends.say(place.access, place.here, form.text("status"))
    )


@router.post(f"{_PROJECT}/delete")
def request_project_deletion(
    request: Request, place: DeletesProject, form: Posted, platform: PlatformNow
) -> Response:
    """Have it deleted in thirty days; its name is typed once more."""
    return _done_there(
        request,
        place,
        lambda: platform.project_ends.request(place.access, place.here, form.text("confirm")),
    )


@router.post(f"{_PROJECT}/keep")
def cancel_project_deletion(
    request: Request, place: DeletesProject, _: Posted, platform: PlatformNow
) -> Response:
    """Call that off."""
    return _done_there(request, place, lambda: platform.project_ends.cancel(place.access, place.here))


def _done_there(request: Request, place: Place, change: Callable[[], object]) -> Response:
    """The same of a project."""
    try:
        change()
    except StepUpRequired:
        raise
    except QuartzError as error:
        values = {"visitor": place.visitor, "place": place}
        return page.render(request, "project_settings.html", values, error=error)
    return page.go_to(f"/projects/{place.here.id}/settings")


def _done(request: Request, place: Place, platform: Platform, change: Callable[[], object]) -> Response:
    """Make a change, and show the page: as it is then, or with why not."""
    try:
        change()
    except StepUpRequired:
        raise
    except QuartzError as error:
        return _show(request, place, platform, error)
    return page.go_to(f"/organizations/{place.organization.id}/settings")


def _show(request: Request, place: Place, platform: Platform, error: QuartzError | None = None) -> Response:
    cap = place.organization.cap_micro_dollars
    values = {
        "visitor": place.visitor,
        "place": place,
        "cap": None if cap is None else dollars(cap),
        "plan": platform.statements.billed_plan(place.organization),
        "regions": platform.residences.regions,
        "closing": platform.closings.get(place.access),
        "export": f"/platform/v1/organizations/{place.organization.id}/export",
        "archives": platform.exports.kept,
    }
    return page.render(request, "settings.html", values, error=error)
