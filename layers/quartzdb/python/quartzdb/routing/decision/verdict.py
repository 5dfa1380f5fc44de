"""What a window says of its origin. A function of the window alone, and never of one probe."""

from __future__ import annotations

from enum import StrEnum

from quartzdb.routing.decision.rules import Rules
from quartzdb.routing.decision.window import Window


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
