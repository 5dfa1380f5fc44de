"""What failover needs from the outside world beyond the routing state's own table, as Protocols.

Errors: an adapter raises `Unavailable` when it could not find out or could not do it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from quartzdb.routing.decision.passive import PassiveReport
from quartzdb.routing.decision.state import RoutingState
from quartzdb.routing.decision.window import Probe

PUBLISHED_KEY = "routing/state.json"
"""Where routers find the routing state: an object of the bucket, or a file of the data directory."""


SWITCHES = "switches"
"""What the history of switches is called; days are called as they are written, 2026-11-30."""


class RoutingPublisher(Protocol):
    """Puts the routing state where routers read it, which is not where it is decided on."""

    def publish(self, document: bytes) -> None:
        """Replace what is there: readers see all of it or what was there before, and nothing keeps an older copy."""
        ...


class PassiveReports(Protocol):
    """What the edge says about the requests that it sent. Late, repeated and lost reports are all in the bargain."""

    def receive(self) -> Sequence[PassiveReport]:
        """Those that have arrived, or some of many; each once, and seldom twice. What is none is dropped."""
        ...


class OriginProbe(Protocol):
    """Looks at one origin, deep enough to know that it serves."""

    def probe(self) -> Probe:
        """What came of it, within the deadline in any case: whatever the origin does is a probe that failed.

        Raises Unavailable, and nothing else, where it could not ask: then nothing is known of the origin.
        """
        ...


class RoutingEvents(Protocol):
    """Tells whoever listens that routing has changed."""

    def emit(self, detail: Mapping[str, Any]) -> None:
        """One event with this content."""
        ...


class OriginStates(Protocol):
    """The routing state, written by one owner at a time and read by routers."""

    def read(self) -> RoutingState | None:
        """The state, strongly consistent; None where there never was one."""
        ...

    def replace(self, state: RoutingState) -> bool:
        """Store it if it follows what is there (`RoutingState.follows`). Returns whether it was stored; durable."""
        ...

    def read_memory(self) -> bytes | None:
        """What the probe remembers between two runs (routing/decision/probe_memory.py); None where nothing is there."""
        ...

    def write_memory(self, data: bytes) -> None:
        """Replace it; durable. One probe at a time does, so there is no condition."""
        ...

    def read_history(self, name: str) -> bytes | None:
        """What is kept under that name (routing/decision/availability.py): a day, or SWITCHES. None: nothing."""
        ...

    def write_history(self, name: str, data: bytes) -> None:
        """Replace it; durable. One probe at a time does, so there is no condition."""
        ...

    def delete_history(self, name: str) -> None:
        """Forget it, if it is there."""
        ...

    def histories(self) -> Mapping[str, bytes]:
        """All that is kept, by name: bounded by whoever writes it."""
        ...
