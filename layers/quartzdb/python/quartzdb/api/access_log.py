"""The access log: one usage line for each request, to the log, and to whoever keeps them.

Owns when a line is made: after the answer was sent, and only where somebody wants it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quartzdb.api.trace import trace_of
from quartzdb.api.usage_line import usage_line

logger = logging.getLogger("quartzdb.access")

TakeLine = Callable[[bytes], None]
"""Keeps a line. Called on the event loop, so it must not wait for anything."""


class AccessLog:
    """Middleware, inside RequestId. `timer` gives seconds."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        site: str,
        unix_ms: Callable[[], int],
        take: TakeLine | None = None,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._app = app
        self._site = site
        self._unix_ms = unix_ms
        self._take = take
        self._timer = timer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = self._timer()
        status: int | None = None
        bytes_out = 0

        async def counted(message: Message) -> None:
            nonlocal status, bytes_out
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                bytes_out += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            logged = logger.isEnabledFor(logging.INFO)
            if logged or self._take is not None:
                line = usage_line(
                    trace_of(scope),
                    site=self._site,
                    at_ms=self._unix_ms(),
                    status=status,
                    milliseconds=(self._timer() - begun) * 1000,
                    bytes_out=bytes_out,
                )
                if logged:
                    logger.info("%s", line.decode())
                if self._take is not None:
                    self._take(line)
