"""The one dashboard: from what users feel at the top to what it runs on at the bottom."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk.constructs.alarms import PERIOD
from cdk.constructs.database_function import DatabaseFunction
from cdk.constructs.failover import Failover
from cdk.constructs.telemetry import (
    edge_metric,
    table_metric,
    table_system_errors,
    table_throttles,
    written,
)

_WIDTH = 24


class DatabaseDashboard(Construct):
    """`name` of the dashboard. Rows are added in the order in which one would look."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str) -> None:
        super().__init__(scope, construct_id)
        self.name = name
        self._board = cloudwatch.Dashboard(
            self, "Dashboard", dashboard_name=name, period_override=cloudwatch.PeriodOverride.AUTO
        )

    def add_alarms(self, alarms: Sequence[cloudwatch.Alarm]) -> None:
        """The state of each alarm."""
        self._board.add_widgets(
            cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=_WIDTH, height=4)
        )

    def add_edge(self, distribution_id: str, region: str) -> None:
        """What users send and what they get."""
        requests = edge_metric(distribution_id, "Requests", statistic="Sum", region=region)
        rates = [
            edge_metric(distribution_id, name, statistic="Average", region=region)
            for name in ("4xxErrorRate", "5xxErrorRate")
        ]
        sizes = [
            edge_metric(distribution_id, name, statistic="Sum", region=region)
            for name in ("BytesDownloaded", "BytesUploaded")
        ]
        self._row(("Requests", [requests]), ("Error rates, %", rates), ("Bytes", sizes))

    def add_function(self, function: DatabaseFunction) -> None:
        """How one function does."""
        target = function.function
        durations = [target.metric_duration(statistic=part, period=PERIOD) for part in ("p50", "p95", "p99")]
        counts = [
            target.metric_invocations(period=PERIOD),
            target.metric_errors(period=PERIOD),
            target.metric_throttles(period=PERIOD),
        ]
        running = target.metric("ConcurrentExecutions", statistic="Maximum", period=PERIOD)
        cold = cloudwatch.Metric(
            namespace="QuartzDB",
            metric_name="ColdStart",
            dimensions_map={"service": function.name, "function_name": function.name},
            statistic="Sum",
            period=PERIOD,
        )
        self._row(
            (f"{function.name}: duration, ms", durations),
            (f"{function.name}: invocations, errors, throttles", counts),
            (f"{function.name}: concurrency, cold starts", [running, cold]),
        )

    def add_indexing(
        self,
        indexer: DatabaseFunction,
        compactor: DatabaseFunction,
        dead_letters: Sequence[sqs.IQueue],
        machine: sfn.StateMachine,
    ) -> None:
        """How far searches' segments are behind, and what is being done about it."""
        lag = [
            indexer.function.metric("IteratorAge", statistic="Maximum", period=PERIOD),
            written("IndexerLagSeconds", indexer, statistic="Maximum"),
        ]
        segments = [
            written(name, function)
            for name, function in (
                ("SegmentsPublished", indexer),
                ("SegmentsPublished", compactor),
                ("MergeStarted", compactor),
                ("MergePublished", compactor),
                ("MaintenanceFailures", compactor),
            )
        ]
        left = [
            *(queue.metric_approximate_number_of_messages_visible(period=PERIOD) for queue in dead_letters),
            machine.metric_failed(period=PERIOD),
        ]
        self._row(
            ("Stream age (ms) and lag (s)", lag),
            ("Segments and merges", segments),
            ("Dead letters, failed merges", left),
        )

    def add_failover(self, failover: Failover) -> None:
        """Which origin serves, how both do, and what the edge has to say."""
        probe = failover.health_probe
        routing = [
            written("FailedOver", probe, statistic="Maximum"),
            written("BreakersOpen", probe, statistic="Maximum"),
            written("OriginSwitched", probe),
            written("RoutingChanged", probe),
        ]
        latencies = [
            written(name, probe, statistic=part)
            for name in ("AwsProbeMilliseconds", "CloudflareProbeMilliseconds")
            for part in ("p50", "Maximum")
        ]
        failures = [
            *(written(name, probe) for name in ("ProbeFailures", "ProbesImpossible", "RoutingUndecided")),
            *(
                queue.metric_approximate_number_of_messages_visible(period=PERIOD)
                for queue in failover.edge_queues
            ),
        ]
        replicator = failover.replicator
        apart = [
            written(name, replicator, statistic="Maximum")
            for name in ("ReplicationLagSeconds", "ReplicationPending", "ReplicationDifferent")
        ]
        moved = [
            written(name, replicator)
            for name in ("ReplicationApplied", "ReplicationRepaired", "ReplicationFailures")
        ]
        self._row(("Replication: how far apart", apart), ("Replication: changes, failures", moved))
        self._row(
            ("Routing: failed over, breakers, changes", routing),
            ("Probes, ms", latencies),
            ("Failed probes, waiting at the edge's queues", failures),
        )

    def add_storage(self, table: dynamodb.Table, bucket: s3.Bucket) -> None:
        """What the data's services say."""
        units = [
            table_metric(table, name) for name in ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")
        ]
        size = cloudwatch.Metric(
            namespace="AWS/S3",
            metric_name="BucketSizeBytes",
            dimensions_map={"BucketName": bucket.bucket_name, "StorageType": "StandardStorage"},
            statistic="Average",
        )
        self._row(
            ("DynamoDB: units", units),
            ("DynamoDB: throttled, failed", [table_throttles(table), table_system_errors(table)]),
            ("S3: bytes, daily", [size]),
        )

    def _row(self, *graphs: tuple[str, Sequence[cloudwatch.IMetric]]) -> None:
        self._board.add_widgets(
            *(
                cloudwatch.GraphWidget(title=title, left=list(metrics), width=_WIDTH // len(graphs), height=6)
                for title, metrics in graphs
            )
        )
