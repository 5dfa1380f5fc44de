"""One scenario: traffic, a fault of the Cloudflare origin, the switch, writes meanwhile, the way back, and the verdict.

Everything is watched from outside, as clients and operators see it; nothing here decides anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from local.clouds.site import Site
from local.drill.check import problems
from local.drill.ledger import Ledger
from local.drill.timeline import Timeline
from local.drill.traffic import Observed, Traffic
from local.faults import Fault
from quartzdb.routing.decision.rules import Rules
from quartzdb.routing.decision.state import Mode, Origin, RoutingState

FAST_RULES = Rules(
    interval_healthy_ms=1_000,
    interval_uneasy_ms=200,
    probe_deadline_ms=1_000,
    hold_down_ms=2_000,
    hold_down_ms_max=60_000,
    ramp_step_ms=1_000,
)
"""To try a drill: the same rules, ten times as hasty."""
_POLL_SECONDS = 0.05
AT_ONCE = frozenset({"refuse", "reset", "dns"})
"""Faults that show before anybody could wait: CloudFront sends a GET to the other cloud."""


class Clouds(Protocol):
    """Both clouds and the edge in front of them."""

    edge_url: str
    key: str
    rules: Rules
    edge_follows_seconds: float
    """The longest that the edge goes by a state that is not the latest any more."""

    def set_fault(self, fault: Fault) -> None:
        """Of the Cloudflare origin; Fault() heals it."""
        ...

    def state(self) -> RoutingState:
        """The routing state that is stored."""
        ...

    def lag_ms(self) -> int | None:
        """Replication's, the greater of both directions; None: not known."""
        ...

    def level(self, at_ms: int) -> bool:
        """Whether each site has everything that the other had at a time (unix ms)."""
        ...

    def sites(self) -> AbstractContextManager[Sequence[Site]]:
        """Both, past the edge."""
        ...


class Missed(AssertionError):
    """A bar was missed. The message says which, and by how much."""


@dataclass(frozen=True, slots=True)
class Bars:
    """In seconds. `reads_fail`: from the fault to the beginning of the last safe request that failed."""

    switch: float = 30.0
    reads_fail: float = 30.0
    back: float = 600.0
    level: float = 120.0


def bars_of(clouds: Clouds) -> Bars:
    """Reads may fail for one probe window, from the fault to the probe that has seen it, and until the edge follows."""
    rules = clouds.rules
    window_ms = rules.interval_healthy_ms * (1 + rules.interval_jitter) + rules.probe_deadline_ms
    return Bars(reads_fail=window_ms / 1000 + clouds.edge_follows_seconds)


