"""One's own account: where one is signed in."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from quartzdb.domain.errors import NotFound
from quartzdb_platform.api.auth import SESSION_COOKIE, PlatformNow, drop_cookie
from quartzdb_platform.console import page
from quartzdb_platform.console.visitor import Posted, VisitorNow

router = APIRouter()


@router.get("/account")
def show_account(request: Request, who: VisitorNow, platform: PlatformNow) -> Response:
    """Sessions, this one marked."""
    sessions = platform.credentials.sessions(who.user.id)
    return page.render(request, "account.html", {"visitor": who, "sessions": sessions})


@router.post("/account/sessions/{session_id}/end")
def end_session(session_id: str, who: VisitorNow, _: Posted, platform: PlatformNow) -> Response:
    """Sign out somewhere."""
    if not session_id.startswith("ses_"):
        raise NotFound(f"There is no session {session_id[:80]!r}.", field="session")
    platform.credentials.end_session(session_id, who.user.id)
    if session_id != who.caller.credential.id:
        return page.go_to("/account")
    response = page.go_to("/")
    drop_cookie(response, SESSION_COOKIE)
    return response
