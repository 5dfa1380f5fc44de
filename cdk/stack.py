"""The data of a deployment: the table and the bucket. Code may be replaced at any time; these two must never be.

They are a stack of their own so that no change to functions or routing can touch them, and both outlive it.
"""

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

RECOVERY_DAYS = 35
"""How far back the data can be restored: the most that DynamoDB offers."""


class DataStack(Stack):
    """The log, key-value items and catalog in one table; segments, manifests and large values in one bucket."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires_at",
            # A committed entry is all that the indexer and replication need; what it replaced they never look at.
            stream=dynamodb.StreamViewType.NEW_IMAGE,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True, recovery_period_in_days=RECOVERY_DAYS
            ),
            removal_policy=RemovalPolicy.RETAIN,
        )
        # The change feed of key-values: only items that have both keys are in it. Values are left out, because whoever
        # walks the feed reads the items themselves, and a write pays for what the index copies.
        self.table.add_global_secondary_index(
            index_name="by_appended",
            partition_key=dynamodb.Attribute(name="feed", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="appended", type=dynamodb.AttributeType.NUMBER),
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=["version", "bytes", "expires_at_ms", "spilled", "key"],
        )
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    # A table restored to an earlier moment names segments that compaction has removed since.
                    noncurrent_version_expiration=Duration.days(RECOVERY_DAYS),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            removal_policy=RemovalPolicy.RETAIN,
        )
