"""Who waits for an account."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class WaitingStatus(StrEnum):
    """`asked`: the address is not proven yet. `undeliverable`: its invitation could not be sent."""

    ASKED = "asked"
    WAITING = "waiting"
    INVITED = "invited"
    UNDELIVERABLE = "undeliverable"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One address. `secret` is the hash of the last link; `ends_at_ms`: of that link, or of the invitation."""

    email: str
    status: WaitingStatus
    asked_at_ms: int
    waits_since_ms: int | None = None
    ends_at_ms: int = 0
    secret: str = ""
