"""Reports of the edge from an SQS queue. They are deleted as they are read: one that is lost then is made up for by the
next, and one that cannot be deleted counts once more.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from quartzdb.adapters.aws.sqs_queue import SqsClient, SqsQueue
from quartzdb.routing.decision.passive import PassiveReport, read_reports

logger = logging.getLogger(__name__)

_BATCHES_MAX = 10
"""A round of probing has other things to do; the rest is of the next round."""


class SqsPassiveReports:
    """PassiveReports over a queue."""

    def __init__(self, client: SqsClient, queue_url: str) -> None:
        self._queue = SqsQueue(client, queue_url)

    def receive(self) -> Sequence[PassiveReport]:
        """Those that have arrived, a hundred at most. Raises Unavailable."""
        bodies: list[str] = []
        for _ in range(_BATCHES_MAX):
            messages = self._queue.receive()
            if not messages:
                break
            bodies += [message["Body"] for message in messages]
            kept = self._queue.delete([message["ReceiptHandle"] for message in messages])
            if kept:
                logger.warning("%d reports of the edge may count twice", kept)
        return read_reports(bodies)
