"""Time, as a Protocol: nothing in the database asks the machine for it."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Time, injected everywhere."""

    def unix_ms(self) -> int:
        """Wall clock in milliseconds; it may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        ...

    def sleep(self, seconds: float) -> None:
        """Pause the caller."""
        ...
