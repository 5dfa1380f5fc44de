"""What is known of one origin at a moment: window, verdict and breaker together. Owns how a round adds to it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from quartzdb.routing.decision.breaker import Breaker, BreakerState
from quartzdb.routing.decision.rules import Rules
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.decision.window import Probe, Reason, Verdict, Window, verdict_of


@dataclass(frozen=True, slots=True)
class OriginHistory:
    """What is remembered of an origin from one round to the next."""

    window: Window = field(default_factory=Window)
    breaker: Breaker = field(default_factory=Breaker)
    admitted: bool = False
    """A probe has succeeded, ever: the origin knows the canary's key."""

    def after(self, origin: Origin, probe: Probe, rules: Rules) -> OriginHistory:
        """One probe later.

        Until an origin has admitted the canary once, that it does not says nothing: the key may still be on its way.
        """
        if probe.reason is Reason.NOT_ADMITTED and not self.admitted:
            return self
        window = self.window.with_probe(probe, rules)
        jitter = fraction_of(origin.value, probe.at_ms)
        breaker = self.breaker.observed(verdict_of(window, rules), probe, rules, jitter)
        return OriginHistory(window, breaker, self.admitted or probe.ok)


@dataclass(frozen=True, slots=True)
class OriginHealth:
    """What the policy decides from."""

    verdict: Verdict
    breaker: BreakerState
    latest_ok: bool
    spotless: bool
    """No probe that still counts has failed."""
    trouble: str
    """In a few words, what is wrong; empty where nothing is."""


def health_of(
    record: OriginHistory, now_ms: int, rules: Rules, *, clients: str | None = None
) -> OriginHealth:
    """What a record says at a moment. `clients`: the edge reports that several fail (`trouble_of_clients`).

    That makes a healthy origin suspect and changes nothing else: what clients send may be why they fail, so no number
    of them opens a breaker, has an origin left, or keeps one from being taken.
    """
    window = record.window.recent(now_ms, rules)
    failure = window.latest_failure
    verdict = verdict_of(window, rules)
    trouble = failure.reason.value if failure is not None and failure.reason is not None else ""
    if verdict is Verdict.HEALTHY and clients is not None:
        verdict, trouble = Verdict.SUSPECT, clients
    return OriginHealth(
        verdict,
        record.breaker.state(now_ms),
        window.latest_ok,
        bool(window.probes) and window.failed == 0,
        trouble,
    )


def fraction_of(*parts: str | int) -> float:
    """Jitter without a source of randomness: what follows from the same parts repeats.

    From 0 up to but not 1, evenly spread over different parts.
    """
    digest = hashlib.sha256("\n".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:6]) / (1 << 48)
