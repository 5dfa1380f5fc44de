"""Providers of identity: who else may say who somebody is, and what they said."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import NamedTuple

PROVIDER_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """A provider of OpenID Connect. `name` is in addresses, `title` for people.

    `domains`: of which e-mail addresses it may speak; none: of all. `private`: it may be on a private network.
    """

    name: str
    title: str
    issuer: str
    client_id: str
    client_secret_file: str | None = None
    client_secret_arn: str | None = None
    domains: tuple[str, ...] = ()
    private: bool = False


class ProvenIdentity(NamedTuple):
    """What a provider said, with a signature or over TLS: who it was, and whether the address is theirs."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool


class ProviderRequest(NamedTuple):
    """What one attempt is told by, and nothing of it is stored: only its state's hash."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str

    @property
    def code_challenge(self) -> str:
        """The verifier as S256 of RFC 7636 has it."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
