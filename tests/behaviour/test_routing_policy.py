"""Every combination of what may be known of two origins, and what the policy makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from quartzdb.routing.decision.breaker import BreakerState
from quartzdb.routing.decision.origin_health import OriginHealth
from quartzdb.routing.decision.policy import decide, first_state
from quartzdb.routing.decision.rules import DEFAULT_RULES
from quartzdb.routing.decision.state import Mode, Origin, RoutingState
from quartzdb.routing.decision.window import Verdict

AWS, CLOUDFLARE = Origin.AWS, Origin.CLOUDFLARE
NOW_MS = 1_790_000_000_000
LONG_AGO_MS = NOW_MS - 3_600_000
DIRECT = RoutingState(1, 1, CLOUDFLARE, Mode.DIRECT, LONG_AGO_MS, "first")
OVER = RoutingState(2, 2, AWS, Mode.FAILED_OVER, LONG_AGO_MS, "it failed")
STATES = {
    "direct": DIRECT,
    "failed over": OVER,
    "nearly back": RoutingState(4, 2, AWS, Mode.FAILED_OVER, LONG_AGO_MS, "ramp", ramp_percent=50),
    "pinned": RoutingState(2, 2, AWS, Mode.FAILED_OVER, LONG_AGO_MS, "by hand", pinned=True),
    "active drained": RoutingState(
        2, 1, CLOUDFLARE, Mode.DIRECT, LONG_AGO_MS, "x", drained=frozenset({CLOUDFLARE})
    ),
    "other drained": RoutingState(2, 1, CLOUDFLARE, Mode.DIRECT, LONG_AGO_MS, "x", drained=frozenset({AWS})),
    "both drained": RoutingState(3, 1, CLOUDFLARE, Mode.DIRECT, LONG_AGO_MS, "x", drained=frozenset(Origin)),
}


def _healths() -> Iterator[OriginHealth]:
    for verdict, breaker, latest_ok, spotless in product(Verdict, BreakerState, (True, False), (True, False)):
        if not (spotless and not latest_ok):
            yield OriginHealth(verdict, breaker, latest_ok, spotless, "" if spotless else "timeout")


def _cases(state: RoutingState) -> Iterator[tuple[OriginHealth, OriginHealth, RoutingState | None]]:
    for active, other in product(_healths(), _healths()):
        seen = {state.active: active, state.other: other}
        yield active, other, decide(state, seen, 0, NOW_MS, DEFAULT_RULES)


def _can_take(other: OriginHealth) -> bool:
    well = other.verdict in {Verdict.HEALTHY, Verdict.SUSPECT}
    return well and other.breaker is BreakerState.CLOSED and other.latest_ok


@pytest.mark.parametrize("name", ["direct", "failed over"])
def test_a_failed_origin_is_left_for_one_that_is_well(name: str) -> None:
    """Exactly then: failed with its breaker open, while the other's is closed and its latest probe succeeded."""
    state = STATES[name]
    for active, other, following in _cases(state):
        failed = active.verdict is Verdict.FAILED and active.breaker is BreakerState.OPEN
        switched = following is not None and following.active is not state.active
        if not active.latest_ok and not other.latest_ok:
            assert not switched
        else:
            assert switched == (failed and _can_take(other))


def test_a_return_needs_a_healthy_primary() -> None:
    """At the end of the ramp, whatever the origin that is active does, short of failing."""
    for active, other, following in _cases(STATES["nearly back"]):
        if active.verdict is Verdict.FAILED:
            continue
        healthy = other.verdict is Verdict.HEALTHY and _can_take(other)
        assert following is not None
        assert (following.active is CLOUDFLARE) == healthy
        if healthy:
            assert following.mode is Mode.DIRECT
        assert following.ramp_percent == 0


def test_a_pinned_origin_stays_active_and_pinned() -> None:
    """Whatever is known; it is guarded where that helps."""
    for active, other, following in _cases(STATES["pinned"]):
        assert following is None or (
            following.active is AWS and following.pinned and not following.ramp_percent
        )
        if active.verdict is Verdict.FAILED and other.latest_ok and other.breaker is not BreakerState.OPEN:
            assert following is not None
            assert following.mode is Mode.GUARDED


def test_guarding_ends_where_the_other_origin_has_failed() -> None:
    """Every slow request would be handed to an origin that does not answer."""
    slow = OriginHealth(Verdict.SUSPECT, BreakerState.CLOSED, False, True, "timeout")
    gone = OriginHealth(Verdict.FAILED, BreakerState.OPEN, False, False, "refused")
    guarded = replace(first_state(CLOUDFLARE, 1), mode=Mode.GUARDED)
    following = decide(
        guarded, {CLOUDFLARE: replace(slow, latest_ok=True), AWS: gone}, 0, NOW_MS, DEFAULT_RULES
    )
    assert following is not None
    assert following.mode is Mode.DIRECT


def test_a_drained_origin_is_left_only_for_one_that_is_well() -> None:
    """It may be the last that serves."""
    for active, other, following in _cases(STATES["active drained"]):
        switched = following is not None and following.active is AWS
        assert switched == _can_take(other)
        del active


@pytest.mark.parametrize("name", ["other drained", "both drained"])
def test_nothing_is_sent_to_a_drained_origin(name: str) -> None:
    """Neither by a switch nor, for a single request, by guarding."""
    for _, _, following in _cases(STATES[name]):
        assert following is None


@pytest.mark.parametrize("name", list(STATES))
def test_every_decision_follows_and_then_rests(name: str) -> None:
    """Deciding again from the same state ends after a few steps: no two states send each other back and forth."""
    for active, other in product(_healths(), _healths()):
        state, steps = STATES[name], 0
        seen = {state.active: active, state.other: other}
        while (following := decide(state, seen, 0, NOW_MS, DEFAULT_RULES)) is not None:
            assert following.follows(state)
            assert following.reason
            state, steps = following, steps + 1
            assert steps <= 3


def test_a_clock_that_was_set_back_does_not_hold_a_ramp() -> None:
    """The step before may have been stamped by another clock, an operator's; the way back must not stand still."""
    well = OriginHealth(Verdict.HEALTHY, BreakerState.CLOSED, True, True, "")
    ahead = replace(STATES["nearly back"], since_ms=NOW_MS + 3_600_000)
    following = decide(ahead, dict.fromkeys(Origin, well), 0, NOW_MS, DEFAULT_RULES)
    assert following is not None
    assert following.active is CLOUDFLARE
