"""Reports of the edge in memory: what PassiveReports are, in their shortest form."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from quartzdb.routing.decision.passive import PassiveReport, read_reports


class MemoryPassiveReports:
    """PassiveReports in memory. `send` is the edge's side."""

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._lock = threading.Lock()

    def send(self, message: str) -> None:
        """A message, whatever it says."""
        with self._lock:
            self._waiting.append(message)

    def receive(self) -> Sequence[PassiveReport]:
        """Those that have arrived."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        return read_reports(waiting)
