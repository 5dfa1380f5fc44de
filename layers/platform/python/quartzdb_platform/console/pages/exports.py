"""Archives of an organization: everything taken along, where that is too large for one answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from quartzdb.domain.errors import QuartzError
from quartzdb_platform.api.auth import PlatformNow
from quartzdb_platform.console import page
from quartzdb_platform.console.visitor import Place, Posted, in_organization
from quartzdb_platform.domain.errors import StepUpRequired
from quartzdb_platform.domain.permissions import Permission
from quartzdb_platform.wiring import Platform

router = APIRouter()
_PATH = "/organizations/{organization_id}/settings/exports"
Takes = Annotated[Place, Depends(in_organization(Permission.ORGANIZATION_EXPORT))]


@dataclass(frozen=True, slots=True)
class Link:
    """What was asked for: whoever has it can fetch the archive until then."""

    archive_id: str
    url: str
    until_ms: int


@router.get(_PATH)
def show_exports(request: Request, place: Takes, platform: PlatformNow) -> Response:
    """The archives there are, and a form for another."""
    return _show(request, place, platform)


@router.post(_PATH)
def request_export(request: Request, place: Takes, _: Posted, platform: PlatformNow) -> Response:
    """Have one made."""
    return _done(request, place, platform, lambda: platform.exports.request(place.access))


@router.post(f"{_PATH}/link")
def link_export(request: Request, place: Takes, form: Posted, platform: PlatformNow) -> Response:
    """Show where one can be fetched. Not fetched at once: what a form leads to stays on this host."""
    try:
        url, until_ms = platform.exports.link(place.access, form.text("archive"))
    except StepUpRequired:
        raise
    except QuartzError as error:
        return _show(request, place, platform, error=error)
    return _show(request, place, platform, link=Link(form.text("archive"), url, until_ms))


@router.post(f"{_PATH}/delete")
def delete_export(request: Request, place: Takes, form: Posted, platform: PlatformNow) -> Response:
    """Have one gone."""
    return _done(
        request, place, platform, lambda: platform.exports.delete(place.access, form.text("archive"))
    )


def _done(request: Request, place: Place, platform: Platform, change: Callable[[], object]) -> Response:
    """Make a change, and show the page: as it is then, or with why not."""
    try:
        change()
    except StepUpRequired:
        raise
    except QuartzError as error:
        return _show(request, place, platform, error=error)
    return page.go_to(f"/organizations/{place.organization.id}/settings/exports")


def _show(
    request: Request,
    place: Place,
    platform: Platform,
    *,
    link: Link | None = None,
    error: QuartzError | None = None,
) -> Response:
    # The newest first: it is the one that was asked for.
    archives = list(reversed(platform.exports.list(place.access))) if platform.exports.kept else []
    values = {
        "visitor": place.visitor,
        "place": place,
        "kept": platform.exports.kept,
        "archives": archives,
        "being_made": any(one.ready_at_ms is None and not one.failed for one in archives),
        "now_ms": platform.clock.unix_ms(),
        "link": link,
    }
    return page.render(request, "exports.html", values, error=error)