@dataclass(slots=True)
class Outcome:
    """What was measured."""

    fault: str
    switch_seconds: float | None = None
    reads_failed: int = 0
    gets_failed: int = 0
    """Of those; the others are searches by POST."""
    reads_failed_span_seconds: float = 0.0
    reads_failed_guarded: int = 0
    writes_failed: int = 0
    failback_seconds: float | None = None
    lag_at_failback_ms: int | None = None
    switches: int = 0
    acknowledged: int = 0
    doubtful: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Watch:
    """Tells each change of the routing state, once."""

    clouds: Clouds
    timeline: Timeline
    seen: list[tuple[float, RoutingState]] = field(default_factory=list)

    def look(self) -> RoutingState:
        """The present state."""
        state = self.clouds.state()
        if not self.seen or state.revision != self.seen[-1][1].revision:
            at = self.timeline.say(
                f"routing: {state.active} {state.mode}"
                + (f", {state.ramp_percent} % to {state.other}" if state.ramp_percent else "")
                + f" (epoch {state.epoch}: {state.reason})"
            )
            self.seen.append((at, state))
        return state

    def until(self, holds: Callable[[RoutingState], bool], seconds: float) -> bool:
        """Watch until it holds, or for so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if holds(self.look()):
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def rest(self, seconds: float) -> None:
        """Go on watching for so long."""
        self.until(lambda _: False, seconds)


def hard_failure(
    clouds: Clouds,
    fault: Fault,
    timeline: Timeline,
    *,
    bars: Bars,
    steady_seconds: float = 5.0,
    outage_seconds: float = 10.0,
    seed: int = 1,
) -> Outcome:
    """The Cloudflare origin goes away whole and comes back. Raises Missed."""
    outcome = Outcome(fault.kind)
    watch, ledger = _Watch(clouds, timeline), Ledger()
    traffic = Traffic(clouds.edge_url, clouds.key, ledger, now=timeline.now, seed=seed)
    before = watch.look()
    timeline.say("traffic begins")
    traffic.start()
    try:
        watch.rest(steady_seconds)
        _nothing_failed(traffic.observed(), "before anything was broken")
        broken = timeline.say(f"Cloudflare breaks: {fault.kind}")
        clouds.set_fault(fault)
        if not watch.until(lambda state: state.active is Origin.AWS, bars.switch + 30):
            raise Missed(f"{fault.kind}: no switch within {bars.switch + 30:.0f} s")
        outcome.switch_seconds = watch.seen[-1][0] - broken
        watch.rest(clouds.edge_follows_seconds + outage_seconds)
        healed = timeline.say("Cloudflare is back")
        clouds.set_fault(Fault())
        if not watch.until(lambda state: state.active is Origin.CLOUDFLARE, bars.back):
            raise Missed(f"{fault.kind}: no failback within {bars.back:.0f} s")
        outcome.lag_at_failback_ms = clouds.lag_ms()
        outcome.failback_seconds = timeline.now() - healed
        watch.rest(clouds.edge_follows_seconds + steady_seconds)
    finally:
        traffic.stop()
    timeline.say("traffic ends")
    _summarise(outcome, traffic, watch, broken, before)
    _settle(outcome, clouds, ledger, timeline, bars, seed)
    _judge(outcome, bars)
    return outcome


def half_broken(clouds: Clouds, timeline: Timeline, *, bars: Bars, seconds: float, seed: int = 1) -> Outcome:
    """Half of the requests to the Cloudflare origin fail for a long while: one switch, and no way back meanwhile."""
    fault = Fault("error_5xx", fraction=0.5)
    outcome = Outcome("50 % error_5xx")
    watch, ledger = _Watch(clouds, timeline), Ledger()
    traffic = Traffic(clouds.edge_url, clouds.key, ledger, now=timeline.now, seed=seed)
    before = watch.look()
    traffic.start()
    try:
        broken = timeline.say("half of Cloudflare's answers are 503")
        clouds.set_fault(fault)
        if watch.until(lambda state: state.active is Origin.AWS, bars.switch + 30):
            outcome.switch_seconds = watch.seen[-1][0] - broken
        watch.rest(seconds)
        outcome.switches = watch.seen[-1][1].epoch - before.epoch
        timeline.say(f"after {seconds:.0f} s: {outcome.switches} switch(es)")
        healed = timeline.say("Cloudflare is whole again")
        clouds.set_fault(Fault())
        if not watch.until(lambda state: state.active is Origin.CLOUDFLARE, bars.back):
            raise Missed(f"half broken: no failback within {bars.back:.0f} s")
        outcome.failback_seconds = timeline.now() - healed
        outcome.lag_at_failback_ms = clouds.lag_ms()
        watch.rest(clouds.edge_follows_seconds)
    finally:
        traffic.stop()
    flaps = outcome.switches
    _summarise(outcome, traffic, watch, broken, before)
    _settle(outcome, clouds, ledger, timeline, bars, seed)
    if flaps > 1:
        raise Missed(f"half broken: {flaps} switches in {seconds:.0f} s, where one is enough")
    _judge(outcome, bars)
    return outcome


def _summarise(
    outcome: Outcome, traffic: Traffic, watch: _Watch, broken: float, before: RoutingState
) -> None:
    failed = [one for one in traffic.observed(broken) if one.failed]
    reads = [one for one in failed if one.safe]
    outcome.reads_failed = len(reads)
    outcome.gets_failed = sum(one.what.startswith("GET ") for one in reads)
    outcome.reads_failed_span_seconds = max((one.at - one.seconds - broken for one in reads), default=0.0)
    outcome.writes_failed = len(failed) - len(reads)
    follows = watch.clouds.edge_follows_seconds
    outcome.reads_failed_guarded = sum(
        any(begin + follows <= one.at - one.seconds and one.at <= end for begin, end in _guarded(watch))
        for one in reads
    )
    outcome.switches = watch.seen[-1][1].epoch - before.epoch


def _guarded(watch: _Watch) -> list[tuple[float, float]]:
    """When the state was guarded."""
    ends = [at for at, _ in watch.seen[1:]] + [float("inf")]
    return [
        (at, end) for (at, state), end in zip(watch.seen, ends, strict=True) if state.mode is Mode.GUARDED
    ]


def _settle(
    outcome: Outcome, clouds: Clouds, ledger: Ledger, timeline: Timeline, bars: Bars, seed: int
) -> None:
    deadline = time.monotonic() + bars.level
    ended_ms = time.time_ns() // 1_000_000
    while not clouds.level(ended_ms):
        if time.monotonic() > deadline:
            raise Missed(f"the sites are not level {bars.level:.0f} s after the last write")
        time.sleep(_POLL_SECONDS)
    timeline.say("both sites are level")
    outcome.acknowledged, outcome.doubtful = ledger.counts
    with clouds.sites() as sites:
        outcome.wrong = list(problems(sites, ledger, seed=seed))
    timeline.say(
        f"{outcome.acknowledged} names with an acknowledged write, {outcome.doubtful} doubtful writes, "
        f"{len(outcome.wrong)} of them wrong at a site"
    )


def _judge(outcome: Outcome, bars: Bars) -> None:
    if outcome.wrong:
        raise Missed(f"{outcome.fault}: {len(outcome.wrong)} names are wrong; the first: {outcome.wrong[:5]}")
    if outcome.switch_seconds is not None and outcome.switch_seconds > bars.switch:
        raise Missed(
            f"{outcome.fault}: the switch took {outcome.switch_seconds:.1f} s; the bar is {bars.switch}"
        )
    if outcome.reads_failed_span_seconds > bars.reads_fail:
        raise Missed(
            f"{outcome.fault}: reads that began {outcome.reads_failed_span_seconds:.1f} s after the fault failed; "
            f"the bar is {bars.reads_fail}"
        )
    if outcome.reads_failed_guarded:
        raise Missed(f"{outcome.fault}: {outcome.reads_failed_guarded} safe requests failed in guarded mode")
    if outcome.fault in AT_ONCE and outcome.gets_failed:
        raise Missed(
            f"{outcome.fault}: {outcome.gets_failed} GETs failed, where the other cloud could answer"
        )
    if outcome.lag_at_failback_ms != 0:
        raise Missed(f"{outcome.fault}: failback with a lag of {outcome.lag_at_failback_ms} ms")


def _nothing_failed(observed: Sequence[Observed], when: str) -> None:
    failed = [one for one in observed if one.failed]
    if failed:
        raise Missed(f"{len(failed)} of {len(observed)} requests failed {when}; the first: {failed[0]}")
