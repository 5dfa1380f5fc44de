"""Reports of the edge in memory: what PassiveReports are, in their shortest form."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from quartzdb.routing.decision.passive import InvalidReport, PassiveReport, decode_report

logger = logging.getLogger(__name__)


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


def read_reports(messages: Sequence[str]) -> list[PassiveReport]:
    """The reports among the messages; what is none is dropped, and said so."""
    reports = []
    for message in messages:
        try:
            reports.append(decode_report(message))
        except InvalidReport as error:
            # Not what it says: whoever can write to the queue could write into our logs.
            logger.warning(
                "a message of %d characters is no report of the edge: %s", len(message), type(error).__name__
            )
    return reports
