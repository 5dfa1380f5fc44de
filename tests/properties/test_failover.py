"""Laws of the routing decisions, for any course of events that Hypothesis can think of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from quartzdb.routing.decision.breaker import Breaker, BreakerState
from quartzdb.routing.decision.operator_commands import (
    Drained,
    RampIsTheProbes,
    canary,
    drain,
    fail_back,
    fail_over,
    release,
    undrain,
)
from quartzdb.routing.decision.origin_health import OriginHistory, fraction_of, health_of
from quartzdb.routing.decision.override import TTL_SECONDS_MAX, sign_override, verify_override
from quartzdb.routing.decision.policy import decide, first_state
from quartzdb.routing.decision.probe_memory import (
    MEMORY_BYTES_MAX,
    InvalidMemory,
    decode_memory,
    encode_memory,
    no_memory,
)
from quartzdb.routing.decision.rules import DEFAULT_RULES, Rules
from quartzdb.routing.decision.state import Mode, Origin, RoutingState, decode_state, encode_state
from quartzdb.routing.decision.window import Probe, Reason, Verdict, Window, verdict_of

START_MS = 1_790_000_000_000
origins = st.sampled_from(list(Origin))
reasons = st.none() | st.sampled_from(list(Reason))


class Decisions(RuleBasedStateMachine):
    """Probes with any outcome at any pace, edge reports, lags and an operator; each step is held to the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.failover_rules = DEFAULT_RULES  # the machine's own `rules` are Hypothesis's
        self.now_ms = START_MS
        self.memory = no_memory()
        self.state = first_state(Origin.CLOUDFLARE, self.now_ms)
        self.lag_ms: int | None = 0
        self.in_a_row = dict.fromkeys(Origin, 0)
        self.history: dict[Origin, list[bool]] = {origin: [] for origin in Origin}

    @rule(aws=reasons, cloudflare=reasons, wait_ms=st.integers(100, 70_000), hostile=st.none() | origins)
    def probed(
        self, aws: Reason | None, cloudflare: Reason | None, wait_ms: int, hostile: Origin | None
    ) -> None:
        """One round, with what may follow from it."""
        self._round({Origin.AWS: aws, Origin.CLOUDFLARE: cloudflare}, wait_ms, hostile)

    @rule(reason=reasons, origin=origins, times=st.integers(2, 12))
    def probed_often(self, reason: Reason | None, origin: Origin, times: int) -> None:
        """A while in which one origin is as it is and the other well."""
        for _ in range(times):
            self._round(
                {origin: reason, Origin.AWS if origin is Origin.CLOUDFLARE else Origin.CLOUDFLARE: None},
                1_000,
                None,
            )

    @rule(lag_ms=st.none() | st.integers(0, 2))
    def replicated(self, lag_ms: int | None) -> None:
        """Or not."""
        self.lag_ms = lag_ms

    @rule(
        what=st.sampled_from(["fail over", "fail back", "force", "release", "drain", "undrain", "canary"]),
        origin=origins,
        percent=st.integers(0, 99),
    )
    def operated(self, what: str, origin: Origin, percent: int) -> None:
        """Each command gives a state that follows, or none."""
        commands: dict[str, Callable[[], RoutingState | None]] = {
            "fail over": lambda: fail_over(self.state, origin, self.now_ms, "op"),
            "fail back": lambda: fail_back(self.state, self.now_ms, "op", force=False),
            "force": lambda: fail_back(self.state, self.now_ms, "op", force=True),
            "release": lambda: release(self.state, self.now_ms, "op"),
            "drain": lambda: drain(self.state, origin, self.now_ms, "op"),
            "undrain": lambda: undrain(self.state, origin, self.now_ms, "op"),
            "canary": lambda: canary(self.state, percent, self.now_ms, "op"),
        }
        try:
            following = commands[what]()
        except Drained:
            targets = {"fail over": origin, "force": self.state.primary, "canary": self.state.other}
            assert targets[what] in self.state.drained
            return
        except RampIsTheProbes:
            assert what == "canary"
            return
        if following is not None:
            self._follow(following)

    @rule()
    def restarted(self) -> None:
        """Another run goes on from what was remembered."""
        self.memory = decode_memory(encode_memory(self.memory, self.failover_rules))

    @precondition(lambda self: self._remembers())
    @rule()
    def forgotten(self) -> None:
        """The memory was lost."""
        self.memory = no_memory()
        self.in_a_row = dict.fromkeys(Origin, 0)
        self.history = {origin: [] for origin in Origin}

    def _remembers(self) -> bool:
        return any(len(record.window.probes) for record in self.memory.values())

    @invariant()
    def a_state_survives_the_way_to_the_edge(self) -> None:
        """Whatever was decided."""
        assert decode_state(encode_state(self.state)) == self.state

    @invariant()
    def memory_is_bounded(self) -> None:
        """However long it runs."""
        assert all(
            len(record.window.probes) <= self.failover_rules.window_probes_max
            for record in self.memory.values()
        )
        assert len(encode_memory(self.memory, self.failover_rules)) < MEMORY_BYTES_MAX

    def _round(self, outcomes: dict[Origin, Reason | None], wait_ms: int, hostile: Origin | None) -> None:
        self.now_ms += wait_ms
        memory = {}
        for origin, reason in outcomes.items():
            probe = Probe(reason is None, self.now_ms, 10, reason)
            memory[origin] = self.memory[origin].after(origin, probe, self.failover_rules)
            self.in_a_row[origin] = 0 if reason is None else self.in_a_row[origin] + 1
            self.history[origin] = [*self.history[origin], reason is None][-20:]
        self.memory = memory
        healths = {
            origin: health_of(
                record,
                self.now_ms,
                self.failover_rules,
                clients="clients fail" if origin is hostile else None,
            )
            for origin, record in memory.items()
        }
        following = decide(self.state, healths, self.lag_ms, self.now_ms, self.failover_rules)
        if following is None:
            return
        before = self.state
        self._follow(following)
        assert following.since_ms == self.now_ms
        assert following.pinned == before.pinned
        assert following.drained == before.drained
        if following.ramp_percent and following.ramp_percent != before.ramp_percent:
            assert self.lag_ms == 0
            assert following.active is not following.primary
        if following.active is before.active:
            return
        left, taken = before.active, following.active
        # The last one that serves is never ejected: what is switched to answered just now, and is not held down.
        assert outcomes[taken] is None
        assert healths[taken].breaker is BreakerState.CLOSED
        assert healths[taken].verdict in {Verdict.HEALTHY, Verdict.SUSPECT}
        assert taken not in before.drained
        assert not before.pinned
        if left in before.drained:
            return
        failed = healths[left].verdict is Verdict.FAILED
        if failed:
            bad = self.history[left].count(False)
            assert self.in_a_row[left] >= 3 or (bad >= 3 and len(self.history[left]) >= 10)
        else:
            assert taken is before.primary
            assert self.lag_ms == 0
            assert before.ramp_percent == self.failover_rules.ramp_percents[-1]
            assert self.now_ms - before.since_ms >= self.failover_rules.ramp_step_ms

    def _follow(self, state: RoutingState) -> None:
        assert state.follows(self.state)
        assert (state.epoch > self.state.epoch) == (state.active is not self.state.active)
        assert state.revision == self.state.revision + 1
        assert state.mode is not Mode.FAILED_OVER or state.active is not state.primary
        self.state = state


