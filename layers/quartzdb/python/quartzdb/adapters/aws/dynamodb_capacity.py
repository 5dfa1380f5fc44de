"""What DynamoDB charges: read and write units, as its own answers say. Owns the counting and decides nothing.

One unit is a strongly consistent read of 4 KB (half for an eventually consistent one) or a write of 1 KB; both double
in a transaction, and a write also pays for every index entry that it moves.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Protocol


class CapacityMeter(Protocol):
    """Told of every answer."""

    def used(self, operation: str, units: float) -> None:
        """One request of this name ("Query") was answered and charged so many units."""
        ...


class UncountedCapacity:
    """Lets it pass."""

    def used(self, operation: str, units: float) -> None:
        """Nothing is kept."""


class CountedCapacity:
    """Adds up requests and units by operation. Thread-safe."""

    def __init__(self) -> None:
        self._requests: Counter[str] = Counter()
        self._units: Counter[str] = Counter()
        self._lock = threading.Lock()

    def used(self, operation: str, units: float) -> None:
        """Count one request."""
        with self._lock:
            self._requests[operation] += 1
            self._units[operation] += units  # type: ignore[assignment]  # units come in halves

    @property
    def requests(self) -> dict[str, int]:
        """How many requests of each operation were answered."""
        with self._lock:
            return dict(self._requests)

    @property
    def units(self) -> dict[str, float]:
        """Units charged for each operation."""
        with self._lock:
            return dict(self._units)

    def reset(self) -> None:
        """Begin again."""
        with self._lock:
            self._requests.clear()
            self._units.clear()
