"""The machine's own time. The only place that asks the operating system what time it is."""

from __future__ import annotations

import time


class SystemClock:
    """The Clock of a running server."""

    def unix_ms(self) -> int:
        """Wall clock in milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Pause the calling thread."""
        time.sleep(seconds)
