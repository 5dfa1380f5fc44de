"""The platform's table: organizations, people, projects, sessions, counters and the audit log, as documents.

Apart from the database's table: neither's functions have any right in the other's but those that are named. Encrypted
with DynamoDB's own key: see docs/adr/0008-managed-keys.md.
"""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov
from cdk.constructs.data_table import RECOVERY_DAYS


class PlatformTable(Construct):
    """`table`, on demand. What has expired (codes, sessions, invitations) goes by itself."""

    def __init__(self, scope: Construct, construct_id: str, *, keep: bool) -> None:
        super().__init__(scope, construct_id)
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires_at",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True, recovery_period_in_days=RECOVERY_DAYS
            ),
            deletion_protection=keep,
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )
        acknowledge_checkov(
            self.table, {"CKV_AWS_119": "Encrypted with DynamoDB's own key: docs/adr/0008-managed-keys.md."}
        )
