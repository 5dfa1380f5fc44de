"""HTTP/1.1 by hand, because what a client library takes of the processor would be most of what is measured.

A request is its bytes, of which all but the body's length is made once; an answer is read by its Content-Length, or by
its chunks, and nothing else of its head is looked at but the status.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

READ_BYTES = 1 << 18
_HEAD_ENDS = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_STATUS = slice(len(b"HTTP/1.1 "), len(b"HTTP/1.1 200"))


class NoAnswer(Exception):
    """What came is no answer of a kind that is read here, or the connection ended before all of it had come."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole one."""

    status: int
    body: bytes


class Requests:
    """The requests of one client to one server."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._path = urlsplit(url).path
        lines = {"Host": urlsplit(url).netloc, **headers}
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._heads: dict[str, bytes] = {}

    def post(self, path: str, body: bytes) -> bytes:
        """The bytes of one."""
        head = self._heads.get(path)
        if head is None:
            head = f"POST {self._path}{path} HTTP/1.1\r\n{self._headers}Content-Length: ".encode()
            self._heads[path] = head
        return b"%b%d\r\n\r\n%b" % (head, len(body), body)


def answer_in(received: bytes) -> Answer | None:
    """The answer that came, or None where some of it is still to come. Raises NoAnswer."""
    ends = received.find(_HEAD_ENDS)
    if ends < 0:
        return None
    length = _LENGTH.search(received, 0, ends)
    begins = ends + len(_HEAD_ENDS)
    if length is None:
        if not _CHUNKED.search(received, 0, ends):
            raise NoAnswer("The answer has neither a Content-Length nor chunks.")
        body = _of_chunks(received, begins)
        return None if body is None else Answer(int(received[_STATUS]), body)
    missing = begins + int(length[1]) - len(received)
    if missing < 0:
        raise NoAnswer("More came than the answer has.")
    return None if missing else Answer(int(received[_STATUS]), received[begins:])


def _of_chunks(received: bytes, begins: int) -> bytes | None:
    """The body that the chunks from there on are, without trailers; None where some of it is still to come."""
    chunks: list[bytes] = []
    while (ends := received.find(b"\r\n", begins)) >= 0:
        size = int(received[begins:ends].partition(b";")[0], 16)
        begins = ends + 2 + size + 2
        if begins > len(received):
            return None
        if not size:
            return b"".join(chunks)
        chunks.append(received[ends + 2 : begins - 2])
    return None


def connected(url: str) -> socket.socket:
    """A new connection to the server."""
    address = urlsplit(url)
    made = socket.create_connection((str(address.hostname), int(address.port or 80)))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


class Connection:
    """One connection on which one request is sent after the other, each when the last was answered."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._socket: socket.socket | None = None

    def ask(self, request: bytes) -> bytes:
        """The body of the answer. Raises NoAnswer where it is no success."""
        if self._socket is None:
            # Not before: a server closes a connection on which nothing comes.
            self._socket = connected(self._url)
        self._socket.sendall(request)
        received = b""
        while (answer := answer_in(received)) is None:
            more = self._socket.recv(READ_BYTES)
            if not more:
                raise NoAnswer("The server closed the connection.")
            received += more
        if answer.status >= 300:
            raise NoAnswer(received.decode(errors="replace"))
        return answer.body

    def close(self) -> None:
        """Hang up; the next request makes another connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
