"""What DynamoDB has charged, added up: what a CapacityMeter is for."""

from __future__ import annotations

import threading
from collections import Counter


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
