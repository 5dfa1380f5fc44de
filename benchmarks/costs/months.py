"""The cost of a month: of a deployment that nobody uses, and of two that are used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from benchmarks.costs import deployed, prices
from benchmarks.costs.operations import operation

GB = 10**9


@dataclass(frozen=True, slots=True)
class Workload:
    """One month of one namespace. Writes are of one record each: the dearest way to write."""

    vectors: int
    queries: int = 1_000_000
    writes: int = 1_000_000
    cold_share: float = 0.001
    metadata_bytes: int = 200
    id_bytes: int = 16
    dimension: int = 384
    search_ms: float = deployed.SEARCH_MS
    search_gb: float = deployed.SEARCH_GB

    @property
    def record_bytes(self) -> int:
        """As a client sees it: 4 bytes a dimension, id and metadata."""
        return self.dimension * 4 + self.metadata_bytes + self.id_bytes


AT_REST_MAX = 20.0
"""What a month may cost in which nobody sends a request to a deployment as it is by itself, without a second site."""


def at_rest(*, cloudfront: bool = True, waf: bool = True, snapstart: bool = True) -> Mapping[str, float]:
    """What remains when nobody sends a request, by item; what is left out costs nothing."""
    maintaining = deployed.MAINTENANCE_RUNS_A_MONTH * (
        prices.LAMBDA_REQUEST
        + deployed.COMPACTOR_GB * deployed.MAINTENANCE_MS / 1_000 * prices.LAMBDA_GB_SECOND
        + prices.SCHEDULER_RUN
        + 2 * prices.READ_UNIT
        + 2 / 1_000_000 * prices.LOG_GB
    )
    # One function in the place of two has the larger one's memory.
    snapshots_gb = deployed.SNAPSTART_GB if cloudfront else max(deployed.API_GB, deployed.SEARCH_GB)
    alarms = deployed.ALARM_METRICS - (0 if cloudfront else deployed.EDGE_ALARM_METRICS)
    return {
        "snapshots of what answers (SnapStart)": (
            snapshots_gb * prices.MONTH_SECONDS * prices.SNAPSHOT_GB_SECOND if snapstart else 0.0
        ),
        "web ACL with one rule": prices.WAF_ACL_MONTH + prices.WAF_RULE_MONTH if waf and cloudfront else 0.0,
        f"alarms ({deployed.ALARM_METRICS} metrics, without CloudFront "
        f"{deployed.ALARM_METRICS - deployed.EDGE_ALARM_METRICS})": alarms * prices.ALARM_METRIC_MONTH,
        "maintenance, once a minute": maintaining,
        f"metrics written while nothing happens ({deployed.METRICS_AT_REST})": deployed.METRICS_AT_REST
        * prices.METRIC_MONTH,
        "origin secret": prices.SECRET_MONTH if cloudfront else 0.0,
    }


def second_site() -> Mapping[str, float]:
    """What a Cloudflare site beside it adds at rest on the side of AWS, by item: not what Cloudflare charges."""
    minutes = deployed.MAINTENANCE_RUNS_A_MONTH

    def woken(gb: float) -> float:
        run = prices.LAMBDA_REQUEST + gb * deployed.EVERY_MINUTE_S * prices.LAMBDA_GB_SECOND
        return minutes * (run + prices.SCHEDULER_RUN)

    return {
        "health probe, 55 s of each minute": woken(deployed.PROBE_GB),
        "replicator, 55 s of each minute": woken(deployed.REPLICATOR_GB),
        # A lease and a look at the state each round; what is remembered at every tenth.
        "the probe's items": deployed.ROUNDS_A_MONTH * (1.1 * prices.WRITE_UNIT + prices.READ_UNIT),
        # A day's document is read and written; the lag that goes into it is read from checkpoints.
        "what the probe keeps for months": minutes * (prices.WRITE_UNIT + 3 * prices.READ_UNIT),
        "probes of this site": deployed.ROUNDS_A_MONTH
        * deployed.REQUESTS_A_PROBE
        * (prices.LAMBDA_REQUEST + deployed.API_GB * deployed.API_MS / 1_000 * prices.LAMBDA_GB_SECOND),
        # A canary record each round at this site, which is one log entry of 2 KB, and the other's that arrives.
        "canary records": deployed.ROUNDS_A_MONTH * 2 * 2 * prices.WRITE_UNIT,
        "checkpoints": deployed.PASSES_A_MONTH
        * (deployed.DIRECTIONS * prices.WRITE_UNIT + 2 * deployed.DIRECTIONS * prices.READ_UNIT),
        f"alarms ({deployed.FAILOVER_ALARM_METRICS} metrics)": deployed.FAILOVER_ALARM_METRICS
        * prices.ALARM_METRIC_MONTH,
        f"secrets ({deployed.FAILOVER_SECRETS})": deployed.FAILOVER_SECRETS * prices.SECRET_MONTH,
    }


def platform() -> Mapping[str, float]:
    """What accounts beside the database add at rest, by item, with one step of upkeep a minute."""
    minutes = deployed.MAINTENANCE_RUNS_A_MONTH
    run = (
        prices.LAMBDA_REQUEST
        + deployed.UPKEEP_GB * deployed.UPKEEP_MS / 1_000 * prices.LAMBDA_GB_SECOND
        + prices.SCHEDULER_RUN
        + deployed.UPKEEP_STEPS * prices.READ_UNIT
        # A transaction of one put costs two units.
        + deployed.UPKEEP_EVERY_MINUTE * 2 * prices.WRITE_UNIT
        + 2 / 1_000_000 * prices.LOG_GB
    )
    return {
        "snapshot of its function (SnapStart)": deployed.PLATFORM_GB
        * prices.MONTH_SECONDS
        * prices.SNAPSHOT_GB_SECOND,
        "upkeep, once a minute": minutes * run,
        f"alarms ({deployed.PLATFORM_ALARM_METRICS} metrics)": deployed.PLATFORM_ALARM_METRICS
        * prices.ALARM_METRIC_MONTH,
        f"metrics written while nothing happens ({deployed.PLATFORM_METRICS_AT_REST})": (
            deployed.PLATFORM_METRICS_AT_REST * prices.METRIC_MONTH
        ),
    }


def routed_million() -> float:
    """What the router adds to a million requests in direct mode: it runs for the request and for the answer."""
    run = deployed.EDGE_GB * deployed.EDGE_MS / 1_000 * prices.EDGE_FUNCTION_GB_SECOND
    return 2 * prices.MILLION * (prices.EDGE_FUNCTION_REQUEST + run)


def in_use(work: Workload) -> Mapping[str, float]:
    """A month of a workload, by item."""
    cold = work.queries * work.cold_share
    warm = work.queries - cold
    stored = work.vectors * deployed.BYTES_A_VECTOR_384 / GB
    # As much again in versions that are kept for 35 days: each record is rewritten when it is merged.
    kept = stored * 2
    return {
        "at rest": sum(at_rest().values()),
        "searches": warm * _search(work) + cold * operation("cold search").total,
        "writes": work.writes * _write(work),
        "indexing": deployed.WINDOWS_A_MONTH * _fold(),
        "S3": kept * prices.BUCKET_GB_MONTH,
    }


def _search(work: Workload) -> float:
    warm = operation("warm search, small tail")
    return replace(warm, gb=work.search_gb, milliseconds=work.search_ms).total


def _write(work: Workload) -> float:
    """An upsert of one record: like the page's of ten, but of this many units."""
    units = -(-(work.record_bytes + 100) // 1_024)
    ten = operation("upsert of 10 records")
    return ten.total - (ten.writes + ten.trimmed - 2 * units) * prices.WRITE_UNIT


def _fold() -> float:
    seconds = deployed.INDEXER_MS / 1_000
    run = prices.LAMBDA_REQUEST + deployed.INDEXER_GB * seconds * prices.LAMBDA_GB_SECOND
    table = 10 * prices.READ_UNIT + deployed.NOTE_UNITS * prices.WRITE_UNIT
    return run + deployed.FOLD_PUTS * prices.S3_PUT + table
