"""What a cold search takes and costs with each memory, measured with the share of a processor that the memory has;
docs/cold-start.md has the conditions.

HAZARD: of AWS nothing was measured: not how long a restoration takes, and no handshake of TLS is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.costs import deployed, prices
from docsite.results import read

MEMORIES_MB = (512, 768, 1_024, 1_769, 3_008)
PROCESSOR_MB = 1_769
"""With this memory a function has one processor, with less that share of it. A second one is not counted on."""


@dataclass(frozen=True, slots=True)
class ColdSearch:
    """From a snapshot, to an index of type `ivf`, 384 dimensions. `first_ms`: until the answer, without restoration,
    by memory in MB.
    """

    rows: int
    first_ms: Mapping[int, float]

    def milliseconds(self, memory_mb: int) -> float:
        """Until the answer. Raises KeyError for a memory with which nothing was measured."""
        return self.first_ms[min(memory_mb, PROCESSOR_MB)]


def _measured(rows: int) -> ColdSearch:
    head, *lines = read("cold-start").tables["memory"].rows
    of_rows = [dict(zip(head, line, strict=True)) for line in lines if line[0] == f"{rows:,}"]
    return ColdSearch(
        rows,
        {
            int(one["Memory"].removesuffix(" MB").replace(",", "")): float(one["First answer, ms"])
            for one in of_rows
        },
    )


SEARCHES = (_measured(100_000), _measured(1_000_000))


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
