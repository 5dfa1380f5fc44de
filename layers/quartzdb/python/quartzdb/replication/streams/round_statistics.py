"""What a round of replication did: what metrics and log lines are made of."""

from __future__ import annotations

from quartzdb.domain.values import dataclass
from quartzdb.replication.streams.pump import Pass, PassOutcome


@dataclass(slots=True)
class RoundStatistics:
    """Counts. `failed` and `stopped` count directions and repairs, once for each attempt; `broken`, streams in which
    something failed that should not be able to.
    """

    applied: int = 0
    known: int = 0
    repaired: int = 0
    unreplayable: int = 0
    malformed: int = 0
    failed: int = 0
    stopped: int = 0
    gaps: int = 0
    broken: int = 0

    def take(self, done: Pass) -> None:
        """Add what one pass did."""
        self.applied += done.applied
        self.known += done.known
        self.unreplayable += done.unreplayable
        self.failed += done.outcome is PassOutcome.FAILED
        self.stopped += done.outcome is PassOutcome.STOPPED
        self.gaps += done.outcome is PassOutcome.GAP
