"""One HTTP/1.1 request and its answer over one connection that never blocks: what is sent, and what has come so far.

Knows plain answers only, which say how long they are. Whoever drives it waits for the connection (many_requests.py).
"""

from __future__ import annotations

import errno
import os
import re
import select
import selectors
import socket
import ssl
from typing import Any, NamedTuple, Self

from quartzdb.domain.values import dataclass

HEAD_BYTES_MAX = 32 * 1024
_HEAD_END = b"\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})[ \r]")
_NO_BODY = frozenset({204, 304})

Address = tuple[Any, ...]
"""One of getaddrinfo's."""


class PlainAnswer(NamedTuple):
    """Names of headers are in lower case."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes | bytearray


class NoPlainAnswer(Exception):
    """The connection broke, or what came is not understood here."""


@dataclass(slots=True, eq=False)
class ServerConnection:
    """An open one, or one that is being opened. `events`: what it waits for now, as selectors has it."""

    sock: socket.socket
    reused: bool = False
    made: bool = False
    events: int = selectors.EVENT_WRITE
    idle_since: float = 0.0

    @classmethod
    def to(cls, address: Address, tls: ssl.SSLContext | None, host: str) -> Self:
        """One that begins to be opened. Raises OSError."""
        family, kind, protocol, _, place = address
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if tls is not None:
                # HAZARD: the name is what its certificate is checked against, by the context or by nobody.
                if not tls.check_hostname:
                    raise OSError("names of servers are not checked")
                sock = tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
            # Not `connect`: where that raises, as it does here, a socket of TLS forgets what it is.
            error = sock.connect_ex(place)
            if error not in {0, errno.EINPROGRESS}:
                raise OSError(error, os.strerror(error))
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    def make(self) -> None:
        """Go on opening it: to be called when it is ready. Raises OSError, also where there is more to wait for."""
        error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.do_handshake()
        self.made = True

    def has_ended(self) -> bool:
        """Whether an idle one was closed by the other side, or holds what nobody asked for."""
        polled = select.poll()  # `select` fails in a process that has a thousand files open
        polled.register(self.sock, select.POLLIN)
        return bool(polled.poll(0))


class PlainExchange:
    """`go_on` whenever the connection is ready, until it gives an answer."""

    def __init__(self, number: int, request: bytes, connection: ServerConnection) -> None:
        self.number = number
        self.request = request
        self.connection = connection
        self._unsent = memoryview(request)
        self._head = bytearray()
        self._answer: PlainAnswer | None = None
        self._missing = memoryview(b"")

    @property
    def begun(self) -> bool:
        """Whether any of the answer has come."""
        return bool(self._head)

    @property
    def keeps_open(self) -> bool:
        """Whether the connection is good for another request once this has its answer."""
        return self._answer is not None and self._answer.headers.get(b"connection", b"").lower() != b"close"

    def go_on(self) -> PlainAnswer | None:
        """Do what can be done without waiting; the answer once it is whole. Raises NoPlainAnswer."""
        connection = self.connection
        try:
            if not connection.made:
                connection.make()
            while self._unsent:
                self._unsent = self._unsent[connection.sock.send(self._unsent) :]
            connection.events = selectors.EVENT_READ
            return self._read()
        except ssl.SSLWantWriteError:
            connection.events = selectors.EVENT_WRITE
        except ssl.SSLWantReadError:
            connection.events = selectors.EVENT_READ
        except (BlockingIOError, InterruptedError):
            pass
        except (OSError, ValueError) as error:
            raise NoPlainAnswer from error
        return None

    def _read(self) -> PlainAnswer:
        """Read until there is nothing more to read now, which raises, or the answer is whole."""
        sock = self.connection.sock
        while self._answer is None:
            piece = sock.recv(HEAD_BYTES_MAX)
            if not piece:
                raise NoPlainAnswer("the connection ended")
            self._head += piece
            end = self._head.find(_HEAD_END)
            if end >= 0:
                self._begin_body(bytes(self._head[:end]), memoryview(self._head)[end + len(_HEAD_END) :])
            elif len(self._head) > HEAD_BYTES_MAX:
                raise NoPlainAnswer("the headers have no end")
        while self._missing:
            came = sock.recv_into(self._missing)
            if not came:
                raise NoPlainAnswer("the connection ended")
            self._missing = self._missing[came:]
        return self._answer

    def _begin_body(self, head: bytes, rest: memoryview) -> None:
        status = _STATUS.match(head)
        if status is None:
            raise NoPlainAnswer("no HTTP/1.1")
        headers = {}
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        length = headers.get(b"content-length", b"")
        code = int(status[1])
        if not length.isdigit() or code < 200 or code in _NO_BODY or b"transfer-encoding" in headers:
            raise NoPlainAnswer("an answer of unknown length")
        body = bytearray(int(length))
        if len(rest) > len(body):
            raise NoPlainAnswer("more than was announced")
        body[: len(rest)] = rest
        self._missing = memoryview(body)[len(rest) :]
        self._answer = PlainAnswer(code, headers, body)
