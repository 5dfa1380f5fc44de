"""Answers in pieces: a large one is handed to the connection as the client reads it, not all at once.

So what is not read is held once, where it is counted, and an answer is done only when nearly all of it is sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

PIECE_BYTES = 64 * 1024

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Send], Awaitable[None]]


def in_pieces(send: Send) -> Send:
    """What sends an answer cut."""

    async def cut(message: Message) -> None:
        body = message.get("body", b"")
        if message["type"] != "http.response.body" or len(body) <= PIECE_BYTES:
            await send(message)
            return
        more = message.get("more_body", False)
        for first in range(0, len(body), PIECE_BYTES):
            last = first + PIECE_BYTES >= len(body)
            piece = body[first : first + PIECE_BYTES]
            await send({"type": message["type"], "body": piece, "more_body": more or not last})

    return cut


class InPieces:
    """An application whose answers are cut, for those that do not see to it themselves."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Pass everything on."""
        await self._application(scope, receive, in_pieces(send) if scope["type"] == "http" else send)
