"""Requests to the other site: kept connections, deadlines and bounded answers. Knows HTTP, and nothing of the protocol.

HAZARD: a request whose connection broke is sent once more. All requests between sites may be repeated.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import InvalidArgument, Unavailable

ANSWER_BYTES_MAX = 32 * 1024 * 1024
"""A page, or one change with the largest value there is, in base64."""
_READ_BYTES = 64 * 1024
_IDLE_MAX = 4
_BROKEN = (http.client.HTTPException, OSError)


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """One answer. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class PeerConnection:
    """To one base URL. Thread-safe: each request under way has a connection of its own.

    `connect_seconds` bounds each connecting, `seconds` a whole request. `headers` go with every request; what they are
    made of may be asked for anew, and is never logged.
    """

    def __init__(
        self,
        base_url: str,
        headers: Callable[[], Mapping[str, str]],
        clock: Clock,
        *,
        connect_seconds: float = 3.0,
        seconds: float = 30.0,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        parts = urlsplit(base_url)
        host = parts.hostname
        if (
            parts.scheme not in {"http", "https"}
            or not host
            or parts.query
            or parts.fragment
            or parts.username
        ):
            raise InvalidArgument(
                "A peer's address is of the form https://host[:port][/path].", field="base_url"
            )
        if parts.scheme == "http" and not _on_this_machine(host):
            raise InvalidArgument(
                f"The secret of the two sites would travel to {host} for all to read.",
                field="base_url",
                hint="Use https.",
            )
        self._secure = parts.scheme == "https"
        self._host, self._port, self._path = host, parts.port, parts.path.rstrip("/")
        self._headers = headers
        self._clock = clock
        self._connect_seconds = connect_seconds
        self._seconds = seconds
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def request(self, method: str, path: str, body: bytes | None = None) -> PeerAnswer:
        """One request. Raises Unavailable where it is not answered, in time and within bounds."""
        deadline = self._clock.monotonic() + self._seconds
        kept = self._kept()
        if kept is not None:
            # It may have been idle for too long for the peer, or for something in between.
            with suppress(*_BROKEN):
                return self._exchange(kept, method, path, body, deadline)
        try:
            return self._exchange(self._connect(), method, path, body, deadline)
        except _BROKEN as error:
            raise Unavailable(
                f"The peer at {self._host} does not answer: {type(error).__name__}: {error}"[:300],
                hint="It is tried again.",
            ) from error

    def close(self) -> None:
        """Let idle connections go; it may be used again."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        deadline: float,
    ) -> PeerAnswer:
        """The answer over one connection, which is kept for another request, or closed where anything went wrong."""
        try:
            answer, last = self._answer(connection, method, path, body, deadline)
        except BaseException:
            connection.close()
            raise
        if last:
            connection.close()
        else:
            self._keep(connection)
        return answer

    def _answer(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        deadline: float,
    ) -> tuple[PeerAnswer, bool]:
        """And whether the connection ends with it."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **_sendable(self._headers())}
        if body is not None:
            headers["Content-Type"] = "application/json"
        self._wait_until(connection, deadline)
        connection.request(method, self._path + path, body, headers)
        self._wait_until(connection, deadline)
        response = connection.getresponse()
        parts: list[bytes] = []
        size = 0
        # With read1 each wait is one of the socket, so that a peer that trickles does not pass the deadline.
        while part := response.read1(_READ_BYTES):
            size += len(part)
            if size > ANSWER_BYTES_MAX:
                raise http.client.HTTPException(f"an answer of more than {ANSWER_BYTES_MAX} bytes")
            parts.append(part)
            self._wait_until(connection, deadline)
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        response.read()  # Nothing is left, and saying so frees the connection for the next request.
        named = {name.lower(): value for name, value in response.getheaders()}
        return PeerAnswer(response.status, named, b"".join(parts)), response.will_close

    def _wait_until(self, connection: http.client.HTTPConnection, deadline: float) -> None:
        """What is next to come must come before the deadline."""
        left = deadline - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError(f"no whole answer within {self._seconds:g} s")
        if connection.sock is not None:
            connection.sock.settimeout(left)

    def _connect(self) -> http.client.HTTPConnection:
        if not self._secure:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=self._connect_seconds)
        else:
            with self._lock:
                self._context = self._context or self._tls()
            connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=self._connect_seconds, context=self._context
            )
        connection.connect()
        return connection

    def _kept(self) -> http.client.HTTPConnection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _keep(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < _IDLE_MAX:
                self._idle.append(connection)
                return
        connection.close()


def _sendable(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers. Raises Unavailable, which has no value in it, where http.client would raise one that has."""
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise Unavailable(
                f"The value of the header {name} has a line break, or a character that is not ASCII.",
                hint="Set the secret or key that it is made of right, at both sites.",
            )
    return headers


def _on_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
