"""The routing decisions over simulated minutes and hours, with probes that take their time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from quartzdb.routing.decision.breaker import BreakerState
from quartzdb.routing.decision.operator_commands import drain, fail_back, fail_over, release, undrain
from quartzdb.routing.decision.rules import DEFAULT_RULES
from quartzdb.routing.decision.state import Mode, Origin
from quartzdb.routing.decision.window import Reason
from tests.simulation.routing import (
    EPOCH_MS,
    Routing,
    failing_at_random,
    failing_from,
    well,
)

AWS, CLOUDFLARE = Origin.AWS, Origin.CLOUDFLARE
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def _both_well(**others: object) -> Routing:
    return Routing({AWS: well, CLOUDFLARE: well}, **others)  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("seed", range(5))
def test_a_hard_failure_is_switched_within_10_seconds(reason: Reason, seed: int) -> None:
    """Of any kind, at any moment between two probes, by the default rules."""
    routing = _both_well(seed=seed)
    routing.run(MINUTE_MS)
    # Right after a probe that was still well, a whole interval ago: the longest wait that there is.
    failed_ms = routing.now_ms - int(1.1 * DEFAULT_RULES.interval_healthy_ms)
    routing.answers[CLOUDFLARE] = failing_from(failed_ms, reason)
    routing.run_until(lambda state: state.active is AWS, 30_000)
    assert routing.state.since_ms - failed_ms <= 10_000
    assert routing.state.mode is Mode.FAILED_OVER
    assert reason.value in routing.state.reason


def test_nothing_changes_while_both_are_well() -> None:
    """Hours long."""
    routing = _both_well()
    routing.run(HOUR_MS)
    assert len(routing.states) == 1


def test_a_single_bad_probe_guards_and_no_more() -> None:
    """Requests fall back for a while; the active origin stays."""
    routing = _both_well()
    routing.run(MINUTE_MS)
    bad_ms = routing.now_ms
    routing.answers[CLOUDFLARE] = failing_from(bad_ms, Reason.STATUS, bad_ms + 1)
    routing.run(2 * MINUTE_MS)
    assert [state.mode for state in routing.states] == [Mode.DIRECT, Mode.GUARDED, Mode.DIRECT]
    assert routing.switches == 0


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("shares", [(0.0, 0.5), (0.5, 0.0), (0.5, 0.5), (0.2, 0.5)])
def test_half_of_all_probes_failing_does_not_flap(seed: int, shares: tuple[float, float]) -> None:
    """Four hours of it on either origin, or on both, make hardly a switch."""
    routing = Routing(
        {AWS: failing_at_random(2 * seed, shares[0]), CLOUDFLARE: failing_at_random(2 * seed + 1, shares[1])},
        seed=seed,
    )
    routing.run(4 * HOUR_MS)
    assert routing.switches <= 3, f"seed {seed}"


@pytest.mark.parametrize(
    ("down_ms", "every_ms", "switches_max"), [(15_000, MINUTE_MS, 3), (60_000, 600_000, 25)]
)
def test_an_origin_that_comes_and_goes_is_kept_out_longer_each_time(
    down_ms: int, every_ms: int, switches_max: int
) -> None:
    """Down for a while and well for a while, four hours long: it is returned to ever more seldom."""
    routing = Routing(
        {AWS: well, CLOUDFLARE: lambda now_ms: Reason.TIMEOUT if now_ms % every_ms < down_ms else None}
    )
    routing.run(4 * HOUR_MS)
    assert routing.switches <= switches_max
    longest = DEFAULT_RULES.hold_down_ms_max * (1 + DEFAULT_RULES.hold_down_jitter)
    breaker = routing.memory[CLOUDFLARE].breaker
    assert breaker.level >= 3
    assert breaker.hold_until_ms - EPOCH_MS <= 4 * HOUR_MS + longest


def test_an_outage_ends_in_a_ramp_back() -> None:
    """Hold-down, five good probes, 10 %, 50 %, and then the primary again."""
    routing = _both_well()
    down_ms = EPOCH_MS + 5 * MINUTE_MS
    up_ms = down_ms + HOUR_MS
    routing.answers[CLOUDFLARE] = failing_from(down_ms, Reason.REFUSED, up_ms)
    routing.run(65 * MINUTE_MS)
    assert routing.state.active is AWS
    routing.run_until(lambda state: state.active is CLOUDFLARE, 5 * MINUTE_MS)
    back = routing.states[-3:]
    assert [(state.active, state.ramp_percent) for state in back] == [(AWS, 10), (AWS, 50), (CLOUDFLARE, 0)]
    assert all(later.since_ms - sooner.since_ms >= 30_000 for sooner, later in pairwise(back))
    assert back[-1].mode is Mode.DIRECT
    assert routing.switches == 2


@pytest.mark.parametrize("lag_ms", [None, 1, 60_000])
def test_no_failback_before_replication_is_level(lag_ms: int | None) -> None:
    """However well the primary is; a lag that is not known is no zero."""
    lags: list[int | None] = [lag_ms]
    routing = _both_well(lag_ms=lambda _now_ms: lags[-1])
    routing.answers[CLOUDFLARE] = failing_from(EPOCH_MS + MINUTE_MS, Reason.DNS, EPOCH_MS + 3 * MINUTE_MS)
    routing.run(2 * HOUR_MS)
    assert routing.state.active is AWS
    assert all(state.ramp_percent == 0 for state in routing.states)
    lags.append(0)
    routing.run_until(lambda state: state.active is CLOUDFLARE, 3 * MINUTE_MS)


def test_a_lag_on_the_way_back_stops_the_ramp_where_it_is() -> None:
    """It goes on once both are level again."""
    lags: list[int | None] = [0]
    routing = _both_well(lag_ms=lambda _now_ms: lags[-1])
    routing.answers[CLOUDFLARE] = failing_from(EPOCH_MS + MINUTE_MS, Reason.DNS, EPOCH_MS + 3 * MINUTE_MS)
    routing.run(2 * MINUTE_MS)
    routing.run_until(lambda state: state.ramp_percent == 10, 10 * MINUTE_MS)
    lags.append(5_000)
    routing.run(10 * MINUTE_MS)
    assert routing.state.ramp_percent == 10
    lags.append(0)
    routing.run_until(lambda state: state.active is CLOUDFLARE, 2 * MINUTE_MS)


def test_a_primary_that_fails_again_on_the_way_back_is_left_alone() -> None:
    """The ramp ends at the first bad probe, and users never feel a second outage."""
    routing = _both_well()
    routing.answers[CLOUDFLARE] = failing_from(EPOCH_MS + MINUTE_MS, Reason.RESET, EPOCH_MS + 3 * MINUTE_MS)
    routing.run(2 * MINUTE_MS)
    routing.run_until(lambda state: state.ramp_percent == 50, 10 * MINUTE_MS)
    routing.answers[CLOUDFLARE] = failing_from(routing.now_ms, Reason.RESET)
    routing.round()
    assert (routing.state.active, routing.state.ramp_percent) == (AWS, 0)
    routing.run(HOUR_MS)
    assert routing.switches == 1


@pytest.mark.parametrize("for_ms", [5_000, 40_000, 10 * MINUTE_MS])
@pytest.mark.parametrize("seed", range(3))
def test_both_failing_at_once_switches_nothing(for_ms: int, seed: int) -> None:
    """It may be the probe's own network, and once that is back all is as it was."""
    routing = _both_well(seed=seed)
    cut_ms = EPOCH_MS + 2 * MINUTE_MS
    for origin in Origin:
        routing.answers[origin] = failing_from(cut_ms, Reason.TIMEOUT, cut_ms + for_ms)
    routing.run(15 * MINUTE_MS)
    assert routing.switches == 0
    assert routing.state.mode is Mode.DIRECT


