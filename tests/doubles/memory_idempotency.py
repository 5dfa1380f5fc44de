"""Answers to requests with an idempotency key, in memory: what an IdempotencyTable is, in its shortest form."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from quartzdb.services.ports import StoredAnswer


@dataclass(slots=True)
class _Entry:
    answer: StoredAnswer
    claimed_until_ms: int
    keep_until_ms: int

    def lapsed(self, now_ms: int) -> bool:
        return now_ms >= (self.claimed_until_ms if self.answer.status is None else self.keep_until_ms)


class MemoryIdempotency:
    """IdempotencyTable in memory."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._lock = threading.Lock()

    def begin(
        self, tenant: str, key: str, fingerprint: bytes, now_ms: int, claim_ms: int, ttl_ms: int
    ) -> StoredAnswer | None:
        """Claim the key for a request: None means go on."""
        with self._lock:
            entry = self._entries.get((tenant, key))
            if entry is not None and not entry.lapsed(now_ms):
                return entry.answer
            self._entries[tenant, key] = _Entry(StoredAnswer(fingerprint), now_ms + claim_ms, now_ms + ttl_ms)
            return None

    def finish(self, tenant: str, key: str, answer: StoredAnswer) -> None:
        """Record the outcome, unless the claim lapsed and another request has taken the key."""
        with self._lock:
            entry = self._entries.get((tenant, key))
            if entry is not None and entry.answer == StoredAnswer(answer.fingerprint):
                entry.answer = answer

    def abandon(self, tenant: str, key: str) -> None:
        """The claimed request changed nothing: free the key."""
        with self._lock:
            entry = self._entries.get((tenant, key))
            if entry is not None and entry.answer.status is None:
                del self._entries[tenant, key]

    def purge(self, now_ms: int) -> int:
        """Drop what has lapsed. Returns how many."""
        with self._lock:
            lapsed = [place for place, entry in self._entries.items() if entry.lapsed(now_ms)]
            for place in lapsed:
                del self._entries[place]
            return len(lapsed)
