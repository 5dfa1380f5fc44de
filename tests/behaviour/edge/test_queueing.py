"""Messages from the edge: tried until the deadline, in batches, and reports no more often than they should be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from quartzdb.net.hard_deadline import Deadline
from quartzdb.net.http_client import HttpClient
from quartzdb.routing.decision.passive import decode_report
from quartzdb.routing.decision.signing import Credentials
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.edge.mirrored_writes import MirroredWrites, Unnamed, Write
from quartzdb.routing.edge.passive_reports import PassiveReportSender
from quartzdb.routing.edge.queue_client import EdgeQueueClient, NotQueued
from tests.manual_clock import ManualClock
from tests.recording_origin import RecordingOrigin, recording_origin

URL = "https://sqs.us-east-1.amazonaws.com/1/queue"
AWS, CLOUDFLARE = Origin.AWS, Origin.CLOUDFLARE


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def endpoint() -> Iterator[RecordingOrigin]:
    """Where the queue is. It takes one message at a time."""
    with recording_origin("queue") as running:
        running.body = b'{"Successful": [{"Id": "0"}]}'
        yield running


@pytest.fixture
def queue(endpoint: RecordingOrigin, clock: ManualClock) -> Iterator[EdgeQueueClient]:
    client = HttpClient({"sqs.us-east-1.amazonaws.com": endpoint.address})
    yield EdgeQueueClient(
        client, "us-east-1", credentials=lambda: Credentials("id", "secret"), now=clock.monotonic
    )
    client.close()


def told(endpoint: RecordingOrigin) -> list[dict[str, Any]]:
    return [
        json.loads(each["MessageBody"])
        for asked in endpoint.asked
        for each in json.loads(asked.body)["Entries"]
    ]


def writes(
    queue: EdgeQueueClient, clock: ManualClock, endpoint: RecordingOrigin, heal_after: int
) -> MirroredWrites:
    def pause(seconds: float) -> None:
        clock.sleep(seconds)
        if len(endpoint.asked) >= heal_after:
            endpoint.status = 200

    return MirroredWrites(queue, URL, delay_seconds=60, now_ms=clock.unix_ms, pause=pause)


PUT = Write("one", "POST", "/api/put", b'{"key": "a", "value": "b"}')


def test_a_queue_that_fails_is_tried_again(
    queue: EdgeQueueClient, clock: ManualClock, endpoint: RecordingOrigin
) -> None:
    """With the same message each time, so that any of them will do."""
    endpoint.status = 503
    writes(queue, clock, endpoint, heal_after=3).accepted(PUT, Deadline(100, clock.monotonic))
    assert len(endpoint.asked) == 4
    assert len({json.dumps(each) for each in told(endpoint)}) == 1


def test_no_queue_is_tried_for_ever(
    queue: EdgeQueueClient, clock: ManualClock, endpoint: RecordingOrigin
) -> None:
    """The deadline is the request's."""
    endpoint.status = 503
    with pytest.raises(NotQueued):
        writes(queue, clock, endpoint, heal_after=1000).accepted(PUT, Deadline(1, clock.monotonic))
    assert len(endpoint.asked) >= 3


def test_a_message_that_the_queue_left_out_of_a_batch_is_not_queued(
    queue: EdgeQueueClient, endpoint: RecordingOrigin
) -> None:
    """200 says nothing about each of them."""
    endpoint.body = b'{"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "Code": "x"}]}'
    with pytest.raises(NotQueued, match="Failed"):
        queue.send(URL, ["a", "b"], Deadline(10))
    for nonsense in (b"", b"{}", b"<html>"):
        endpoint.body = nonsense
        with pytest.raises(NotQueued):
            queue.send(URL, ["a"], Deadline(10))


def test_messages_go_in_batches_that_the_queue_takes(
    queue: EdgeQueueClient, endpoint: RecordingOrigin
) -> None:
    """Ten at most, and 256 KB; signed and addressed."""
    endpoint.body = json.dumps({"Successful": [{}] * 10}).encode()
    with pytest.raises(NotQueued):
        queue.send(URL, [str(each) for each in range(12)], Deadline(10))
    assert [len(json.loads(each.body)["Entries"]) for each in endpoint.asked] == [10, 2]
    endpoint.asked.clear()
    endpoint.body = b'{"Successful": [{}]}'
    queue.send(URL, ["x" * 200_000, "y" * 200_000], Deadline(10), delay_seconds=60)
    assert [len(each.body) < 256 * 1024 for each in endpoint.asked] == [True, True]
    asked = endpoint.asked[0]
    assert json.loads(asked.body)["QueueUrl"] == URL
    assert json.loads(asked.body)["Entries"][0]["DelaySeconds"] == 60
    assert asked.headers["x-amz-target"] == "AmazonSQS.SendMessageBatch"
    assert asked.headers["host"] == "sqs.us-east-1.amazonaws.com"
    assert "/us-east-1/sqs/aws4_request" in asked.headers["authorization"]


