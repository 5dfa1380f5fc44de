"""Metrics by name, for alarms and the dashboard: those that the functions write, and some of AWS with arithmetic."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb

from cdk.constructs.alarms import PERIOD
from cdk.constructs.database_function import NAMESPACE, DatabaseFunction
from cdk.settings import EDGE_REGION

_OPERATIONS = ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem")


def written(name: str, function: DatabaseFunction, *, statistic: str = "Sum") -> cloudwatch.Metric:
    """A metric of `quartzdb.aws_lambda.metrics`, as one function writes it."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"service": function.name},
        statistic=statistic,
        period=PERIOD,
    )


def written_by_all(name: str, functions: list[DatabaseFunction]) -> cloudwatch.MathExpression:
    """The same over several functions."""
    parts = {f"m{index}": written(name, function) for index, function in enumerate(functions)}
    # A function that wrote nothing must not hide what another wrote.
    terms = [f"FILL({part}, 0)" for part in parts]
    return cloudwatch.MathExpression(
        expression=" + ".join(terms), using_metrics=dict(parts), period=PERIOD, label=name
    )


def table_metric(table: dynamodb.Table, name: str) -> cloudwatch.Metric:
    """A metric that DynamoDB writes for the table as a whole."""
    return cloudwatch.Metric(
        namespace="AWS/DynamoDB",
        metric_name=name,
        dimensions_map={"TableName": table.table_name},
        statistic="Sum",
        period=PERIOD,
    )


def table_throttles(table: dynamodb.Table) -> cloudwatch.MathExpression:
    """Reads and writes that DynamoDB put off."""
    return cloudwatch.MathExpression(
        expression="FILL(reads, 0) + FILL(writes, 0)",
        using_metrics={
            "reads": table_metric(table, "ReadThrottleEvents"),
            "writes": table_metric(table, "WriteThrottleEvents"),
        },
        period=PERIOD,
        label="Throttled",
    )


def table_system_errors(table: dynamodb.Table) -> cloudwatch.MathExpression:
    """DynamoDB's own failures. It writes them by operation only."""
    parts = {
        f"m{index}": cloudwatch.Metric(
            namespace="AWS/DynamoDB",
            metric_name="SystemErrors",
            dimensions_map={"TableName": table.table_name, "Operation": operation},
            statistic="Sum",
            period=PERIOD,
        )
        for index, operation in enumerate(_OPERATIONS)
    }
    return cloudwatch.MathExpression(
        expression=" + ".join(f"FILL({part}, 0)" for part in parts),
        using_metrics=dict(parts),
        period=PERIOD,
        label="System errors",
    )


def edge_metric(distribution_id: str, name: str, *, statistic: str, region: str | None) -> cloudwatch.Metric:
    """A metric of CloudFront, which writes them all in one region. `region` None: the stack is there."""
    return cloudwatch.Metric(
        namespace="AWS/CloudFront",
        metric_name=name,
        dimensions_map={"DistributionId": distribution_id, "Region": "Global"},
        statistic=statistic,
        period=PERIOD,
        region=EDGE_REGION if region is not None and region != EDGE_REGION else None,
    )


def router_failures(distribution_id: str, *, region: str | None) -> cloudwatch.MathExpression:
    """Requests that the router at the edge ended: an error, an answer that CloudFront does not take, no capacity."""
    names = ("LambdaExecutionError", "LambdaValidationError", "LambdaLimitExceededErrors")
    parts = {
        f"m{index}": edge_metric(distribution_id, name, statistic="Sum", region=region)
        for index, name in enumerate(names)
    }
    return cloudwatch.MathExpression(
        expression=" + ".join(f"FILL({part}, 0)" for part in parts),
        using_metrics=dict(parts),
        period=PERIOD,
        label="Router errors",
    )
