"""The audit log: one JSON line for each attempt to change keys or namespaces, or to delete many records at once, and
counted ones for what keys were refused and where they came from.

It has who, what, to what, from where, and what came of it; never a key's text, a secret, a filter or a body.
"""

from __future__ import annotations

import logging

import orjson

from quartzdb.api.times import rfc3339
from quartzdb.api.trace import Trace

audit = logging.getLogger("quartzdb.audit")
uses = audit.getChild("keys")
DONE = "done"


def write_audit_line(
    action: str, trace: Trace, target: str | None, outcome: str, now_ms: int, address: str
) -> None:
    """`outcome`: DONE, or the code of the error that it ended with."""
    audit.info("%s", _line(action, trace, target, address, now_ms, outcome, 1))


def write_key_line(
    action: str,
    trace: Trace,
    target: str | None,
    address: str | None,
    now_ms: int,
    outcome: str = DONE,
    count: int = 1,
) -> None:
    """Of how a key was used; `count` such requests, of which this is the first."""
    uses.info("%s", _line(action, trace, target, address, now_ms, outcome, count))


def _line(
    action: str,
    trace: Trace,
    target: str | None,
    address: str | None,
    now_ms: int,
    outcome: str,
    count: int,
) -> str:
    line = {
        "event": "audit",
        "at": rfc3339(now_ms),
        "tenant": trace.tenant,
        "key_id": trace.key_id,
        "action": action,
        "target": target,
        "request_id": trace.request_id,
        "outcome": outcome,
        "address": address,
        "count": count,
    }
    return orjson.dumps(line).decode()
