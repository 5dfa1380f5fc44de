"""The client over real sockets: the deadline covers all of a request, and half an answer is none."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from quartzdb.net.address import Address
from quartzdb.net.endpoint import Endpoint
from quartzdb.net.hard_deadline import Deadline
from quartzdb.net.http_client import HttpClient, Unanswered
from tests.behaviour.net.sending import ENDPOINT, at, send
from tests.raw_server import raw_server
from tests.recording_origin import RecordingOrigin, recording_origin


@pytest.fixture
def origin() -> Iterator[RecordingOrigin]:
    with recording_origin("origin") as running:
        yield running


@pytest.mark.parametrize(
    "what",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha",
        b"nonsense\r\n\r\n",
    ],
    ids=["nothing", "half", "half a chunk", "nonsense"],
)
def test_half_an_answer_is_none(what: bytes) -> None:
    """And the request may have been carried out."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(what)

    with raw_server(serve) as address, pytest.raises(Unanswered) as raised:
        send(at(address), again=False)
    assert raised.value.sent


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("beginning", "drop"),
    [
        (b"HTTP/1.1 200 ", b"x"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Many: x\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: x\r\n"),
    ],
    ids=[
        *("reason", "one header", "many headers", "continue"),
        *("body", "body without a length", "chunks", "a chunk's extension", "trailers"),
    ],
)
def test_an_answer_that_trickles_ends_at_the_deadline(beginning: bytes, drop: bytes) -> None:
    """Wherever it does: a byte now and then satisfies the timeout of a socket for ever."""
    stopped = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(beginning)
        while not stopped.wait(0.01):
            connection.sendall(drop)

    with raw_server(serve) as address, pytest.raises(Unanswered, match="in time"):
        send(at(address), seconds=0.2)
    stopped.set()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("protocol", ["http", "https"])
def test_a_server_that_never_reads_ends_at_the_deadline(protocol: str) -> None:
    """Nor greets, over TLS: what is sent has to be taken in time, too."""
    stopped = threading.Event()
    with raw_server(lambda _: (stopped.wait(20), None)[1]) as address, pytest.raises(Unanswered) as raised:
        send(
            at(address._replace(protocol=protocol)),  # type: ignore[arg-type]  # of parametrize
            method="POST",
            body=bytes(50_000_000),
            seconds=0.2,
        )
    assert "in time" in str(raised.value)
    assert not (raised.value.sent and protocol == "https")
    stopped.set()


def test_what_has_no_time_left_is_not_begun(origin: RecordingOrigin) -> None:
    """Not even over a connection that is open: nothing was sent."""
    with closing(at(origin.address)) as client:
        send(client)
        with pytest.raises(Unanswered, match="in time") as raised:
            send(client, seconds=0)
        assert not raised.value.sent
    assert len(origin.asked) == 1


def test_a_value_with_a_line_break_is_not_sent_and_not_told(origin: RecordingOrigin) -> None:
    """It may be a secret from a file; and the client is as good as before."""
    with closing(at(origin.address)) as client:
        for _ in range(2):
            send(client)
            with pytest.raises(ValueError, match="X-Secret has a line break") as raised:
                client.send(
                    ENDPOINT,
                    "GET",
                    "/",
                    [("X-Secret", "hush\n")],
                    b"",
                    deadline=Deadline(10),
                    answer_bytes_max=1,
                    again=True,
                )
            assert "hush" not in f"{raised.value} {raised.value.__context__}"
    assert len({each.connection for each in origin.asked}) == 1


@pytest.mark.parametrize("length", [b"Content-Length: 100000\r\n", b""])
def test_an_answer_after_which_the_connection_ends_is_read_to_its_end(length: bytes) -> None:
    """However much of it has yet to come, and whether or not it says how long it is."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + length + b"\r\n" + b"x" * 100_000)

    with raw_server(serve) as address, closing(at(address)) as client:
        assert send(client, most=200_000).body == b"x" * 100_000


def test_without_a_connection_nothing_was_sent() -> None:
    """Which is what makes a write certainly not done."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(Unanswered) as raised:
            send(at(Address("127.0.0.1", closed.getsockname()[1], "http")))
    assert not raised.value.sent


def test_a_body_that_is_too_long_is_left_out(origin: RecordingOrigin) -> None:
    """Whether the origin says its length or not."""
    with closing(at(origin.address)) as client:
        origin.body = b"x" * 1001
        answer = send(client)
        assert (answer.status, answer.body, answer.complete) == (200, b"", False)
        origin.body = b"x" * 1000
        assert send(client).complete

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
    with closing(at(origin.address)) as client:
        answer = send(client, method="HEAD")
    assert (answer.status, answer.body, answer.complete) == (200, b"", True)


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
        client = at(address, tls=trusting)
        assert [send(client, endpoint=secure).body for _ in range(3)] == [b"ok"] * 3
        assert len(connections) == 1
        client.close()
        with pytest.raises(Unanswered, match=r"(?i)certificate") as raised:
            send(at(address), endpoint=secure)  # nobody vouches for it
        assert not raised.value.sent
        other = Endpoint("https", "other.example.org", 443)
        with pytest.raises(Unanswered, match=r"(?i)hostname"):
            send(HttpClient({other.host: address}, tls=trusting), endpoint=other)


def test_what_is_no_ascii_is_sent_as_utf_8(origin: RecordingOrigin) -> None:
    """A client's odd path or header must not end the router's request before it was sent."""
    with closing(at(origin.address)) as client:
        answer = client.send(
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
