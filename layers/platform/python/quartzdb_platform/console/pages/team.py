"""The team: members, their roles, and invitations that wait."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from quartzdb.domain.errors import QuartzError
from quartzdb_platform.api.auth import PlatformNow
from quartzdb_platform.console import page
from quartzdb_platform.console.visitor import Place, Posted, in_organization
from quartzdb_platform.domain.permissions import PERMISSIONS, Permission, Role, grants_at_most

router = APIRouter()
_PATH = "/organizations/{organization_id}/team"
Sees = Annotated[Place, Depends(in_organization(Permission.MEMBERS_READ))]
Manages = Annotated[Place, Depends(in_organization(Permission.MEMBERS_MANAGE))]


@router.get(_PATH)
def show_team(request: Request, place: Sees, platform: PlatformNow) -> Response:
    """Members and invitations."""
    return _show(request, place, platform)


@router.post(f"{_PATH}/invitations")
def invite(request: Request, place: Manages, form: Posted, platform: PlatformNow) -> Response:
    """Mail somebody a seat."""
    try:
        platform.members.invite(place.access, place.visitor.user, form.text("email"), form.text("role"))
    except QuartzError as error:
        return _show(request, place, platform, error)
    return _back(place)


@router.post(f"{_PATH}/invitations/{{invitation_id}}/withdraw")
def withdraw(invitation_id: str, place: Manages, _: Posted, platform: PlatformNow) -> Response:
    """Take an invitation back."""
    platform.members.withdraw(place.access, invitation_id)
    return _back(place)


@router.post(f"{_PATH}/{{user_id}}/role")
def change_role(
    request: Request, user_id: str, place: Manages, form: Posted, platform: PlatformNow
) -> Response:
    """Give somebody another role."""
    try:
        platform.members.change_role(place.access, user_id, form.text("role"))
    except QuartzError as error:
        return _show(request, place, platform, error)
    return _back(place)


@router.post(f"{_PATH}/{{user_id}}/remove")
def remove(request: Request, user_id: str, place: Manages, _: Posted, platform: PlatformNow) -> Response:
    """Take somebody's seat away."""
    try:
        platform.members.remove(place.access, user_id)
    except QuartzError as error:
        return _show(request, place, platform, error)
    return _back(place)


def _back(place: Place) -> Response:
    return page.go_to(f"/organizations/{place.organization.id}/team")


def _show(
    request: Request, place: Place, platform: PlatformNow, error: QuartzError | None = None
) -> Response:
    mine = place.access.role
    values = {
        "visitor": place.visitor,
        "place": place,
        "members": platform.members.list(place.access),
        "invitations": platform.members.invitations(place.access),
        "roles": [role for role in Role if grants_at_most(mine, role)],
        "permissions": Permission,
        "roles_with": {one: [role for role in Role if one in PERMISSIONS[role]] for one in Permission},
    }
    return page.render(request, "team.html", values, error=error)
