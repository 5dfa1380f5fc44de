"""Reads from DynamoDB that go without the SDK: the same answers, and the SDK's wherever anything is not plain."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from quartzdb.adapters.aws.dynamodb_reads import DynamoReads
from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.aws.patience import Patience
from quartzdb.domain.errors import Unavailable
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints
from tests.aws_emulators import REGION, Emulators
from tests.aws_fault_proxy import Fault, FaultProxy, dynamodb_error, fault_proxy
from tests.manual_clock import ManualClock
from tests.plain_server import serving

PATIENCE = Patience(connect_seconds=5, read_seconds=60, attempts_max=2)


@pytest.fixture(scope="module")
def proxied(aws: Emulators) -> Iterator[FaultProxy]:
    with fault_proxy(aws.get("ministack").endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def proxy(proxied: FaultProxy) -> Iterator[FaultProxy]:
    proxied.heal()
    yield proxied
    proxied.heal()


@pytest.fixture(scope="module")
def name(aws: Emulators) -> str:
    """A table with some items."""
    emulator = aws.get("ministack")
    place = emulator.new_place()
    table = AwsClients(REGION, AwsEndpoints.at(emulator.endpoint_url), PATIENCE).table(
        place.table, ManualClock()
    )
    for number in range(5):
        table.put(
            {"pk": "p", "sk": f"{number}", "number": -number, "body": bytes([0, 255, number]), "ü": "ä€"}
        )
    return place.table


def tables(proxy: FaultProxy, name: str) -> tuple[DynamoTable, DynamoTable]:
    """With the short way, and without."""
    clients = AwsClients(REGION, AwsEndpoints.at(proxy.url), PATIENCE)
    return clients.table(name, ManualClock()), DynamoTable(clients.dynamodb, name, ManualClock())


def answers(table: DynamoTable) -> list[Any]:
    """Of each kind of read."""
    return [
        table.get("p", "3"),
        table.get("p", "absent"),
        list(table.query("p", "1", "4", page_items_max=2)),
        list(table.query("p", "0", "9", reverse=True, attributes=("sk", "body"))),
        sorted(table.batch_get([("p", "1"), ("p", "2"), ("p", "absent")]), key=str),
    ]


def test_both_ways_have_the_same_answers(proxy: FaultProxy, name: str) -> None:
    short, long = tables(proxy, name)
    assert answers(short) == answers(long)
    assert answers(short)[0] == {"pk": "p", "sk": "3", "number": -3, "body": b"\x00\xff\x03", "ü": "ä€"}


def test_reads_go_without_the_sdk(proxy: FaultProxy, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which would take several times as much of a processor."""
    short, _ = tables(proxy, name)
    monkeypatch.setattr(short, "_client", _Untouched())
    assert short.get("p", "1") is not None
    assert short.batch_get([("p", "1")])
    assert len(list(short.query("p", "1", "2"))) == 1


class _Untouched:
    """Of a client, methods that nobody may call."""

    def __getattr__(self, name: str) -> Any:
        def never(**_: Any) -> Any:
            raise AssertionError(name)

        return never


@pytest.mark.parametrize(
    "fault",
    [
        Fault("reset"),
        Fault("lost"),
        dynamodb_error("ProvisionedThroughputExceededException"),
        dynamodb_error("InternalServerError", 500),
        Fault("refused", 200, b"no JSON"),
        Fault("refused", 200, b"[]"),
        Fault("refused", 200, json.dumps({"Item": {"body": {"B": "%%%"}}}).encode()),
    ],
)
def test_what_goes_wrong_is_asked_of_the_sdk(proxy: FaultProxy, name: str, fault: Fault) -> None:
    """Once is no trouble."""
    short, _ = tables(proxy, name)
    proxy.fail("GetItem", fault, times=1)
    found = short.get("p", "2")
    assert found is not None
    assert found["body"] == b"\x00\xff\x02"
    assert proxy.count("GetItem") == 2


def test_what_stays_wrong_is_told_as_ever(proxy: FaultProxy, name: str) -> None:
    short, _ = tables(proxy, name)
    proxy.fail("GetItem", dynamodb_error("AccessDeniedException"))
    with pytest.raises(Unavailable, match="may not be used"):
        short.get("p", "2")


def test_an_answer_that_does_not_match_its_checksum_is_not_taken() -> None:
    """DynamoDB sends one with each answer."""
    content = b'{"Item":{"pk":{"S":"p"}}}'
    checksums = [zlib.crc32(content), zlib.crc32(content) ^ 1]

    def answer(_: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nx-amz-crc32: %d\r\n\r\n%s" % (
            len(content),
            checksums.pop(0),
            content,
        )

    with serving(answer) as server:
        clients = AwsClients(REGION, AwsEndpoints.at(f"http://127.0.0.1:{server.port}"), PATIENCE)
        credentials = clients.credentials_for(clients.dynamodb.meta.endpoint_url)
        assert credentials is not None
        reads = DynamoReads(clients.dynamodb, credentials, PATIENCE, ManualClock())
        assert reads.ask("GetItem", {}) == {"Item": {"pk": {"S": "p"}}}
        assert reads.ask("GetItem", {}) is None
