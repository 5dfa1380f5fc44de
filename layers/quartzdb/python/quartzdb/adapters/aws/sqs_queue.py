"""One queue of SQS: some messages at a time, and their deletion. Knows nothing of what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from quartzdb.adapters.aws.failure import told_as_unavailable

AT_ONCE = 10
"""The most that SQS gives, or deletes, at once."""


class SqsClient(Protocol):
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


class SqsQueue:
    """Over a client. A message that is not deleted comes again after a while."""

    def __init__(self, client: SqsClient, url: str) -> None:
        self._client = client
        self._url = url

    def receive(self, wait_seconds: int = 0) -> Sequence[Mapping[str, Any]]:
        """Up to AT_ONCE messages as SQS gives them. Raises Unavailable.

        With any wait SQS asks all its servers, so that an empty answer means an empty queue.
        """
        with told_as_unavailable(f"The queue {self._url}"):
            answer = self._client.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=AT_ONCE, WaitTimeSeconds=wait_seconds
            )
        messages: Sequence[Mapping[str, Any]] = answer.get("Messages", [])
        return messages

    def delete(self, receipts: Sequence[str]) -> int:
        """Delete up to AT_ONCE messages; how many could not be deleted, and come again. Raises Unavailable."""
        entries = [{"Id": str(n), "ReceiptHandle": receipt} for n, receipt in enumerate(receipts)]
        with told_as_unavailable(f"The queue {self._url}"):
            deleted = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
        return len(deleted.get("Failed", []))
