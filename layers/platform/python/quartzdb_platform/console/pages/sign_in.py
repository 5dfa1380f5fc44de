"""Signing in, by a mailed code, a passkey or a provider, and out again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from quartzdb.domain.errors import QuartzError
from quartzdb_platform.api.auth import (
    BROWSER_COOKIE,
    SESSION_COOKIE,
    PlatformNow,
    address_of,
    drop_cookie,
    keep_session,
    set_cookie,
)
from quartzdb_platform.console import page
from quartzdb_platform.console.visitor import Form, Posted, SignedOut, VisitorNow, form_of, visitor
from quartzdb_platform.identity.sign_in import CODE_MS
from quartzdb_platform.wiring import Platform

router = APIRouter()
Sent = Annotated[Form, Depends(form_of)]


@router.get("/")
def show_sign_in(request: Request, platform: PlatformNow) -> Response:
    """The first page; who is signed in is past it, unless something dangerous asks for it again."""
    wanted = local_path(request.query_params.get("next", ""))
    again = request.query_params.get("again") == "1"
    if not again:
        try:
            visitor(request, platform)
            return page.go_to(wanted or "/home")
        except SignedOut:
            pass
    refused = request.query_params.get("refused") == "1"
    return _ask_for_address(request, platform, wanted, again=again, refused=refused)


@router.post("/")
def send_code(request: Request, form: Sent, platform: PlatformNow) -> Response:
    """Mail a code, and ask for it."""
    email, wanted = form.text("email"), local_path(form.text("next"))
    try:
        browser = platform.sign_in.begin(email, address_of(request))
    except QuartzError as error:
        return _ask_for_address(request, platform, wanted, email=email, error=error)
    response = _ask_for_code(request, email, wanted)
    set_cookie(response, BROWSER_COOKIE, browser, CODE_MS // 1_000)
    return response


@router.post("/code")
def check_code(request: Request, form: Sent, platform: PlatformNow) -> Response:
    """Sign in with the code, and go to where one wanted to."""
    email, wanted = form.text("email"), local_path(form.text("next"))
    try:
        signed_in = platform.sign_in.by_code(email, form.text("code").replace(" ", ""), address_of(request))
    except QuartzError as error:
        return _ask_for_code(request, email, wanted, error)
    response = page.go_to(wanted or "/home")
    keep_session(request, response, signed_in, platform)
    return response


@router.post("/sign-out")
def sign_out(who: VisitorNow, _: Posted, platform: PlatformNow) -> Response:
    """End this session."""
    platform.credentials.end_session(who.caller.credential.id, who.user.id)
    response = page.go_to("/")
    drop_cookie(response, SESSION_COOKIE)
    return response


def local_path(text: str) -> str:
    """A page of the console as a path below its root; empty for anything else, which could be anywhere."""
    if not text.startswith(f"{page.ROOT}/") or text.startswith(f"{page.ROOT}//"):
        return ""
    return text.removeprefix(page.ROOT) if text.isascii() and text.isprintable() and "\\" not in text else ""


def _ask_for_address(
    request: Request,
    platform: Platform,
    wanted: str,
    *,
    email: str = "",
    again: bool = False,
    refused: bool = False,
    error: QuartzError | None = None,
) -> Response:
    values = {
        "next": _whole(wanted),
        "email": email,
        "again": again,
        "refused": refused,
        "providers": platform.providers.list(),
    }
    return page.render(request, "sign_in.html", values, error=error)


def _ask_for_code(request: Request, email: str, wanted: str, error: QuartzError | None = None) -> Response:
    values = {"next": _whole(wanted), "email": email}
    return page.render(request, "code.html", values, error=error)


def _whole(wanted: str) -> str:
    return f"{page.ROOT}{wanted}" if wanted else ""
