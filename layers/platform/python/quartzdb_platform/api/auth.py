"""Who asks, and what they may do: dependencies that every route but those of signing in has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from typing import Annotated

from fastapi import Depends, Request, Response

from quartzdb.domain.errors import Forbidden, Unauthenticated
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.api.models import SignedInAnswer
from quartzdb_platform.audit.log import Actor
from quartzdb_platform.domain.permissions import Permission
from quartzdb_platform.domain.records import Credential, CredentialKind, Project, User
from quartzdb_platform.identity.credentials import csrf_token
from quartzdb_platform.identity.sign_in import SignedIn
from quartzdb_platform.wiring import Platform

SESSION_COOKIE = "__Host-quartzdb-session"
BROWSER_COOKIE = "__Host-quartzdb-sign-in"
PASSKEY_COOKIE = "__Host-quartzdb-passkey"
PROVIDER_COOKIE = "__Host-quartzdb-provider"
CSRF_HEADER = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, from where. `text` is the secret that they sent."""

    credential: Credential
    address: str
    text: str


def platform_of(request: Request) -> Platform:
    """What the application was made with."""
    platform = request.app.state.platform
    assert isinstance(platform, Platform)
    return platform


def address_of(request: Request) -> str:
    """The network address a request came from."""
    return request.client.host if request.client else ""


def caller(request: Request) -> Caller:
    """Raises Unauthenticated; Forbidden where a cookie comes without the token of its session."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    text = credentials.strip() if scheme.lower() == "bearer" else ""
    by_cookie = not text
    text = text or request.cookies.get(SESSION_COOKIE, "")
    credential = platform_of(request).credentials.authenticate(text)
    if by_cookie and request.method not in _SAFE:
        given = request.headers.get(CSRF_HEADER, "")
        if not compare_digest(given.encode(), csrf_token(text).encode()):
            raise Forbidden(
                f"A request with a cookie needs the session's token in {CSRF_HEADER}.",
                hint="GET /platform/v1/session has it.",
            )
    return Caller(credential, address_of(request), text)


PlatformNow = Annotated[Platform, Depends(platform_of)]
CallerNow = Annotated[Caller, Depends(caller)]


def person(platform: PlatformNow, asks: CallerNow) -> User:
    """The person who asks. Raises Forbidden for a management token."""
    return platform.credentials.user(asks.credential)


def operator(request: Request, asks: CallerNow) -> Actor:
    """Who operates the platform, by a token of theirs. Raises Forbidden for everybody else."""
    if "authorization" not in request.headers:
        raise Unauthenticated("An operator's token is no cookie.", hint="Send `Authorization: Bearer TOKEN`.")
    if asks.credential.kind is not CredentialKind.OPERATOR:
        raise Forbidden(
            "This is for who operates the platform.",
            hint="Make a token where its table is: quartzdb platform operator create",
        )
    return Actor(f"operator:{asks.credential.id}", asks.address)


OperatorNow = Annotated[Actor, Depends(operator)]
UserNow = Annotated[User, Depends(person)]


def may(permission: Permission) -> Callable[..., Access]:
    """A dependency: the caller's access to the organization of the path, with that permission."""

    def access(organization_id: str, platform: PlatformNow, asks: CallerNow) -> Access:
        return platform.organizations.access(asks.credential, organization_id, permission, asks.address)

    return access


def may_in_project(permission: Permission) -> Callable[..., tuple[Access, Project]]:
    """The same, by the project of the path."""

    def access(project_id: str, platform: PlatformNow, asks: CallerNow) -> tuple[Access, Project]:
        return platform.organizations.access_to_project(asks.credential, project_id, permission, asks.address)

    return access


def set_cookie(response: Response, name: str, value: str, seconds: int) -> None:
    """Only this host, only over TLS (or on this machine), and never for scripts."""
    response.set_cookie(name, value, seconds, path="/", secure=True, httponly=True, samesite="lax")


def signed_in(request: Request, response: Response, begun: SignedIn, platform: Platform) -> SignedInAnswer:
    """The answer with a session that has begun: its secret as a cookie for browsers, in the body for scripts."""
    keep_session(request, response, begun, platform)
    return SignedInAnswer(
        user_id=begun.user.id,
        email=begun.user.email,
        session_id=begun.session.id,
        csrf_token=csrf_token(begun.text),
        token=begun.text,
    )


def keep_session(request: Request, response: Response, begun: SignedIn, platform: Platform) -> None:
    """Have the browser keep it, in the place of the one that it had, which ends."""
    platform.credentials.end_replaced(request.cookies.get(SESSION_COOKIE, ""))
    lasts_ms = begun.session.expires_at_ms - begun.session.created_at_ms
    set_cookie(response, SESSION_COOKIE, begun.text, lasts_ms // 1_000)
    for name in (BROWSER_COOKIE, PASSKEY_COOKIE, PROVIDER_COOKIE):
        drop_cookie(response, name)


def drop_cookie(response: Response, name: str) -> None:
    """Have the browser forget it."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")
