"""A page: templates with what all of them show, and the headers that every answer of the console carries.

Nothing of a page comes from elsewhere and no script is in it, so that the policy can forbid both.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import RedirectResponse

import quartzdb
from quartzdb.domain.errors import QuartzError
from quartzdb_platform.api.problems import status_of
from quartzdb_platform.console.words import english

ROOT = "/platform"
STATIC = Path(__file__).parent / "static"
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
}


class Entry(NamedTuple):
    """Of the navigation: where it leads below its place, who may, and the name of its words."""

    path: str
    permission: str
    words: str


NAVIGATION: Mapping[str, Sequence[Entry]] = {
    "organizations": (
        Entry("", "projects:read", "projects.title"),
        Entry("/overview", "usage:read", "overview.title"),
        Entry("/usage", "usage:read", "usage.title"),
        Entry("/plan", "organization:read", "plan.title"),
        Entry("/billing", "billing:read", "billing.title"),
        Entry("/team", "members:read", "team.title"),
        Entry("/tokens", "tokens:read", "tokens.title"),
        Entry("/audit", "audit:read", "audit.title"),
        Entry("/settings", "organization:read", "settings.title"),
    ),
    "projects": (
        Entry("/overview", "usage:read", "overview.title"),
        Entry("", "keys:read", "keys.title"),
        Entry("/data", "data:read", "data.title"),
        Entry("/usage", "usage:read", "usage.title"),
        Entry("/settings", "projects:read", "settings.title"),
    ),
}
"""Of pages about an organization, and of those about a project."""


def render(
    request: Request,
    template: str,
    values: Mapping[str, object],
    *,
    error: QuartzError | None = None,
    status: int | None = None,
) -> HTMLResponse:
    """The page that a template makes of these values, the request's visitor and place among them. `error`: why what the
    visitor sent was refused; it decides the status, unless that is given.
    """
    text = _environment().get_template(template).render({"path": request.url.path, "error": error, **values})
    if status is None:
        status = 200 if error is None else status_of(error)
    return HTMLResponse(text, status, HEADERS)


def go_to(path: str) -> RedirectResponse:
    """Another page, with GET: what a form ends in, so that going back sends nothing twice."""
    return RedirectResponse(f"{ROOT}{path}", 303, HEADERS)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("quartzdb_platform.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {}  # in the order in which they were put
    environment.filters["day"] = _day
    environment.filters["moment"] = _moment
    environment.globals.update(
        root=ROOT,
        t=english(),
        asset=asset,
        integrity=integrity,
        version=quartzdb.__version__,
        navigation=NAVIGATION,
    )
    return environment


@cache
def asset(name: str) -> str:
    """The address of a static file: another one with each content, so that it may be kept for ever."""
    return f"{ROOT}/assets/{name}?v={hashlib.sha256(_content(name)).hexdigest()[:12]}"


@cache
def integrity(name: str) -> str:
    """What a browser compares it with (Subresource Integrity)."""
    return "sha384-" + base64.b64encode(hashlib.sha384(_content(name)).digest()).decode()


@cache
def _content(name: str) -> bytes:
    return (STATIC / name).read_bytes()


def _day(at_ms: int | None) -> str:
    return "" if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d")


def _moment(at_ms: int | None) -> str:
    return (
        "" if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    )
