"""What this project measured, what AWS limits, and what is only assumed. docs/scaling.md says from where.

HAZARD: nothing here was measured on AWS. What is assumed says so, and whoever deploys this puts in what they see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MB = 1024 * 1024
MILLION = 1_000_000

# AWS (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)
FUNCTION_MB_MAX = 10_240
DISK_MB_MAX = 10_240
RUN_SECONDS_MAX = 900
VCPU_MB = 1_769

# The project's own settings
FETCHED_SHARE = 1 / 3
"""Of a function's memory: what parts of segments may take (wiring/aws)."""
SEGMENT_ROWS_MAX = 1_048_576
"""Rows that one run of the merge workflow builds into one segment (services/merging.SHARD_ROWS)."""
SHARDS_MAX = 64
"""Of a namespace (domain/limits)."""
LOG_BATCH = 100
"""Records in one write."""
SPILL_BYTES = 32 * 1024
"""A body above this goes to S3 and its entry refers to it."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """Measured on segments of vectors of so many dimensions, half precision.

    `code_bytes`: the index's file, which is resident. `records_bytes`: ids of 15 characters and three fields of
    metadata with their index. `build_seconds`: CPU of building one segment of a million rows, all of it. `query_ms`:
    CPU of a search of one such segment, by the usual recall.
    """

    dimension: int
    code_bytes: float
    records_bytes: float
    build_seconds: float
    query_ms: float

    @property
    def vector_bytes(self) -> int:
        """Full precision in two bytes a coordinate, and the length."""
        return 2 * self.dimension + 4

    @property
    def bytes(self) -> float:
        """Of a segment, for each vector."""
        return self.vector_bytes + self.code_bytes + self.records_bytes


DIMENSIONS: Mapping[int, Dimension] = {
    384: Dimension(384, code_bytes=67, records_bytes=126, build_seconds=60, query_ms=1.0),
    768: Dimension(768, code_bytes=120, records_bytes=130, build_seconds=120, query_ms=1.2),
}

REWRITES = 4
"""How often a record is built into a segment until it lies in one of a million: tiers of four, from 4,096 rows on."""
ROWS_FETCHED = 100
"""Requests to S3 for the rows that a search rescores in a segment none of whose vectors is at hand."""
INVOKE_MS = 15
"""Assumed: from one function to another and back, both warm."""
LOG_MS = 5
"""Assumed: the Query of a log that a strongly consistent search makes."""
RESTORED_SHARE = 0.001
"""Assumed: how many invocations meet an instance that has just begun."""
COLD_MS_MILLION = 836
"""Measured with 60 ms and 90 MB/s injected for S3: init and the first answer of a million rows (docs/cold-start.md)."""
COLD_MB_A_SECOND = 360
"""Assumed: what a function of this size takes from S3, over as many connections as it opens."""
