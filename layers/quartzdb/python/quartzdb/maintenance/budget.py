"""How long a run may still go on. Work is only begun that will have ended by then, as far as one can know."""

from __future__ import annotations

from collections.abc import Callable

RESERVE_MS = 5_000
"""Left for giving leases back, for answering and for writing metrics."""


class Budget:
    """`remaining_ms` tells how many milliseconds there are before the process is stopped."""

    def __init__(self, remaining_ms: Callable[[], int], *, reserve_ms: int = RESERVE_MS) -> None:
        self._remaining_ms = remaining_ms
        self._reserve_ms = reserve_ms

    def allows(self, milliseconds: int) -> bool:
        """Whether there is time for work of this length."""
        return self._remaining_ms() - self._reserve_ms >= milliseconds
