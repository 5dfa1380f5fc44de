"""The latest probes of one origin. Owns what is remembered of them, for how long, and what it says of the origin:
a function of the window alone, and never of one probe.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from quartzdb.routing.decision.rules import Rules


class Reason(StrEnum):
    """Why a probe failed."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    RESET = "reset"
    DNS = "dns"
    TLS = "tls"
    STATUS = "status"
    TRUNCATED = "truncated"
    WRONG_ANSWER = "wrong_answer"
    NOT_ADMITTED = "not_admitted"
    """It answers, and takes the canary's key for a wrong one."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One look at an origin. `at_ms` (unix) is when its outcome was known; `reason` is None where it is well."""

    ok: bool
    at_ms: int
    latency_ms: int
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if self.at_ms < 0 or self.latency_ms < 0:
            raise ValueError("a probe before 1970, or one that ended before it began")
        if self.ok is not (self.reason is None):
            raise ValueError("a probe failed if and only if there is a reason")


@dataclass(frozen=True, slots=True)
class Window:
    """Probes from the oldest to the latest."""

    probes: tuple[Probe, ...] = ()

    def with_probe(self, probe: Probe, rules: Rules) -> Window:
        """With one more, and without what no longer counts."""
        return Window((*self.probes, probe)).recent(probe.at_ms, rules)

    def recent(self, now_ms: int, rules: Rules) -> Window:
        """What still counts. A probe of the future is from a clock that was wrong: as good as an old one."""
        kept = [probe for probe in self.probes if abs(now_ms - probe.at_ms) <= rules.window_age_ms_max]
        return Window(tuple(kept[-rules.window_probes_max :]))

    @property
    def latest_ok(self) -> bool:
        """Whether the latest probe succeeded, and there is one."""
        return bool(self.probes) and self.probes[-1].ok

    @property
    def failed(self) -> int:
        """How many failed."""
        return sum(not probe.ok for probe in self.probes)

    @property
    def failed_in_a_row(self) -> int:
        """How many failed since one succeeded."""
        count = 0
        for probe in reversed(self.probes):
            if probe.ok:
                break
            count += 1
        return count

    @property
    def latest_failure(self) -> Probe | None:
        """The latest that failed."""
        return next((probe for probe in reversed(self.probes) if not probe.ok), None)


class Verdict(StrEnum):
    """How an origin does."""

    HEALTHY = "healthy"
    SUSPECT = "suspect"
    """Something is wrong, or was a moment ago: reason to be careful, none to leave."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It was not looked at often enough of late."""


def verdict_of(window: Window, rules: Rules) -> Verdict:
    """The verdict on what counts of a window (`Window.recent`)."""
    count = len(window.probes)
    share = 100 * window.failed
    if window.failed_in_a_row >= rules.failed_in_a_row:
        return Verdict.FAILED
    if count >= rules.failed_percent_of and share >= rules.failed_percent * count:
        return Verdict.FAILED
    if count and (not window.latest_ok or share >= rules.suspect_percent * count):
        return Verdict.SUSPECT
    return Verdict.HEALTHY if count >= rules.verdict_probes_min else Verdict.UNKNOWN
