"""Signing in with a provider, and which ones may sign a person in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from quartzdb.domain.errors import QuartzError, Unauthenticated
from quartzdb_platform.api.auth import (
    PROVIDER_COOKIE,
    PlatformNow,
    UserNow,
    address_of,
    keep_session,
    set_cookie,
)
from quartzdb_platform.api.models import at
from quartzdb_platform.identity.providers import ATTEMPT_MS

router = APIRouter(tags=["Providers"])
_PAGE = "/platform/"
Parameter = Annotated[str, Query(max_length=4_096)]


class ProviderAnswer(BaseModel):
    """A provider that may be asked."""

    name: str
    title: str


class AuthorizationAnswer(BaseModel):
    """Where the browser has to go."""

    authorization_url: str


class IdentityAnswer(BaseModel):
    """That a provider may sign this person in."""

    id: str
    provider: str
    issuer: str
    linked_at: str


@router.get("/sign-in/providers")
def list_providers(platform: PlatformNow) -> list[ProviderAnswer]:
    """Who may be asked."""
    return [ProviderAnswer(name=name, title=title) for name, title in platform.providers.list()]


@router.post("/sign-in/providers/{provider}")
def begin_with_provider(
    provider: str, request: Request, response: Response, platform: PlatformNow
) -> AuthorizationAnswer:
    """Begin to sign in. The browser that asks is the one that has to come back."""
    url, browser = platform.providers.begin(provider, address_of(request))
    set_cookie(response, PROVIDER_COOKIE, browser, ATTEMPT_MS // 1_000)
    return AuthorizationAnswer(authorization_url=url)


@router.get("/sign-in/providers/{provider}/callback", status_code=303, response_class=RedirectResponse)
def finish_with_provider(
    provider: str,
    request: Request,
    platform: PlatformNow,
    code: Parameter = "",
    state: Parameter = "",
    iss: Parameter | None = None,
    error: Parameter | None = None,
) -> Response:
    """Where a provider sends the browser back to. A person is shown a page, whatever comes of it; others a problem."""
    answer = RedirectResponse(_PAGE, status_code=303)
    try:
        if error is not None or not code:
            raise Unauthenticated("The provider did not sign you in.", hint="Try again, or another way.")
        browser = request.cookies.get(PROVIDER_COOKIE, "")
        begun = platform.providers.finish(
            provider, browser, address_of(request), code=code, state=state, issuer=iss
        )
    except QuartzError:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        return RedirectResponse(f"{_PAGE}?refused=1", status_code=303)
    keep_session(request, answer, begun, platform)
    return answer


@router.get("/identities")
def list_identities(user: UserNow, platform: PlatformNow) -> list[IdentityAnswer]:
    """Which providers may sign this person in."""
    return [
        IdentityAnswer(id=one.id, provider=one.provider, issuer=one.issuer, linked_at=at(one.linked_at_ms))
        for one in platform.providers.linked(user)
    ]


@router.delete("/identities/{identity_id}", status_code=204)
def unlink_identity(identity_id: str, user: UserNow, platform: PlatformNow) -> None:
    """A provider may sign this person in no more, until it is used with the same verified address again."""
    platform.providers.unlink(user, identity_id)
