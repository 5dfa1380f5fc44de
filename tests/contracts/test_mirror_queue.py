"""The contract of MirrorQueue."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import pytest

from quartzdb.adapters.aws.sqs_mirror_queue import SqsMirrorQueue
from quartzdb.net.hard_deadline import Deadline
from quartzdb.replication.ports import MirroredWrite, MirrorQueue
from quartzdb.routing.edge.mirrored_writes import MirroredWrites, Write
from quartzdb.routing.edge.queue_client import EdgeQueueClient
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints
from tests.aws_emulators import NAMES, PATIENCE, REGION, Emulators
from tests.doubles.memory_mirror_queue import HIDDEN_SECONDS, MemoryMirrorQueue
from tests.manual_clock import ManualClock

BINARY = bytes(range(256))
WRITE = MirroredWrite("r-1", 1_790_000_000_000, "POST", "/api/put", BINARY, "")


@dataclass
class Queue:
    """Both ends of it. `reappear` lets what was received and not deleted come again."""

    send: Callable[[MirroredWrite], object]
    queue: MirrorQueue
    reappear: Callable[[], object]
    raw: Callable[[str], object] | None = None

    def everything(self) -> list[MirroredWrite]:
        """All that comes now, without receipts."""
        found: list[MirroredWrite] = []
        while some := self.queue.receive():
            found += some
        return sorted((replace(one, receipt="") for one in found), key=lambda one: one.request_id)


@pytest.fixture(params=["memory", *(f"sqs-{name}" for name in NAMES)])
def queue(request: pytest.FixtureRequest, aws: Emulators) -> Iterator[Queue]:
    if request.param == "memory":
        clock = ManualClock()
        memory = MemoryMirrorQueue(clock)
        yield Queue(memory.send, memory, lambda: clock.sleep(HIDDEN_SECONDS))
        return
    url = aws.get(request.param.removeprefix("sqs-")).endpoint_url
    client: Any = AwsClients(REGION, AwsEndpoints.at(url), PATIENCE).sqs
    with closing(client):
        name = f"mirror-{secrets.token_hex(4)}"
        created = client.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "30"})["QueueUrl"]
        received: list[str] = []

        class Listening(SqsMirrorQueue):
            def receive(self) -> Any:
                found = super().receive()
                received.extend(one.receipt for one in found)
                return found

            def delete(self, write: MirroredWrite) -> None:
                super().delete(write)
                received.remove(write.receipt)

        def reappear() -> None:
            for receipt in received:
                client.change_message_visibility(QueueUrl=created, ReceiptHandle=receipt, VisibilityTimeout=0)
            received.clear()

        def raw(body: str) -> None:
            client.send_message(QueueUrl=created, MessageBody=body)

        def send(write: MirroredWrite) -> None:
            edge = MirroredWrites(
                _Sends(raw),
                created,
                delay_seconds=0,
                now_ms=lambda: write.at_ms,
            )
            edge.accepted(
                Write(write.request_id, write.method, write.path, write.body),
                Deadline(10),
            )

        yield Queue(send, Listening(client, created), reappear, raw)


class _Sends(EdgeQueueClient):
    """The edge's way to a queue, in short: its messages are the edge's own, the sending is the SDK's."""

    def __init__(self, raw: Callable[[str], object]) -> None:
        self._raw = raw

    def send(
        self, queue_url: str, messages: Sequence[str], deadline: Deadline, *, delay_seconds: int = 0
    ) -> None:
        for message in messages:
            self._raw(message)


def test_there_are_none_at_first(queue: Queue) -> None:
    """Asking is no error."""
    assert list(queue.queue.receive()) == []


def test_what_the_edge_sent_is_received(queue: Queue) -> None:
    """With every byte of its body; more than one batch of it, in any order."""
    sent = [replace(WRITE, request_id=f"r-{number:02}", at_ms=WRITE.at_ms + number) for number in range(23)]
    for write in sent:
        queue.send(write)
    assert queue.everything() == sent


def test_what_is_not_deleted_comes_again(queue: Queue) -> None:
    """And what is deleted does not."""
    for number in range(2):
        queue.send(replace(WRITE, request_id=f"r-{number}"))
    first, second = sorted(_all(queue), key=lambda one: one.request_id)
    queue.queue.delete(first)
    queue.reappear()
    again = list(queue.queue.receive())
    assert [one.request_id for one in again] == [second.request_id]
    queue.queue.delete(again[0])
    queue.reappear()
    assert list(queue.queue.receive()) == []


def test_a_write_without_its_body_is_told_by_name(queue: Queue) -> None:
    """As the edge names it."""
    named = replace(WRITE, method="DELETE", path="/api/delete/a%2Fb", body=None)
    queue.send(named)
    assert [replace(one, receipt="") for one in queue.queue.receive()] == [named]


@pytest.mark.parametrize(
    "body",
    [
        "nothing of the kind",
        "{}",
        "[]",
        json.dumps({"request_id": "r", "at_ms": "now", "method": "PUT", "path": "/", "body": None}),
        json.dumps({"request_id": "r", "at_ms": 1, "method": "PUT", "path": "/", "body": "no base64!"}),
        json.dumps({"request_id": "r", "at_ms": 1 << 60, "method": "PUT", "path": "/", "body": None}),
    ],
)
def test_what_is_no_write_stands_in_nobodys_way(queue: Queue, body: str) -> None:
    """It is given as a write of nothing, beside the others, and stays in the queue."""
    if queue.raw is None:
        return  # in memory nothing is ill-formed
    queue.raw(body)
    queue.send(WRITE)
    found = _all(queue)
    assert sorted(one.method for one in found) == ["", "POST"]


def _all(queue: Queue) -> list[MirroredWrite]:
    found: list[MirroredWrite] = []
    while some := queue.queue.receive():
        found += some
    return found
