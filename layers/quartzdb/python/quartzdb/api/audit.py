"""The audit log: one JSON line for each attempt to change keys or namespaces, or to delete many records at once.

It has who, what, to what, and what came of it; never a key's text, a secret, a filter or a body.
"""

from __future__ import annotations

import logging

import orjson

from quartzdb.api.times import rfc3339
from quartzdb.api.trace import Trace

audit = logging.getLogger("quartzdb.audit")
DONE = "done"


def write_audit_line(action: str, trace: Trace, target: str | None, outcome: str, now_ms: int) -> None:
    """`outcome`: DONE, or the code of the error that it ended with."""
    line = {
        "event": "audit",
        "at": rfc3339(now_ms),
        "tenant": trace.tenant,
        "key_id": trace.key_id,
        "action": action,
        "target": target,
        "request_id": trace.request_id,
        "outcome": outcome,
    }
    audit.info("%s", orjson.dumps(line).decode())
