"""An event stream of an ASGI application in this process, read event by event while it goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from quartzdb.api.asgi import Application, Message
from quartzdb.api.following import STOPPING

SECONDS_MAX = 20
"""A stream that says nothing for so long fails the test."""


class Stream:
    """One request for a stream. Within one event loop; `leave` it."""

    def __init__(
        self, app: Application, path: str, key: str, *, query: str = "", last: str | None = None
    ) -> None:
        headers = [
            (b"authorization", f"Bearer {key}".encode()),
            (b"accept", b"text/event-stream"),
        ]
        if last is not None:
            headers.append((b"last-event-id", last.encode()))
        self.stopping = asyncio.Event()
        self._left = asyncio.Event()
        self._asked = False
        self._sent: asyncio.Queue[Message] = asyncio.Queue()
        self._text = b""
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("quartzdb.test", 80),
            STOPPING: self.stopping,
        }
        self.task = asyncio.ensure_future(app(scope, self._receive, self._sent.put))

    async def start(self) -> Message:
        """The head of the answer."""
        return await asyncio.wait_for(self._sent.get(), SECONDS_MAX)

    async def body(self) -> bytes:
        """All of it until it ends."""
        text = b""
        while True:
            message = await asyncio.wait_for(self._sent.get(), SECONDS_MAX)
            text += bytes(message.get("body", b""))
            if not message.get("more_body", False):
                return text

    async def block(self) -> bytes:
        """What comes up to the next empty line; nothing once it has ended."""
        while b"\n\n" not in self._text:
            message = await asyncio.wait_for(self._sent.get(), SECONDS_MAX)
            if message["type"] == "http.response.body":
                self._text += bytes(message.get("body", b""))
                if not message.get("more_body", False):
                    return b""
        block, _, self._text = self._text.partition(b"\n\n")
        return block

    async def event(self) -> tuple[str, str | None, Any]:
        """The next event: its kind, its id, and its document; "" for the end."""
        block = await self.block()
        fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if line)
        if not fields:
            return "", None, None
        return fields["event"], fields.get("id"), orjson.loads(fields["data"])

    async def told(self) -> tuple[str, str | None, Any]:
        """The next event that tells something: the others say that the stream lives."""
        while True:
            kind, place, document = await self.event()
            if kind != "changes" or document["changes"]:
                return kind, place, document

    async def leave(self) -> None:
        """As a client that closes its connection."""
        self._left.set()
        await asyncio.wait_for(self.task, SECONDS_MAX)

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}
