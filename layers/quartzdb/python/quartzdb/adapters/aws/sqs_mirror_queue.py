"""The queue of mirrored writes, in SQS. A message that is not deleted comes again, and in the end is put aside by SQS.

A body is JSON: {"request_id", "at_ms", "method", "path", "body"}, the last in base64 or null.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from quartzdb.adapters.aws.sqs_queue import SqsClient, SqsQueue
from quartzdb.replication.ports import MirroredWrite

logger = logging.getLogger(__name__)

WAIT_SECONDS = 1
_TIME_BITS_MAX = 47
"""Of a time in milliseconds, so that a version's stamp has room for it."""


class SqsMirrorQueue:
    """MirrorQueue over a queue."""

    def __init__(self, client: SqsClient, queue_url: str) -> None:
        self._queue = SqsQueue(client, queue_url)

    def receive(self) -> Sequence[MirroredWrite]:
        """Some of them. One that is ill-formed is given as a write of nothing, which nobody can apply."""
        return [_read(message) for message in self._queue.receive(WAIT_SECONDS)]

    def delete(self, write: MirroredWrite) -> None:
        """It is applied. One that cannot be deleted comes again, and changes nothing then."""
        if self._queue.delete([write.receipt]):
            logger.warning("the mirrored write %s was applied, and stays in the queue", write.request_id)


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
