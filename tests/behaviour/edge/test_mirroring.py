"""Writes for a peer without a feed: what it accepts is in the queue before the client hears of success."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest

from local.faults import Fault
from quartzdb.net.address import Address
from quartzdb.routing.decision.edge_config import Deadlines, EdgeConfig
from quartzdb.routing.decision.passive import decode_report
from quartzdb.routing.decision.state import Mode, Origin
from tests.aws_emulators import REGION, Emulators
from tests.behaviour.edge.conftest import CONFIG, Edge, MakeEdge, state

DEADLINES = Deadlines(write=2, queue=2, report=2)
GOOD = json.dumps({"key": "a b", "value": "x"}).encode()


@dataclass
class Queue:
    """A queue of the emulator."""

    client: Any
    url: str

    def messages(self) -> list[dict[str, Any]]:
        """All that can be received now."""
        found = []
        while got := self.client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(each["Body"]) for each in got]
        return found

    @property
    def delayed(self) -> int:
        """How many will come later."""
        counts = self.client.get_queue_attributes(
            QueueUrl=self.url, AttributeNames=["ApproximateNumberOfMessagesDelayed"]
        )["Attributes"]
        return int(counts["ApproximateNumberOfMessagesDelayed"])


@pytest.fixture
def queue(aws: Emulators, request: pytest.FixtureRequest) -> Iterator[Queue]:
    client = boto3.client("sqs", endpoint_url=aws.get("ministack").endpoint_url, region_name=REGION)
    url = client.create_queue(QueueName=f"edge-{abs(hash(request.node.name))}")["QueueUrl"]
    yield Queue(client, url)
    client.delete_queue(QueueUrl=url)
    client.close()


@pytest.fixture
def mirroring(queue: Queue) -> EdgeConfig:
    return replace(CONFIG, mirror_queue_url=queue.url, mirror_delay_seconds=0, deadlines=DEADLINES)


def batch(count: int, size: int = 1) -> bytes:
    return json.dumps(
        {"vectors": [{"id": f"v{each}", "vector": [0.5] * size} for each in range(count)]}
    ).encode()


def test_an_accepted_write_is_in_the_queue(edge: MakeEdge, mirroring: EdgeConfig, queue: Queue) -> None:
    """As it was sent, under its request id; the client gets the peer's answer."""
    running = edge(mirroring)
    running.cloudflare.body = b'{"success":true}'
    reply = running.send("POST", "/api/put", GOOD, {"x-request-id": "one"})
    assert (reply.status, reply.body) == (200, b'{"success":true}')
    assert reply.headers["x-quartzdb-served-by"] == "cloudflare"
    (asked,) = running.cloudflare.asked
    assert asked.body == GOOD
    (message,) = queue.messages()
    assert message.pop("at_ms") > 1_700_000_000_000
    assert message == {
        "request_id": "one",
        "method": "POST",
        "path": "/api/put",
        "body": base64.b64encode(GOOD).decode(),
    }


def test_a_delete_is_in_the_queue(edge: MakeEdge, mirroring: EdgeConfig, queue: Queue) -> None:
    """By its path, encoded as it came."""
    assert edge(mirroring).send("DELETE", "/api/delete/a%2Fb%20c").status == 200
    (message,) = queue.messages()
    assert (message["method"], message["path"], message["body"]) == ("DELETE", "/api/delete/a%2Fb%20c", "")


@pytest.mark.parametrize("status", [400, 401, 404, 429])
def test_what_the_peer_refuses_is_not_mirrored(
    edge: MakeEdge, mirroring: EdgeConfig, queue: Queue, status: int
) -> None:
    """The client hears why."""
    running = edge(mirroring)
    running.cloudflare.status, running.cloudflare.body = status, b"why"
    reply = running.send("POST", "/api/put", GOOD)
    assert (reply.status, reply.body) == (status, b"why")
    assert queue.messages() == []


