"""What a subscription of CloudWatch Logs sends a function: lines of a log stream, gzipped, in base64.

Usage lines and audit lines of one log come together, because a log group has two subscriptions at most, and one of
them is left for whoever operates this.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from quartzdb.domain.errors import InvalidArgument

FILTER_PATTERN = '{ ($.tenant = "prj_*") && (($.v = 1) || ($.event = "audit")) }'
"""What the subscription asks for: usage and audit lines of projects, and nothing else of a function's log."""


class LogBatch(NamedTuple):
    """Lines of one log stream. `id` is the same however often the batch is delivered."""

    id: str
    log_group: str
    lines: tuple[str, ...]

    def sorted(self) -> tuple[list[str], list[str]]:
        """Its usage lines, with whatever is neither, and its audit lines; each in their order."""
        usage: list[str] = []
        audit: list[str] = []
        for line in self.lines:
            (audit if _is_audit(line) else usage).append(line)
        return usage, audit


def _is_audit(line: str) -> bool:
    if '"audit"' not in line:
        return False
    try:
        document = json.loads(line)
    except ValueError:
        return False
    return isinstance(document, dict) and document.get("event") == "audit"


def log_batch(event: Mapping[str, Any]) -> LogBatch | None:
    """The batch of an event; None for the message by which CloudWatch tries whether anybody is there.

    Raises InvalidArgument for what is no such event.
    """
    try:
        packed = base64.b64decode(event["awslogs"]["data"], validate=True)
        document = json.loads(zlib.decompress(packed, zlib.MAX_WBITS | 16))
        kind, group, stream = document["messageType"], document["logGroup"], document["logStream"]
        events = [(one["id"], one["message"]) for one in document["logEvents"]]
    except (binascii.Error, zlib.error, ValueError, KeyError, TypeError) as error:
        raise InvalidArgument(
            "The event is none of a subscription of CloudWatch Logs.",
            hint="Subscribe this function to the log groups of the database's functions.",
        ) from error
    if kind != "DATA_MESSAGE" or not events:
        return None
    named = [group, stream, events[0][0], events[-1][0], str(len(events))]
    return LogBatch(sha256("\0".join(named).encode()).hexdigest(), group, tuple(line for _, line in events))
