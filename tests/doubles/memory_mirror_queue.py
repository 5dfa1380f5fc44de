"""The queue of mirrored writes in memory: what a MirrorQueue is, in its shortest form. Nothing survives the process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from quartzdb.domain.clock import Clock
from quartzdb.replication.ports import MirroredWrite

RECEIVED_AT_ONCE = 10
HIDDEN_SECONDS = 30.0


class MemoryMirrorQueue:
    """MirrorQueue in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, tuple[MirroredWrite, float]] = {}
        self._sent = 0
        self._lock = threading.Lock()

    def send(self, write: MirroredWrite) -> None:
        """What the edge does; the receipt is made here."""
        with self._lock:
            self._sent += 1
            receipt = str(self._sent)
            self._waiting[receipt] = (replace(write, receipt=receipt), 0.0)

    def receive(self) -> Sequence[MirroredWrite]:
        """Some of them; each is hidden for a while."""
        now = self._clock.monotonic()
        with self._lock:
            due = [write for write, hidden_until in self._waiting.values() if hidden_until <= now]
            for write in due[:RECEIVED_AT_ONCE]:
                self._waiting[write.receipt] = (write, now + HIDDEN_SECONDS)
        return due[:RECEIVED_AT_ONCE]

    def delete(self, write: MirroredWrite) -> None:
        """It is applied."""
        with self._lock:
            self._waiting.pop(write.receipt, None)
