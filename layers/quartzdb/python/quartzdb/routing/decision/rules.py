"""Every number that failover is decided by, with the defaults of docs/failover.md. A drill gives shorter times."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """Times are in ms, shares in percent. Raises ValueError for rules under which nothing could be decided."""

    interval_healthy_ms: int = 1_500
    """With three probes that wait for their deadline, a switch comes within ten seconds of any failure."""
    interval_uneasy_ms: int = 1_000
    """While anything is not healthy."""
    interval_jitter: float = 0.1
    """Either way, so that several probes never fall into step."""
    probe_deadline_ms: int = 2_000

    window_probes_max: int = 20
    window_age_ms_max: int = 60_000
    verdict_probes_min: int = 3
    """Fewer are no reason to call an origin healthy or failed."""
    suspect_percent: int = 10
    failed_in_a_row: int = 3
    failed_percent: int = 30
    failed_percent_of: int = 10
    """The share says something only of at least this many."""
    passive_clients_min: int = 3
    passive_percent: int = 50
    """What the edge reports makes an origin suspect, and no worse: as many clients fail, and this share of all."""
    passive_failure_ms: int = 10_000
    """For as long a client's failure counts, unless it is seen to do well before."""
    reports_max: int = 2_000
    """As many of the edge's reports are kept."""

    hold_down_ms: int = 30_000
    hold_down_ms_max: int = 30 * 60_000
    hold_down_jitter: float = 0.2
    flap_ms: int = 30 * 60_000
    """An opening within this time of the end of the hold-down before it is flapping, and doubles the hold-down."""
    close_after: int = 5
    """Probes that succeed in a row."""

    ramp_percents: tuple[int, ...] = (10, 50)
    ramp_step_ms: int = 30_000
    failback_lag_ms_max: int = 0

    def __post_init__(self) -> None:
        positive = (
            self.interval_healthy_ms,
            self.interval_uneasy_ms,
            self.probe_deadline_ms,
            self.window_age_ms_max,
            self.verdict_probes_min,
            self.failed_percent_of,
            self.hold_down_ms,
            self.close_after,
            self.passive_failure_ms,
            self.reports_max,
        )
        if min(positive) <= 0 or self.hold_down_ms_max < self.hold_down_ms:
            raise ValueError(
                "times and counts of the rules are positive, and the longest hold-down is no shorter"
            )
        if self.failed_in_a_row < 2:
            raise ValueError("one probe is no verdict: failed_in_a_row is at least 2")
        if self.passive_clients_min < 2:
            raise ValueError("one client is no verdict on an origin: passive_clients_min is at least 2")
        if self.window_probes_max < max(self.failed_percent_of, self.failed_in_a_row, self.close_after):
            raise ValueError("the window is too short for what is decided from it")
        steps = self.ramp_percents
        if sorted(set(steps)) != list(steps) or any(not 0 < step < 100 for step in steps):
            raise ValueError("a ramp grows, from more than 0 % to less than 100 %")


DEFAULT_RULES = Rules()
