"""Many requests to one server by one thread: side by side, over kept connections, and given up when in doubt."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from quartzdb.adapters.aws.exchange import PlainAnswer
from quartzdb.adapters.aws.many_requests import CONNECTIONS_MAX, KEPT_SECONDS, ManyRequests
from quartzdb.adapters.aws.patience import Patience
from quartzdb.adapters.aws.s3_reads import S3Reads
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints
from tests.certificates import certificate_of
from tests.manual_clock import ManualClock
from tests.plain_server import Server, serving

PATIENT = Patience(connect_seconds=30, read_seconds=30, attempts_max=1)
IMPATIENT = Patience(connect_seconds=30, read_seconds=0.05, attempts_max=1)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


def no_tls() -> ssl.SSLContext:
    """For servers that speak plainly."""
    raise AssertionError("not asked for")


def asking(server: Server, patience: Patience = PATIENT, **named: Any) -> ManyRequests:
    return ManyRequests(f"http://127.0.0.1:{server.port}/", patience, no_tls, **named)


def request_of(number: int) -> bytes:
    return b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % number


def numbered(request: bytes) -> bytes:
    body = request.split(b" ")[1].removeprefix(b"/")
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def bodies(answers: list[PlainAnswer | None]) -> list[bytes | None]:
    return [None if one is None else bytes(one.body) for one in answers]


def test_all_are_under_way_at_once_and_answered_in_order() -> None:
    """The server answers none of them before it has as many as may be under way."""
    together = threading.Barrier(CONNECTIONS_MAX)

    def answer(request: bytes) -> bytes:
        together.wait(30)
        return numbered(request)

    with serving(answer) as server:
        found = asking(server).ask([request_of(number) for number in range(CONNECTIONS_MAX)])
    assert bodies(found) == [b"%d" % number for number in range(CONNECTIONS_MAX)]


def test_more_than_there_may_be_connections_take_turns() -> None:
    """And large bodies come whole, whatever pieces they come in."""
    large = bytes(range(256)) * 8_000

    def answer(request: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nCONTENT-length: %d\r\n\r\n%s" % (len(large), large)

    with serving(answer) as server:
        found = asking(server).ask([request_of(number) for number in range(CONNECTIONS_MAX + 3)])
        assert server.connections <= CONNECTIONS_MAX + 3
    assert bodies(found) == [large] * (CONNECTIONS_MAX + 3)


def test_connections_are_kept() -> None:
    with serving(numbered) as server:
        requests = asking(server)
        requests.ask([request_of(1), request_of(2)])
        before = server.connections
        assert bodies(requests.ask([request_of(3)])) == [b"3"]
        assert server.connections == before


def test_connections_that_the_server_ended_are_made_anew() -> None:
    with serving(numbered) as server:
        requests = asking(server)
        requests.ask([request_of(1)])
        server.end_connections()
        assert bodies(requests.ask([request_of(2)])) == [b"2"]
        assert server.connections == 2


def test_a_kept_connection_that_breaks_is_no_trouble() -> None:
    """It ends when it is used again: the request goes over a new one."""
    seen: list[bytes] = []

    def answer(request: bytes) -> bytes:
        seen.append(request)
        return b"" if len(seen) == 2 else numbered(request)

    with serving(answer) as server:
        requests = asking(server)
        requests.ask([request_of(1)])
        assert bodies(requests.ask([request_of(2)])) == [b"2"]
    assert len(seen) == 3


def test_connections_that_were_not_used_for_long_are_not_trusted() -> None:
    """Of a function that was frozen they are dead, and it may never have been told."""
    now = 0.0
    with serving(numbered) as server:
        requests = asking(server, monotonic=lambda: now)
        requests.ask([request_of(1)])
        now = KEPT_SECONDS
        assert bodies(requests.ask([request_of(2)])) == [b"2"]
        assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SMTP\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        OK + b"more than two",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    ],
)
def test_what_is_no_plain_answer_is_left_to_others(answer: bytes) -> None:
    """The other requests have theirs."""

    def answered(request: bytes) -> bytes:
        return answer if b"/1 " in request else numbered(request)

    with serving(answered) as server:
        assert bodies(asking(server).ask([request_of(0), request_of(1), request_of(2)])) == [b"0", None, b"2"]


@pytest.mark.parametrize("beginning", [OK[:10], OK, OK + b"o"])
def test_an_answer_that_does_not_go_on_is_given_up(beginning: bytes) -> None:
    """In the time that there is for the next piece of one."""
    with serving(lambda _: beginning) as server:
        assert asking(server, IMPATIENT).ask([request_of(1)]) == [None]


def test_a_server_that_is_not_there_is_no_answer() -> None:
    with serving(numbered) as server:
        gone = asking(server)
    assert gone.ask([request_of(1), request_of(2)]) == [None, None]


def test_a_connection_ends_where_the_server_says_so() -> None:
    def answer(request: bytes) -> bytes:
        return numbered(request).replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")

    with serving(answer) as server:
        requests = asking(server)
        requests.ask([request_of(1)])
        requests.ask([request_of(2)])
        assert server.connections == 2


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of `localhost` alone."""
    return certificate_of("localhost", tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def behind_tls(certificate: Path) -> Iterator[Server]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with serving(numbered, tls) as server:
        yield server


def trusting(certificate: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if certificate is not None:
        context.load_verify_locations(certificate)
    return context


def test_servers_are_known_by_their_certificates(behind_tls: Server, certificate: Path) -> None:
    context = trusting(certificate)
    requests = ManyRequests(f"https://localhost:{behind_tls.port}/", PATIENT, lambda: context)
    for _ in range(2):
        found = requests.ask([request_of(number) for number in range(5)])
        assert bodies(found) == [b"%d" % number for number in range(5)]
    assert behind_tls.connections == 5


def test_a_server_of_another_name_or_authority_is_told_nothing(behind_tls: Server, certificate: Path) -> None:
    """Nor one whose name nobody would check."""
    careless = trusting(certificate)
    careless.check_hostname = False
    for host, context in (
        ("127.0.0.1", trusting(certificate)),
        ("localhost", trusting(None)),
        ("localhost", careless),
    ):

        def given(context: ssl.SSLContext = context) -> ssl.SSLContext:
            return context

        requests = ManyRequests(f"https://{host}:{behind_tls.port}/", PATIENT, given)
        assert requests.ask([request_of(1)]) == [None]


def test_reads_from_s3_are_signed_as_the_sdk_signs() -> None:
    """With a key whose letters have to be encoded, and a role's token."""
    seen: list[bytes] = []

    def answer(request: bytes) -> bytes:
        seen.append(request)
        return b"HTTP/1.1 206 Partial\r\nContent-Length: 2\r\nContent-Range: bytes 3-4/9\r\n\r\nok"

    credentials = Credentials("AKIDEXAMPLE", "secret/key", "a+token==")
    with serving(answer) as server:
        url = f"http://127.0.0.1:{server.port}"
        client = AwsClients("eu-north-1", AwsEndpoints.at(url)).s3
        client._request_signer._credentials = credentials  # type: ignore[attr-defined]
        reads = S3Reads(client, "bucket", credentials, PATIENT, ManualClock())
        assert reads.get_ranges("blobs/t ä/n=1", [(3, 2)]) == [(b"ok", 9)]
    line, *lines = seen[0].decode().strip().split("\r\n")
    assert line == "GET /bucket/blobs/t%20%C3%A4/n%3D1 HTTP/1.1"
    sent = dict(one.split(": ", 1) for one in lines)
    by_sdk = AWSRequest(
        "GET",
        url + line.split(" ")[1],
        headers={"range": "bytes=3-4", "accept-encoding": "identity", "host": sent["host"]},
    )
    by_sdk.context["timestamp"] = sent["x-amz-date"]
    signer = S3SigV4Auth(credentials, "s3", "eu-north-1")
    for name in ("x-amz-content-sha256", "x-amz-date", "x-amz-security-token"):
        by_sdk.headers[name] = sent[name]
    canonical = signer.canonical_request(by_sdk)
    signature = signer.signature(signer.string_to_sign(by_sdk, canonical), by_sdk)
    assert sent["x-amz-date"] == "20231114T221320Z"
    assert sent["authorization"].endswith(f"Signature={signature}")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 206 Partial\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 206 Partial\r\nContent-Length: 2\r\nContent-Range: bytes 0-1/9\r\n\r\nok",
        b"HTTP/1.1 206 Partial\r\nContent-Length: 2\r\nContent-Range: bytes 3-4/*\r\n\r\nok",
        b"HTTP/1.1 206 Partial\r\nContent-Length: 0\r\nContent-Range: bytes 3-2/9\r\n\r\n",
    ],
)
def test_what_s3_does_not_answer_plainly_is_the_clients_affair(answer: bytes) -> None:
    credentials = Credentials("AKIDEXAMPLE", "secret/key")
    with serving(lambda _: answer) as server:
        client = AwsClients("eu-north-1", AwsEndpoints.at(f"http://127.0.0.1:{server.port}")).s3
        client._request_signer._credentials = credentials  # type: ignore[attr-defined]
        reads = S3Reads(client, "bucket", credentials, PATIENT, ManualClock())
        assert reads.get_ranges("key", [(3, 2)]) == [None]
