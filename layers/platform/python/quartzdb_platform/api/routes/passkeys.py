"""Passkeys: making them, signing in with them, and showing again who one is."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from quartzdb_platform.api.auth import (
    PASSKEY_COOKIE,
    CallerNow,
    PlatformNow,
    UserNow,
    address_of,
    set_cookie,
    signed_in,
)
from quartzdb_platform.api.models import Body, NameBody, SignedInAnswer, Text, at, maybe_at
from quartzdb_platform.domain.passkey import Passkey
from quartzdb_platform.identity.challenges import CHALLENGE_MS

router = APIRouter(tags=["Passkeys"])


class CredentialBody(Body):
    """What the browser answered: `PublicKeyCredential.toJSON()`."""

    credential: dict[str, Any]


class NewPasskeyBody(CredentialBody):
    """The same, and how to call it."""

    name: Text


class OptionsAnswer(BaseModel):
    """For the browser: `PublicKeyCredential.parse…OptionsFromJSON(public_key)`."""

    public_key: dict[str, Any]


class PasskeyAnswer(BaseModel):
    """A passkey. `backed_up`: it is on several devices of its owner."""

    id: str
    name: str
    backed_up: bool
    created_at: str
    used_at: str | None

    @classmethod
    def of(cls, passkey: Passkey) -> PasskeyAnswer:
        """The answer for a value."""
        return cls(
            id=passkey.id,
            name=passkey.name,
            backed_up=passkey.backed_up,
            created_at=at(passkey.created_at_ms),
            used_at=maybe_at(passkey.used_at_ms),
        )


@router.post("/passkeys/options")
def begin_passkey(asks: CallerNow, user: UserNow, platform: PlatformNow) -> OptionsAnswer:
    """Begin to make a passkey. Needs a sign-in of the last minutes."""
    return OptionsAnswer(public_key=platform.passkeys.registration(user, asks.credential))


@router.post("/passkeys", status_code=201)
def create_passkey(
    body: NewPasskeyBody, asks: CallerNow, user: UserNow, platform: PlatformNow
) -> PasskeyAnswer:
    """Keep what the browser made. The account's address is told."""
    made = platform.passkeys.register(user, asks.credential, body.name, body.credential)
    return PasskeyAnswer.of(made)


@router.get("/passkeys")
def list_passkeys(user: UserNow, platform: PlatformNow) -> list[PasskeyAnswer]:
    """This person's, the oldest first."""
    return [PasskeyAnswer.of(passkey) for passkey in platform.passkeys.list(user)]


@router.patch("/passkeys/{passkey_id}")
def rename_passkey(passkey_id: str, body: NameBody, user: UserNow, platform: PlatformNow) -> PasskeyAnswer:
    """Give it another name."""
    return PasskeyAnswer.of(platform.passkeys.rename(user, passkey_id, body.name))


@router.delete("/passkeys/{passkey_id}", status_code=204)
def remove_passkey(passkey_id: str, asks: CallerNow, user: UserNow, platform: PlatformNow) -> None:
    """It signs nobody in any more. Needs a sign-in of the last minutes; the account's address is told."""
    platform.passkeys.remove(user, asks.credential, passkey_id)


@router.post("/sign-in/passkey/options")
def begin_passkey_sign_in(request: Request, response: Response, platform: PlatformNow) -> OptionsAnswer:
    """Begin to sign in with a passkey. The options are the same for everybody."""
    options, browser = platform.passkeys.begin_sign_in(address_of(request))
    set_cookie(response, PASSKEY_COOKIE, browser, CHALLENGE_MS // 1_000)
    return OptionsAnswer(public_key=options)


@router.post("/sign-in/passkey")
def sign_in_with_passkey(
    body: CredentialBody, request: Request, response: Response, platform: PlatformNow
) -> SignedInAnswer:
    """Sign in, in the browser that asked for the options."""
    browser = request.cookies.get(PASSKEY_COOKIE, "")
    begun = platform.passkeys.sign_in(body.credential, browser, address_of(request))
    return signed_in(request, response, begun, platform)


@router.post("/step-up/passkey/options")
def begin_step_up(asks: CallerNow, user: UserNow, platform: PlatformNow) -> OptionsAnswer:
    """Begin to show again who one is."""
    return OptionsAnswer(public_key=platform.passkeys.begin_step_up(user, asks.credential))


@router.post("/step-up/passkey")
def step_up(
    body: CredentialBody,
    request: Request,
    asks: CallerNow,
    _: UserNow,
    response: Response,
    platform: PlatformNow,
) -> SignedInAnswer:
    """A fresh session takes the place of this one, which ends."""
    return signed_in(request, response, platform.passkeys.step_up(asks.credential, body.credential), platform)
