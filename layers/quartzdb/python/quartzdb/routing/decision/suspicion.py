"""What one instance has seen of each origin lately, and whether that is reason to be careful before the probe is."""

from __future__ import annotations

from collections import deque

from quartzdb.routing.decision.state import Origin

OUTCOMES_KEPT = 10
FAILURES_SUSPECT = 3
WINDOW_SECONDS = 30.0


class Suspicion:
    """Not thread-safe: an instance has one request at a time. Moments are seconds of the state cache's clock."""

    def __init__(self) -> None:
        self._outcomes: dict[Origin, deque[tuple[float, bool]]] = {
            origin: deque(maxlen=OUTCOMES_KEPT) for origin in Origin
        }
        self._suspected_at: dict[Origin, float] = {}

    def note(self, origin: Origin, *, failed: bool, at: float) -> None:
        """One answer of an origin, or that there was none."""
        self._outcomes[origin].append((at, failed))
        if failed and self._failures(origin, at) >= FAILURES_SUSPECT:
            self._suspected_at[origin] = at

    def suspects(self, state_read_at: float) -> frozenset[Origin]:
        """Who is suspect. A state that was read since knows better; what fails again afterwards is suspect again."""
        return frozenset(origin for origin, at in self._suspected_at.items() if at >= state_read_at)

    def _failures(self, origin: Origin, now: float) -> int:
        return sum(failed for at, failed in self._outcomes[origin] if now - at <= WINDOW_SECONDS)