def test_a_write_that_cannot_be_named_is_known_before_it_is_sent(
    queue: EdgeQueueClient, clock: ManualClock, endpoint: RecordingOrigin
) -> None:
    """Only where its body does not go along."""
    mirror = writes(queue, clock, endpoint, heal_after=0)
    mirror.check(PUT._replace(body=b"nonsense"))
    for body, beginning in ((b"x" * 200_000, b""), (None, b'{"value": "x')):
        with pytest.raises(Unnamed):
            mirror.check(PUT._replace(body=body, beginning=beginning))
    mirror.uncertain(PUT._replace(body=b"nonsense"), Deadline(10, clock.monotonic))
    assert endpoint.asked == []  # nothing is named, and no peer accepts it


@dataclass
class Reporting:
    """A sender, and what is done beside requests, held back until `later` is run."""

    sender: PassiveReportSender
    later: list[Callable[[], None]] = field(default_factory=list)

    def see(self, origin: Origin, *failures: str | None, address: str = "203.0.113.9") -> None:
        """Answers to a client, one after another."""
        for failure in failures:
            self.sender.note(origin, address, "key", failure)
            self.sender.send_if_due()

    def run_later(self) -> None:
        for work in self.later:
            work()
        self.later.clear()


@pytest.fixture
def reporting(queue: EdgeQueueClient, clock: ManualClock, endpoint: RecordingOrigin) -> Reporting:
    endpoint.body = b'{"Successful": [{"Id": "0"}]}'
    later: list[Callable[[], None]] = []
    sender = PassiveReportSender(
        queue, URL, now=clock.monotonic, seconds=10, sender="0" * 16, start=later.append
    )
    sender.marks.learn("secret")
    return Reporting(sender, later)


def counts(endpoint: RecordingOrigin) -> list[tuple[int, int]]:
    reports = [decode_report(json.dumps(each)) for each in told(endpoint)]
    return [(each.failures, each.requests) for each in reports]


def test_failures_are_reported_at_once_and_then_every_five_seconds(
    reporting: Reporting, clock: ManualClock, endpoint: RecordingOrigin
) -> None:
    """With all requests of the latest seconds; what failed to be sent is told anew by the next."""
    reporting.see(CLOUDFLARE, None, None)
    assert endpoint.asked == []
    reporting.see(CLOUDFLARE, "status 500", "status 502", None)
    assert counts(endpoint) == [(1, 3)]
    clock.sleep(5.1)
    endpoint.status = 500
    reporting.see(CLOUDFLARE, "reset")
    endpoint.status = 200
    endpoint.asked.clear()
    reporting.see(CLOUDFLARE, None)
    assert endpoint.asked == []
    clock.sleep(1)
    reporting.see(CLOUDFLARE, None)
    assert endpoint.asked == []
    clock.sleep(4)
    reporting.see(CLOUDFLARE, None)
    assert counts(endpoint) == [(1, 4)]
    assert told(endpoint)[0]["reason"] == "reset"
    assert told(endpoint)[0]["at_ms"] == clock.unix_ms()
    assert reporting.later == []


def test_a_report_tells_clients_apart_and_names_none(reporting: Reporting, endpoint: RecordingOrigin) -> None:
    """A row for each."""
    for address in ("203.0.113.9", "203.0.113.10"):
        reporting.see(CLOUDFLARE, None, address=address)
    reporting.see(CLOUDFLARE, "status 500")
    (message,) = told(endpoint)
    assert [row[2:] for row in message["clients"]] == [[2, 1], [1, 0]]
    assert "203.0.113" not in json.dumps(message)


def test_both_origins_are_reported_in_one_message_each(
    reporting: Reporting, endpoint: RecordingOrigin
) -> None:
    """And in one request."""
    endpoint.body = b'{"Successful": [{}, {}]}'
    reporting.see(AWS, None)
    reporting.see(CLOUDFLARE, "status 500")
    assert len(endpoint.asked) == 1
    assert {each["origin"]: each["reason"] for each in told(endpoint)} == {
        "aws": "",
        "cloudflare": "status 500",
    }


def test_that_all_is_well_is_told_every_half_minute_beside_a_request(
    reporting: Reporting, clock: ManualClock, endpoint: RecordingOrigin
) -> None:
    """No answer waits for it; the first of an instance that has just started does not even begin it."""
    reporting.see(CLOUDFLARE, None)
    for _ in range(60):
        clock.sleep(1)
        reporting.see(CLOUDFLARE, None)
    assert len(reporting.later) == 2
    assert endpoint.asked == []
    endpoint.body = b'{"Successful": [{}]}'
    reporting.run_later()
    assert [failures for failures, _ in counts(endpoint)] == [0, 0]
    assert all(5 <= requests <= 10 for _, requests in counts(endpoint))


def test_a_good_hour_does_not_hide_a_bad_second(
    reporting: Reporting, clock: ManualClock, endpoint: RecordingOrigin
) -> None:
    """Requests count for ten seconds at most."""
    for _ in range(1000):
        clock.sleep(3.6)
        reporting.see(CLOUDFLARE, None)
    reporting.see(CLOUDFLARE, "status 500")
    ((failures, requests),) = counts(endpoint)
    assert failures == 1
    assert requests <= 4


def test_before_the_secret_is_known_nothing_is_counted(
    queue: EdgeQueueClient, clock: ManualClock, endpoint: RecordingOrigin
) -> None:
    """A mark without it would give an address away."""
    sender = PassiveReportSender(queue, URL, now=clock.monotonic, seconds=10, sender="0" * 16)
    Reporting(sender).see(CLOUDFLARE, "status 500")
    assert endpoint.asked == []
