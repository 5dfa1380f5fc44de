"""The one bucket: segments, manifests, pointers, and bodies too large for the table."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.constructs.access_logs import AccessLogs
from cdk.constructs.data_table import RECOVERY_DAYS
from quartzdb.adapters.aws import s3_places

EXPORT_DAYS = 7
"""So long an archive of what an organization has is kept, at most."""


class DataBucket(Construct):
    """`bucket`: private, TLS only, versioned for as long as the table can be taken back in time."""

    def __init__(self, scope: Construct, construct_id: str, *, keep: bool, empty: bool) -> None:
        super().__init__(scope, construct_id)
        logs = AccessLogs(self, "AccessLogs", keep=keep, empty=empty)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            versioned=True,
            server_access_logs_bucket=logs.bucket,
            server_access_logs_prefix="data/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    # A table restored to an earlier moment names segments that compaction has removed since.
                    noncurrent_version_expiration=Duration.days(RECOVERY_DAYS),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                    # What is left of an object whose versions are all gone.
                    expired_object_delete_marker=True,
                ),
                s3.LifecycleRule(
                    # What a restoration has to erase again, for as long as one can go back to before it. The hash keys
                    # lie beside and stay.
                    prefix=f"{s3_places.ERASURES}reminders/",
                    expiration=Duration.days(RECOVERY_DAYS + 1),
                    noncurrent_version_expiration=Duration.days(1),
                ),
                s3.LifecycleRule(
                    # Whoever asked for an archive had these days to fetch it. An upload of several days is none.
                    prefix=s3_places.EXPORTS,
                    expiration=Duration.days(EXPORT_DAYS),
                    noncurrent_version_expiration=Duration.days(1),
                    abort_incomplete_multipart_upload_after=Duration.days(EXPORT_DAYS),
                ),
            ],
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
            auto_delete_objects=empty,
        )
