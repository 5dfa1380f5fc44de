"""Whether a call that failed is tried again, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from quartzdb_client.errors import Conflict, ConnectionFailed, QuartzDBError, RateLimited

_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_UNDER_WAY = "idempotency_conflict"
"""The same write is being done at this moment: its answer can be had a little later."""


@dataclass(frozen=True, slots=True)
class Retries:
    """`max_retries` after the first attempt, with waits that double from `backoff_seconds`, by chance anything below
    that, so that many clients do not come back at once. What the server asks to wait counts where it is longer."""

    max_retries: int = 3
    backoff_seconds: float = 0.2
    backoff_seconds_max: float = 8.0
    rng: random.Random = field(default_factory=random.Random, repr=False)

    def wait(self, error: QuartzDBError, attempt: int) -> float | None:
        """Seconds until the next attempt, or None: it is not made. `attempt` counts from 0."""
        if attempt >= self.max_retries or not _passes(error):
            return None
        doubled = min(self.backoff_seconds_max, self.backoff_seconds * 2**attempt)
        return max(self.rng.uniform(0, doubled), error.retry_after_seconds or 0)


def _passes(error: QuartzDBError) -> bool:
    if isinstance(error, Conflict):
        return error.code == _UNDER_WAY
    if isinstance(error, (ConnectionFailed, RateLimited)):
        return True
    return error.status in _STATUSES
