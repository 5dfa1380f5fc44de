"""API keys in memory: what an ApiKeyTable is, in its shortest form."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from quartzdb.domain.errors import Conflict
from quartzdb.services.ports import BROWSER_KEY_KEPT_MS, ApiKey


class MemoryApiKeys:
    """ApiKeyTable in memory."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}
        self._lock = threading.Lock()

    def get(self, key_id: str) -> ApiKey | None:
        """The key, revoked and expired ones included."""
        with self._lock:
            return self._keys.get(key_id)

    def add(self, key: ApiKey) -> None:
        """Store a new key. Raises Conflict where its id is taken."""
        with self._lock:
            if key.id in self._keys:
                raise Conflict(f"An API key with the id {key.id!r} exists.", hint="Choose another id.")
            self._keys[key.id] = key
            if key.of_browser:
                since_ms = key.created_at_ms - BROWSER_KEY_KEPT_MS
                ended = [
                    one.id
                    for one in self._keys.values()
                    if one.of_browser and (one.expires_at_ms or 0) <= since_ms
                ]
                for key_id in ended:
                    del self._keys[key_id]

    def list(self, tenant: str) -> Sequence[ApiKey]:
        """A tenant's keys by creation time."""
        with self._lock:
            keys = [key for key in self._keys.values() if key.tenant == tenant]
        return sorted(keys, key=lambda key: (key.created_at_ms, key.id))

    def revoke(self, tenant: str, key_id: str, at_ms: int) -> bool:
        """Revoke it; False where the tenant has no such key."""
        with self._lock:
            key = self._keys.get(key_id)
            if key is None or key.tenant != tenant:
                return False
            if key.revoked_at_ms is None:
                self._keys[key_id] = replace(key, revoked_at_ms=at_ms)
            return True

    def expire(self, tenant: str, key_id: str, at_ms: int) -> bool:
        """Have it end then or sooner; False where the tenant has no such key."""
        with self._lock:
            key = self._keys.get(key_id)
            if key is None or key.tenant != tenant:
                return False
            if key.expires_at_ms is None or key.expires_at_ms > at_ms:
                self._keys[key_id] = replace(key, expires_at_ms=at_ms)
            return True

    def note_used(self, key_id: str, at_ms: int) -> None:
        """It was used then: the latest of several times stays."""
        with self._lock:
            key = self._keys.get(key_id)
            if key is not None and (key.last_used_at_ms or 0) < at_ms:
                self._keys[key_id] = replace(key, last_used_at_ms=at_ms)

    def forget(self, key: ApiKey) -> bool:
        """Remove a revoked key; False for one that was not revoked, or is not there."""
        with self._lock:
            present = self._keys.get(key.id)
            if present is None or present.tenant != key.tenant or present.revoked_at_ms is None:
                return False
            del self._keys[key.id]
            return True
