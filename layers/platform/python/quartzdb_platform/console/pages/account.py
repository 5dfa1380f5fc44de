"""One's own account: passkeys, providers, where one is signed in, and its end."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from quartzdb.domain.errors import InvalidArgument, NotFound, QuartzError
from quartzdb_platform.api.auth import SESSION_COOKIE, PlatformNow, drop_cookie
from quartzdb_platform.console import page
from quartzdb_platform.console.visitor import Posted, Visitor, VisitorNow
from quartzdb_platform.console.words import english
from quartzdb_platform.domain.errors import StepUpRequired

router = APIRouter()


@router.get("/account")
def show_account(request: Request, who: VisitorNow, platform: PlatformNow) -> Response:
    """All of it, this session marked."""
    return _show(request, who, platform)


@router.post("/account/passkeys/{passkey_id}/rename")
def rename_passkey(
    request: Request, passkey_id: str, who: VisitorNow, form: Posted, platform: PlatformNow
) -> Response:
    """Call it something else."""
    try:
        platform.passkeys.rename(who.user, passkey_id, form.text("name"))
    except InvalidArgument as error:
        return _show(request, who, platform, error)
    return page.go_to("/account")


@router.post("/account/passkeys/{passkey_id}/remove")
def remove_passkey(passkey_id: str, who: VisitorNow, _: Posted, platform: PlatformNow) -> Response:
    """It signs nobody in any more."""
    platform.passkeys.remove(who.user, who.caller.credential, passkey_id)
    return page.go_to("/account")


@router.post("/account/identities/{identity_id}/unlink")
def unlink(identity_id: str, who: VisitorNow, _: Posted, platform: PlatformNow) -> Response:
    """Have a provider sign one in no more."""
    platform.providers.unlink(who.user, identity_id)
    return page.go_to("/account")


@router.post("/account/sessions/end-others")
def end_others(who: VisitorNow, _: Posted, platform: PlatformNow) -> Response:
    """Sign out everywhere else."""
    platform.credentials.end_others(who.caller.credential)
    return page.go_to("/account")


@router.post("/account/sessions/{session_id}/end")
def end_session(session_id: str, who: VisitorNow, _: Posted, platform: PlatformNow) -> Response:
    """Sign out somewhere."""
    if not session_id.startswith("ses_"):
        raise NotFound(f"There is no session {session_id[:80]!r}.", field="session")
    platform.credentials.end_session(session_id, who.user.id)
    if session_id != who.caller.credential.id:
        return page.go_to("/account")
    return _signed_out()


@router.post("/account/delete")
def delete(request: Request, who: VisitorNow, form: Posted, platform: PlatformNow) -> Response:
    """Leave everything, for good."""
    try:
        if form.text("email").lower() != who.user.email:
            raise InvalidArgument(english()("account.delete_wrong"), field="email")
        platform.leaving.leave(who.user, who.caller.credential, who.caller.address)
    except StepUpRequired:
        raise
    except QuartzError as error:
        return _show(request, who, platform, error)
    return _signed_out()


def _signed_out() -> Response:
    response = page.go_to("/")
    drop_cookie(response, SESSION_COOKIE)
    return response


def _show(
    request: Request, who: Visitor, platform: PlatformNow, error: QuartzError | None = None
) -> Response:
    values = {
        "visitor": who,
        "sessions": platform.credentials.sessions(who.user.id),
        "passkeys": platform.passkeys.list(who.user),
        "identities": platform.providers.linked(who.user),
        "seats": platform.organizations.of_user(who.user.id),
    }
    return page.render(request, "account.html", values, error=error)
