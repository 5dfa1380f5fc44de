"""Signing in and out, and the sessions of a person."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from quartzdb.domain.errors import NotFound
from quartzdb_platform.api.auth import (
    BROWSER_COOKIE,
    SESSION_COOKIE,
    CallerNow,
    PlatformNow,
    UserNow,
    address_of,
    drop_cookie,
    set_cookie,
    signed_in,
)
from quartzdb_platform.api.models import (
    CodeBody,
    CredentialAnswer,
    EmailBody,
    LinkBody,
    SessionAnswer,
    SignedInAnswer,
)
from quartzdb_platform.identity.credentials import csrf_token
from quartzdb_platform.identity.sign_in import CODE_MS

router = APIRouter(tags=["Sign-in"])


@router.post("/sign-in", status_code=202)
def begin_sign_in(
    body: EmailBody, request: Request, response: Response, platform: PlatformNow
) -> dict[str, str]:
    """Mail a code and a link. The answer is the same whether or not there is an account."""
    browser = platform.sign_in.begin(body.email, address_of(request))
    set_cookie(response, BROWSER_COOKIE, browser, CODE_MS // 1_000)
    return {"status": "sent"}


@router.post("/sign-in/verify")
def verify_code(
    body: CodeBody, request: Request, response: Response, platform: PlatformNow
) -> SignedInAnswer:
    """Sign in with the code. The first time makes the account."""
    begun = platform.sign_in.by_code(body.email, body.code, address_of(request))
    return signed_in(request, response, begun, platform)


@router.post("/sign-in/link")
def verify_link(
    body: LinkBody, request: Request, response: Response, platform: PlatformNow
) -> SignedInAnswer:
    """Sign in with the link, in the browser that asked for it."""
    browser = request.cookies.get(BROWSER_COOKIE, "")
    begun = platform.sign_in.by_link(body.email, body.link, browser, address_of(request))
    return signed_in(request, response, begun, platform)


@router.get("/session")
def show_session(asks: CallerNow, user: UserNow) -> SessionAnswer:
    """Who is signed in."""
    return SessionAnswer(
        user_id=user.id, email=user.email, session_id=asks.credential.id, csrf_token=csrf_token(asks.text)
    )


@router.delete("/session", status_code=204)
def sign_out(asks: CallerNow, user: UserNow, response: Response, platform: PlatformNow) -> None:
    """End this session."""
    platform.credentials.end_session(asks.credential.id, user.id)
    drop_cookie(response, SESSION_COOKIE)


@router.get("/sessions")
def list_sessions(user: UserNow, platform: PlatformNow) -> list[CredentialAnswer]:
    """All of this person's sessions, the oldest first."""
    return [CredentialAnswer.of(session) for session in platform.credentials.sessions(user.id)]


@router.delete("/sessions", status_code=204)
def end_other_sessions(asks: CallerNow, user: UserNow, platform: PlatformNow) -> None:
    """End all of this person's sessions but this one."""
    assert asks.credential.user_id == user.id
    platform.credentials.end_others(asks.credential)


@router.delete("/sessions/{session_id}", status_code=204)
def end_session(session_id: str, user: UserNow, platform: PlatformNow) -> None:
    """End one of this person's sessions."""
    if not session_id.startswith("ses_"):
        raise NotFound(f"There is no session {session_id[:80]!r}.", field="session")
    platform.credentials.end_session(session_id, user.id)
