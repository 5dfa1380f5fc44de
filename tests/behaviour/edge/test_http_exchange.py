"""One exchange over real sockets: the deadline covers all of it, reads reuse a connection, and a write never does."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from quartzdb.net.address import Address
from quartzdb.net.hard_deadline import Deadline
from quartzdb.net.http_exchange import Endpoint, HttpAnswer, HttpExchange, Unanswered
from quartzdb.net.resolver import NameNotFound, Resolver
from tests.manual_clock import ManualClock
from tests.recording_origin import RecordingOrigin, recording_origin

ENDPOINT = Endpoint("http", "origin.example.org", 80)
Serve = Callable[[socket.socket], None]


@pytest.fixture
def origin() -> Iterator[RecordingOrigin]:
    with recording_origin("origin") as running:
        yield running


@contextmanager
def raw_server(serve: Serve) -> Iterator[Address]:
    """Does what it is told with each connection, one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):  # the client has gone
                serve(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield Address("127.0.0.1", listener.getsockname()[1], "http")
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(20)


def send(
    exchange: HttpExchange,
    *,
    endpoint: Endpoint = ENDPOINT,
    method: str = "GET",
    body: bytes = b"",
    seconds: float = 10,
    most: int = 1000,
    again: bool = True,
) -> HttpAnswer:
    return exchange.send(
        endpoint,
        method,
        "/a?b",
        [("Host", "origin.example.org"), ("X-One", "1"), ("X-One", "2")],
        body,
        deadline=Deadline(seconds),
        answer_bytes_max=most,
        again=again,
    )


def at(address: Address, **options: Any) -> HttpExchange:
    return HttpExchange({ENDPOINT.host: address}, **options)


def test_reads_share_a_connection_and_writes_do_not(origin: RecordingOrigin) -> None:
    """A write on a connection that breaks could have arrived."""
    exchange = at(origin.address)
    for again in (True, True, False, False, True):
        assert send(exchange, method="POST", body=b"x", again=again).status == 200
    exchange.close()
    used = [each.connection for each in origin.asked]
    assert used[0] == used[1] == used[4]
    assert len(set(used)) == 3
    assert origin.asked[0].headers["x-one"] == "1|2"
    assert origin.asked[0].body == b"x"


def test_a_kept_connection_that_was_closed_is_replaced() -> None:
    """Whether that shows at once or only when it is used: the read is answered all the same."""
    served: list[int] = []

    def once(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        served.append(1)

    with raw_server(once) as address:
        exchange = at(address)
        for _ in range(3):
            assert send(exchange).body == b"ok"
        exchange.close()
    assert len(served) == 3


def test_a_kept_connection_that_breaks_under_a_read_is_tried_once_more() -> None:
    """Here it is closed after the second request has arrived."""
    asked: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        if len(asked) == 1:
            asked.append(connection.recv(65536))

    with raw_server(serve) as address:
        exchange = at(address)
        assert [send(exchange).body for _ in range(2)] == [b"ok", b"ok"]
        exchange.close()
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("what", "sent"),
    [
        (b"", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha", True),
        (b"nonsense\r\n\r\n", True),
    ],
    ids=["nothing", "half", "half a chunk", "nonsense"],
)
def test_half_an_answer_is_none(what: bytes, sent: bool) -> None:
    """And the request may have been carried out."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(what)

    with raw_server(serve) as address, pytest.raises(Unanswered) as raised:
        send(at(address), again=False)
    assert raised.value.sent is sent


def test_an_answer_that_trickles_ends_at_the_deadline() -> None:
    """A byte now and then satisfies the timeout of a socket for ever."""
    stopped = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not stopped.wait(0.01):
            connection.sendall(b"x")

    with raw_server(serve) as address, pytest.raises(Unanswered, match="in time"):
        send(at(address), seconds=0.2)
    stopped.set()


@pytest.mark.parametrize("length", [b"Content-Length: 100000\r\n", b""])
def test_an_answer_after_which_the_connection_ends_is_read_to_its_end(length: bytes) -> None:
    """However much of it has yet to come, and whether or not it says how long it is."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + length + b"\r\n" + b"x" * 100_000)

    with raw_server(serve) as address, closing(at(address)) as exchange:
        assert send(exchange, most=200_000).body == b"x" * 100_000


def test_without_a_connection_nothing_was_sent() -> None:
    """Which is what makes a write certainly not done."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(Unanswered) as raised:
            send(at(Address("127.0.0.1", closed.getsockname()[1], "http")))
    assert not raised.value.sent


def test_a_body_that_is_too_long_is_left_out(origin: RecordingOrigin) -> None:
    """Whether the origin says its length or not."""
    with closing(at(origin.address)) as exchange:
        origin.body = b"x" * 1001
        answer = send(exchange)
        assert (answer.status, answer.body, answer.complete) == (200, b"", False)
        origin.body = b"x" * 1000
        assert send(exchange).complete

    def endless(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 1000)

    with raw_server(endless) as address:
        assert not send(at(address)).complete


def test_a_head_has_a_length_and_no_body(origin: RecordingOrigin) -> None:
    """Its length does not count as something to read."""
    origin.body = b"x" * 5000
    with closing(at(origin.address)) as exchange:
        answer = send(exchange, method="HEAD")
    assert (answer.status, answer.body, answer.complete) == (200, b"", True)


def test_names_are_looked_up_once_in_a_while_and_remembered_when_they_fail() -> None:
    """A resolver that fails or hangs does not take an origin away that was there a moment ago."""
    clock = ManualClock()
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]
    calls: list[str] = []
    hang = threading.Event()

    def look_up(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        calls.append(host)
        if len(calls) == 2:
            raise socket.gaierror("no such name")
        if len(calls) == 3:
            hang.wait()
        return list(found)

    names = Resolver(look_up, clock.monotonic)
    assert names.addresses("a", 1, Deadline(10)) == found
    clock.sleep(29)
    assert names.addresses("a", 1, Deadline(10)) == found
    assert len(calls) == 1
    clock.sleep(2)
    assert names.addresses("a", 1, Deadline(10)) == found
    assert names.addresses("a", 1, Deadline(0.1)) == found
    assert len(calls) == 3
    hang.set()


def test_a_name_that_leads_nowhere_is_an_error_in_time() -> None:
    """As for any other failure of an origin."""
    hang = threading.Event()

    def hangs(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        hang.wait()
        return []

    def fails(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        raise socket.gaierror("no such name")

    for look_up, why in ((hangs, "in time"), (fails, "no such name")):
        with pytest.raises(NameNotFound, match=why):
            Resolver(look_up).addresses("a", 1, Deadline(0.1))
        with pytest.raises(Unanswered) as raised:
            send(HttpExchange(names=Resolver(look_up)), seconds=0.1)
        assert not raised.value.sent
    hang.set()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of origin.example.org, by itself."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, and there is no other way to make a certificate here")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", folder / "key.pem", "-out", folder / "certificate.pem"),
            *("-subj", "/CN=origin.example.org", "-addext", "subjectAltName=DNS:origin.example.org"),
        ],
        check=True,
        capture_output=True,
    )
    return folder


def test_an_origin_proves_its_name(certificate: Path) -> None:
    """By a certificate that is trusted and is its own; reads reuse the connection over TLS, too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")
    connections: list[int] = []

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            connections.append(1)
            while secured.recv(65536):
                secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def trusting() -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(certificate / "certificate.pem"))

    with raw_server(serve) as plain:
        address = Address(plain.host, plain.port, "https")
        secure = Endpoint("https", ENDPOINT.host, 443)
        exchange = at(address, tls=trusting)
        assert [send(exchange, endpoint=secure).body for _ in range(3)] == [b"ok"] * 3
        assert len(connections) == 1
        exchange.close()
        with pytest.raises(Unanswered, match=r"(?i)certificate") as raised:
            send(at(address), endpoint=secure)  # nobody vouches for it
        assert not raised.value.sent
        other = Endpoint("https", "other.example.org", 443)
        with pytest.raises(Unanswered, match=r"(?i)hostname"):
            send(HttpExchange({other.host: address}, tls=trusting), endpoint=other)


def test_what_is_no_ascii_is_sent_as_utf_8(origin: RecordingOrigin) -> None:
    """A client's odd path or header must not end the router's request before it was sent."""
    with closing(at(origin.address)) as exchange:
        answer = exchange.send(
            ENDPOINT,
            "GET",
            "/api/get/\u2603%2F?x=\xe9&y=%20",
            [("Host", "origin.example.org"), ("X-Odd", "\u2603"), ("X-Plain", "caf\xe9")],
            b"",
            deadline=Deadline(10),
            answer_bytes_max=1000,
            again=True,
        )
    assert answer.status == 200
    (asked,) = origin.asked
    assert asked.target == "/api/get/%E2%98%83%2F?x=%C3%A9&y=%20"
    assert asked.headers["x-odd"].encode("latin-1").decode() == "\u2603"
    assert asked.headers["x-plain"] == "caf\xe9"
