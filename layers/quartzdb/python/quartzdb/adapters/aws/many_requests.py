"""HTTP requests to one server, all of them under way at once, by the thread that asks: no thread for each of them.

For requests that may be sent twice. Whatever does not end in a plain answer is left to somebody who tries harder.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from urllib.parse import urlsplit

from quartzdb.adapters.aws.exchange import (
    Address,
    NoPlainAnswer,
    PlainAnswer,
    PlainExchange,
    ServerConnection,
)
from quartzdb.adapters.aws.patience import Patience

CONNECTIONS_MAX = 48
"""All requests of one round go out at once."""
KEPT_MAX = 64
KEPT_SECONDS = 60.0
"""A function that was frozen for long finds its connections dead, and is not always told."""


class ManyRequests:
    """Thread-safe: who asks at the same time has connections of its own. `url` is the server's; its path is not used.

    `tls` is what a server of https is trusted by.
    """

    def __init__(
        self,
        url: str,
        patience: Patience,
        tls: Callable[[], ssl.SSLContext],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = tls if parts.scheme == "https" else None
        self._patience = patience
        self._monotonic = monotonic
        self._kept: list[ServerConnection] = []
        weakref.finalize(self, _close, self._kept)
        self._lock = threading.Lock()

    def ask(self, requests: Sequence[bytes]) -> list[PlainAnswer | None]:
        """The answer to each request, in order; None where there was no plain one in time."""
        round_ = _Round(self, requests)
        try:
            round_.run()
        finally:
            round_.give_up()
        return round_.answers

    @property
    def patience(self) -> Patience:
        """How long a connection and a piece of an answer are waited for; nothing is tried again for long."""
        return self._patience

    def context(self) -> ssl.SSLContext | None:
        """What connections are encrypted with; None for a server that speaks plainly."""
        return None if self._tls is None else self._tls()

    @property
    def host(self) -> str:
        """The name that its certificate must have."""
        return self._host

    def addresses(self) -> list[Address]:
        """Where the server is, as getaddrinfo has it. Raises OSError."""
        return socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)

    def take(self) -> ServerConnection | None:
        """The connection that was used last, if it is still open."""
        while True:
            with self._lock:
                if not self._kept:
                    return None
                connection = self._kept.pop()
            if self._monotonic() - connection.idle_since < KEPT_SECONDS and not connection.has_ended():
                connection.reused = True
                return connection
            connection.sock.close()

    def keep(self, connection: ServerConnection) -> None:
        """For a later request."""
        connection.idle_since = self._monotonic()
        with self._lock:
            if len(self._kept) < KEPT_MAX:
                self._kept.append(connection)
                return
        connection.sock.close()


class _Round:
    """Some requests, and the connections that they have now."""

    def __init__(self, server: ManyRequests, requests: Sequence[bytes]) -> None:
        self._server = server
        self._tls = server.context()
        self._waiting = deque(enumerate(requests))
        self._selector = selectors.DefaultSelector()
        self._going: set[PlainExchange] = set()
        self._addresses: Iterator[Address] | None = None
        self.answers: list[PlainAnswer | None] = [None] * len(requests)

    def run(self) -> None:
        """Until each has been answered or given up."""
        while self._waiting or self._going:
            while self._waiting and len(self._going) < CONNECTIONS_MAX:
                number, request = self._waiting.popleft()
                self._begin(number, request, self._server.take())
            if not self._going:
                continue
            ready = self._selector.select(self._seconds())
            if not ready:
                return
            for key, _ in ready:
                self._go_on(key.data)

    def give_up(self) -> None:
        """Close what is still open."""
        for exchange in self._going:
            exchange.connection.sock.close()
        self._going.clear()
        self._selector.close()

    def _seconds(self) -> float:
        connecting = any(not exchange.connection.made for exchange in self._going)
        patience = self._server.patience
        return patience.connect_seconds if connecting else patience.read_seconds

    def _begin(self, number: int, request: bytes, connection: ServerConnection | None) -> None:
        try:
            connection = connection or self._connecting()
        except OSError:
            return
        exchange = PlainExchange(number, request, connection)
        self._going.add(exchange)
        self._selector.register(connection.sock, connection.events, exchange)
        if connection.reused:
            self._go_on(exchange)

    def _connecting(self) -> ServerConnection:
        """One that is being opened: each to the next of the server's addresses. Raises OSError."""
        if self._addresses is None:
            self._addresses = cycle(self._server.addresses())
        return ServerConnection.to(next(self._addresses), self._tls, self._server.host)

    def _go_on(self, exchange: PlainExchange) -> None:
        connection = exchange.connection
        events = connection.events
        try:
            answer = exchange.go_on()
        except NoPlainAnswer:
            self._end(exchange)
            connection.sock.close()
            if connection.reused and not exchange.begun:
                # It was closed while nobody used it, most likely.
                self._begin(exchange.number, exchange.request, None)
            return
        if answer is not None:
            self.answers[exchange.number] = answer
            self._end(exchange)
            if exchange.keeps_open:
                self._server.keep(connection)
            else:
                connection.sock.close()
        elif connection.events != events:
            self._selector.modify(connection.sock, connection.events, exchange)

    def _end(self, exchange: PlainExchange) -> None:
        self._selector.unregister(exchange.connection.sock)
        self._going.discard(exchange)


def _close(connections: Sequence[ServerConnection]) -> None:
    for connection in connections:
        connection.sock.close()
