"""Reports of the edge from an SQS queue. They are deleted as they are read: one that is lost then is made up for by the
next, and one that cannot be deleted counts once more.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from quartzdb.adapters.aws_failure import told_as_unavailable
from quartzdb.adapters.memory_passive_reports import read_reports
from quartzdb.failover.passive import PassiveReport

logger = logging.getLogger(__name__)

_AT_ONCE = 10
"""The most that SQS gives, or deletes, at once."""
_BATCHES_MAX = 10
"""A round of probing has other things to do; the rest is of the next round."""


class QueueClient(Protocol):
    """What is used of a client of SQS."""

    def receive_message(
        self,
        *,
        QueueUrl: str,  # noqa: N803 - AWS's names
        MaxNumberOfMessages: int,  # noqa: N803 - likewise
        WaitTimeSeconds: int,  # noqa: N803 - likewise
    ) -> Mapping[str, Any]: ...

    def delete_message_batch(
        self,
        *,
        QueueUrl: str,  # noqa: N803 - AWS's names
        Entries: Sequence[Mapping[str, str]],  # noqa: N803 - likewise
    ) -> Mapping[str, Any]: ...


class SqsPassiveReports:
    """PassiveReports over a queue."""

    def __init__(self, client: QueueClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def receive(self) -> Sequence[PassiveReport]:
        """Those that have arrived, a hundred at most. Raises Unavailable."""
        bodies: list[str] = []
        for _ in range(_BATCHES_MAX):
            with told_as_unavailable(f"The queue {self._queue_url}"):
                answer = self._client.receive_message(
                    QueueUrl=self._queue_url, MaxNumberOfMessages=_AT_ONCE, WaitTimeSeconds=0
                )
                messages = answer.get("Messages", [])
                if not messages:
                    break
                bodies += [message["Body"] for message in messages]
                deleted = self._client.delete_message_batch(
                    QueueUrl=self._queue_url,
                    Entries=[
                        {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                        for index, message in enumerate(messages)
                    ],
                )
            if deleted.get("Failed"):
                logger.warning("%d reports of the edge may count twice", len(deleted["Failed"]))
        return read_reports(bodies)
