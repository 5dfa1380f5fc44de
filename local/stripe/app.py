"""The server as an ASGI application. One event loop, and one request at a time in it: nothing here waits but
webhooks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.types import Receive, Scope, Send

from local.stripe import api, life, pages, webhook_endpoints
from local.stripe.control import Control
from local.stripe.deliveries import Deliveries
from local.stripe.errors import Refused
from local.stripe.ids import Ids
from local.stripe.store import Store
from local.stripe.world import Settings, World

_BODY_BYTES_MAX = 1_000_000


class LocalStripe:
    """`clock` gives seconds; `url` is where the server is reached, which may be said later but before the
    first request."""

    def __init__(
        self,
        *,
        secret_key: str,
        url: str = "",
        file: Path | None = None,
        seed: int | None = None,
        clock: Callable[[], float] = time.time,
        settings: Settings | None = None,
    ) -> None:
        self._store = Store(file)
        self._clock = clock
        self.secret_key = secret_key
        self.world = World(self._store, Ids(seed), self._now, url, settings or Settings())
        self.control = Control(self.world, Deliveries(self._store))

    def at(self, url: str) -> None:
        """Say where it is reached."""
        object.__setattr__(self.world, "url", url)

    def send_to(self, url: str, secret: str, *types: str) -> None:
        """Have events sent there, all or of these types. An address that is known already gets this secret."""
        with self._store.transaction():
            for each in self._store.all("webhook_endpoint").values():
                if each["url"] == url:
                    self._store.change("webhook_endpoint", each["id"])["_secret"] = secret
                    return
            webhook_endpoints.add(self.world, url, secret, types or ("*",))

    def _now(self) -> int:
        moved = self._store.find("_server", "time")
        return int(self._clock()) + (moved["seconds"] if moved is not None else 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        method, path = scope["method"], scope["path"]
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        body = await _body(receive)
        self.control.deliveries.nudge()
        if body is None:
            await _send_json(send, 413, Refused("The body is too large.", status=413).body())
        elif path.startswith("/v1/"):
            request = api.Request(method, path, scope["query_string"].decode(), headers, body)
            await self._api(request, send)
        elif path.startswith("/_local") and path != "/_local/page.css":
            await self._controlled(method, path, headers, body, send)
        else:
            await self._page(method, path, body, send)
        self.control.deliveries.nudge()

    async def _api(self, request: api.Request, send: Send) -> None:
        if self.control.is_down():
            gone = Refused("local/stripe was told to be down.", status=503, kind="api_error")
            answer = api.Answer(503, gone.body(), {"Stripe-Should-Retry": "true"})
        else:
            answer = api.answer(self.world, self.secret_key, request)
        self.control.requests.append(
            {
                "method": request.method,
                "path": request.path,
                "parameters": request.body.decode(errors="replace") or request.query,
                "idempotency_key": request.headers.get("idempotency-key"),
                "status": answer.status,
            }
        )
        await _send_json(send, answer.status, answer.body, answer.headers)

    async def _controlled(
        self, method: str, path: str, headers: dict[str, str], body: bytes, send: Send
    ) -> None:
        try:
            if headers.get("authorization") != f"Bearer {self.secret_key}":
                raise Refused("This needs the secret key as a bearer token.", status=401)
            await _send_json(send, 200, await self.control.answer(method, path, body))
        except Refused as refused:
            await _send_json(send, refused.status, refused.body())

    async def _page(self, method: str, path: str, body: bytes, send: Send) -> None:
        with self._store.transaction():
            life.advance(self.world, self.world.wall())
        shown = pages.show(self.world, method, path, body)
        if shown is None:
            missing = Refused(f"Unrecognized request URL ({method}: {path}).", status=404)
            await _send_json(send, 404, missing.body())
            return
        await _send(send, shown.status, shown.body, dict(shown.headers))


async def _body(receive: Receive) -> bytes | None:
    """None where it is too large."""
    parts, size = [], 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if not message.get("more_body"):
            return b"".join(parts) if size <= _BODY_BYTES_MAX else None


async def _send_json(
    send: Send, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
) -> None:
    named = {"Content-Type": "application/json", **(headers or {})}
    await _send(send, status, json.dumps(body, indent=2).encode(), named)


async def _send(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
