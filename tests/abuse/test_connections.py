"""Connections that take and give nothing: each has its time and its bytes, and its place is for those who use it.

A real server on a real socket, with small limits and a clock that is moved by hand.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, cast

import orjson
import pytest
import uvicorn

from quartzdb.cli.serve.bounded_protocol import BoundedProtocol
from quartzdb.cli.serve.connection_limits import ConnectionLimits
from quartzdb.cli.serve.connections import Connections
from quartzdb.cli.serve.pieces import InPieces
from tests.manual_clock import ManualClock

LIMITS = ConnectionLimits(
    connections_max=6,
    of_address_max=4,
    header_bytes_max=4_096,
    header_seconds_max=20,
    idle_seconds_max=75,
    pipelined_max=4,
    write_seconds_max=30,
    write_bytes_per_second_min=1_048_576,
    discarded_seconds_max=30,
    discarded_bytes_max=4_000_000,
)
REQUEST = b"GET /short HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWER_BYTES = 50_000_000
OTHER = "127.0.0.2"
"""Another address of the loopback network, all of which is this machine."""


async def answering(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """/early answers 413 before the body, /body after it, /long with more than any buffer, all else with one byte."""
    path = scope["path"]
    if path == "/body":
        while (await receive()).get("more_body"):
            pass
    body = bytes(ANSWER_BYTES) if path == "/long" else b"."
    headers = [(b"content-length", str(len(body)).encode())]
    if path == "/early":
        headers.append((b"connection", b"close"))
    status = 413 if path == "/early" else 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Server:
    """In a thread of this process."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.connections = Connections(LIMITS, monotonic=self.clock.monotonic)
        self.made: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            InPieces(answering),
            http=cast(Any, partial(BoundedProtocol, self.connections)),
            ws="none",
            lifespan="off",
            log_config=None,
        )
        self.server = uvicorn.Server(config)
        self.loop: asyncio.AbstractEventLoop | None = None
        self.started = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self.thread.start()
        assert self.started.wait(20)

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.loop.call_soon(self.started.set)
        await self.server.serve([self.listener])

    def do(self, act: Callable[[], Any]) -> Any:
        """Something on the server's loop, after all that came before."""

        async def acted() -> Any:
            return act()

        assert self.loop is not None
        return asyncio.run_coroutine_threadsafe(acted(), self.loop).result(20)

    def later(self, seconds: float) -> None:
        """Time passes, between two things that the server does: an answer that was read may not be done with yet."""

        def passed() -> None:
            self.clock.seconds += seconds
            self.connections.cut_overdue()

        self.do(passed)

    def connect(self, address: str = "127.0.0.1", first: bytes = b"") -> socket.socket:
        """A connection from there, once the server knows of it and has what is sent first."""
        made = socket.create_connection(self.listener.getsockname(), timeout=20, source_address=(address, 0))
        self.made.append(made)
        name = made.getsockname()[:2]
        made.sendall(first)
        self.until(lambda: any(c.client == name for c in self.known()))
        if first:
            self.until(lambda: any(c.client == name and c.idle_since is None for c in self.known()))
        return made

    def known(self) -> list[Any]:
        return list(self.server.server_state.connections)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for what is bound to happen."""
        waiting = threading.Event()
        for _ in range(4_000):
            if self.do(holds):
                return
            waiting.wait(0.005)
        raise AssertionError("it did not happen")

    def stop(self) -> None:
        self.server.should_exit = True
        self.server.force_exit = True
        for connection in self.made:
            connection.close()
        self.thread.join(20)
        self.listener.close()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


def answer(connection: socket.socket) -> int:
    """The status of one short answer."""
    received = b""
    while b"\r\n\r\n" not in received or not received.partition(b"\r\n\r\n")[2]:
        some = connection.recv(4096)
        assert some, received
        received += some
    return int(received.split(b" ", 2)[1])


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed it, with nothing more to read."""
    connection.settimeout(20)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def works(connection: socket.socket) -> bool:
    """Whether a request on it is answered."""
    with suppress(ConnectionError, AssertionError):
        connection.sendall(REQUEST)
        return answer(connection) == 200
    return False


@pytest.mark.parametrize("sent", [b"", b"G", REQUEST[:-2]])
def test_headers_have_a_deadline(server: Server, sent: bytes) -> None:
    """Whether nothing comes, or some of it, or a little more now and then. One that is in time is answered."""
    in_time, late = server.connect(), server.connect(first=sent)
    server.later(19)
    assert works(in_time)
    if sent:
        late.sendall(b"E" if sent == b"G" else b"X-More: 1\r\n")
    server.later(2)
    assert is_closed(late)
    assert works(in_time)


def test_the_headers_of_a_later_request_have_a_deadline_too(server: Server) -> None:
    """A connection that was good once may not sit on half a request for as long as on none."""
    connection = server.connect()
    assert works(connection)
    connection.sendall(REQUEST[:-2])
    server.until(lambda: all(c.idle_since is None for c in server.known()))
    server.later(21)
    assert is_closed(connection)


def test_headers_have_a_size(server: Server) -> None:
    """431, and no more than that much is kept: of one field without an end, of many fields, or of an address."""
    head = b"GET / HTTP/1.1\r\n"
    for request in (
        head + b"X: " + b"x" * 1_000_000,
        head + b"X: x\r\n" * 1_000 + b"\r\n",
        b"GET /" + b"x" * 5_000 + b" HTTP/1.1\r\n\r\n",
    ):
        connection = server.connect(OTHER)
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while some := connection.recv(65_536):
            received += some
        head_received, _, body = received.partition(b"\r\n\r\n")
        assert head_received.startswith(b"HTTP/1.1 431"), received[:200]
        problem = orjson.loads(body)
        assert (problem["code"], problem["status"]) == ("headers_too_large", 431)
    assert works(server.connect())


