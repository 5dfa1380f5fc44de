"""The playground of the documentation, which anybody who reaches this server may use: it is told a key, once it asks.

The key reads one namespace and nothing else, and ends within a day. Only `quartzdb demo --serve` adds it to a server.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import orjson

from quartzdb.cli.serve.site import INSTALLED, MOUNT

if TYPE_CHECKING:
    from quartzdb.cli.serve.additions import Application
    from quartzdb.wiring.embedded import Database

TOLD_AT = f"{MOUNT}/playground.json"
"""Where the page looks for what it may ask. A deployment has a file there, with the key of a project for it."""
_KEY_SECONDS = 86_400
_RENEWED_AFTER_SECONDS = _KEY_SECONDS / 2
_KEY_NAME = "playground"


class Playground:
    """An addition to a server."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._key = ""
        self._made_at = float("-inf")
        self._lock = threading.Lock()

    def take(self, line: bytes) -> None:
        """Nothing is counted."""

    def write(self) -> int:
        """Nothing is kept."""
        return 0

    def around(self, application: Application, database: Database) -> Application:
        """The application, and what the page asks for."""

        async def served(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or scope["path"] != TOLD_AT or scope["method"] != "GET":
                await application(scope, receive, send)
                return
            body = orjson.dumps({"url": "", "key": self._key_of(database), "namespace": self._namespace})
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"cache-control", b"no-store"),
                (b"x-content-type-options", b"nosniff"),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        return served

    def greeting(self, url: str) -> str:
        """Where it is."""
        if (INSTALLED / "index.html").is_file():
            return f"Playground: {url}{MOUNT}/playground/"
        return "The playground is a page of the documentation, which is not built here: make docs"

    def _key_of(self, database: Database) -> str:
        with self._lock:
            now = database.clock.monotonic()
            if now - self._made_at > _RENEWED_AFTER_SECONDS:
                ends_ms = database.clock.unix_ms() + _KEY_SECONDS * 1_000
                _, self._key = database.api_keys.create(
                    database.tenant,
                    _KEY_NAME,
                    ("read",),
                    expires_at_ms=ends_ms,
                    namespaces=(self._namespace,),
                )
                self._made_at = now
            return self._key
