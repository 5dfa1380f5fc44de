"""The contract of PassiveReports, with a sender as the edge has one."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from quartzdb.adapters.aws.sqs_passive_reports import SqsPassiveReports
from quartzdb.domain.errors import Unavailable
from quartzdb.routing.decision.passive import PassiveReport, encode_report
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.ports import PassiveReports
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints
from tests.aws_emulators import NAMES, PATIENCE, REGION, Emulators
from tests.doubles.memory_passive_reports import MemoryPassiveReports
from tests.edge_reports import report

REPORT = report(Origin.AWS, 1_790_000_000_000, failing=3, well=2)


@dataclass(frozen=True)
class Queue:
    """Both ends of it."""

    send: Callable[[str], object]
    reports: PassiveReports


@pytest.fixture(params=["memory", *(f"sqs-{name}" for name in NAMES)])
def queue(request: pytest.FixtureRequest, aws: Emulators) -> Iterator[Queue]:
    if request.param == "memory":
        reports = MemoryPassiveReports()
        yield Queue(reports.send, reports)
        return
    url = aws.get(request.param.removeprefix("sqs-")).endpoint_url
    client: Any = AwsClients(REGION, AwsEndpoints.at(url), PATIENCE).sqs
    with closing(client):
        created = client.create_queue(QueueName=f"passive-{secrets.token_hex(4)}")["QueueUrl"]
        yield Queue(
            lambda text: client.send_message(QueueUrl=created, MessageBody=text),
            SqsPassiveReports(client, created),
        )


def test_there_are_none_at_first(queue: Queue) -> None:
    """And nobody waits for any."""
    assert list(queue.reports.receive()) == []


def test_what_was_sent_is_received_once(queue: Queue) -> None:
    """More than one batch of it, in any order."""
    sent = [report(Origin.CLOUDFLARE, 1_790_000_000_000 + n, failing=n, well=3) for n in range(23)]
    for each in sent:
        queue.send(encode_report(each))
    received: list[PassiveReport] = []
    while some := queue.reports.receive():
        received += some
    assert sorted(received, key=lambda each: each.at_ms) == sent
    assert list(queue.reports.receive()) == []


@pytest.mark.parametrize("text", ["nothing of the kind", "{}", '{"origin":"azure"}', "x" * 10_000])
def test_what_is_no_report_is_dropped(queue: Queue, text: str) -> None:
    """It is in nobody's way and does not come again."""
    queue.send(text)
    queue.send(encode_report(REPORT))
    received: list[PassiveReport] = []
    while some := queue.reports.receive():
        received += some
    assert received == [REPORT]
    assert list(queue.reports.receive()) == []


def test_a_queue_that_is_not_there_is_unavailable(aws: Emulators) -> None:
    """The probe then goes on without."""
    url = aws.get("ministack").endpoint_url
    client: Any = AwsClients(REGION, AwsEndpoints.at(url), PATIENCE).sqs
    with closing(client):
        reports = SqsPassiveReports(client, f"{url}/000000000000/is-not-there")
        with pytest.raises(Unavailable):
            reports.receive()
