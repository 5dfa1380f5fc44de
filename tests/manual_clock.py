"""A Clock that tests move by hand."""

from __future__ import annotations


class ManualClock:
    """Starts in 2023 and stands still until it is told to move."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def unix_ms(self) -> int:
        """Wall clock in milliseconds."""
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.seconds += seconds
