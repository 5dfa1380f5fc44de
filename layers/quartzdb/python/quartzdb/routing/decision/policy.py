"""The one decision: routing state, what is known of both origins, and lag → the next routing state, or none.

Pure. It never leaves an origin for one that is not known to be well, so the last one that serves is never ejected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from quartzdb.routing.decision.breaker import BreakerState
from quartzdb.routing.decision.origin_health import OriginHealth
from quartzdb.routing.decision.rules import Rules
from quartzdb.routing.decision.state import REASON_LENGTH_MAX, Mode, Origin, RoutingState
from quartzdb.routing.decision.window import Verdict

OriginHealths = Mapping[Origin, OriginHealth]


def first_state(primary: Origin, now_ms: int) -> RoutingState:
    """Where there never was one: the primary, direct."""
    return RoutingState(1, 1, primary, Mode.DIRECT, now_ms, "the first state", primary=primary)


def decide(
    state: RoutingState, healths: OriginHealths, lag_ms: int | None, now_ms: int, rules: Rules
) -> RoutingState | None:
    """The state to follow, one step at a time; None where it stays as it is.

    `lag_ms` is that of replication, the greater of both directions; None where it is not known.
    """
    active, other = healths[state.active], healths[state.other]
    both_fail = not active.latest_ok and not other.latest_ok
    if not state.pinned and not both_fail and _can_take(state, other):
        if active.breaker is BreakerState.OPEN and active.verdict is Verdict.FAILED:
            return switched(state, now_ms, f"{state.active} failed: {active.trouble}", mode=_mode(other))
        if state.active in state.drained:
            return switched(state, now_ms, f"{state.active} is drained", mode=_mode(other))
    returning = _ramp(state, other, lag_ms, now_ms, rules)
    if returning is not None:
        return returning
    mode = state.mode if both_fail else _settled(state, active, other)
    if mode is not state.mode:
        why = (
            f"{state.active} is {active.verdict}: {active.trouble}"
            if mode is Mode.GUARDED
            else f"{state.active} is {active.verdict}"
        )
        return changed(state, now_ms, why, mode=mode)
    return None


def switched(state: RoutingState, now_ms: int, reason: str, *, mode: Mode | None = None) -> RoutingState:
    """The next epoch: the other origin is active. `mode` GUARDED where that one is not quite well either."""
    to = state.other
    settled = Mode.DIRECT if to is state.primary else Mode.FAILED_OVER
    return replace(
        state,
        revision=state.revision + 1,
        epoch=state.epoch + 1,
        active=to,
        mode=mode or settled,
        ramp_percent=0,
        since_ms=now_ms,
        reason=reason[:REASON_LENGTH_MAX],
    )


def changed(
    state: RoutingState,
    now_ms: int,
    reason: str,
    *,
    mode: Mode | None = None,
    ramp_percent: int | None = None,
) -> RoutingState:
    """The next revision in the same epoch."""
    return replace(
        state,
        revision=state.revision + 1,
        mode=state.mode if mode is None else mode,
        ramp_percent=state.ramp_percent if ramp_percent is None else ramp_percent,
        since_ms=now_ms,
        reason=reason[:REASON_LENGTH_MAX],
    )


def _can_take(state: RoutingState, other: OriginHealth) -> bool:
    """Whether the origin that is not active may be given the requests."""
    known = other.verdict in {Verdict.HEALTHY, Verdict.SUSPECT}
    return (
        state.other not in state.drained
        and known
        and other.latest_ok
        and other.breaker is BreakerState.CLOSED
    )


def _ramp(
    state: RoutingState, other: OriginHealth, lag_ms: int | None, now_ms: int, rules: Rules
) -> RoutingState | None:
    """One step of the way back to the primary, or off it; None where there is nothing to do."""
    healthy = _can_take(state, other) and other.verdict is Verdict.HEALTHY
    if state.ramp_percent and not healthy:
        return changed(state, now_ms, f"{state.other} is {other.verdict}: no ramp", ramp_percent=0)
    if state.active is state.primary or state.pinned or not healthy:
        return None
    level = lag_ms is not None and lag_ms <= rules.failback_lag_ms_max
    if not level:
        return None
    further = [percent for percent in rules.ramp_percents if percent > state.ramp_percent]
    if state.ramp_percent == 0:
        # A share of users' requests is not what to find out with whether it is really well.
        if not other.spotless:
            return None
    elif 0 <= now_ms - state.since_ms < rules.ramp_step_ms:
        # A moment to come was stamped by a clock that was ahead, and says nothing: nobody waits for it.
        return None
    if not further:
        return switched(state, now_ms, f"{state.primary} is healthy again and level")
    return changed(
        state, now_ms, f"{state.primary} is healthy: {further[0]} % go there", ramp_percent=further[0]
    )


def _settled(state: RoutingState, active: OriginHealth, other: OriginHealth) -> Mode:
    """The mode that the active origin's verdict asks for."""
    settled = Mode.DIRECT if state.active is state.primary else Mode.FAILED_OVER
    if active.verdict is Verdict.HEALTHY or state.other in state.drained:
        return settled
    if active.verdict is Verdict.UNKNOWN:
        return state.mode
    # Guarding costs every request something, and helps only where the other can answer in its place.
    if other.breaker is BreakerState.OPEN:
        return settled
    return Mode.GUARDED if other.latest_ok else state.mode


def _mode(taking: OriginHealth) -> Mode | None:
    return None if taking.verdict is Verdict.HEALTHY else Mode.GUARDED
