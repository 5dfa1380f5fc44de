"""One request and its answer on a connection, as uvicorn's cycle has it, but for how the answer is written.

Head and body go to the transport together, so that a small answer is one packet and one system call, and what headers
may contain is looked at once for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    RequestResponseCycle,
)

_WITHOUT_BODY = frozenset({204, 304})


@lru_cache(maxsize=256)
def _begun_line(given: bytes) -> tuple[bytes, bytes]:
    """The name of a header in lower case, and what stands before its value. Raises RuntimeError for what is no name."""
    if HEADER_RE.search(given):
        raise RuntimeError("A header's name has characters that no name may have.")
    name = given.lower()
    return name, name + b": "


class Exchange(RequestResponseCycle):
    """Its head waits for the first of the body, unless nobody knows how much will come."""

    _head = b""

    async def send(self, message: Any) -> None:
        """What the application answers, message by message. Raises RuntimeError for what is no answer."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if not self.response_started:
            if kind != "http.response.start":
                raise RuntimeError(f"The answer begins with {kind!r}.")
            self.response_started = True
            self.waiting_for_100_continue = False
            self._head = self._head_of(message["status"], message.get("headers", ()))
            if self.chunked_encoding:
                self.transport.write(self._head)
                self._head = b""
        elif kind != "http.response.body" or self.response_complete:
            raise RuntimeError(f"{kind!r} comes after the answer, or in place of its body.")
        else:
            self._write(message.get("body", b""), message.get("more_body", False))

    def _write(self, body: bytes, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
            body = b""
        elif self.chunked_encoding:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not more:
                body += b"0\r\n\r\n"
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise RuntimeError("The body is longer than its Content-Length.")
        if self._head:
            body, self._head = self._head + body, b""
        if body:
            self.transport.write(body)
        if more:
            return
        if self.expected_content_length:
            raise RuntimeError("The body is shorter than its Content-Length.")
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _head_of(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        """The status line and the headers. What decides how the body is sent is kept."""
        headers = [*self.default_headers, *headers]
        if HEADER_VALUE_RE.search(b"".join([value for _, value in headers])):
            raise RuntimeError("A header's value has characters that no value may have.")
        lines = [STATUS_LINE[status]]
        closing = False
        for given, value in headers:
            name, begins = _begun_line(given)
            if name == b"content-length" and self.chunked_encoding is None:
                self.expected_content_length = int(value)
                self.chunked_encoding = False
            elif name == b"transfer-encoding" and value.lower() == b"chunked":
                self.expected_content_length = 0
                self.chunked_encoding = True
            elif name == b"connection" and b"close" in value.lower():
                self.keep_alive, closing = False, True
            lines += (begins, value, b"\r\n")
        if not self.keep_alive and not closing:
            lines.append(b"connection: close\r\n")
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in _WITHOUT_BODY:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)
