"""What an operator asks of the routing, as changes of the routing state. Pure; the policy respects what they leave."""

from __future__ import annotations

from dataclasses import replace

from quartzdb.routing.decision.policy import changed, switched
from quartzdb.routing.decision.state import Origin, RoutingState


class Drained(ValueError):
    """An origin that was taken out is to be active: one of the two commands has to be taken back first."""


class RampIsTheProbes(ValueError):
    """Requests are on their way back to the primary, step by step, and two hands must not set the share."""


def fail_over(state: RoutingState, to: Origin, now_ms: int, by: str) -> RoutingState | None:
    """Make an origin active and pin it there. None where that is so already. Raises Drained."""
    _check_not_drained(state, to)
    if state.active is to and state.pinned:
        return None
    said = f"{by}: failover to {to}"
    moved = (
        changed(state, now_ms, said, ramp_percent=0) if state.active is to else switched(state, now_ms, said)
    )
    return replace(moved, pinned=True)


def fail_back(state: RoutingState, now_ms: int, by: str, *, force: bool) -> RoutingState | None:
    """Let the primary be active again: as soon as the rules allow it, or (`force`) now, whatever the lag.

    None where there is nothing to change. Raises Drained.
    """
    if force and state.active is not state.primary:
        _check_not_drained(state, state.primary)
        return replace(switched(state, now_ms, f"{by}: failback, forced"), pinned=False)
    return release(state, now_ms, by)


def release(state: RoutingState, now_ms: int, by: str) -> RoutingState | None:
    """Take a failover back as a command: the probe decides again. None where it does already."""
    if not state.pinned:
        return None
    # An operator's share must not be taken for a step of the way back.
    return replace(changed(state, now_ms, f"{by}: automatic again", ramp_percent=0), pinned=False)


def canary(state: RoutingState, percent: int, now_ms: int, by: str) -> RoutingState | None:
    """Send a share of the requests to the origin that is not active, until it is 0 again or that origin is not healthy.

    None where that is so already. Raises Drained, RampIsTheProbes.
    """
    if state.active is not state.primary and not state.pinned:
        raise RampIsTheProbes("the way back to the primary sets the share")
    if percent:
        _check_not_drained(state, state.other)
    if percent == state.ramp_percent:
        return None
    return changed(state, now_ms, f"{by}: {percent} % to {state.other}", ramp_percent=percent)


def drain(state: RoutingState, origin: Origin, now_ms: int, by: str) -> RoutingState | None:
    """Take an origin out, as soon as the other can take over. None where it is out already."""
    if origin in state.drained:
        return None
    ramp = 0 if origin is state.other else state.ramp_percent
    drained = changed(state, now_ms, f"{by}: {origin} drained", ramp_percent=ramp)
    return replace(drained, drained=state.drained | {origin})


def undrain(state: RoutingState, origin: Origin, now_ms: int, by: str) -> RoutingState | None:
    """Take that back. None where it is not out."""
    if origin not in state.drained:
        return None
    return replace(
        changed(state, now_ms, f"{by}: {origin} no longer drained"), drained=state.drained - {origin}
    )


def _check_not_drained(state: RoutingState, origin: Origin) -> None:
    # Else the probe would leave it again with its next decision, or it would stay pinned where nothing may go.
    if origin in state.drained:
        raise Drained(f"{origin} is drained")
