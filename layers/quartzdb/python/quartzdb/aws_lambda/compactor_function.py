"""The function that a schedule wakes to tend all namespaces, and a state machine for the steps of a merge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quartzdb.aws_lambda.database import database_settings
from quartzdb.aws_lambda.metrics import Metric
from quartzdb.aws_lambda.retention import retention_for_peer
from quartzdb.aws_lambda.settings import FunctionSettings, needed
from quartzdb.aws_lambda.snapstart import after_restore, reseed
from quartzdb.aws_lambda.telemetry import LambdaHandler, Telemetry, telemetry
from quartzdb.domain.errors import InvalidArgument
from quartzdb.maintenance.budget import Budget
from quartzdb.maintenance.merging import Merged
from quartzdb.maintenance.tending import Tended
from quartzdb.wiring.maintenance import Care, open_care


def compactor_function(settings: FunctionSettings) -> LambdaHandler:
    """The handler. Asks AWS nothing yet. Raises InvalidSettings."""
    observed = telemetry(settings)
    care = open_care(
        database_settings(settings),
        needed(settings.merge_machine_arn, "QUARTZDB_MERGE_MACHINE_ARN"),
        merge_run_rows=settings.merge_run_rows,
        merge_shard_rows=settings.merge_shard_rows,
        step_functions_endpoint_url=settings.step_functions_endpoint_url,
        retention=retention_for_peer(settings),
    )

    def renew() -> None:
        care.holder.renew()
        reseed()

    after_restore(renew)
    return observed.handler(compacting_handler(care, observed))


def compacting_handler(care: Care, observed: Telemetry) -> LambdaHandler:
    """What is done at each action."""

    def handle(event: Any, context: Any) -> Mapping[str, Any]:
        action = event.get("action")
        if action == "tend":
            tended = care.tending.run(Budget(context.get_remaining_time_in_millis))
            _count(tended, observed)
            return {"failed": tended.failed, "not_reached": tended.not_reached}
        if action == "build_shard":
            return care.merging.build_shard(event["plan"], event["shard"])
        if action == "publish_merge":
            result = care.merging.publish(event["plan"], event["segments"])
            observed.count(Metric.MERGE_PUBLISHED if result.published else Metric.MERGE_ABANDONED)
            if result.segments:
                observed.count(Metric.SEGMENTS_PUBLISHED, result.segments)
            return {"published": result.published}
        raise InvalidArgument(
            f"There is no action {action!r}.",
            field="action",
            hint="Actions are `tend`, `build_shard` and `publish_merge`.",
        )

    return handle


def _count(tended: Tended, observed: Telemetry) -> None:
    observed.count(Metric.INDEXER_LAG_SECONDS, tended.lag_ms / 1000)
    merged = tended.merges.get(Merged.PUBLISHED, 0)
    for metric, count in (
        (Metric.SEGMENTS_PUBLISHED, tended.published + merged),
        (Metric.MERGE_STARTED, tended.merges.get(Merged.STARTED, 0)),
        (Metric.MERGE_ABANDONED, tended.merges.get(Merged.ABANDONED, 0)),
        (Metric.SNAPSHOT_DEGRADED, len(tended.degraded)),
        (Metric.TEND_FAILURES, len(tended.failed)),
    ):
        if count:
            observed.count(metric, count)
