"""The audit log: who did what, and whether the chain is whole."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from quartzdb_platform.api.auth import PlatformNow
from quartzdb_platform.console import page
from quartzdb_platform.console.visitor import Place, in_organization
from quartzdb_platform.domain.permissions import Permission

router = APIRouter()
_EVENTS = 50
Sees = Annotated[Place, Depends(in_organization(Permission.AUDIT_READ))]


@router.get("/organizations/{organization_id}/audit")
def show_audit(
    request: Request,
    place: Sees,
    platform: PlatformNow,
    before: Annotated[int | None, Query(ge=1, lt=10**12)] = None,
    verify: bool = False,
) -> Response:
    """The newest first."""
    organization_id = place.organization.id
    found = platform.audit.newest(organization_id, limit=_EVENTS, before=before)
    people = {member.user_id: member.email for member in platform.members.list(place.access)}
    values = {
        "visitor": place.visitor,
        "place": place,
        "events": found.events,
        "people": people,
        "older": found.before,
        "verified": verify,
        "broken_at": platform.audit.broken_at(organization_id) if verify else None,
        "count": platform.audit.count(organization_id),
    }
    return page.render(request, "audit.html", values)
