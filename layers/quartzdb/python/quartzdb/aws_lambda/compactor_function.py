"""The function that a schedule wakes to maintain all namespaces, and a state machine for the steps of a merge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quartzdb.aws_lambda.database import database_settings, retention_for_peer
from quartzdb.aws_lambda.metrics import CloudWatchMetric
from quartzdb.aws_lambda.settings import FunctionSettings, needed
from quartzdb.aws_lambda.snapstart import after_restore, reseed
from quartzdb.aws_lambda.telemetry import LambdaHandler, Telemetry, telemetry
from quartzdb.domain.errors import InvalidArgument
from quartzdb.maintenance.budget import Budget
from quartzdb.maintenance.merging import Merged
from quartzdb.maintenance.scheduled_maintenance import MaintenanceReport
from quartzdb.wiring.maintenance import MaintenanceServices, open_maintenance


def compactor_function(settings: FunctionSettings) -> LambdaHandler:
    """The handler. Asks AWS nothing yet. Raises InvalidSettings."""
    observed = telemetry(settings)
    maintenance = open_maintenance(
        database_settings(settings),
        needed(settings.merge_machine_arn, "QUARTZDB_MERGE_MACHINE_ARN"),
        merge_run_rows=settings.merge_run_rows,
        merge_shard_rows=settings.merge_shard_rows,
        retention=retention_for_peer(settings),
    )

    def renew() -> None:
        maintenance.owner.renew()
        reseed()

    after_restore(renew)
    return observed.handler(compacting_handler(maintenance, observed))


def compacting_handler(maintenance: MaintenanceServices, observed: Telemetry) -> LambdaHandler:
    """What is done at each action."""

    def handle(event: Any, context: Any) -> Mapping[str, Any]:
        action = event.get("action")
        if action == "maintain":
            report = maintenance.schedule.run(Budget(context.get_remaining_time_in_millis))
            _count(report, observed)
            return {"failed": report.failed, "not_reached": report.not_reached}
        if action == "build_shard":
            return maintenance.merging.build_shard(event["plan"], event["shard"])
        if action == "publish_merge":
            result = maintenance.merging.publish(event["plan"], event["segments"])
            observed.count(
                CloudWatchMetric.MERGE_PUBLISHED if result.published else CloudWatchMetric.MERGE_ABANDONED
            )
            if result.segments:
                observed.count(CloudWatchMetric.SEGMENTS_PUBLISHED, result.segments)
            return {"published": result.published}
        raise InvalidArgument(
            f"There is no action {action!r}.",
            field="action",
            hint="Actions are `maintain`, `build_shard` and `publish_merge`.",
        )

    return handle


def _count(report: MaintenanceReport, observed: Telemetry) -> None:
    observed.count(CloudWatchMetric.INDEXER_LAG_SECONDS, report.lag_ms / 1000)
    merged = report.merges.get(Merged.PUBLISHED, 0)
    for metric, count in (
        (CloudWatchMetric.SEGMENTS_PUBLISHED, report.published + merged),
        (CloudWatchMetric.MERGE_STARTED, report.merges.get(Merged.STARTED, 0)),
        (CloudWatchMetric.MERGE_ABANDONED, report.merges.get(Merged.ABANDONED, 0)),
        (CloudWatchMetric.SNAPSHOT_DEGRADED, len(report.degraded)),
        (CloudWatchMetric.MAINTENANCE_FAILURES, len(report.failed)),
    ):
        if count:
            observed.count(metric, count)