def test_trailers_have_the_size_of_headers(server: Server) -> None:
    """They are fields that come after a body in chunks."""
    connection = server.connect(first=b"POST /body HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
    with suppress(ConnectionError):
        connection.sendall(b"0\r\nX: " + b"x" * 100_000)
    assert is_closed(connection)


def test_an_idle_connection_ends(server: Server) -> None:
    """75 s after its last answer, which is longer than load balancers keep one."""
    connection = server.connect()
    assert works(connection)
    server.later(74)
    assert works(connection)
    server.later(74)
    assert works(connection)
    server.later(76)
    assert is_closed(connection)


def test_a_request_takes_the_servers_own_time(server: Server) -> None:
    """While a body is awaited by the application, which has its own deadline and answers 408, nothing is cut off."""
    connection = server.connect(first=b"POST /body HTTP/1.1\r\nContent-Length: 2\r\n\r\nx")
    server.later(1_000)
    connection.sendall(b"y")
    assert answer(connection) == 200


def test_idle_connections_make_room(server: Server) -> None:
    """300 of them had everybody else refused. The address with the most gives up the one that is idle longest."""
    mine = [server.connect() for _ in range(4)]
    server.clock.seconds += 1
    others = [server.connect(OTHER) for _ in range(2)]
    another = server.connect("127.0.0.3")
    assert works(another)
    assert is_closed(mine[0])
    assert all(works(connection) for connection in mine[1:] + others)


def test_an_address_has_its_share_of_connections(server: Server) -> None:
    """One more takes the place of its own idle one; where none is idle it is turned away, and no other address is."""
    busy = b"POST /body HTTP/1.1\r\nContent-Length: 2\r\n\r\nx"
    mine = [server.connect(first=busy) for _ in range(3)]
    idle = server.connect()
    mine.append(server.connect(first=busy))
    assert is_closed(idle)
    over = server.connect()
    assert answer(over) == 503
    others = [server.connect(OTHER, first=busy) for _ in range(2)]
    assert answer(server.connect("127.0.0.3")) == 503, "now there is no place at all"
    for connection in mine + others:
        connection.sendall(b"y")
        assert answer(connection) == 200


def test_a_client_that_does_not_read_is_cut_off(server: Server) -> None:
    """50 MB that are answered wait in the connection's buffers and in the application, until it has had its time."""
    connection = server.connect(first=b"GET /long HTTP/1.1\r\n\r\n")
    server.until(lambda: any(c._blocked_since is not None for c in server.known()))
    held = server.do(lambda: max(c.transport.get_write_buffer_size() for c in server.known()))
    assert held < 1_000_000, "the rest is not given to the connection yet"
    server.later(29)
    assert server.known()
    server.later(2)
    server.until(lambda: not server.known())
    connection.close()


def test_a_client_that_reads_too_slowly_is_cut_off(server: Server) -> None:
    """Some now and then is not enough: it has to come to a rate. Here it has read a moment ago each time."""
    connection = server.connect(first=b"GET /long HTTP/1.1\r\n\r\n")
    server.until(lambda: any(c._blocked_since is not None for c in server.known()))
    server.later(29)
    before = server.do(lambda: max(c._written_bytes for c in server.known()))
    while server.do(lambda: max(c._written_bytes for c in server.known())) == before:
        connection.recv(1 << 16)
    server.until(lambda: any(c._blocked_since is not None for c in server.known()))
    assert server.known(), "it is in time so far"
    server.later(29)
    server.until(lambda: not server.known())


def test_a_client_that_reads_gets_everything(server: Server) -> None:
    """However often the server had to wait for it."""
    connection = server.connect(first=b"GET /long HTTP/1.1\r\n\r\n")
    received = 0
    while received < ANSWER_BYTES:
        received += len(connection.recv(1 << 20))
        server.do(server.connections.cut_overdue)
    assert works(connection)


def test_a_refusal_reaches_who_sends_everything_first(server: Server) -> None:
    """A client that sends 3 MB before it reads anything finds 413, not a reset connection."""
    connection = server.connect()
    head = b"POST /early HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n"
    connection.sendall(head)
    for _ in range(30):
        connection.sendall(b"x" * 100_000)
    assert answer(connection) == 413


def test_what_is_sent_in_vain_has_an_end(server: Server) -> None:
    """In bytes, whether the answer closes the connection or keeps it, and in seconds."""
    for path in (b"/early", b"/short"):
        head = b"POST " + path + b" HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n"
        connection = server.connect()
        connection.sendall(head)
        with pytest.raises(ConnectionError):
            send_on(connection)
        connection = server.connect()
        connection.sendall(head)
        assert answer(connection) in {200, 413}
        server.later(31)
        server.until(lambda: not server.known())


def send_on(connection: socket.socket) -> None:
    """100 MB, which is more than buffers hold."""
    for _ in range(1_000):
        connection.sendall(b"x" * 100_000)


def test_requests_in_a_row_are_answered_in_order_up_to_a_number(server: Server) -> None:
    """Pipelining is part of HTTP; ten thousand requests in one packet are not."""
    connection = server.connect()
    connection.sendall(REQUEST * 3)
    received = b""
    while received.count(b"HTTP/1.1 200") < 3:
        received += connection.recv(4_096)
    connection = server.connect()
    with suppress(ConnectionError):
        connection.sendall(b"POST /body HTTP/1.1\r\nContent-Length: 1\r\n\r\n" + b"x" + REQUEST * 2_000)
        while connection.recv(65_536):
            pass
    server.until(lambda: len(server.known()) == 1)
