"""How long to leave a site alone after it failed: 0.5 s, doubling to a minute, or as long as it asked for."""

from __future__ import annotations

from collections.abc import Callable

from quartzdb.domain.errors import QuartzError, Unavailable

FIRST_SECONDS = 0.5
SECONDS_MAX = 60.0
ASKED_SECONDS_MAX = 3_600.0
"""A site that asks for more has a defect: it must not be able to switch replication off."""


class Backoff:
    """`monotonic` gives seconds; `jitter` a number from 0 to 1. Not thread-safe."""

    def __init__(self, monotonic: Callable[[], float], jitter: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._jitter = jitter
        self._failures = 0
        self._until = 0.0

    @property
    def waiting(self) -> bool:
        """Whether it is too early to try again."""
        return self._monotonic() < self._until

    def failed(self, error: QuartzError) -> None:
        """Wait before the next attempt; from half to all of the time, so that not everybody comes at once."""
        pause = min(SECONDS_MAX, FIRST_SECONDS * 2.0 ** min(self._failures, 16)) * (0.5 + self._jitter() / 2)
        if isinstance(error, Unavailable) and error.retry_after_s is not None:
            pause = max(pause, min(error.retry_after_s, ASKED_SECONDS_MAX))
        self._failures += 1
        self._until = self._monotonic() + pause

    def succeeded(self) -> None:
        """Begin anew."""
        self._failures = 0
        self._until = 0.0
