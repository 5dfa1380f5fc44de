"""Passkeys: a person's public key, and the site that it was made for."""

from __future__ import annotations

from dataclasses import dataclass

PASSKEYS_MAX = 20
"""Of one person."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The site that passkeys are made for: its domain, and the origins (`https://host`) whose pages may use them."""

    id: str
    origins: tuple[str, ...]
    name: str = "QuartzDB"


@dataclass(frozen=True, slots=True)
class Passkey:
    """`credential_id` and `public_key` (COSE) are base64url. `sign_count`: uses that its authenticator last told of."""

    id: str
    user_id: str
    name: str
    credential_id: str
    public_key: str
    sign_count: int
    backed_up: bool
    created_at_ms: int
    used_at_ms: int | None = None
