"""Requests to the other site end at their deadline, whatever it, the network or the look-up of its name does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from quartzdb.adapters.http.peer_connection import PeerConnection
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Unavailable
from quartzdb.net.address import Address
from quartzdb.net.resolver import Resolver
from tests.manual_clock import ManualClock
from tests.raw_server import OK, raw_server

SHORT = 0.3
"""Seconds of a request that is to end at its deadline."""


@pytest.fixture
def stopped() -> Iterator[threading.Event]:
    """Ends what a server would do for ever."""
    event = threading.Event()
    yield event
    event.set()


def to(address: Address, *, clock: Clock | None = None, **options: Any) -> PeerConnection:
    url = f"http://{address.host}:{address.port}"
    headers = {"X-Secret": "s"}
    return PeerConnection(url, lambda: headers, clock or SystemClock(), **{"seconds": SHORT, **options})


@pytest.mark.timeout(30)
def test_headers_that_trickle_end_at_the_deadline(stopped: threading.Event) -> None:
    """A byte now and then is no answer, and would satisfy the timeout of a socket for ever."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not stopped.wait(0.01):
            connection.sendall(b"x")

    with (
        raw_server(serve) as address,
        closing(to(address)) as peer,
        pytest.raises(Unavailable, match="in time"),
    ):
        peer.request("GET", "/")


@pytest.mark.timeout(30)
def test_a_look_up_that_hangs_ends_at_the_deadline(stopped: threading.Event) -> None:
    """The system's own has no deadline."""

    def hangs(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
        stopped.wait()
        return []

    address = Address("peer.localhost", 1, "http")
    with (
        closing(to(address, names=Resolver(hangs))) as peer,
        pytest.raises(Unavailable, match="not found"),
    ):
        peer.request("GET", "/")


def test_after_a_time_out_no_second_connection_is_made() -> None:
    """A kept connection over which too little comes was not idle for too long: the time of the request is over."""
    clock = ManualClock()
    accepted: list[int] = []

    def serve(connection: socket.socket) -> None:
        accepted.append(1)
        connection.recv(65536)
        connection.sendall(OK)
        if connection.recv(65536):
            clock.sleep(60)
            connection.sendall(OK[:5])
            connection.recv(65536)

    with raw_server(serve) as address:
        with closing(to(address, clock=clock, seconds=50)) as peer:
            assert peer.request("GET", "/").body == b"ok"
            with pytest.raises(Unavailable, match="in time"):
                peer.request("GET", "/")
        # Whatever had connected after the time-out was accepted before this one.
        with closing(to(address, seconds=50)) as peer:
            peer.request("GET", "/")
        assert len(accepted) == 2
