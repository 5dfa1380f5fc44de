"""The audit log of commands: a JSON line on stderr for each attempt to change API keys, of the form that servers write.

Owns who an operator is in it. It never has a key's text.
"""

from __future__ import annotations

import getpass
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from quartzdb.api.times import rfc3339
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError
from quartzdb.domain.values import dataclass

_DONE = "done"
_audit = logging.getLogger("quartzdb.audit")


@dataclass(slots=True)
class Attempt:
    """`target`: the ids of what is changed, with commas; None while nothing is known of it."""

    target: str | None = None


@contextmanager
def audited(action: str, tenant: str, clock: Clock, target: str | None = None) -> Iterator[Attempt]:
    """Write the line when the block ends, also when it ends with an error."""
    attempt = Attempt(target)
    outcome = "internal"
    try:
        yield attempt
        outcome = _DONE
    except QuartzError as error:
        outcome = error.code
        raise
    finally:
        line = {
            "event": "audit",
            "at": rfc3339(clock.unix_ms()),
            "tenant": tenant,
            "key_id": None,
            "operator": _operator(),
            "action": action,
            "target": attempt.target,
            "outcome": outcome,
        }
        _write(json.dumps(line, ensure_ascii=False))


def _operator() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account that the system has no name for
        return "unknown"


def _write(line: str) -> None:
    # A command sets no logging up, and whoever uses it sees no lines below WARNING unless they are sent somewhere.
    handler = logging.StreamHandler(sys.stderr)
    level = _audit.level
    _audit.addHandler(handler)
    _audit.setLevel(logging.INFO)
    try:
        _audit.info("%s", line)
    finally:
        _audit.removeHandler(handler)
        _audit.setLevel(level)
