"""The machine's own time: the real Clock. Whatever decides by the time is given one; only the edge, which has no
adapters, and X-Ray's segments take the time themselves.
"""

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
