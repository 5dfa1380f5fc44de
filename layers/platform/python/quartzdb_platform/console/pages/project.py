"""A project: its API keys."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from quartzdb.domain.errors import InvalidArgument, NotFound, QuartzError
from quartzdb_platform.accounts.quickstart import quickstart
from quartzdb_platform.api.auth import PlatformNow
from quartzdb_platform.console import page
from quartzdb_platform.console.snippets import snippets
from quartzdb_platform.console.visitor import Form, Place, Posted, in_project
from quartzdb_platform.console.words import english
from quartzdb_platform.domain.permissions import Permission

router = APIRouter()
_PATH = "/projects/{project_id}"
_DAY_SECONDS = 86_400
Sees = Annotated[Place, Depends(in_project(Permission.KEYS_READ))]
Creates = Annotated[Place, Depends(in_project(Permission.KEYS_CREATE))]
Revokes = Annotated[Place, Depends(in_project(Permission.KEYS_REVOKE))]


@router.get(_PATH)
def show_keys(request: Request, place: Sees, platform: PlatformNow) -> Response:
    """The keys, and a form for another."""
    return _show(request, place, platform)


@router.post(f"{_PATH}/keys")
def create_key(request: Request, place: Creates, form: Posted, platform: PlatformNow) -> Response:
    """Show the new one, this once."""
    names = [name for name in form.text("namespaces").replace(",", " ").split() if name]
    try:
        key, text = platform.projects.create_key(
            place.access,
            place.here,
            form.text("name"),
            form.texts("scopes"),
            namespaces=names or None,
            expires_in_seconds=seconds_of(form),
        )
    except QuartzError as error:
        return _show(request, place, platform, error)
    url = platform.onboarding.url
    values = {
        "visitor": place.visitor,
        "place": place,
        "key": key,
        "text": text,
        "snippets": snippets(url, text, quickstart(url, text, None)),
    }
    return page.render(request, "new_key.html", values)


@router.get(f"{_PATH}/keys/{{key_id}}/first-request")
def show_first_request(request: Request, key_id: str, place: Sees, platform: PlatformNow) -> Response:
    """Whether the key was used yet: a part of a page, which asks for it again until it was."""
    key = next((one for one in platform.projects.keys(place.here) if one.id == key_id), None)
    if key is None:
        raise NotFound(f"There is no API key {key_id[:80]!r}.", field="id")
    return page.render(request, "first_request.html", {"project": place.here, "key": key})


@router.post(f"{_PATH}/keys/{{key_id}}/revoke")
def revoke_key(key_id: str, place: Revokes, _: Posted, platform: PlatformNow) -> Response:
    """End one."""
    platform.projects.revoke_key(place.access, place.here, key_id)
    return page.go_to(f"/projects/{place.here.id}")


def seconds_of(form: Form) -> int | None:
    """How long a key is to live, None for ever. Raises InvalidArgument."""
    days = form.text("days")
    if not days:
        return None
    if not days.isascii() or not days.isdigit() or not 1 <= int(days[:6]) <= 3_660:
        raise InvalidArgument(english()("keys.days_wrong"), field="days")
    return int(days) * _DAY_SECONDS


def _show(
    request: Request, place: Place, platform: PlatformNow, error: QuartzError | None = None
) -> Response:
    keys = platform.projects.keys(place.here)
    values = {
        "visitor": place.visitor,
        "place": place,
        "keys": [key for key in keys if key.revoked_at_ms is None],
        "revoked": [key for key in keys if key.revoked_at_ms is not None],
    }
    return page.render(request, "project.html", values, error=error)
