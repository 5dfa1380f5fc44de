"""Headers that keep every response from being misused on its way: nothing is guessed at, nothing kept unasked."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class SafeHeaders:
    """Middleware, outside Failures so that errors carry them too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # Values are users' bytes: a browser must never guess that some of them are a page.
                headers["X-Content-Type-Options"] = "nosniff"
                # A cache in front would else hand out one key's answer to another, or health of yesterday.
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_safely)