TestDecisions = Decisions.TestCase
TestDecisions.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)


@given(st.lists(st.booleans(), max_size=40))
def test_a_verdict_is_never_of_one_probe(outcomes: list[bool]) -> None:
    """Failed takes three, healthy takes three, and a failed latest probe is never healthy."""
    window = Window()
    for second, ok in enumerate(outcomes):
        probe = Probe(ok, START_MS + second * 1_000, 5, None if ok else Reason.STATUS)
        window = window.with_probe(probe, DEFAULT_RULES)
    verdict = verdict_of(window, DEFAULT_RULES)
    counted_ = outcomes[-20:]
    if verdict is Verdict.FAILED:
        assert counted_[-3:] == [False] * 3 or (
            len(counted_) >= 10 and counted_.count(False) / len(counted_) >= 0.3
        )
    if verdict is Verdict.HEALTHY:
        assert len(counted_) >= 3
        assert counted_[-1]
        assert counted_.count(False) / len(counted_) < 0.1
    if not counted_:
        assert verdict is Verdict.UNKNOWN


@given(
    st.lists(st.tuples(st.integers(0, 3_600_000), st.booleans()), max_size=60),
    st.floats(0, 1, exclude_max=True),
)
def test_hold_down_grows_and_is_bounded(course: list[tuple[int, bool]], fraction: float) -> None:
    """Never longer than the longest with its jitter, never shorter than the shortest, however an origin behaves."""
    breaker, now_ms = Breaker(), START_MS
    rules = DEFAULT_RULES
    for wait_ms, ok in course:
        now_ms += wait_ms
        verdict = Verdict.HEALTHY if ok else Verdict.FAILED
        before = breaker
        breaker = breaker.observed(verdict, Probe(ok, now_ms, 1, None if ok else Reason.DNS), rules, fraction)
        if breaker.opened_at_ms is None or breaker.opened_at_ms == before.opened_at_ms:
            continue
        held = breaker.hold_until_ms - breaker.opened_at_ms
        assert rules.hold_down_ms <= held <= rules.hold_down_ms_max * (1 + rules.hold_down_jitter)
        assert before.state(now_ms) is not BreakerState.OPEN
        flapping = before.opened_at_ms is None and 0 < now_ms - before.hold_until_ms < rules.flap_ms
        if flapping and before.hold_until_ms:
            assert breaker.level > before.level or held >= rules.hold_down_ms_max


