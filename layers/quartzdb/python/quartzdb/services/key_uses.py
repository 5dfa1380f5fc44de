"""When API keys were last used: noted in memory by every request, and written now and then by a thread beside them.

No request waits for it or asks storage for more. A process that ends loses what it noted since it last wrote.
"""

from __future__ import annotations

import threading

from quartzdb.domain.clock import Clock
from quartzdb.services.ports import ApiKeyTable

WRITE_EVERY_MS = 5 * 60_000
"""A key is written at most so often by one process: so old is what is told of one that is in use."""
_NOTED_MAX = 10_000


class KeyUses:
    """Thread-safe. Where nothing ever calls `write`, it costs a little memory and nothing else."""

    def __init__(self, table: ApiKeyTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._noted: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._lock = threading.Lock()

    def note(self, key_id: str) -> None:
        """The key was used now."""
        now_ms = self._clock.unix_ms()
        with self._lock:
            if key_id in self._noted or len(self._noted) < _NOTED_MAX:
                self._noted[key_id] = now_ms

    def write(self) -> bool:
        """Write what was noted of keys whose time has come. Never anything left to do at once. Raises Unavailable, and
        then nothing is lost.
        """
        since_ms = self._clock.unix_ms() - WRITE_EVERY_MS
        with self._lock:
            self._written = {key_id: at_ms for key_id, at_ms in self._written.items() if at_ms > since_ms}
            due = {key_id: at_ms for key_id, at_ms in self._noted.items() if key_id not in self._written}
        for key_id, at_ms in due.items():
            self._table.note_used(key_id, at_ms)
            with self._lock:
                self._written[key_id] = self._clock.unix_ms()
                if self._noted[key_id] == at_ms:
                    del self._noted[key_id]
        return False
