"""API keys on their way from the site that manages them to the peer: all of them, whenever any has changed, and every
few minutes for a peer that lost its own.

Hashes only. Pushing again changes nothing, so nothing is remembered beyond this process.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError
from quartzdb.replication.backoff import Backoff
from quartzdb.replication.ports import Replica
from quartzdb.services.ports import ApiKey, ApiKeyTable

logger = logging.getLogger(__name__)

KEYS_AT_ONCE = 500
PUSH_AGAIN_SECONDS = 300.0


class ApiKeyPush:
    """Not thread-safe. `always` are tenants whose keys go whether or not they have a shared namespace yet: where the
    peer is the site that clients are sent to, nobody could make the first one without a key; but for those that
    `allows` says may not be there.
    """

    def __init__(
        self,
        table: ApiKeyTable,
        peer: Replica,
        clock: Clock,
        jitter: Callable[[], float],
        *,
        always: Collection[str] = (),
        allows: Callable[[str], bool] = lambda _tenant: True,
    ) -> None:
        self._table = table
        self._peer = peer
        self._clock = clock
        self._always = always
        self._allows = allows
        self._backoff = Backoff(clock.monotonic, jitter)
        self._pushed: bytes | None = None
        self._again_at = 0.0

    def run(self, tenants: Collection[str]) -> bool:
        """Push the keys of these tenants, unless the same ones went a short time ago. False: it failed."""
        if self._backoff.waiting:
            return True
        try:
            whose = sorted({*filter(self._allows, self._always), *tenants})
            now_ms = self._clock.unix_ms()
            keys = [
                key
                for tenant in whose
                for key in self._table.list(tenant)
                # What a browser had is dropped there by itself, and must not come again.
                if not key.of_browser or (key.expires_at_ms or 0) > now_ms
            ]
            state = _fingerprint(keys)
            if state == self._pushed and self._clock.monotonic() < self._again_at:
                return True
            for first in range(0, len(keys), KEYS_AT_ONCE):
                self._peer.apply_api_keys(keys[first : first + KEYS_AT_ONCE])
        except QuartzError as error:
            logger.warning("the API keys did not reach the peer: %s", error.message)
            self._backoff.failed(error)
            return False
        self._backoff.succeeded()
        self._pushed = state
        self._again_at = self._clock.monotonic() + PUSH_AGAIN_SECONDS
        return True


def _fingerprint(keys: Collection[ApiKey]) -> bytes:
    state = hashlib.sha256()
    for key in keys:
        state.update(
            repr(
                (key.id, key.tenant, key.name, sorted(key.scopes), key.expires_at_ms, key.revoked_at_ms)
            ).encode()
        )
    return state.digest()
