"""The status page: public, the same for everybody, so that it may be cached; and the same for who is signed in."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from quartzdb_platform.api.auth import PlatformNow
from quartzdb_platform.api.routes.status import CACHED
from quartzdb_platform.console import page
from quartzdb_platform.console.visitor import VisitorNow
from quartzdb_platform.console.words import english
from quartzdb_platform.domain.availability import SERVICE
from quartzdb_platform.status.feed import atom
from quartzdb_platform.status.report import Report

router = APIRouter()


@router.get("/status")
def show_status(request: Request, platform: PlatformNow) -> Response:
    """Without a session, whoever asks."""
    response = page.render(request, "status.html", _values(platform.status.latest()))
    response.headers["Cache-Control"] = CACHED
    return response


@router.get("/status/feed")
def show_feed(platform: PlatformNow) -> Response:
    """Incidents and switches, as Atom."""
    words = english()
    texts = {
        "title": words("status.feed"),
        "switch": words("status.switched", origin="{origin}"),
        "open": words("status.open"),
        "closed": words("status.closed"),
    }
    url = f"{platform.console_url}/status"
    content = atom(platform.status.latest(), url, f"{url}/feed", texts)
    headers = {**page.HEADERS, "Cache-Control": CACHED}
    return Response(content, media_type="application/atom+xml", headers=headers)


@router.get("/status/console")
def show_signed_in(request: Request, who: VisitorNow, platform: PlatformNow) -> Response:
    """The same in the console, as it is now."""
    return page.render(request, "status_console.html", {"visitor": who, **_values(platform.status.latest())})


def _values(report: Report) -> dict[str, Any]:
    return {
        "report": report,
        "seen": report.observed,
        "verdict": _verdict(report),
        "service": SERVICE,
        "percent": lambda share: english()("status.unknown") if share is None else f"{share:.3%}",
        "level": _level,
    }


def _verdict(report: Report) -> str:
    """Which words sum it up."""
    if report.observed is None or report.stale:
        return "unknown"
    if report.open_incidents:
        return "incident"
    active = [one for one in report.observed.origins if one.name == report.observed.active]
    if not active or active[0].well is None:
        return "unknown"
    return "well" if active[0].well else "trouble"


def _level(share: float | None) -> str:
    """How a day is drawn."""
    if share is None:
        return "unknown"
    return "good" if share >= 0.999 else "fair" if share >= 0.99 else "poor"
