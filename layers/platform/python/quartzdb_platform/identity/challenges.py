"""Challenges: random bytes that a browser or a provider sends back once, within minutes, where they were given.

Only the SHA-256 is kept, with what it was for and whose it is. It is used up before what came with it is looked at.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from quartzdb.domain.clock import Clock
from quartzdb_platform.ports import Change, Delete, DocumentTable, Json, Put
from quartzdb_platform.transaction import change

CHALLENGE_MS = 5 * 60_000
_BYTES = 32


class Challenges:
    """By purpose. `bound`: the secret of the browser or the id of the session that asked."""

    def __init__(
        self,
        table: DocumentTable,
        clock: Clock,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._table = table
        self._clock = clock
        self._random_bytes = random_bytes

    def give(
        self, purpose: str, bound: str, kept: Json | None = None, *, lasts_ms: int = CHALLENGE_MS
    ) -> bytes:
        """A new one. `kept`: what whoever uses it gets back."""
        challenge = self._random_bytes(_BYTES)
        ends_ms = self._clock.unix_ms() + lasts_ms
        body = {"bound": _hash(bound), "kept": kept or {}, "expires_at_ms": ends_ms}
        change(self._table, lambda: (None, [Put(_pk(purpose, challenge), "challenge", body, None, ends_ms)]))
        return challenge

    def use(self, purpose: str, challenge: bytes, bound: str) -> dict[str, Any] | None:
        """What was kept with it; None where it was not given for this, here, lately, or was used before.

        Whoever shows it elsewhere uses it up as well: it has got into the wrong hands.
        """
        pk = _pk(purpose, challenge)

        def decide() -> tuple[dict[str, Any] | None, Sequence[Change]]:
            found = self._table.get(pk, "challenge")
            if found is None:
                return None, ()
            good = found.body["bound"] == _hash(bound) and found.body["expires_at_ms"] > self._clock.unix_ms()
            return dict(found.body["kept"]) if good else None, [Delete(pk, found.sk, found.revision)]

        return change(self._table, decide)


def _pk(purpose: str, challenge: bytes) -> str:
    return f"CHALLENGE#{purpose}#{hashlib.sha256(challenge).hexdigest()}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
