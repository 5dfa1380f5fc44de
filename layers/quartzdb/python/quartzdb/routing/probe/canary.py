"""The key of the canary: a tenant of its own, whose few records the probe writes, reads and searches at both origins.

It follows from a secret, so that whoever has that can make it, and it need not be stored anywhere but as every key is.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from contextlib import suppress

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict, Unavailable
from quartzdb.services.keys import Scope, key_text
from quartzdb.services.ports import ApiKey, ApiKeyTable

CANARY_TENANT = "canary"
ID_PREFIX = "ca0a27"
"""Begins the id of each such key, so that a probe can be given the right to make these and no others."""
SECRET_CHARACTERS_MIN = 32


def canary_key(table: ApiKeyTable, clock: Clock, secret: str) -> str:
    """The text of the key, which is there afterwards. Raises Unavailable, also for a secret that is short."""
    if len(secret) < SECRET_CHARACTERS_MIN:
        raise Unavailable(
            f"The canary's secret has fewer than {SECRET_CHARACTERS_MIN} characters.",
            hint="Set one that is random and as long.",
        )
    id_bytes = bytes.fromhex(ID_PREFIX) + _derived(secret, "id")[:3]
    made = key_text(id_bytes, _derived(secret, "secret"))
    if table.get(made.id) is None:
        scopes = frozenset({Scope.READ, Scope.WRITE})
        key = ApiKey(
            made.id, CANARY_TENANT, "canary of the health probe", scopes, made.secret_sha256, clock.unix_ms()
        )
        with suppress(Conflict):  # another probe was first, with the same secret and so with the same key
            table.add(key)
    return made.text


class CanaryKey:
    """The key for as long as the secret stays the same; looked for and made once."""

    def __init__(self, table: ApiKeyTable, clock: Clock, secret: Callable[[], str]) -> None:
        self._table = table
        self._clock = clock
        self._secret = secret
        self._made: tuple[str, str] | None = None

    def text(self) -> str:
        """The key. Raises Unavailable."""
        secret = self._secret()
        if self._made is None or self._made[0] != secret:
            self._made = secret, canary_key(self._table, self._clock, secret)
        return self._made[1]


def _derived(secret: str, what: str) -> bytes:
    return hmac.new(secret.encode(), f"quartzdb canary {what}".encode(), hashlib.sha256).digest()