def test_reads_and_writes_to_aws_are_not_mirrored(
    edge: MakeEdge, mirroring: EdgeConfig, queue: Queue
) -> None:
    """A search by POST is a read; what AWS accepts it has."""
    running = edge(mirroring)
    assert running.send("POST", "/api/vector/search", b"{}").headers["x-cache"] == "Miss from cloudfront"
    assert running.send("POST", "/v1/namespaces", b"{}").body == b"aws"
    assert queue.messages() == []


def test_a_body_too_large_for_a_message_is_told_of_by_name(
    edge: MakeEdge, mirroring: EdgeConfig, queue: Queue
) -> None:
    """The path has the name; a batch is one message for each record."""
    running = edge(mirroring)
    put = json.dumps({"value": "x" * 200_000, "key": "a/b é"}).encode()
    insert = json.dumps({"vector": [0.25] * 50_000, "id": "v-1"}).encode()
    many = batch(12, 5_000)
    for path, body in (
        ("/api/put", put),
        ("/api/vector/insert", insert),
        ("/api/vector/batch-insert", many),
    ):
        assert len(body) > 180 * 1024
        assert running.send("POST", path, body).status == 200
    assert [each.body for each in running.cloudflare.asked] == [put, insert, many]
    told = queue.messages()
    assert sorted(each["path"] for each in told) == sorted(
        [
            "/api/put/a%2Fb%20%C3%A9",
            "/api/vector/insert/v-1",
            *(f"/api/vector/insert/v{number}" for number in range(12)),
        ]
    )
    assert {(each["method"], each["body"]) for each in told} == {("POST", None)}


def test_a_body_that_the_edge_has_not_whole_is_told_of_before_it_is_sent(
    edge: MakeEdge, mirroring: EdgeConfig, queue: Queue
) -> None:
    """Over 1 MB: by the name at its beginning, late enough for the value to be there; CloudFront sends it whole."""
    running = edge(replace(mirroring, mirror_delay_seconds=600))
    put = json.dumps({"key": "big", "value": "x" * 1_500_000}).encode()
    reply = running.send("POST", "/api/put", put)
    assert (reply.status, reply.headers["x-cache"]) == (200, "Miss from cloudfront")
    assert running.cloudflare.asked[0].body == put
    assert queue.delayed == 1
    assert queue.messages() == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/put", json.dumps({"value": "x" * 1_500_000, "key": "last"}).encode()),
        ("/api/vector/batch-insert", batch(50, 8_000)),
        ("/api/vector/insert", json.dumps({"id": 7, "vector": [0.5] * 50_000}).encode()),
    ],
    ids=["the name last", "a large batch", "no name"],
)
def test_a_write_that_could_not_be_told_of_is_not_sent(
    edge: MakeEdge, mirroring: EdgeConfig, queue: Queue, path: str, body: bytes
) -> None:
    """413, with what to do; nothing has happened anywhere."""
    running = edge(mirroring)
    reply = running.send("POST", path, body)
    assert (reply.status, json.loads(reply.body)["code"]) == (413, "body_too_large")
    assert running.cloudflare.asked == []
    assert queue.messages() == []


def closed_port() -> Address:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Address("127.0.0.1", probe.getsockname()[1], "http")


LOST_QUEUE = replace(
    CONFIG,
    mirror_queue_url="https://sqs.us-east-1.amazonaws.com/1/mirror",
    deadlines=replace(DEADLINES, queue=0.2),
    resolve={"sqs.us-east-1.amazonaws.com": closed_port()},
)


def test_without_the_queue_an_accepted_write_is_no_success(edge: MakeEdge) -> None:
    """The peer has it and AWS has not: the client is told to send it again, which is harmless."""
    running = edge(LOST_QUEUE)
    reply = running.send("POST", "/api/put", GOOD)
    document = json.loads(reply.body)
    assert (reply.status, document["success"], document["code"]) == (503, False, "unavailable")
    assert "again" in document["error"]
    assert reply.headers["retry-after"] == "1"
    assert len(running.cloudflare.asked) == 1
    assert "not mirrored" in running.log.read_text()


def test_without_the_queue_a_write_that_cloudfront_would_send_is_not_done(edge: MakeEdge) -> None:
    """Nobody would see whether it is accepted."""
    running = edge(LOST_QUEUE)
    put = json.dumps({"key": "big", "value": "x" * 1_500_000}).encode()
    assert running.send("POST", "/api/put", put).status == 503
    assert running.cloudflare.asked == []


