"""A bucket of access logs, which expire."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.acknowledged import acknowledge_checkov, acknowledge_nag

_KEPT_DAYS = 90


class AccessLogs(Construct):
    """`bucket` takes the logs of S3 or of CloudFront."""

    def __init__(self, scope: Construct, construct_id: str, *, keep: bool, empty: bool) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=Duration.days(_KEPT_DAYS),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
            auto_delete_objects=empty,
        )
        acknowledge_nag(
            self.bucket, {"AwsSolutions-S1": "A log of who reads the logs would log itself without end."}
        )
        acknowledge_checkov(
            self.bucket,
            {
                "CKV_AWS_18": "A log of who reads the logs would log itself without end.",
                "CKV_AWS_21": "Log files are written once and never changed; versions would only double their expiry.",
            },
        )
