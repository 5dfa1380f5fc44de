"""The queue of mirrored writes, in SQS. A message that is not deleted comes again, and in the end is put aside by SQS.

A body is JSON: {"request_id", "at_ms", "method", "path", "body"}, the last in base64 or null.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from quartzdb.adapters.aws_failure import told_as_unavailable
from quartzdb.peer_ports import MirroredWrite

logger = logging.getLogger(__name__)

RECEIVED_AT_ONCE = 10
"""The most that SQS gives."""
WAIT_SECONDS = 1
"""With any wait SQS asks all its servers, so that an empty answer means an empty queue."""
_TIME_BITS_MAX = 47
"""Of a time in milliseconds, so that a version's stamp has room for it."""


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


class SqsMirrorQueue:
    """MirrorQueue over a queue."""

    def __init__(self, client: QueueClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def receive(self) -> Sequence[MirroredWrite]:
        """Some of them. One that is ill-formed is given as a write of nothing, which nobody can apply."""
        with told_as_unavailable(f"The queue {self._queue_url}"):
            answer = self._client.receive_message(
                QueueUrl=self._queue_url, MaxNumberOfMessages=RECEIVED_AT_ONCE, WaitTimeSeconds=WAIT_SECONDS
            )
        return [_read(message) for message in answer.get("Messages", [])]

    def delete(self, write: MirroredWrite) -> None:
        """It is applied. One that cannot be deleted comes again, and changes nothing then."""
        entry = {"Id": "0", "ReceiptHandle": write.receipt}
        with told_as_unavailable(f"The queue {self._queue_url}"):
            deleted = self._client.delete_message_batch(QueueUrl=self._queue_url, Entries=[entry])
        if deleted.get("Failed"):
            logger.warning("a mirrored write that was applied stays in the queue: %s", deleted["Failed"])


def _read(message: Mapping[str, Any]) -> MirroredWrite:
    receipt = str(message["ReceiptHandle"])
    try:
        document = json.loads(message["Body"])
        texts = [document[name] for name in ("request_id", "method", "path")]
        at_ms, body = document["at_ms"], document["body"]
        if not all(isinstance(text, str) and text for text in texts):
            raise ValueError("a text is missing")
        if type(at_ms) is not int or not 0 < at_ms < 1 << _TIME_BITS_MAX:
            raise ValueError("no time")
        decoded = None if body is None else base64.b64decode(body, validate=True)
    except (ValueError, KeyError, TypeError, AttributeError):
        return MirroredWrite(str(message.get("MessageId", "?")), 0, "", "", None, receipt)
    return MirroredWrite(texts[0], at_ms, texts[1], texts[2], decoded, receipt)
