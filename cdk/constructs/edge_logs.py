"""What CloudFront notes of each request: who, when, how much, with what outcome; never which key or record.

Owns the choice of fields. A path names keys and records, a query the prefixes that were looked for, and these logs are
kept for months: so neither is in them, nor a header that a client sends, but for its host and program.
"""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk.constructs.access_logs import AccessLogs

FIELDS = (
    "date",
    "time",
    "x-edge-location",
    "x-edge-request-id",
    "c-ip",
    "cs-method",
    "x-host-header",
    "cs(User-Agent)",
    "cs-protocol",
    "cs-protocol-version",
    "ssl-protocol",
    "ssl-cipher",
    "cs-bytes",
    "sc-bytes",
    "sc-status",
    "time-taken",
    "time-to-first-byte",
    "x-edge-result-type",
    "x-edge-response-result-type",
    "x-edge-detailed-result-type",
)
_SERVICE = "delivery.logs.amazonaws.com"


class EdgeLogs(Construct):
    """Standard logging (v2) of a distribution, as lines of JSON in a bucket of its own. In the edge's region only."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        distribution: cloudfront.Distribution,
        keep: bool,
        empty: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        bucket = AccessLogs(self, "AccessLogs", keep=keep, empty=empty).bucket
        source = logs.CfnDeliverySource(
            self,
            "Source",
            name=f"{name}-edge",
            log_type="ACCESS_LOGS",
            resource_arn=distribution.distribution_arn,
        )
        destination = logs.CfnDeliveryDestination(
            self,
            "Destination",
            name=f"{name}-edge",
            destination_resource_arn=bucket.bucket_arn,
            output_format="json",
        )
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(_SERVICE)],
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects(f"AWSLogs/{stack.account}/*")],
                conditions={
                    "StringEquals": {
                        "aws:SourceAccount": stack.account,
                        "s3:x-amz-acl": "bucket-owner-full-control",
                    },
                    "ArnEquals": {"aws:SourceArn": source.attr_arn},
                },
            )
        )
        delivery = logs.CfnDelivery(
            self,
            "Delivery",
            delivery_source_name=source.name,
            delivery_destination_arn=destination.attr_arn,
            record_fields=list(FIELDS),
            s3_suffix_path="{DistributionId}/{yyyy}/{MM}/{dd}/{HH}",
        )
        delivery.add_dependency(source)
        if bucket.policy is not None:
            # CloudWatch tries whether it may write when the delivery is made.
            delivery.node.add_dependency(bucket.policy)
