"""What a request may be and an answer must say, before and after everything else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quartzdb_platform.api.problems import problem

BODY_BYTES_MAX = 64 * 1024
LONGER_BODIES: Mapping[str, int] = {
    "/platform/v1/secret-scanning/github": 1024 * 1024,
    "/platform/webhooks/stripe": 1024 * 1024,
}
"""What has a limit of its own, by path."""
BODY_SECONDS_MAX = 30.0
_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class Bounds:
    """Middleware: bodies have a limit, and no answer is stored, framed or guessed at."""

    def __init__(self, app: ASGIApp, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body within its limit, and pass both on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(one for one in _HEADERS if one[0] not in present),
                ]
            await send(message)

        bytes_max = LONGER_BODIES.get(scope["path"], BODY_BYTES_MAX)
        body = bytearray()
        begun = self._monotonic()
        while True:
            try:
                async with asyncio.timeout(BODY_SECONDS_MAX - (self._monotonic() - begun)):
                    message = await receive()
            except TimeoutError:
                refusal = _refused(408, "body_timeout", f"A body has to come within {BODY_SECONDS_MAX:g} s.")
                await refusal(scope, receive, with_headers)
                return
            if message["type"] != "http.request":
                return  # nobody waits for an answer
            body += message.get("body", b"")
            if len(body) > bytes_max:
                refusal = _refused(413, "body_too_large", f"A body has at most {bytes_max} bytes.")
                await refusal(scope, receive, with_headers)
                return
            if not message.get("more_body", False):
                break
        given = False

        async def whole() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, whole, with_headers)


def _refused(status: int, code: str, detail: str) -> JSONResponse:
    """What of the body is still to come is not read, so the connection is of no more use."""
    return problem(status, code, detail, headers={"Connection": "close"})
