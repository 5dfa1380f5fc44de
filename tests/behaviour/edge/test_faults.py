"""The fault proxy breaks an origin in every way that it names, and heals."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator

import pytest

from local.fault_control import fault_control
from local.faults import KINDS, Fault, FaultProxy, fault_proxy
from quartzdb.net.address import Address
from tests.recording_origin import RecordingOrigin, recording_origin


@pytest.fixture
def origin() -> Iterator[RecordingOrigin]:
    with recording_origin("origin") as running:
        running.body = b"0123456789"
        yield running


@pytest.fixture
def proxy(origin: RecordingOrigin) -> Iterator[FaultProxy]:
    with fault_proxy(origin.address, seed=7) as running:
        yield running


def ask(address: Address, method: str = "GET", *, timeout: float = 10, body: bytes | None = None) -> bytes:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout)
    try:
        connection.request(method, "/a?b", body, {"X-One": "1"})
        answer = connection.getresponse()
        return str(answer.status).encode() + b" " + answer.read()
    finally:
        connection.close()


def test_without_a_fault_everything_passes(origin: RecordingOrigin, proxy: FaultProxy) -> None:
    """Method, target, headers and body."""
    assert ask(proxy.address, "POST", body=b"body") == b"200 0123456789"
    (asked,) = origin.asked
    assert (asked.method, asked.target, asked.body, asked.headers["x-one"]) == ("POST", "/a?b", b"body", "1")


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (Fault("refuse"), ConnectionRefusedError),
        (Fault("dns"), ConnectionRefusedError),
        (Fault("blackhole"), TimeoutError),
        (Fault("slow", seconds=60), TimeoutError),
        (Fault("reset"), ConnectionResetError),
        (Fault("truncated"), http.client.IncompleteRead),
    ],
    ids=lambda each: getattr(each, "kind", ""),
)
def test_each_fault_is_what_it_is_called(
    origin: RecordingOrigin, proxy: FaultProxy, fault: Fault, failure: type[Exception]
) -> None:
    """To a client, again and again; and everything passes when it is over, on the same port."""
    proxy.set(fault)
    for _ in range(2):
        with pytest.raises(failure):
            ask(proxy.address, timeout=0.2)
    assert proxy.resolves is (fault.kind != "dns")
    proxy.heal()
    origin.asked.clear()
    assert ask(proxy.address) == b"200 0123456789"


def test_a_slow_answer_is_the_origins(origin: RecordingOrigin, proxy: FaultProxy) -> None:
    """Only late."""
    proxy.set(Fault("slow", seconds=0.01))
    assert ask(proxy.address) == b"200 0123456789"


def test_a_share_of_errors(proxy: FaultProxy, origin: RecordingOrigin) -> None:
    """Half of the requests, by the seed, and those do not reach the origin."""
    proxy.set(Fault("error_5xx", fraction=0.5, status=500))
    answers = [ask(proxy.address)[:3] for _ in range(40)]
    assert set(answers) == {b"200", b"500"}
    assert answers.count(b"200") == len(origin.asked) == proxy.served
    assert 10 <= answers.count(b"500") <= 30


def test_a_fault_meets_requests_that_wait_already(proxy: FaultProxy) -> None:
    """One that hangs in a black hole is reset when the port is closed."""
    proxy.set(Fault("blackhole"))
    failures: list[BaseException] = []

    def hang() -> None:
        try:
            ask(proxy.address, timeout=60)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is looked at below
            failures.append(error)

    thread = threading.Thread(target=hang)
    thread.start()
    while not proxy.open_connections:
        pass
    proxy.set(Fault("refuse"))
    thread.join(20)
    assert [type(each) for each in failures] in ([ConnectionResetError], [http.client.RemoteDisconnected])


@pytest.mark.parametrize(
    "nonsense", [{"kind": "fire"}, {"fraction": 2}, {"seconds": -1}, {"status": 200}], ids=str
)
def test_a_fault_that_is_none_is_refused(nonsense: dict[str, object]) -> None:
    """Before anybody believes that something is broken."""
    with pytest.raises(ValueError, match="fault"):
        Fault(**nonsense)  # type: ignore[arg-type]


def test_another_process_can_switch_faults(proxy: FaultProxy) -> None:
    """By the control endpoint, which says what is set and refuses nonsense."""

    def control(method: str, path: str, document: object = None) -> tuple[int, object]:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
        try:
            connection.request(method, path, None if document is None else json.dumps(document))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    with fault_control({"aws": proxy}) as url:
        slow = {"kind": "slow", "seconds": 0.5, "fraction": 1.0, "status": 503}
        assert control("PUT", "/faults/aws", {"kind": "slow", "seconds": 0.5}) == (200, slow)
        assert proxy.fault == Fault("slow", seconds=0.5)
        assert control("GET", "/faults") == (200, {"aws": slow})
        for bad in ({"kind": "fire"}, {"colour": "red"}, [1]):
            assert control("PUT", "/faults/aws", bad)[0] == 400
        assert control("PUT", "/faults/moon", {"kind": "none"})[0] == 404
        assert control("GET", "/")[0] == 404
        assert proxy.fault.kind == "slow"


def test_every_kind_is_tested_here() -> None:
    """A new one needs a test."""
    assert set(KINDS) == {
        "none", "refuse", "blackhole", "slow", "reset", "error_5xx", "truncated", "dns"
    }  # fmt: skip
