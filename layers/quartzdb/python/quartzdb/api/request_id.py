"""Request ids: every response names one, so that a caller's report finds its log line. A caller may bring its own."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quartzdb.api.trace import begin_trace

HEADER = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
"""What may be written to a log and a header as it came."""


def is_sane(request_id: str) -> bool:
    """Whether a caller's id is taken over."""
    return _SANE.fullmatch(request_id) is not None


class RequestId:
    """Middleware. `new_id` makes ids that do not repeat."""

    def __init__(self, app: ASGIApp, *, new_id: Callable[[], str] = lambda: secrets.token_hex(16)) -> None:
        self._app = app
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if is_sane(given) else self._new_id()
        begin_trace(scope, request_id)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        await self._app(scope, receive, send_with_id)
