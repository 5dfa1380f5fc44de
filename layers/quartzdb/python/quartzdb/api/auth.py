"""Authentication: whose key a request carries. A key that was good is taken to be good for some seconds.

Otherwise every request would cost a look-up, which on AWS is a paid round trip longer than the query itself.
HAZARD: a key that is revoked by another process works here for `key_cache_seconds` more. One that expires does not.
The tenant's grant is looked up and remembered with the key, so the same holds for a tenant that is suspended.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import replace

from quartzdb.api.request_headers import RequestHeaders
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Unauthenticated
from quartzdb.services.keys import ApiKeys, Principal, RotatedKey
from quartzdb.services.tenants import Tenants

ANONYMOUS = Principal("", "", frozenset())
"""Who a request to an open operation comes from."""
_KEYS_REMEMBERED_MAX = 10_000


def key_of(headers: RequestHeaders) -> str | None:
    """The key that a request carries. Raises Unauthenticated for an Authorization that is no bearer's, with no other.

    X-API-Key is looked at too, because a proxy may use Authorization for its own signature.
    """
    scheme, _, credentials = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip() or None
    key = headers.get("x-api-key", "").strip()
    if key:
        return key
    if scheme:
        raise Unauthenticated(
            "The Authorization header is not of the form `Bearer KEY`.",
            hint="Send `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
        )
    return None


class Authenticator:
    """Thread-safe. Remembers good keys by their hash, never bad ones: a new key works at once."""

    def __init__(self, api_keys: ApiKeys, tenants: Tenants, clock: Clock, *, seconds: float) -> None:
        self._api_keys = api_keys
        self._tenants = tenants
        self._clock = clock
        self._seconds = seconds
        self._good: OrderedDict[bytes, tuple[Principal, float, int]] = OrderedDict()
        self._revocations = 0
        self._lock = threading.Lock()

    def remembered(self, key: str | None) -> Principal | None:
        """Who holds the key, if that is known without a look-up."""
        if key is None:
            return None
        found = self._good.get(_digest(key))  # one look, which needs no lock
        if found is None or self._clock.monotonic() >= found[1]:
            return None
        if found[2] != self._tenants.said(found[0].tenant):
            return None
        ends_at_ms = found[0].expires_at_ms
        return found[0] if ends_at_ms is None or self._clock.unix_ms() < ends_at_ms else None

    def was_good(self, key: str | None) -> bool:
        """Whether the key was good when it was last looked up, however long ago."""
        with self._lock:
            return key is not None and _digest(key) in self._good

    def look_up(self, key: str | None) -> Principal:
        """Who holds the key. Blocks. Raises Unauthenticated."""
        asked_at, revocations = self._clock.monotonic(), self._revocations
        try:
            principal = self._api_keys.authenticate(key)
        except Unauthenticated:
            with self._lock:
                self._good.pop(_digest(key or ""), None)
            raise
        assert key is not None
        # Only for a key that is good: whoever guesses costs one look-up, and learns nothing of a tenant.
        said = self._tenants.said(principal.tenant)
        principal = replace(principal, grant=self._tenants.grant(principal.tenant))
        with self._lock:
            # A key that was revoked while it was looked up must not be remembered after it was forgotten.
            if revocations == self._revocations:
                self._good[_digest(key)] = (principal, asked_at + self._seconds, said)
                self._good.move_to_end(_digest(key))
            while len(self._good) > _KEYS_REMEMBERED_MAX:
                self._good.popitem(last=False)
        return principal

    def revoke(self, by: Principal, key_id: str, *, cascade: bool = False) -> Sequence[str]:
        """Revoke keys and forget them: within this process they end at once. Raises NotFound."""
        ended = self._api_keys.revoke(by.tenant, key_id, cascade=cascade, by=by)
        self._forget(ended)
        return ended

    def rotate(
        self, by: Principal, key_id: str, overlap_seconds: int, *, expires_at_ms: int | None = None
    ) -> RotatedKey:
        """Rotate a key, and forget what was known of its end: within this process the new one holds at once. Raises as
        `ApiKeys.rotate`.
        """
        made = self._api_keys.rotate(by.tenant, key_id, overlap_seconds, expires_at_ms=expires_at_ms, by=by)
        self._forget([key_id])
        return made

    def _forget(self, key_ids: Collection[str]) -> None:
        with self._lock:
            self._revocations += 1
            for digest in [d for d, (principal, _, _) in self._good.items() if principal.key_id in key_ids]:
                del self._good[digest]


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
