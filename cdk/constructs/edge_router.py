"""The router at the edge: one Lambda@Edge function for origin requests and origin responses.

It has no layers, no environment variables and no tracing there, and lives in us-east-1; CloudFront copies it. What it
has to know is in its bundle, and what AWS makes up comes with each event (quartzdb/routing/edge/deployed_router.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov, acknowledge_nag
from cdk.constructs.dependency_layers import RUNTIME

ADDRESSES_HEADER = "x-quartzdb-edge-addresses"
SECOND_ATTEMPT_HEADER = "x-quartzdb-second-attempt"
_MEMORY_MB = 512
_ENDS_AFTER = Duration.seconds(30)
"""The most that CloudFront gives a function of an origin event."""


class EdgeRouter(Construct):
    """`associations` belong to every behaviour. The role may read one object and write to the queues, no more."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        prefix: str,
        bundle: Path,
        state_object_arn: str,
        queue_arns: Sequence[str],
    ) -> None:
        super().__init__(scope, construct_id)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.CompositePrincipal(
                iam.ServicePrincipal("lambda.amazonaws.com"), iam.ServicePrincipal("edgelambda.amazonaws.com")
            ),
        )
        # In whichever region a request is answered, the log group is made by the first instance there.
        logs = Stack.of(self).format_arn(
            service="logs",
            region="*",
            resource="log-group",
            resource_name=f"/aws/lambda/us-east-1.{prefix}-edge-*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        for actions, resources in (
            (["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], [logs]),
            (["s3:GetObject"], [state_object_arn]),
            (["sqs:SendMessage"], list(queue_arns)),
        ):
            self.role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))
        named = f"log-group:/aws/lambda/us-east-1.{prefix}-edge-*"
        acknowledge_nag(
            self.role,
            {
                f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:logs:*:<AWS::AccountId>:{named}]": "Log groups are "
                "made in the regions where requests come in, under a name that CloudFormation makes up."
            },
        )
        self.function = lambda_.Function(
            self,
            "Function",
            # No fixed name: it cannot be deleted while CloudFront has copies, and would be in the way till then.
            description="QuartzDB: which origin a request goes to",
            runtime=RUNTIME,
            architecture=lambda_.Architecture.X86_64,
            code=lambda_.Code.from_asset(str(bundle)),
            handler="handler.handler",
            role=self.role,
            timeout=_ENDS_AFTER,
            memory_size=_MEMORY_MB,
            # CloudFront lets go of a version hours after it was replaced, so CloudFormation could not delete it.
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
        )
        version = self.function.current_version
        self.associations = [
            cloudfront.EdgeLambda(
                event_type=cloudfront.LambdaEdgeEventType.ORIGIN_REQUEST,
                function_version=version,
                include_body=True,
            ),
            cloudfront.EdgeLambda(
                event_type=cloudfront.LambdaEdgeEventType.ORIGIN_RESPONSE, function_version=version
            ),
        ]
        self._acknowledge()

    def _acknowledge(self) -> None:
        acknowledge_checkov(
            self.function,
            {
                "CKV_AWS_115": "Lambda@Edge takes no reserved concurrency.",
                "CKV_AWS_116": "CloudFront waits for its answer; there is nothing to be kept.",
                "CKV_AWS_117": "Lambda@Edge is in no VPC.",
                "CKV_AWS_50": "Lambda@Edge cannot be traced.",
            },
        )
        acknowledge_nag(
            self.function, {"AwsSolutions-L1": "The version that all functions of the deployment run on."}
        )


def addresses(*, state: str, passive: str, mirror: str | None) -> str:
    """What ADDRESSES_HEADER says: the URLs of the published state and of the queues."""
    said = f"state={state} passive={passive}"
    return said if mirror is None else f"{said} mirror={mirror}"
