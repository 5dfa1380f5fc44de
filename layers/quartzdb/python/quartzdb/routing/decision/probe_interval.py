"""How long the probe waits until it looks again: seldom while all is well, often while anything is not."""

from __future__ import annotations

from quartzdb.routing.decision.breaker import BreakerState
from quartzdb.routing.decision.policy import OriginHealths
from quartzdb.routing.decision.rules import Rules
from quartzdb.routing.decision.state import RoutingState
from quartzdb.routing.decision.window import Verdict


def at_ease(state: RoutingState, healths: OriginHealths) -> bool:
    """Whether both origins are well, and routing is not on its way anywhere."""
    return state.ramp_percent == 0 and all(
        health.verdict is Verdict.HEALTHY and health.breaker is BreakerState.CLOSED
        for health in healths.values()
    )


def interval_ms(ease: bool, rules: Rules, fraction: float) -> int:
    """From one round to the next. `fraction` (0 to 1) is the jitter: half way is none."""
    interval = rules.interval_healthy_ms if ease else rules.interval_uneasy_ms
    return int(interval * (1 + rules.interval_jitter * (2 * fraction - 1)))
