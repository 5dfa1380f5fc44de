"""A queue for what was given up: kept for two weeks, for a person to look at."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov, acknowledge_nag

READER_TAG = "quartzdb-reads-dead-letters"
"""Of the role, or of the session, of who looks at what could not be applied."""


class DeadLetters(Construct):
    """`queue`: encrypted, TLS only, for the account alone. Where a record is (shard, position), not what is in it.

    With `has_bodies` it holds users' data, and whoever has no tag of their own that says so may not read it, whatever
    else they may: docs/runbook.md#mirror-dead-letters.
    """

    def __init__(self, scope: Construct, construct_id: str, *, has_bodies: bool = False) -> None:
        super().__init__(scope, construct_id)
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            removal_policy=RemovalPolicy.DESTROY,
        )
        if has_bodies:
            self.queue.add_to_resource_policy(
                _nobody_but(self.queue, {"StringNotEquals": {f"aws:PrincipalTag/{READER_TAG}": "yes"}})
            )
        acknowledge_nag(self.queue, {"AwsSolutions-SQS3": "It is itself where dead letters go."})
        acknowledge_checkov(
            self.queue,
            {"CKV_AWS_27": "Encrypted with a key that SQS manages: docs/adr/0008-managed-keys.md."},
        )


def _nobody_but(queue: sqs.Queue, condition: Mapping[str, Mapping[str, str]]) -> iam.PolicyStatement:
    """Keep everybody from the messages whom the condition does not let through. SQS itself moves them all the same."""
    return iam.PolicyStatement(
        sid="NobodyElseReadsBodies",
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=["sqs:ReceiveMessage", "sqs:StartMessageMoveTask"],
        resources=[queue.queue_arn],
        conditions=dict(condition),
    )


def read_by(queue: sqs.Queue, role: iam.Role) -> None:
    """Have a queue give its messages to one role, and to nobody else of the account."""
    queue.add_to_resource_policy(_nobody_but(queue, {"ArnNotEquals": {"aws:PrincipalArn": role.role_arn}}))
