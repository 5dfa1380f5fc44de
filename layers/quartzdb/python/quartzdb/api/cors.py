"""CORS, as the Cloudflare deployment does it: its paths may be called from any page. /v1 may not."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quartzdb.api.surface import is_cloudflare

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, Authorization, X-API-Key",
    "Access-Control-Max-Age": "86400",
}


class Cors:
    """Middleware, outside Failures so that errors carry the header too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_cloudflare(scope["path"]):
            await self._app(scope, receive, send)
            return

        async def send_open(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Access-Control-Allow-Origin"] = "*"
            await send(message)

        if scope["method"] == "OPTIONS":
            await Response(status_code=200, headers=_PREFLIGHT)(scope, receive, send_open)
            return
        await self._app(scope, receive, send_open)
