"""The one table: log, key-values, catalog, keys, leases.

Encrypted with DynamoDB's own key, not with a customer's: see docs/adr/0008-managed-keys.md.
"""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov

RECOVERY_DAYS = 35
"""How far back the data can be restored: the most that DynamoDB offers."""
FEED_INDEX = "by_appended"


class DataTable(Construct):
    """`table`, on demand, with a stream of keys."""

    def __init__(self, scope: Construct, construct_id: str, *, keep: bool) -> None:
        super().__init__(scope, construct_id)
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires_at",
            # A key says which log was written to, and its reader takes the entries from there. Images would put every
            # value and every hash of an API key into the hands of whoever may read the stream.
            stream=dynamodb.StreamViewType.KEYS_ONLY,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True, recovery_period_in_days=RECOVERY_DAYS
            ),
            deletion_protection=keep,
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )
        # The change feed of key-values: only items that have both keys are in it. Values are left out, because whoever
        # walks the feed reads the items themselves, and a write pays for what the index copies.
        self.table.add_global_secondary_index(
            index_name=FEED_INDEX,
            partition_key=dynamodb.Attribute(name="feed", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="appended", type=dynamodb.AttributeType.NUMBER),
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=["version", "bytes", "expires_at_ms", "spilled", "key"],
        )
        acknowledge_checkov(
            self.table, {"CKV_AWS_119": "Encrypted with DynamoDB's own key: docs/adr/0008-managed-keys.md."}
        )
