"""A function that clients call at its own address: what CloudFront would add to answers is added here.

Owns those headers only. Who is answered is decided by API keys, as on any server.
"""

from __future__ import annotations

from quartzdb.api.asgi import Application, AsgiScope, Message, RawHeaders, Receive, Send

ALWAYS: RawHeaders = [(b"strict-transport-security", b"max-age=63072000")]
"""Whatever the application says."""
WHERE_SILENT: RawHeaders = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
"""Where the application says nothing: values are users' bytes, and must not become pages that run."""


class OpenAddress:
    """Middleware, outside everything, in the place of the guard that asks for the origin secret."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        async def careful(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers: RawHeaders = message["headers"]
                said = {name.lower() for name, _ in headers}
                added = [*ALWAYS, *(pair for pair in WHERE_SILENT if pair[0] not in said)]
                message = {**message, "headers": [*headers, *added]}
            await send(message)

        await self._app(scope, receive, careful)
