"""Leases in memory: what Leases are, in their shortest form."""

from __future__ import annotations

import threading


class MemoryLeases:
    """Leases in memory."""

    def __init__(self) -> None:
        self._leases: dict[str, tuple[str, int]] = {}
        self._lock = threading.Lock()

    def acquire(self, name: str, owner: str, now_ms: int, ttl_ms: int) -> bool:
        """Take or renew the lease unless another owner's is still running."""
        with self._lock:
            other, until_ms = self._leases.get(name, (owner, 0))
            if other != owner and until_ms > now_ms:
                return False
            self._leases[name] = (owner, now_ms + ttl_ms)
            return True

    def release(self, name: str, owner: str) -> None:
        """Give it back; nothing happens where another has it."""
        with self._lock:
            if self._leases.get(name, ("", 0))[0] == owner:
                self._leases.pop(name, None)
