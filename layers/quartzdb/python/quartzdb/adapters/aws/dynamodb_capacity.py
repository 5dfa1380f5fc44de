"""What DynamoDB charges: read and write units, as its own answers say. Who counts it is the caller's business.

One unit is a strongly consistent read of 4 KB (half for an eventually consistent one) or a write of 1 KB; both double
in a transaction, and a write also pays for every index entry that it moves.
"""

from __future__ import annotations

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
