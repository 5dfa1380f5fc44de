"""The access log: one usage line for each request, to the log, and to whoever keeps them.

Owns when a line is made: after the answer was sent, and only where somebody wants it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from quartzdb.api.trace import Trace
from quartzdb.api.usage_line import usage_line

logger = logging.getLogger("quartzdb.access")

TakeLine = Callable[[bytes], None]
"""Keeps a line. Called on the event loop, so it must not wait for anything."""


class AccessLog:
    """Of one application."""

    def __init__(self, *, site: str, unix_ms: Callable[[], int], take: TakeLine | None = None) -> None:
        self._site = site
        self._unix_ms = unix_ms
        self._take = take

    def write(self, trace: Trace, status: int | None, seconds: float, bytes_out: int) -> None:
        """A request is over; `status` None: it was not answered."""
        logged = logger.isEnabledFor(logging.INFO)
        if not logged and self._take is None:
            return
        line = usage_line(
            trace,
            site=self._site,
            at_ms=self._unix_ms(),
            status=status,
            milliseconds=seconds * 1000,
            bytes_out=bytes_out,
        )
        if logged:
            logger.info("%s", line.decode())
        if self._take is not None:
            self._take(line)