def test_hold_down_doubles_with_each_opening_up_to_the_longest() -> None:
    """30 s, 60 s, … 30 min; after half an hour without, 30 s again."""
    breaker, now_ms, held = Breaker(), START_MS, []
    for _ in range(10):
        breaker = breaker.observed(Verdict.FAILED, Probe(False, now_ms, 1, Reason.DNS), DEFAULT_RULES, 0.0)
        assert breaker.state(now_ms) is BreakerState.OPEN
        held.append((breaker.hold_until_ms - now_ms) // 1_000)
        now_ms = breaker.hold_until_ms
        assert breaker.state(now_ms) is BreakerState.HALF_OPEN
        for _ in range(5):
            assert breaker.state(now_ms) is BreakerState.HALF_OPEN
            now_ms += 1_000
            breaker = breaker.observed(Verdict.HEALTHY, Probe(True, now_ms, 1), DEFAULT_RULES, 0.0)
        assert breaker.state(now_ms) is BreakerState.CLOSED
        now_ms += 1_000
    assert held == [30, 60, 120, 240, 480, 960, 1_800, 1_800, 1_800, 1_800]
    now_ms = breaker.hold_until_ms + DEFAULT_RULES.flap_ms
    breaker = breaker.observed(Verdict.FAILED, Probe(False, now_ms, 1, Reason.DNS), DEFAULT_RULES, 0.0)
    assert breaker.hold_until_ms - now_ms == 30_000


def test_one_long_outage_is_no_flapping() -> None:
    """An origin that never answered in between is looked at again as soon as after the first minute."""
    breaker, now_ms = Breaker(), START_MS
    for _ in range(20):
        breaker = breaker.observed(Verdict.FAILED, Probe(False, now_ms, 1, Reason.DNS), DEFAULT_RULES, 0.5)
        now_ms = breaker.hold_until_ms
    assert breaker.level == 0


def test_a_half_open_breaker_opens_at_the_first_failure() -> None:
    """For twice as long, because it had begun to come back."""
    rules = DEFAULT_RULES
    breaker = Breaker().observed(Verdict.FAILED, Probe(False, START_MS, 1, Reason.DNS), rules, 0.0)
    now_ms = breaker.hold_until_ms
    breaker = breaker.observed(Verdict.SUSPECT, Probe(True, now_ms, 1), rules, 0.0)
    breaker = breaker.observed(Verdict.SUSPECT, Probe(False, now_ms + 1_000, 1, Reason.DNS), rules, 0.0)
    assert breaker.state(now_ms + 1_000) is BreakerState.OPEN
    assert breaker.hold_until_ms == now_ms + 61_000


def test_a_clock_that_was_set_back_holds_nobody_down() -> None:
    """A breaker that opened in the future lets the origin prove itself now."""
    breaker = Breaker(opened_at_ms=START_MS, hold_until_ms=START_MS + 30_000)
    assert breaker.state(START_MS - 1) is BreakerState.HALF_OPEN


@given(st.dictionaries(origins, st.lists(st.tuples(reasons, st.integers(0, 5_000)), max_size=30), min_size=2))
def test_what_is_remembered_is_read_back(courses: dict[Origin, list[tuple[Reason | None, int]]]) -> None:
    """To the letter."""
    memory = dict(no_memory())
    for origin, course in courses.items():
        for index, (reason, latency_ms) in enumerate(course):
            probe = Probe(reason is None, START_MS + index * 900, latency_ms, reason)
            memory[origin] = memory[origin].after(origin, probe, DEFAULT_RULES)
    assert decode_memory(encode_memory(memory, DEFAULT_RULES)) == memory


@given(st.binary(max_size=200))
def test_what_is_no_memory_is_refused(data: bytes) -> None:
    """Never another error."""
    with pytest.raises(InvalidMemory):
        decode_memory(data)


def _remembered() -> dict[str, object]:
    record = OriginHistory().after(Origin.AWS, Probe(True, START_MS, 1), DEFAULT_RULES)
    document: dict[str, object] = json.loads(
        encode_memory({Origin.AWS: record, Origin.CLOUDFLARE: OriginHistory()}, DEFAULT_RULES)
    )
    return document


@pytest.mark.parametrize(
    "damage",
    [
        {"format": 1},
        {"origins": {}},
        {"origins": []},
        {"origins": {"aws": {}, "cloudflare": {}}},
    ],
)
def test_a_damaged_memory_is_refused(damage: dict[str, object]) -> None:
    """Whatever is wrong with it."""
    with pytest.raises(InvalidMemory):
        decode_memory(json.dumps({**_remembered(), **damage}).encode())


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("probes", [[-1, 1, None]]),
        ("probes", [[START_MS, 1.5, None]]),
        ("probes", [[START_MS, 1, "gone"]]),
        ("probes", [[START_MS, 1]]),
        ("probes", [[START_MS, 1, None]] * 201),
        ("probes", {}),
        ("breaker", {"opened_at_ms": None, "hold_until_ms": 0, "level": 65, "successes": 0}),
        ("breaker", {"opened_at_ms": True, "hold_until_ms": 0, "level": 0, "successes": 0}),
        ("breaker", {"opened_at_ms": None, "hold_until_ms": 0, "level": 0, "successes": 0, "more": 1}),
        ("breaker", {"opened_at_ms": None, "hold_until_ms": 1 << 60, "level": 0, "successes": 0}),
    ],
)
def test_values_that_cannot_be_are_refused(part: str, value: object) -> None:
    """A level of 65 would be a hold-down of ages."""
    document = _remembered()
    document["origins"]["aws"][part] = value  # type: ignore[index]
    with pytest.raises(InvalidMemory):
        decode_memory(json.dumps(document).encode())


