"""A queue for what was given up: kept for two weeks, for a person to look at."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov, acknowledge_nag


class DeadLetters(Construct):
    """`queue`: encrypted, TLS only, for the account alone. Where a record is (shard, position), not what is in it;
    but what an EdgeQueue of mirrored writes gave up has their bodies: docs/runbook.md.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            removal_policy=RemovalPolicy.DESTROY,
        )
        acknowledge_nag(self.queue, {"AwsSolutions-SQS3": "It is itself where dead letters go."})
        acknowledge_checkov(
            self.queue,
            {"CKV_AWS_27": "Encrypted with a key that SQS manages: docs/adr/0008-managed-keys.md."},
        )
