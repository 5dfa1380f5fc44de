"""What is known of how the databases did: by origin and day, with what nobody looked at left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

SERVICE = "service"
"""Beside the origins: whichever of them answered clients."""


class Looks(NamedTuple):
    """How many probes succeeded, and how many failed."""

    ok: int
    failed: int

    @property
    def share(self) -> float | None:
        """That succeeded; None where nobody looked."""
        return self.ok / (self.ok + self.failed) if self.ok + self.failed else None


class OriginNow(NamedTuple):
    """`well` None: nobody looked of late."""

    name: str
    well: bool | None
    looked_at_ms: int | None


class Switched(NamedTuple):
    """That another origin became active."""

    at_ms: int
    active: str
    reason: str


@dataclass(frozen=True, slots=True)
class Observed:
    """`active` and `mode` are None where nothing decides that. `lag_ms`: of replication, as it was at `lag_at_ms`;
    None: not known, or there is none. `days`: by day, 2026-11-30, and by origin, SERVICE among them.
    """

    origins: Sequence[OriginNow]
    active: str | None = None
    mode: str | None = None
    since_ms: int | None = None
    lag_ms: int | None = None
    lag_at_ms: int | None = None
    days: Mapping[str, Mapping[str, Looks]] = field(default_factory=dict)
    switches: Sequence[Switched] = ()


class Note(NamedTuple):
    """What an operator said of an incident."""

    at_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Incident:
    """`closed_at_ms` None: it goes on. `notes`: the oldest first."""

    id: str
    title: str
    opened_at_ms: int
    notes: tuple[Note, ...] = ()
    closed_at_ms: int | None = None

    @property
    def changed_at_ms(self) -> int:
        """When something was said last."""
        return max([self.opened_at_ms, self.closed_at_ms or 0, *(note.at_ms for note in self.notes)])
