"""The HTTP client: one request and its answer, within a deadline that covers everything from the name to the last byte.

Connections are kept for requests that may be sent twice. A write that may not always has a new one: if a kept
connection breaks, nobody can tell whether the request had arrived.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from quartzdb.net.address import Address
from quartzdb.net.endpoint import Endpoint
from quartzdb.net.hard_deadline import Deadline, DeadlineSocket
from quartzdb.net.kept_connections import KEPT_MAX, KeptConnections
from quartzdb.net.resolver import Resolver

_CHUNK = 64 * 1024
_BROKEN = (OSError, http.client.HTTPException)


class HttpAnswer(NamedTuple):
    """What came back. `complete` False: the body was longer than asked for, and is left out."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    complete: bool = True

    def header(self, name: str) -> str:
        """The first value of a header, whatever the case of its name; "" where there is none."""
        return next((value for given, value in self.headers if given.lower() == name.lower()), "")


class Unanswered(OSError):
    """There was no whole answer. `sent`: the request may have arrived, and been carried out."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class _Request:
    endpoint: Endpoint
    method: str
    target: str
    headers: list[tuple[str, bytes]]
    body: bytes
    answer_bytes_max: int


class HttpClient:
    """Thread-safe: each request under way has a connection of its own, and `kept_max` stay open for each endpoint.

    `resolve` leads names elsewhere, on a machine that plays the clouds. `connect_seconds` bounds the connecting to each
    address, and TLS, within the deadline.
    """

    def __init__(
        self,
        resolve: Mapping[str, Address] | None = None,
        *,
        names: Resolver | None = None,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        connect_seconds: float = float("inf"),
        kept_max: int = KEPT_MAX,
    ) -> None:
        self._resolve = resolve or {}
        self._names = names or Resolver()
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._tls_lock = threading.Lock()
        self._connect_seconds = connect_seconds
        self._kept = KeptConnections(kept_max)

    def send(
        self,
        endpoint: Endpoint,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        *,
        deadline: Deadline,
        answer_bytes_max: int,
        again: bool,
    ) -> HttpAnswer:
        """Send it and read the answer. `again`: the request may be sent twice. Raises Unanswered.

        `headers` are all there are, Host included; only Content-Length is added. A line break in one is a ValueError,
        which does not tell the value.
        """
        given = [(name, _as_bytes(name, value)) for name, value in headers]
        request = _Request(endpoint, method, _in_ascii(target), given, body, answer_bytes_max)
        if deadline.passed:
            raise Unanswered("no answer in time", sent=False)
        sent = False
        if again and (kept := self._kept.take(endpoint, deadline)) is not None:
            sent = True
            try:
                return self._exchange(kept, request, keep=True)
            except _BROKEN as error:
                if isinstance(error, TimeoutError) or deadline.passed:
                    raise Unanswered(_reason(error), sent=True) from error
                # It was closed while it lay idle, most likely. What is wrong with the place shows on a new one.
        try:
            connection = self._connect(endpoint, deadline)
            sent = True
            return self._exchange(connection, request, keep=again)
        except _BROKEN as error:
            raise Unanswered(_reason(error), sent=sent) from error

    def close(self) -> None:
        """Close what was kept; it may be used again."""
        self._kept.close()

    def _exchange(self, sock: DeadlineSocket, request: _Request, *, keep: bool) -> HttpAnswer:
        """The answer over one connection, which is kept for another request, or closed where anything went wrong."""
        connection = http.client.HTTPConnection(request.endpoint.host, request.endpoint.port)
        connection.auto_open = 0
        connection.sock = sock
        try:
            answer = _ask(connection, request)
        except BaseException:
            sock.close()
            raise
        # http.client lets go of a connection that ends with its answer.
        if keep and answer.complete and connection.sock is not None:
            self._kept.keep(request.endpoint, sock)
        else:
            sock.close()
        return answer

    def _connect(self, endpoint: Endpoint, deadline: Deadline) -> DeadlineSocket:
        host, port, protocol = self._resolve.get(
            endpoint.host, Address(endpoint.host, endpoint.port, endpoint.protocol)
        )
        sock = self._reach(host, port, deadline)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if protocol == "https":
                context = self._context()
                sock.settimeout(self._patience(deadline))
                sock = context.wrap_socket(sock, server_hostname=endpoint.host)
        except BaseException:
            sock.close()
            raise
        return DeadlineSocket(sock, deadline)

    def _reach(self, host: str, port: int, deadline: Deadline) -> socket.socket:
        failure: OSError | None = None
        for family, kind, protocol, _, address in self._names.addresses(host, port, deadline):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(self._patience(deadline))
                sock.connect(address)
            except OSError as error:
                sock.close()
                failure = error
                continue
            return sock
        raise failure or OSError(f"{host} has no address")

    def _patience(self, deadline: Deadline) -> float:
        return min(deadline.remaining(), self._connect_seconds)

    def _context(self) -> ssl.SSLContext:
        with self._tls_lock:
            if self._tls is None:
                self._tls = self._make_tls()
            return self._tls


def _ask(connection: http.client.HTTPConnection, request: _Request) -> HttpAnswer:
    connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
    for name, value in request.headers:
        connection.putheader(name, value)
    if request.body or request.method in {"POST", "PUT", "PATCH"}:
        connection.putheader("Content-Length", str(len(request.body)))
    connection.endheaders(request.body or None)
    with closing(connection.getresponse()) as response:
        content = _read(response, request.answer_bytes_max)
        return HttpAnswer(response.status, response.getheaders(), content or b"", content is not None)


def _read(response: http.client.HTTPResponse, bytes_max: int) -> bytes | None:
    """The body, or None where it is longer. Raises IncompleteRead for one that was cut."""
    if (response.length or 0) > bytes_max:
        return None
    content = bytearray()
    while chunk := response.read(min(_CHUNK, bytes_max + 1 - len(content))):
        content += chunk
        if len(content) > bytes_max:
            return None
    if response.length:  # a read of some bytes does not complain of those that are missing
        raise http.client.IncompleteRead(bytes(content), response.length)
    return bytes(content)


def _in_ascii(target: str) -> str:
    """Of a client that did not encode what it should have; what is ASCII stays as it is."""
    return target if target.isascii() else "".join(one if one.isascii() else quote(one) for one in target)


def _as_bytes(name: str, value: str) -> bytes:
    if "\r" in value or "\n" in value:
        raise ValueError(
            f"the value of the header {name} has a line break"
        )  # http.client would tell the value
    # As http.client does it, but for what does not fit.
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__}: {error}"