def test_the_first_of_two_that_comes_back_is_taken() -> None:
    """Both were really down, and the active one stays so."""
    routing = _both_well()
    routing.answers[CLOUDFLARE] = failing_from(EPOCH_MS + MINUTE_MS, Reason.REFUSED)
    routing.answers[AWS] = failing_from(EPOCH_MS + MINUTE_MS, Reason.REFUSED, EPOCH_MS + 20 * MINUTE_MS)
    routing.run(19 * MINUTE_MS)
    assert routing.switches == 0
    routing.run_until(lambda state: state.active is AWS, 3 * MINUTE_MS)


def test_what_is_pinned_is_not_moved_but_guarded() -> None:
    """Its origin fails, and the other could take over."""
    routing = _both_well()
    routing.run(MINUTE_MS)
    pinned = fail_over(routing.state, AWS, routing.now_ms, "operator")
    assert pinned is not None
    routing.states.append(pinned)
    routing.answers[AWS] = failing_from(routing.now_ms, Reason.REFUSED)
    routing.run(HOUR_MS)
    assert routing.state.active is AWS
    assert routing.state.mode is Mode.GUARDED
    assert routing.healths[AWS].breaker is not BreakerState.CLOSED
    freed = release(routing.state, routing.now_ms, "operator")
    assert freed is not None
    routing.states.append(freed)
    routing.run_until(lambda state: state.active is CLOUDFLARE, MINUTE_MS)


def test_what_is_drained_is_left_and_not_returned_to() -> None:
    """Until it is taken back; then the ramp begins."""
    routing = _both_well()
    routing.run(MINUTE_MS)
    drained = drain(routing.state, CLOUDFLARE, routing.now_ms, "operator")
    assert drained is not None
    routing.states.append(drained)
    assert routing.run_until(lambda state: state.active is AWS, 30_000) <= 15_000
    routing.run(HOUR_MS)
    assert routing.switches == 1
    routing.answers[AWS] = failing_from(routing.now_ms, Reason.REFUSED, routing.now_ms + 5 * MINUTE_MS)
    routing.run(5 * MINUTE_MS)
    assert routing.switches == 1
    undrained = undrain(routing.state, CLOUDFLARE, routing.now_ms, "operator")
    assert undrained is not None
    routing.states.append(undrained)
    routing.run_until(lambda state: state.active is CLOUDFLARE, 5 * MINUTE_MS)


def test_a_forced_failback_asks_nobody() -> None:
    """Neither lag nor hold-down; the probe may move it again afterwards."""
    routing = _both_well(lag_ms=lambda _now_ms: 1_000)
    routing.answers[CLOUDFLARE] = failing_from(EPOCH_MS + MINUTE_MS, Reason.REFUSED, EPOCH_MS + 2 * MINUTE_MS)
    routing.run(10 * MINUTE_MS)
    assert routing.state.active is AWS
    assert fail_back(routing.state, routing.now_ms, "operator", force=False) is None
    forced = fail_back(routing.state, routing.now_ms, "operator", force=True)
    assert forced is not None
    assert forced.follows(routing.state)
    assert (forced.active, forced.mode, forced.pinned) == (CLOUDFLARE, Mode.DIRECT, False)
    routing.states.append(forced)
    routing.run(HOUR_MS)
    assert routing.state == forced
