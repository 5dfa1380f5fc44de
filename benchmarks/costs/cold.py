"""What a cold search takes and costs with each memory: processor time as it was measured, stretched by the share of a
processor that a memory has, beside the waits that do not depend on it.

HAZARD: of AWS nothing was measured: not how long a restoration takes, and no handshake of TLS is in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.costs import deployed, prices

MEMORIES_MB = (512, 768, 1_024, 1_769, 3_008)
PROCESSOR_MB = 1_769
"""With this memory a function has one processor, with less that share of it. A second one is not counted on."""
REQUEST_MS = 60.0
"""Of each request to S3, as the benchmark injects it."""
DYNAMODB_MS = 15.0
"""Of the key, the pointer and the log together."""


@dataclass(frozen=True, slots=True)
class ColdSearch:
    """From a snapshot, to an index of type `ivf` with 384 dimensions. Milliseconds of a whole processor."""

    rows: int
    processor_ms: float
    waits: int
    transfer_ms: float

    def milliseconds(self, memory_mb: int) -> float:
        """Until the answer, without restoration."""
        waited = self.waits * REQUEST_MS + self.transfer_ms + DYNAMODB_MS
        return waited + stretched(self.processor_ms, memory_mb)


SEARCHES = (
    ColdSearch(100_000, processor_ms=81, waits=2, transfer_ms=22),
    ColdSearch(1_000_000, processor_ms=151, waits=3, transfer_ms=33),
)
"""Processor time: of a hundred thousand rows the least disturbed of eight rounds under Lambda's emulator, of a million
the median of five without it. docs/cold-start.md has the conditions."""


def stretched(processor_ms: float, memory_mb: int) -> float:
    """How long work takes with the processor's share of a memory."""
    return processor_ms * max(1.0, PROCESSOR_MB / memory_mb)


def started(memory_mb: int, *, snapshot: bool) -> float:
    """Dollars for one start: a restoration, or init by importing, which is charged for as running is."""
    gb = memory_mb / 1_024
    if snapshot:
        return gb * prices.RESTORE_GB
    return gb * stretched(deployed.INIT_MS, memory_mb) / 1_000 * prices.LAMBDA_GB_SECOND


def cold_function(memory_mb: int, *, snapshot: bool, search: ColdSearch = SEARCHES[0]) -> float:
    """Dollars that Lambda takes for one cold search."""
    run = memory_mb / 1_024 * search.milliseconds(memory_mb) / 1_000 * prices.LAMBDA_GB_SECOND
    return prices.LAMBDA_REQUEST + run + started(memory_mb, snapshot=snapshot)


def kept(memory_mb: int) -> float:
    """Dollars a month for the snapshot of one function."""
    return memory_mb / 1_024 * prices.MONTH_SECONDS * prices.SNAPSHOT_GB_SECOND
