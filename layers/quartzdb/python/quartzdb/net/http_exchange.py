"""One request to one place and its answer, within a deadline that covers everything: looking up, connecting, reading.

Connections are kept for requests that may be sent twice. A write always has a new one: if a kept connection breaks,
nobody can tell whether the request had arrived.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from quartzdb.net.address import Address, Protocol
from quartzdb.net.hard_deadline import Deadline, DeadlineSocket
from quartzdb.net.resolver import Resolver

_CHUNK = 64 * 1024


class HttpAnswer(NamedTuple):
    """What came back. `complete` False: the body was longer than asked for, and is left out."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    complete: bool = True


class Unanswered(OSError):
    """There was no whole answer. `sent`: the request may have arrived, and been carried out."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


class Endpoint(NamedTuple):
    """Where a request goes. `host` is the name that is proven by TLS."""

    protocol: Protocol
    host: str
    port: int


def endpoint_of(url: str) -> Endpoint:
    """Of an http or https address; its port where it names none is the usual one."""
    parts = urlsplit(url)
    protocol: Protocol = "https" if parts.scheme == "https" else "http"
    return Endpoint(protocol, parts.hostname or "", parts.port or (443 if protocol == "https" else 80))


def root_of(endpoint: Endpoint) -> str:
    """Its address, without a port where that is the usual one."""
    usual = endpoint.port == (443 if endpoint.protocol == "https" else 80)
    return f"{endpoint.protocol}://{endpoint.host}" + ("/" if usual else f":{endpoint.port}/")


class HttpExchange:
    """Not thread-safe but for its `Resolver`; a thread of its own needs one of its own.

    `resolve` leads names elsewhere, on a machine that plays the clouds. One connection stays open for each place.
    """

    def __init__(
        self,
        resolve: Mapping[str, Address] | None = None,
        *,
        names: Resolver | None = None,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._resolve = resolve or {}
        self._names = names or Resolver()
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._idle: dict[Endpoint, http.client.HTTPConnection] = {}

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

        `headers` are all there are, Host included; only Content-Length is added.
        """
        pairs = list(headers)
        kept = self._take_idle(endpoint, deadline) if again else None
        if kept is not None:
            try:
                return self._exchange(
                    endpoint, kept, method, target, pairs, body, answer_bytes_max, keep=True
                )
            except (OSError, http.client.HTTPException) as error:
                kept.close()
                if deadline.passed:
                    raise Unanswered(_reason(error), sent=True) from error
                # It was closed while it lay idle, most likely. What is wrong with the place shows on a new one.
        sent = False
        connection = http.client.HTTPConnection(endpoint.host, endpoint.port)
        try:
            connection.sock = self._connect(endpoint, deadline)
            sent = True
            return self._exchange(
                endpoint, connection, method, target, pairs, body, answer_bytes_max, keep=again
            )
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Unanswered(_reason(error), sent=sent) from error

    def close(self) -> None:
        """Close what stayed open."""
        while self._idle:
            self._idle.popitem()[1].close()

    def _exchange(
        self,
        endpoint: Endpoint,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes,
        bytes_max: int,
        *,
        keep: bool,
    ) -> HttpAnswer:
        connection.putrequest(method, _in_ascii(target), skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, _as_bytes(value))
        if body or method in {"POST", "PUT", "PATCH"}:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        content = _read(response, bytes_max)
        answer = HttpAnswer(response.status, response.getheaders(), content or b"", content is not None)
        if keep and content is not None and connection.sock is not None:
            self._idle[endpoint] = connection
        else:
            connection.close()
        return answer

    def _take_idle(self, endpoint: Endpoint, deadline: Deadline) -> http.client.HTTPConnection | None:
        connection = self._idle.pop(endpoint, None)
        if connection is None:
            return None
        sock = connection.sock
        assert isinstance(sock, DeadlineSocket)
        if sock.has_ended():
            connection.close()
            return None
        sock.deadline = deadline
        return connection

    def _connect(self, endpoint: Endpoint, deadline: Deadline) -> DeadlineSocket:
        host, port, protocol = self._resolve.get(
            endpoint.host, Address(endpoint.host, endpoint.port, endpoint.protocol)
        )
        sock = self._reach(host, port, deadline)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if protocol == "https":
                if self._tls is None:
                    self._tls = self._make_tls()
                sock.settimeout(deadline.remaining())
                sock = self._tls.wrap_socket(sock, server_hostname=endpoint.host)
        except BaseException:
            sock.close()
            raise
        return DeadlineSocket(sock, deadline)

    def _reach(self, host: str, port: int, deadline: Deadline) -> socket.socket:
        failure: OSError | None = None
        for family, kind, protocol, _, address in self._names.addresses(host, port, deadline):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(deadline.remaining())
                sock.connect(address)
            except OSError as error:
                sock.close()
                failure = error
                continue
            return sock
        raise failure or OSError(f"{host} has no address")


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


def _as_bytes(value: str) -> bytes:
    # As http.client does it, but for what does not fit.
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__}: {error}"
