"""How many functions so many vectors take, and what they cost and how long they take. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.costs import prices
from benchmarks.scaling import measured
from benchmarks.scaling.measured import Dimension


@dataclass(frozen=True, slots=True)
class Plan:
    """A namespace of so many vectors, each function of which has the largest memory and disk there is."""

    kind: Dimension
    vectors: int

    @property
    def rows_by_memory(self) -> int:
        """Rows whose codes fit in what a function keeps of segments in memory."""
        kept = measured.FUNCTION_MB_MAX * measured.MB * measured.FETCHED_SHARE
        return int(kept / self.kind.code_bytes)

    @property
    def rows_in_memory(self) -> int:
        """Rows that fit there whole, vectors and records too: as functions keep them now."""
        kept = measured.FUNCTION_MB_MAX * measured.MB * measured.FETCHED_SHARE
        return int(kept / self.kind.bytes)

    @property
    def rows_by_disk(self) -> int:
        """Rows that fit on a function's disk whole, so that a warm search asks S3 for nothing."""
        return int(measured.DISK_MB_MAX * measured.MB / self.kind.bytes)

    @property
    def rows_by_run(self) -> int:
        """Rows that one run can build into a segment: half of its time to spare, sources and result on its disk."""
        by_time = measured.MILLION * measured.RUN_SECONDS_MAX / 2 / self.kind.build_seconds
        by_disk = measured.DISK_MB_MAX * measured.MB / (2 * self.kind.bytes)
        return int(min(by_time, by_disk))

    @property
    def rows(self) -> int:
        """Rows of one function: what is the scarcest, and no more than its share."""
        most = min(self.rows_by_memory, self.rows_by_disk)
        return math.ceil(self.vectors / math.ceil(self.vectors / most))

    @property
    def functions(self) -> int:
        """How many of them answer one search."""
        return math.ceil(self.vectors / self.rows)

    @property
    def segments(self) -> int:
        """Segments that one of them searches, each full-grown."""
        return math.ceil(self.rows / min(measured.SEGMENT_ROWS_MAX, self.rows_by_run))

    @property
    def stored_gb(self) -> float:
        """On S3, once."""
        return self.vectors * self.kind.bytes / 10**9

    @property
    def stored_month(self) -> float:
        """Dollars a month, without versions of what merges replaced."""
        return self.stored_gb * prices.BUCKET_GB_MONTH

    @property
    def ingest(self) -> Mapping[str, float]:
        """Dollars to write all of it once, in batches, and to index it."""
        body = measured.LOG_BATCH * (4 * self.kind.dimension + 100)
        spilled = body > measured.SPILL_BYTES
        units = 1 if spilled else math.ceil(body / 1_024)
        writes = self.vectors / measured.LOG_BATCH
        # Put and trimmed; a read of the floor, and one of the namespace.
        table = writes * (2 * units * prices.WRITE_UNIT + 2 * prices.READ_UNIT)
        seconds = self.vectors / measured.MILLION * self.kind.build_seconds * measured.REWRITES
        versions = self.stored_gb * measured.REWRITES * prices.BUCKET_GB_MONTH
        return {
            "DynamoDB": table,
            "S3 PUTs of bodies": writes * prices.S3_PUT if spilled else 0.0,
            "api functions": writes * (prices.LAMBDA_REQUEST + 1.0 * 0.020 * prices.LAMBDA_GB_SECOND),
            "building segments": seconds * measured.VCPU_MB / 1_024 * prices.LAMBDA_GB_SECOND,
            "replaced segments, kept 35 days": versions,
        }

    @property
    def search_ms(self) -> float:
        """What one function computes for a search, its segments one after another."""
        return self.segments * self.kind.query_ms

    @property
    def parallel_ms(self) -> float:
        """The same with its segments spread over its processors."""
        vcpus = measured.FUNCTION_MB_MAX / measured.VCPU_MB
        return max(self.kind.query_ms, self.search_ms / vcpus)

    @property
    def answer_ms(self) -> float:
        """A warm, strongly consistent search: one function more asks all of them and merges."""
        return measured.INVOKE_MS + measured.LOG_MS + self.parallel_ms

    @property
    def million_searches(self) -> float:
        """Dollars for a million warm searches: every function, for as long as it computes and waits, and its log."""
        gb = measured.FUNCTION_MB_MAX / 1_024
        seconds = (measured.LOG_MS + self.parallel_ms) / 1_000
        one = prices.LAMBDA_REQUEST + gb * seconds * prices.LAMBDA_GB_SECOND + prices.READ_UNIT
        asking = prices.LAMBDA_REQUEST + 1.0 * self.answer_ms / 1_000 * prices.LAMBDA_GB_SECOND
        return prices.MILLION * (self.functions * one + asking)

    @property
    def million_searches_fetching(self) -> float:
        """What S3 takes on top, for a million searches of functions that have codes only."""
        return self.functions * self.segments * measured.ROWS_FETCHED * prices.S3_GET * prices.MILLION

    @property
    def cold_mb(self) -> float:
        """What one function fetches before it can answer."""
        return self.rows * self.kind.code_bytes / 10**6

    @property
    def cold_seconds(self) -> float:
        """Until a namespace that nobody has asked for answers: its functions fetch at the same time."""
        fixed = measured.COLD_MS_MILLION / 1_000
        return fixed + self.cold_mb / measured.COLD_MB_A_SECOND

    @property
    def any_cold(self) -> float:
        """The chance that some function of a search has just begun."""
        return 1 - (1 - measured.RESTORED_SHARE) ** self.functions


def quantile_needed(functions: int, wanted: float) -> float:
    """The quantile of one function that decides this quantile of a search that waits for all of them."""
    return float(wanted ** (1 / functions))
