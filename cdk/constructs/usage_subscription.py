"""Usage and audit lines from the logs of functions to the one that counts and keeps them.

CloudWatch Logs invokes it, tries again for 24 hours, and may deliver the same lines again; nothing waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk.constructs.database_function import DatabaseFunction

PATTERN = '{ ($.tenant = "prj_*") && (($.v = 1) || ($.event = "audit")) }'
"""What `quartzdb_platform.aws_lambda.cloudwatch_logs` asks for: usage and audit lines of projects."""


class UsageSubscription(Construct):
    """Whatever `functions` write as usage lines of projects is given to `metering`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        metering: DatabaseFunction,
        functions: Sequence[DatabaseFunction],
    ) -> None:
        super().__init__(scope, construct_id)
        # CloudWatch Logs invokes it asynchronously: what fails is tried again from Lambda's own queue.
        metering.live.configure_async_invoke(retry_attempts=2, max_event_age=Duration.hours(6))
        for number, function in enumerate(functions, 1):
            allowed = lambda_.CfnPermission(
                self,
                f"Allowed{number}",
                action="lambda:InvokeFunction",
                function_name=metering.live.function_arn,
                principal="logs.amazonaws.com",
                source_arn=function.log_group.log_group_arn,
            )
            subscription = logs.CfnSubscriptionFilter(
                self,
                f"Lines{number}",
                destination_arn=metering.live.function_arn,
                filter_pattern=PATTERN,
                log_group_name=function.log_group.log_group_name,
            )
            subscription.add_dependency(allowed)
