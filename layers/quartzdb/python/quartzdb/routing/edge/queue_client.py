"""Puts messages into an SQS queue: its JSON protocol, signed with the function's credentials. Tries once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from quartzdb.net.endpoint import endpoint_of, root_of
from quartzdb.net.hard_deadline import Deadline
from quartzdb.net.http_client import HttpClient, Unanswered
from quartzdb.routing.decision.signing import Credentials, signed_headers

_ANSWER_BYTES_MAX = 64 * 1024
_BATCH_MAX = 10
_BATCH_BYTES_MAX = 255 * 1024


class NotQueued(Exception):
    """The queue did not take a message, as far as is known."""


class EdgeQueueClient:
    """`credentials` and `now` (unix seconds) are asked for each message."""

    def __init__(
        self,
        client: HttpClient,
        region: str,
        *,
        credentials: Callable[[], Credentials],
        now: Callable[[], float],
    ) -> None:
        self._client = client
        self._region = region
        self._credentials = credentials
        self._now = now

    def send(
        self, queue_url: str, messages: Sequence[str], deadline: Deadline, *, delay_seconds: int = 0
    ) -> None:
        """Send them all. Twice is harmless: whoever reads the queue expects it. Raises NotQueued."""
        for start in range(0, len(messages), _BATCH_MAX):
            size = 0
            batch: list[str] = []
            for message in messages[start : start + _BATCH_MAX]:
                if batch and size + len(message) > _BATCH_BYTES_MAX:
                    self._send(queue_url, batch, deadline, delay_seconds)
                    batch, size = [], 0
                batch.append(message)
                size += len(message)
            self._send(queue_url, batch, deadline, delay_seconds)

    def _send(self, queue_url: str, batch: list[str], deadline: Deadline, delay_seconds: int) -> None:
        entries = [
            {"Id": str(number), "MessageBody": message, "DelaySeconds": delay_seconds}
            for number, message in enumerate(batch)
        ]
        body = json.dumps({"QueueUrl": queue_url, "Entries": entries}).encode()
        endpoint = endpoint_of(queue_url)
        headers = signed_headers(
            "POST",
            root_of(endpoint),
            {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessageBatch"},
            body,
            service="sqs",
            region=self._region,
            credentials=self._credentials(),
            at=self._now(),
        )
        try:
            answer = self._client.send(
                endpoint,
                "POST",
                "/",
                headers.items(),
                body,
                deadline=deadline,
                answer_bytes_max=_ANSWER_BYTES_MAX,
                again=True,
            )
            document = json.loads(answer.body) if answer.status == 200 else {}
        except (Unanswered, ValueError) as error:
            raise NotQueued(f"the queue did not answer: {error}") from error
        if len(document.get("Successful") or []) != len(batch):
            raise NotQueued(f"the queue answered {answer.status}: {answer.body[:200]!r}")
