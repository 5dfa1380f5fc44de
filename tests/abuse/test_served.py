"""The same limits where they are used: `quartzdb serve`, as a process with its own event loop and settings."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from quartzdb.domain.limits import SMALL_JSON
from tests.server_process import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("serve") / "data") as process:
        yield process


def connect(server: ServerProcess) -> socket.socket:
    url = httpx.URL(server.url)
    return socket.create_connection((url.host, url.port or 80), timeout=30)


def received(connection: socket.socket) -> tuple[int, dict[str, object]]:
    """Status and document of an answer after which the connection is closed."""
    everything = b""
    while some := connection.recv(65_536):
        everything += some
    head, _, body = everything.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), json.loads(body)


@pytest.mark.parametrize("declared", [True, False])
def test_413_reaches_a_client_that_sends_everything_before_it_reads(
    server: ServerProcess, declared: bool
) -> None:
    """Whether it says how much will come or not: 30 MB to an operation that takes 64 KiB."""
    size = 30_000_000
    length = f"Content-Length: {size}" if declared else "Transfer-Encoding: chunked"
    with connect(server) as connection:
        head = (
            f"POST /v1/namespaces HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n"
            f"Content-Type: application/json\r\n{length}\r\n\r\n"
        )
        connection.sendall(head.encode())
        for _ in range(size // 100_000):
            connection.sendall(b"x" * 100_000 if declared else b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
        status, problem = received(connection)
    assert (status, problem["code"]) == (413, "body_too_large")
    assert str(SMALL_JSON.bytes_max) in str(problem["detail"])


def test_headers_that_never_end_are_refused(server: ServerProcess) -> None:
    """96 MB of them stalled everybody for 14 s. The sender learns why after some of them."""
    with connect(server) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nX: " + b"x" * 1_000_000)
        connection.shutdown(socket.SHUT_WR)
        assert received(connection)[1]["code"] == "headers_too_large"
    with server.client() as client:
        assert client.get("/namespaces").status_code == 200


def test_three_hundred_idle_connections_leave_room(server: ServerProcess) -> None:
    """Silent ones, from one address."""
    silent = [connect(server) for _ in range(300)]
    try:
        with server.client() as client:
            assert client.get("/namespaces").status_code == 200
    finally:
        for connection in silent:
            connection.close()