def test_a_memory_beyond_its_bound_is_refused() -> None:
    """Before it is parsed."""
    with pytest.raises(InvalidMemory, match="beyond"):
        decode_memory(b" " * (MEMORY_BYTES_MAX + 1))


@given(origins, st.integers(1, TTL_SECONDS_MAX), st.text(min_size=1, max_size=20))
def test_an_override_is_good_until_it_expires(origin: Origin, ttl: int, secret: str) -> None:
    """With the present or the previous secret, and no longer than said."""
    now = START_MS // 1_000
    value = sign_override(origin, now + ttl, secret)
    assert verify_override(value, now, ["other", secret]) is origin
    assert verify_override(value, now + ttl - 0.5, [secret]) is origin
    assert verify_override(value, now + ttl, [secret]) is None
    assert verify_override(value, now, [secret + "x", ""]) is None
    assert verify_override(value, now, []) is None


@given(origins, st.integers(0, 83), st.characters(codec="utf-8"))
def test_an_altered_override_is_refused(origin: Origin, place: int, letter: str) -> None:
    """In any character."""
    value = sign_override(origin, START_MS // 1_000 + 60, "secret")
    place %= len(value)
    altered = value[:place] + letter + value[place + 1 :]
    expected = origin if altered == value else None
    assert verify_override(altered, START_MS // 1_000, ["secret"]) is expected


def test_an_override_for_longer_than_a_day_is_refused() -> None:
    """Even where its signature is right."""
    value = sign_override(Origin.AWS, START_MS // 1_000 + TTL_SECONDS_MAX + 1, "secret")
    assert verify_override(value, START_MS // 1_000, ["secret"]) is None
    with pytest.raises(ValueError, match="secret"):
        sign_override(Origin.AWS, 1, "")


@given(st.text(max_size=20), st.integers())
def test_a_fraction_follows_from_what_it_is_for(name: str, number: int) -> None:
    """And is a fraction."""
    assert 0 <= fraction_of(name, number) < 1
    assert fraction_of(name, number) == fraction_of(name, number)


@pytest.mark.parametrize(
    "wrong",
    [
        {"failed_in_a_row": 1},
        {"passive_clients_min": 1},
        {"window_probes_max": 5},
        {"hold_down_ms": 0},
        {"hold_down_ms_max": 1},
        {"ramp_percents": (50, 10)},
        {"ramp_percents": (0, 10)},
        {"ramp_percents": (50, 100)},
    ],
)
def test_rules_under_which_nothing_can_be_decided_are_refused(wrong: dict[str, object]) -> None:
    """A verdict of one probe among them."""
    with pytest.raises(ValueError, match=r"rules|probe|window|ramp|client"):
        replace(Rules(), **wrong)  # type: ignore[arg-type]


def test_an_origin_that_never_admitted_the_canary_is_not_judged() -> None:
    """The key may still be on its way there; once it has arrived, refusing it is a failure like any other."""
    record = OriginHistory()
    refused = Probe(False, START_MS, 1, Reason.NOT_ADMITTED)
    for second in range(30):
        record = record.after(Origin.AWS, replace(refused, at_ms=START_MS + second), DEFAULT_RULES)
    assert health_of(record, START_MS + 30, DEFAULT_RULES).verdict is Verdict.UNKNOWN
    record = record.after(Origin.AWS, Probe(True, START_MS + 40, 1), DEFAULT_RULES)
    for second in range(3):
        record = record.after(Origin.AWS, replace(refused, at_ms=START_MS + 50 + second), DEFAULT_RULES)
    assert health_of(record, START_MS + 60, DEFAULT_RULES).verdict is Verdict.FAILED
