"""The pages: sign-in by a link, data, keys, usage, health. Data is asked of /v1, by the platform's own scripts."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

import quartzdb
from quartzdb.domain.errors import InvalidArgument, NotFound, QuartzError, Unauthenticated
from quartzdb.domain.limits import NAMESPACE_NAME_PATTERN
from quartzdb.services.keys import Scope
from quartzdb.services.tenant_sizes import TenantSizes
from quartzdb_platform.accounts.quickstart import quickstart
from quartzdb_platform.adapters.local_sizes import LocalSizes
from quartzdb_platform.console import page
from quartzdb_platform.console.local.links import Links
from quartzdb_platform.console.local.requests import FIELDS, rows
from quartzdb_platform.console.local.visitor import (
    COOKIE,
    Here,
    HereNow,
    Posted,
    Visitor,
    VisitorNow,
    require_csrf,
)
from quartzdb_platform.console.page import Entry
from quartzdb_platform.console.pages.data import VIEWS, Reach, frame
from quartzdb_platform.console.pages.project import seconds_of
from quartzdb_platform.console.snippets import snippets
from quartzdb_platform.console.visitor import SignedOut, form_of
from quartzdb_platform.console.words import english
from quartzdb_platform.domain.calendar import DAY_MS, day_of
from quartzdb_platform.domain.times import rfc3339

router = APIRouter()
ROOT = "/console"
COMMON: Final[Mapping[str, object]] = {"root": ROOT, "home_words": "local.home"}
_USAGE_DAYS = 7
_ENTRIES = (
    Entry("/data", "", "data.title"),
    Entry("/keys", "", "keys.title"),
    Entry("/usage", "", "usage.title"),
    Entry("/health", "", "local.health"),
)
_TEMPLATES = {view.path: view.words.split(".")[1] if view.path else "namespace" for view in VIEWS}
"""Of pages about a namespace, by where they are below it."""


def signed_out(_: Request, error: QuartzError) -> Response | None:
    """Where somebody who is not signed in is sent."""
    return _go_to("/sign-in") if isinstance(error, SignedOut) else None


@router.get(ROOT)
@router.get(f"{ROOT}/")
@router.get(f"{ROOT}/home")
def show_home(_: VisitorNow) -> Response:
    """The data."""
    return _go_to("/data")


@router.get(f"{ROOT}/sign-in")
def show_sign_in(request: Request, at: HereNow, link: str = "") -> Response:
    """With a link: a button, because what looks ahead at links must not use them up."""
    return _show_sign_in(request, at, link)


@router.post(f"{ROOT}/sign-in")
async def sign_in(request: Request, at: HereNow) -> Response:
    """Begin a session by a link."""
    form = await form_of(request)
    try:
        session, text = Links(at.table, at.clock).redeem(form.text("link"))
    except Unauthenticated as error:
        return _show_sign_in(request, at, "", error)
    at.credentials.end_replaced(request.cookies.get(COOKIE, ""))
    answer = _go_to("/data")
    lasts = (session.expires_at_ms - session.created_at_ms) // 1_000
    answer.set_cookie(COOKIE, text, lasts, path="/", secure=True, httponly=True, samesite="lax")
    return answer


@router.post(f"{ROOT}/sign-out")
def sign_out(at: HereNow, who: VisitorNow, _: Posted) -> Response:
    """End the session."""
    at.credentials.end_session(who.session.id, who.session.user_id)
    answer = _go_to("/sign-in")
    answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return answer


@router.post(f"{ROOT}/browser-keys", status_code=201)
def create_browser_key(
    at: HereNow, who: VisitorNow, given: Annotated[str, Header(alias="X-CSRF-Token")] = ""
) -> Response:
    """A key of the database for a page, good for 15 minutes; it manages no keys, and is in no list."""
    require_csrf(given, who)
    scopes = (Scope.READ, Scope.WRITE, Scope.ADMIN)
    key, text = at.database.api_keys.create_for_browser(at.database.tenant, "console", scopes)
    assert key.expires_at_ms is not None
    return JSONResponse(
        {"key": text, "expires_at": rfc3339(key.expires_at_ms)}, 201, {"Cache-Control": "no-store"}
    )


@router.get(f"{ROOT}/data")
def show_namespaces(request: Request, who: VisitorNow) -> Response:
    """All namespaces, and a form for another."""
    return _show_data(request, who, "namespaces")


@router.get(f"{ROOT}/data/{{namespace}}")
def show_namespace(request: Request, who: VisitorNow, namespace: str) -> Response:
    """One of them."""
    return _show_data(request, who, "namespace", namespace)


@router.get(f"{ROOT}/data/{{namespace}}/{{view}}")
def show_view(request: Request, who: VisitorNow, namespace: str, view: str) -> Response:
    """Its records, the playground, its key-values."""
    name = _TEMPLATES.get(f"/{view}")
    if name is None:
        raise NotFound(english()("errors.no_page"))
    return _show_data(request, who, name, namespace)


@router.get(f"{ROOT}/keys")
def show_keys(request: Request, at: HereNow, who: VisitorNow) -> Response:
    """The keys, and a form for another."""
    return _show_keys(request, at, who)


@router.post(f"{ROOT}/keys")
def create_key(request: Request, at: HereNow, who: VisitorNow, form: Posted) -> Response:
    """Show the new one, this once."""
    names = form.text("namespaces").replace(",", " ").split()
    try:
        seconds = seconds_of(form)
        ends_ms = None if seconds is None else at.clock.unix_ms() + seconds * 1_000
        if not form.texts("scopes"):
            raise InvalidArgument(english()("local.no_scope"), field="scopes")
        _, text = at.database.api_keys.create(
            at.database.tenant,
            form.text("name"),
            form.texts("scopes"),
            expires_at_ms=ends_ms,
            namespaces=names or None,
        )
    except QuartzError as error:
        return _show_keys(request, at, who, error)
    url = _url(request)
    programs = snippets(url, text, quickstart(url, text, None))
    return _render(request, "local_new_key.html", who, {"text": text, "snippets": programs})


@router.post(f"{ROOT}/keys/{{key_id}}/revoke")
def revoke_key(key_id: str, at: HereNow, _: Posted) -> Response:
    """End one."""
    at.database.api_keys.revoke(at.database.tenant, key_id)
    return _go_to("/keys")


@router.get(f"{ROOT}/usage")
def show_usage(request: Request, at: HereNow, who: VisitorNow) -> Response:
    """What is held, and what was asked by day and operation."""
    found = rows(at.table, day_of(at.clock.unix_ms() - (_USAGE_DAYS - 1) * DAY_MS))
    held = LocalSizes(TenantSizes(at.database.namespaces)).held(at.database.tenant)
    totals = [sum(column) for column in zip(*(row.counts for row in found), strict=True)] or [0] * len(FIELDS)
    values = {
        "rows": list(reversed(found)),
        "totals": totals,
        "fields": FIELDS,
        "days": _USAGE_DAYS,
        "held": held,
        "megabytes": f"{held.bytes / 1e6:,.1f}",
    }
    return _render(request, "local_usage.html", who, values)


@router.get(f"{ROOT}/health")
def show_health(request: Request, at: HereNow, who: VisitorNow) -> Response:
    """Whether the database answers, and how much room there is."""
    facts = {
        "version": quartzdb.__version__,
        "data_dir": str(at.data_dir.resolve()),
        "data_size": _megabytes(
            sum(file.stat().st_size for file in at.data_dir.rglob("*") if file.is_file())
        ),
        "disk_free": _megabytes(shutil.disk_usage(at.data_dir).free),
    }
    said, well = english()("local.well"), True
    try:
        keys = at.database.api_keys.list(at.database.tenant)
        facts["keys"] = f"{sum(key.revoked_at_ms is None for key in keys):,}"
    except QuartzError as error:
        said, well = error.message, False
    values = {"facts": facts, "said": said, "well": well}
    return _render(request, "local_health.html", who, values)


def _show_sign_in(request: Request, at: Here, link: str, error: QuartzError | None = None) -> Response:
    command = f"quartzdb console-link --data-dir {at.data_dir} --url {_url(request)}"
    return page.render(
        request, "local_sign_in.html", {**COMMON, "link": link[:200], "command": command}, error=error
    )


def _show_data(request: Request, who: Visitor, name: str, namespace: str | None = None) -> Response:
    if namespace is not None and not re.fullmatch(NAMESPACE_NAME_PATTERN, namespace):
        raise NotFound(english()("errors.no_page"))
    reach = Reach(
        key_url=f"{ROOT}/browser-keys",
        api_base="",
        project="",
        role="owner",
        csrf=who.csrf,
        may_write=True,
        root=f"{ROOT}/data",
        url=_url(request),
    )
    values = {"frame": "local.html", **frame(name, reach, namespace)}
    return _render(request, f"data_{name}.html", who, values)


def _show_keys(request: Request, at: Here, who: Visitor, error: QuartzError | None = None) -> Response:
    keys = at.database.api_keys.list(at.database.tenant)
    values = {
        "keys": [key for key in keys if key.revoked_at_ms is None],
        "revoked": [key for key in keys if key.revoked_at_ms is not None],
    }
    return _render(request, "local_keys.html", who, values, error)


def _render(
    request: Request,
    template: str,
    who: Visitor,
    values: Mapping[str, object],
    error: QuartzError | None = None,
) -> Response:
    more = {**COMMON, "visitor": who, "entries": _ENTRIES, **values}
    return page.render(request, template, more, error=error)


def _go_to(path: str) -> RedirectResponse:
    return RedirectResponse(f"{ROOT}{path}", 303, page.HEADERS)


def _url(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _megabytes(size: int) -> str:
    return english()("local.megabytes", n=f"{size / 1e6:,.1f}")
