"""Large merges: a state machine that builds the shards of a segment side by side and then publishes them at once.

The compactor plans a merge and starts this when one run would be too short for it. Killed at any point it leaves files
that no manifest names, which are swept; the merge is planned anew.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov, acknowledge_nag
from cdk.constructs.database_function import DatabaseFunction
from cdk.constructs.log_retention import retention
from cdk.settings import Settings

_ATTEMPTS_MORE = 2
_LONGEST = Duration.hours(2)
"""What it built is swept some time after that: maintenance/merge_notice.py says the same."""


def machine_name(settings: Settings) -> str:
    """Fixed, because the compactor has to know the machine and the machine the compactor."""
    return f"{settings.prefix}-merge"


def machine_arn(scope: Construct, settings: Settings) -> str:
    """The machine's ARN without a reference to it, which would go in a circle."""
    return Stack.of(scope).format_arn(
        service="states",
        resource="stateMachine",
        resource_name=machine_name(settings),
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def grant_start(role: iam.Role, scope: Construct, settings: Settings) -> None:
    """Let a function start merges."""
    role.add_to_policy(
        iam.PolicyStatement(actions=["states:StartExecution"], resources=[machine_arn(scope, settings)])
    )


class MergeMachine(Construct):
    """Input: `{"plan": …, "shards": [{"shard": 0}, …]}`. A plan is a document of a few KB; data stays in S3."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, compactor: DatabaseFunction
    ) -> None:
        super().__init__(scope, construct_id)
        self._compactor = compactor
        failed = sfn.Fail(
            self,
            "MergeFailed",
            comment="What was built is swept later, and the next scheduled run plans again.",
            cause_path=sfn.JsonPath.string_at("$.failure.Cause"),
            error_path=sfn.JsonPath.string_at("$.failure.Error"),
        )
        build = sfn.Map(
            self,
            "BuildShards",
            items_path="$.shards",
            max_concurrency=settings.merge_concurrency,
            item_selector={"plan.$": "$.plan", "shard.$": "$$.Map.Item.Value.shard"},
            result_path="$.segments",
        )
        build.item_processor(
            self._invoke("BuildShard", {"action": "build_shard", "plan.$": "$.plan", "shard.$": "$.shard"})
        )
        publish = self._invoke(
            "Publish", {"action": "publish_merge", "plan.$": "$.plan", "segments.$": "$.segments"}
        )
        build.add_catch(failed, result_path="$.failure")
        publish.add_catch(failed, result_path="$.failure")
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_name=machine_name(settings),
            definition_body=sfn.DefinitionBody.from_chainable(build.next(publish)),
            timeout=_LONGEST,
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=self._log_group(settings), level=sfn.LogLevel.ALL, include_execution_data=False
            ),
        )
        acknowledge_nag(
            self.machine,
            {
                "AwsSolutions-IAM5[Resource::*]": "Delivery of logs and traces has no resources to name.",
            },
        )

    def _invoke(self, name: str, payload: dict[str, Any]) -> tasks.LambdaInvoke:
        task = tasks.LambdaInvoke(
            self,
            name,
            lambda_function=self._compactor.live,
            payload=sfn.TaskInput.from_object(payload),
            payload_response_only=True,
            # The CDK's own would try six times within two minutes, which is too soon after a throttling.
            retry_on_service_exceptions=False,
        )
        task.add_retry(
            errors=["States.ALL"],
            interval=Duration.seconds(10),
            backoff_rate=3,
            max_attempts=_ATTEMPTS_MORE,
            max_delay=Duration.minutes(5),
            jitter_strategy=sfn.JitterType.FULL,
        )
        return task

    def _log_group(self, settings: Settings) -> logs.LogGroup:
        group = logs.LogGroup(
            self,
            "Logs",
            # Step Functions writes to names under this prefix without a resource policy, of which an account has ten.
            log_group_name=f"/aws/vendedlogs/states/{machine_name(settings)}",
            retention=retention(settings.log_retention_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        acknowledge_checkov(
            group, {"CKV_AWS_158": "Encrypted with CloudWatch's own key: docs/adr/0008-managed-keys.md."}
        )
        return group
