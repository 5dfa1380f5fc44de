"""Connections to AWS read the certificates of authorities once for all of them, and ask for them every time."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import SSLError

from quartzdb.adapters.aws import trusting_session
from quartzdb.adapters.aws.patience import Patience
from quartzdb.adapters.aws.trusting_session import TrustingSession
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints
from tests.certificates import certificate_of
from tests.plain_trust import trust_plainly

CONNECTIONS = 8


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64


class _Answers(http.server.BaseHTTPRequestHandler):
    """To GET as an object store does, to POST as DynamoDB does of a table without the item."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"hello")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer(b"{}")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an authority of its own, for `localhost` alone."""
    return certificate_of("localhost", tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def port(certificate: Path) -> Iterator[int]:
    """Of a server behind TLS."""
    server = _Server(("127.0.0.1", 0), _Answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    # Each connection's thread shakes hands, not the one that accepts.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The server's authority stands in the place of those that come with botocore."""
    trusting_session._trusting.cache_clear()
    monkeypatch.setattr(trusting_session, "get_cert_path", lambda _: str(certificate))
    yield
    trusting_session._trusting.cache_clear()


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Of certificates of authorities, into any context."""
    found: list[object] = []
    read = ssl.SSLContext.load_verify_locations

    def counted(context: ssl.SSLContext, *given: Any, **named: Any) -> None:
        found.append(given or named)
        read(context, *given, **named)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    return found


@pytest.mark.usefixtures("trusted")
def test_many_connections_read_certificates_once(port: int, readings: list[object]) -> None:
    """Which is most of what a search of a new function would do else."""
    session = TrustingSession(max_pool_connections=CONNECTIONS)
    together = threading.Barrier(CONNECTIONS)

    def get(_: int) -> bytes:
        together.wait()
        content: bytes = session.send(AWSRequest("GET", f"https://localhost:{port}/").prepare()).content
        return content

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        assert list(threads.map(get, range(CONNECTIONS))) == [b"hello"] * CONNECTIONS
    assert len(readings) == 1
    # What else uses the context relies on that.
    assert trusting_session.trusting_context().check_hostname


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment as functions have it, whatever this machine's is."""
    trust_plainly(monkeypatch)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # which is no proxy
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def _ask(port: int) -> None:
    """DynamoDB, by several connections at once."""
    patient = Patience(connect_seconds=60, read_seconds=60, attempts_max=1)
    table = AwsClients("us-east-1", AwsEndpoints.at(f"https://localhost:{port}"), patient).dynamodb
    together = threading.Barrier(CONNECTIONS)

    def get(number: int) -> bool:
        together.wait()
        return "Item" in table.get_item(TableName="table", Key={"pk": {"S": str(number)}})

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        assert not any(threads.map(get, range(CONNECTIONS)))


@pytest.mark.usefixtures("trusted", "usual")
def test_clients_share_what_was_read(port: int, readings: list[object]) -> None:
    """Those of DynamoDB and Secrets Manager as well as what reads from S3."""
    _ask(port)
    _ask(port)
    # Each client makes a context of its own, too, which it does not use and does not fill.
    assert len(readings) == 1


@pytest.mark.usefixtures("usual")
def test_authorities_of_ones_own_are_kept_to(
    port: int, certificate: Path, readings: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the client's own session connects, as the SDK's documentation has it."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    _ask(port)
    assert len(readings) >= CONNECTIONS


def test_a_server_of_an_authority_that_nobody_knows_is_refused(port: int) -> None:
    """As ever."""
    trusting_session._trusting.cache_clear()
    with pytest.raises(SSLError):
        TrustingSession().send(AWSRequest("GET", f"https://localhost:{port}/").prepare())


@pytest.mark.usefixtures("trusted")
def test_a_server_of_another_name_is_refused(port: int) -> None:
    """A certificate is for its names."""
    with pytest.raises(SSLError):
        TrustingSession().send(AWSRequest("GET", f"https://127.0.0.1:{port}/").prepare())