@pytest.mark.parametrize(
    "fault", [Fault("reset"), Fault("blackhole"), Fault("truncated")], ids=lambda fault: str(fault.kind)
)
def test_a_write_whose_fate_is_unknown_is_told_of_by_name(
    edge: MakeEdge, mirroring: EdgeConfig, queue: Queue, fault: Fault
) -> None:
    """It may have been accepted, so AWS looks; the client hears 503, and it is not sent again."""
    running = edge(replace(mirroring, deadlines=replace(DEADLINES, write=0.5)))
    running.cloudflare_fault.set(fault)
    assert running.send("POST", "/api/put", GOOD).status == 503
    assert len(running.cloudflare.asked) == (1 if fault.kind == "truncated" else 0)
    assert [(each["path"], each["body"]) for each in queue.messages()] == [("/api/put/a%20b", None)]


def test_a_write_that_the_peer_failed_is_told_of_by_name(
    edge: MakeEdge, mirroring: EdgeConfig, queue: Queue
) -> None:
    """500 does not say that nothing was written."""
    running = edge(mirroring)
    running.cloudflare.status = 500
    assert running.send("POST", "/api/put", GOOD).status == 500
    assert [each["path"] for each in queue.messages()] == ["/api/put/a%20b"]


def test_a_write_that_was_never_sent_is_not_told_of(
    edge: MakeEdge, mirroring: EdgeConfig, queue: Queue
) -> None:
    """There was no connection."""
    running = edge(mirroring)
    running.cloudflare_fault.set(Fault("refuse"))
    assert running.send("POST", "/api/put", GOOD).status == 503
    assert queue.messages() == []


def reporting(queue: Queue, mode: Mode = Mode.DIRECT) -> EdgeConfig:
    return replace(CONFIG, passive_queue_url=queue.url, deadlines=DEADLINES, initial=state(mode))


Send = Callable[[Edge], Any]


def test_failures_are_reported(edge: MakeEdge, queue: Queue) -> None:
    """The first at once, with the requests around it; then not again for some seconds."""
    running = edge(reporting(queue))
    running.send("GET", "/api/get/a")
    running.cloudflare_fault.set(Fault("error_5xx", status=502))
    for _ in range(3):
        running.send("GET", "/api/get/a")
    (message,) = queue.messages()
    report = decode_report(json.dumps(message))
    assert (report.origin, report.failures, report.requests) == (Origin.CLOUDFLARE, 1, 2)
    assert len(report.rows) == 1
    assert report.reason == "status 502"
    assert "203.0.113.178" not in json.dumps(message)


def test_what_the_router_saw_itself_is_reported(edge: MakeEdge, queue: Queue) -> None:
    """A suspect that does not answer."""
    running = edge(reporting(queue, Mode.GUARDED))
    running.cloudflare_fault.set(Fault("refuse"))
    assert running.send("GET", "/api/get/a").body == b"aws"
    (message,) = queue.messages()
    report = decode_report(json.dumps(message))
    assert (report.origin, report.failures, report.requests) == (Origin.CLOUDFLARE, 1, 1)
    assert "refused" in report.reason


def test_successes_are_not_reported(edge: MakeEdge, queue: Queue) -> None:
    """Nor client errors."""
    running = edge(reporting(queue))
    running.cloudflare.status = 404
    running.send("GET", "/api/get/a")
    assert queue.messages() == []


def test_a_report_that_cannot_be_sent_costs_the_client_nothing_but_a_moment(edge: MakeEdge) -> None:
    """Its answer is the origin's."""
    running = edge(
        replace(
            CONFIG,
            passive_queue_url="https://sqs.us-east-1.amazonaws.com/1/passive",
            resolve={"sqs.us-east-1.amazonaws.com": closed_port()},
        )
    )
    running.cloudflare.status = 500
    assert running.send("GET", "/api/get/a").status == 500
    assert "could not be reported" in running.log.read_text()
