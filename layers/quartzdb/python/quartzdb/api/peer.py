"""Authentication of the other site: by a secret of the two sites, never by an API key.

HAZARD: whoever has the secret may write any shared namespace of any tenant. It is compared in constant time, and never
logged; a site that has none configured refuses everything.
"""

from __future__ import annotations

import hashlib
import hmac

from quartzdb.api.services import Services
from quartzdb.domain.errors import Unauthenticated
from quartzdb.services.keys import Principal

PEER = Principal("", "peer", frozenset())
"""The other site: of no tenant, and with no scope."""
SECRET_CHARACTERS_MIN = 16
"""Something shorter, as an empty secret that was never filled in, lets nobody in."""


class PeerAuthenticator:
    """Thread-safe. Asks for the secrets each time, because one may be rotated: whoever gives them remembers them."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def knows(self, secret: str | None) -> bool:
        """Whether this is a secret of the two sites. May block. Raises Unavailable."""
        served = self._services.replication
        if served is None or not secret:
            return False
        given = _digest(secret)
        known = False
        for one in served.secrets():
            # Every one is compared, so that the time taken says nothing.
            known |= len(one) >= SECRET_CHARACTERS_MIN and hmac.compare_digest(_digest(one), given)
        return known


def not_the_peer() -> Unauthenticated:
    """What whoever is not the other site is told, whether or not there is one."""
    return Unauthenticated(
        "This is for the other site, and the secret of the two sites was not given.",
        hint="Send `Authorization: Bearer SECRET`. An API key is none.",
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
