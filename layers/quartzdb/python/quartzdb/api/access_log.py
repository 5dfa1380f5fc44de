"""The access log: one JSON line for each request. It never has a key, an id of a record, a secret or a body in it.

So the path is not logged, since keys are part of it; the operation's name is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quartzdb.api.trace import trace_of

logger = logging.getLogger("quartzdb.access")


class AccessLog:
    """Middleware, inside RequestId. `timer` gives seconds."""

    def __init__(self, app: ASGIApp, *, timer: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
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
            if logger.isEnabledFor(logging.INFO):
                trace = trace_of(scope)
                line = {
                    "event": "request",
                    "request_id": trace.request_id,
                    "method": scope["method"],
                    "operation": trace.operation,
                    "status": status,
                    "code": trace.code,
                    "milliseconds": round((self._timer() - begun) * 1000, 3),
                    "bytes_in": trace.bytes_in,
                    "bytes_out": bytes_out,
                    "tenant": trace.tenant,
                    "key_id": trace.key_id,
                }
                logger.info("%s", orjson.dumps(line).decode())
