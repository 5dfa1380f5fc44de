"""The synthesised stack keeps data private and recoverable."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from aws_cdk.assertions import Template

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None,
    reason="aws-cdk-lib runs on Node.js, which is not installed; only deploying and this check need it",
)


@pytest.fixture(scope="module")
def template() -> Template:
    # Imported here because importing aws_cdk starts a Node.js process, which takes seconds.
    from aws_cdk import Stack
    from aws_cdk.assertions import Template

    from app import build

    stack = build().node.find_child("QuartzDB-Data")
    assert isinstance(stack, Stack)
    return Template.from_stack(stack)


@pytest.mark.parametrize("resource_type", ["AWS::DynamoDB::Table", "AWS::S3::Bucket"])
def test_data_survives_removal_of_the_stack(template: Template, resource_type: str) -> None:
    """Deleting or replacing the stack leaves the data where it is."""
    template.all_resources(resource_type, {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"})
    template.resource_count_is(resource_type, 1)


def test_table_is_on_demand_with_string_keys(template: Template) -> None:
    """Capacity needs no planning, and both keys are text so that stamps sort as written."""
    template.has_resource_properties(
        "AWS::DynamoDB::Table",
        {
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
                {"AttributeName": "feed", "AttributeType": "S"},
                {"AttributeName": "appended", "AttributeType": "N"},
            ],
        },
    )


def test_table_has_the_index_that_the_adapters_use(template: Template) -> None:
    """By its name, its keys and everything that they read from it."""
    from quartzdb.adapters.dynamodb_feed import INDEXED
    from quartzdb.adapters.dynamodb_table import FEED_INDEX

    template.has_resource_properties(
        "AWS::DynamoDB::Table",
        {
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": FEED_INDEX,
                    "KeySchema": [
                        {"AttributeName": "feed", "KeyType": "HASH"},
                        {"AttributeName": "appended", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(INDEXED)},
                }
            ]
        },
    )


def test_table_recovers_expires_and_streams(template: Template) -> None:
    """Any moment of the last 35 days can be restored, expired items go, and commits wake their consumers."""
    template.has_resource_properties(
        "AWS::DynamoDB::Table",
        {
            "PointInTimeRecoverySpecification": {
                "PointInTimeRecoveryEnabled": True,
                "RecoveryPeriodInDays": 35,
            },
            "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
            "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
        },
    )


def test_bucket_is_private_encrypted_and_versioned(template: Template) -> None:
    """No setting of an object or a later policy can make it public, and an overwritten object can be had back."""
    template.has_resource_properties(
        "AWS::S3::Bucket",
        {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                ]
            },
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            "VersioningConfiguration": {"Status": "Enabled"},
        },
    )


def test_bucket_keeps_removed_segments_as_long_as_the_table_can_go_back(template: Template) -> None:
    """A restored table must find the segments that its manifest names."""
    (table,) = template.find_resources("AWS::DynamoDB::Table").values()
    (bucket,) = template.find_resources("AWS::S3::Bucket").values()
    recovery: dict[str, Any] = table["Properties"]["PointInTimeRecoverySpecification"]
    (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] >= recovery["RecoveryPeriodInDays"]


def test_bucket_refuses_plain_http(template: Template) -> None:
    """Every request without TLS is denied, whoever sends it."""
    from aws_cdk.assertions import Match

    template.has_resource_properties(
        "AWS::S3::BucketPolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {
                                "Action": "s3:*",
                                "Effect": "Deny",
                                "Principal": {"AWS": "*"},
                                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                            }
                        )
                    ]
                )
            }
        },
    )
