"""One origin's breaker: closed, open or half_open. A pure function of verdicts, probes and injected time.

It says whether an origin may be switched to, and keeps one that fails again and again out for longer each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from quartzdb.routing.decision.rules import Rules
from quartzdb.routing.decision.window import Probe, Verdict


class BreakerState(StrEnum):
    """What the breaker says."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    """The hold-down is over; the origin has to prove itself."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """Times are unix ms; half_open follows from them, so that nobody has to come by for it.

    `opened_at_ms` None: closed. `hold_until_ms` is of the latest opening, also while it is closed: by it flapping is
    known. `level` says how often the hold-down was doubled, `successes` how many probes succeeded since half_open.
    """

    opened_at_ms: int | None = None
    hold_until_ms: int = 0
    level: int = 0
    successes: int = 0

    def state(self, now_ms: int) -> BreakerState:
        """What it says at a moment."""
        if self.opened_at_ms is None:
            return BreakerState.CLOSED
        # A clock that was set back must not hold an origin down for longer than was meant.
        early = now_ms < self.opened_at_ms
        return BreakerState.OPEN if now_ms < self.hold_until_ms and not early else BreakerState.HALF_OPEN

    def observed(self, verdict: Verdict, probe: Probe, rules: Rules, fraction: float) -> Breaker:
        """After one probe, and the verdict with it. `fraction` (0 to 1) is the jitter of a hold-down."""
        state = self.state(probe.at_ms)
        if state is BreakerState.CLOSED:
            return self._opened(probe.at_ms, rules, fraction) if verdict is Verdict.FAILED else self
        if state is BreakerState.OPEN:
            return self
        if not probe.ok:
            return self._opened(probe.at_ms, rules, fraction)
        successes = self.successes + 1
        # Older failures that would open it again at once have to leave the window first.
        if successes < rules.close_after or verdict is Verdict.FAILED:
            return Breaker(self.opened_at_ms, self.hold_until_ms, self.level, successes)
        return Breaker(None, self.hold_until_ms, self.level)

    def _opened(self, at_ms: int, rules: Rules, fraction: float) -> Breaker:
        level = self._next_level(at_ms, rules)
        held = min(rules.hold_down_ms << level, rules.hold_down_ms_max)
        held += int(held * rules.hold_down_jitter * fraction)
        return Breaker(at_ms, at_ms + held, level)

    def _next_level(self, at_ms: int, rules: Rules) -> int:
        if self.hold_until_ms == 0:
            return 0
        if self.opened_at_ms is not None and self.successes == 0:
            # It never came back in between: that is one long outage, and no flapping.
            return self.level
        if abs(at_ms - self.hold_until_ms) >= rules.flap_ms:
            return 0
        # No higher than it takes to reach the longest.
        highest = (rules.hold_down_ms_max // rules.hold_down_ms).bit_length()
        return min(self.level + 1, highest)
