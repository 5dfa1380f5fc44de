"""Puts a message into an SQS queue: its JSON protocol, signed with the function's credentials. Tries once."""

from __future__ import annotations

import json
from collections.abc import Callable

from quartzdb.edge.hard_deadline import Deadline
from quartzdb.edge.http_exchange import HttpExchange, Unanswered, place_of
from quartzdb.failover.signing import Credentials, signed_headers

_ANSWER_BYTES_MAX = 64 * 1024


class NotQueued(Exception):
    """The queue did not take a message, as far as is known."""


class QueueClient:
    """`credentials` and `now` (unix seconds) are asked for each message."""

    def __init__(
        self,
        exchange: HttpExchange,
        region: str,
        *,
        credentials: Callable[[], Credentials],
        now: Callable[[], float],
    ) -> None:
        self._exchange = exchange
        self._region = region
        self._credentials = credentials
        self._now = now

    def send(self, queue_url: str, message: str, deadline: Deadline, *, delay_seconds: int = 0) -> None:
        """Send it. Twice is harmless: whoever reads the queue expects it. Raises NotQueued."""
        place = place_of(queue_url)
        standard = place.port == (443 if place.protocol == "https" else 80)
        url = f"{place.protocol}://{place.host}" + ("" if standard else f":{place.port}") + "/"
        body = json.dumps(
            {"QueueUrl": queue_url, "MessageBody": message, "DelaySeconds": delay_seconds}
        ).encode()
        headers = signed_headers(
            "POST",
            url,
            {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"},
            body,
            service="sqs",
            region=self._region,
            credentials=self._credentials(),
            at=self._now(),
        )
        try:
            answer = self._exchange.send(
                place,
                "POST",
                "/",
                headers.items(),
                body,
                deadline=deadline,
                answer_bytes_max=_ANSWER_BYTES_MAX,
                again=True,
            )
        except Unanswered as error:
            raise NotQueued(f"the queue did not answer: {error}") from error
        if answer.status != 200:
            raise NotQueued(f"the queue answered {answer.status}: {answer.body[:200]!r}")
