"""An audit event, and the chain that it is part of: each has the hash of the one before.

hash = SHA-256(previous hash ‖ canonical JSON of the event), so no event can be edited, taken out, put in or moved
without every later hash being another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

GENESIS = "0" * 64
"""What the first event of an organization has before it."""

_LATER = {"outcome": "", "count": 1}


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """`actor` did `action` to `target`, from `address`. `sequence` counts from 1 without a gap.

    `outcome` is the code of the error that it ended with, empty where it was done; `count`: so many times within a
    short time, of which `at_ms` is the first.
    """

    sequence: int
    at_ms: int
    actor: str
    action: str
    target: str
    address: str
    previous: str
    hash: str = ""
    outcome: str = ""
    count: int = 1

    def sealed(self) -> AuditEvent:
        """The same with its hash."""
        return AuditEvent(**{**asdict(self), "hash": self.expected_hash()})

    def expected_hash(self) -> str:
        """What its hash has to be."""
        content = {name: value for name, value in asdict(self).items() if name not in {"hash", "previous"}}
        # Left out where they say nothing, so that events from before there were such fields keep their hash.
        for name, nothing in _LATER.items():
            if content[name] == nothing:
                del content[name]
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(bytes.fromhex(self.previous) + canonical.encode()).hexdigest()


def broken_at(events: Iterable[AuditEvent], head: tuple[int, str]) -> str | None:
    """Where a chain from its beginning is broken, in words; None where it is whole.

    `head`: the number and the hash of the newest event, kept apart, which tells when the end was cut off.
    """
    sequence, previous = 0, GENESIS
    for event in events:
        sequence += 1
        if event.sequence != sequence:
            return f"Event {sequence} is missing or out of place: {event.sequence} follows {sequence - 1}."
        if event.previous != previous:
            return f"Event {sequence} does not follow the event before it."
        if event.hash != event.expected_hash():
            return f"Event {sequence} was altered."
        previous = event.hash
    if (sequence, previous) != head:
        return f"The chain ends at event {sequence}, and {head[0]} were written."
    return None
