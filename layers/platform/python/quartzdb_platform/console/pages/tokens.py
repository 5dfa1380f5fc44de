"""Management tokens, for scripts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from quartzdb.domain.errors import InvalidArgument, QuartzError
from quartzdb_platform.api.auth import PlatformNow
from quartzdb_platform.console import page
from quartzdb_platform.console.visitor import Place, Posted, in_organization
from quartzdb_platform.console.words import english
from quartzdb_platform.domain.errors import StepUpRequired
from quartzdb_platform.domain.permissions import Permission, Role

router = APIRouter()
_PATH = "/organizations/{organization_id}/tokens"
_DAY_SECONDS = 86_400
Sees = Annotated[Place, Depends(in_organization(Permission.TOKENS_READ))]
Manages = Annotated[Place, Depends(in_organization(Permission.TOKENS_MANAGE))]


@router.get(_PATH)
def show_tokens(request: Request, place: Sees, platform: PlatformNow) -> Response:
    """The tokens, and a form for another."""
    return _show(request, place, platform)


@router.post(_PATH)
def create_token(request: Request, place: Manages, form: Posted, platform: PlatformNow) -> Response:
    """Show the new one, this once."""
    days = form.text("days")
    try:
        if not days.isascii() or not days.isdigit() or not 1 <= int(days[:6]) <= 366:
            raise InvalidArgument(english()("tokens.days_wrong"), field="days")
        token, text = platform.tokens.create(
            place.access, form.text("name"), form.text("role"), int(days) * _DAY_SECONDS
        )
    except StepUpRequired:
        raise
    except QuartzError as error:
        return _show(request, place, platform, error)
    values = {"visitor": place.visitor, "place": place, "token": token, "text": text}
    return page.render(request, "new_token.html", values)


@router.post(f"{_PATH}/{{token_id}}/revoke")
def revoke_token(token_id: str, place: Manages, _: Posted, platform: PlatformNow) -> Response:
    """End one."""
    platform.tokens.revoke(place.access, token_id)
    return page.go_to(f"/organizations/{place.organization.id}/tokens")


def _show(
    request: Request, place: Place, platform: PlatformNow, error: QuartzError | None = None
) -> Response:
    values = {
        "visitor": place.visitor,
        "place": place,
        "tokens": platform.tokens.list(place.access),
        "roles": [role for role in Role if role is not Role.OWNER],
    }
    return page.render(request, "tokens.html", values, error=error)
