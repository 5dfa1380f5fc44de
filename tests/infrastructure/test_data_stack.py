"""The data stack keeps data private and recoverable."""

from __future__ import annotations

import pytest

from cdk.constructs.data_bucket import EXPORT_DAYS
from quartzdb.adapters.aws.dynamodb_feed import INDEXED
from quartzdb.adapters.aws.dynamodb_table import FEED_INDEX
from tests.infrastructure.synthesis import Deployment, Resource


def _data_bucket(deployment: Deployment) -> Resource:
    (bucket,) = [
        one for one in deployment.resources("AWS::S3::Bucket") if "VersioningConfiguration" in one.properties
    ]
    return bucket


@pytest.mark.parametrize("resource_type", ["AWS::DynamoDB::Table", "AWS::S3::Bucket"])
def test_data_survives_removal_of_a_production_stack(prod: Deployment, resource_type: str) -> None:
    """Deleting or replacing the stack leaves the data where it is."""
    found = [one for one in prod.resources(resource_type) if one.stack == "data"]
    assert found
    for one in found:
        assert one.whole["DeletionPolicy"] == one.whole["UpdateReplacePolicy"] == "Retain"


def test_production_table_cannot_be_deleted_by_mistake(prod: Deployment) -> None:
    """Not in the console either."""
    assert prod.one("AWS::DynamoDB::Table").properties["DeletionProtectionEnabled"] is True


def test_a_development_deployment_leaves_nothing(dev: Deployment) -> None:
    """Its data goes with its stacks, so that trying things costs nothing afterwards."""
    kept = [one.id for one in dev.resources() if one.whole.get("DeletionPolicy") == "Retain"]
    assert kept == []


def test_table_is_on_demand_with_string_keys(deployment: Deployment) -> None:
    """Capacity needs no planning, and both keys are text so that stamps sort as written."""
    table = deployment.one("AWS::DynamoDB::Table").properties
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    assert {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]} == {
        "pk": "S",
        "sk": "S",
        "feed": "S",
        "appended": "N",
    }


def test_table_has_the_index_that_the_adapters_use(deployment: Deployment) -> None:
    """By its name, its keys and everything that they read from it."""
    (index,) = deployment.one("AWS::DynamoDB::Table").properties["GlobalSecondaryIndexes"]
    assert index["IndexName"] == FEED_INDEX
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["feed", "appended"]
    assert index["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(INDEXED)}


def test_table_recovers_expires_and_streams(deployment: Deployment) -> None:
    """Any moment of the last 35 days can be restored, expired items go, and commits wake their consumers."""
    table = deployment.one("AWS::DynamoDB::Table").properties
    assert table["PointInTimeRecoverySpecification"] == {
        "PointInTimeRecoveryEnabled": True,
        "RecoveryPeriodInDays": 35,
    }
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["StreamSpecification"] == {"StreamViewType": "KEYS_ONLY"}


def test_every_bucket_is_private_and_encrypted(deployment: Deployment) -> None:
    """No setting of an object or a later policy can make one public, those of logs included."""
    buckets = deployment.resources("AWS::S3::Bucket")
    assert len(buckets) == 3
    for bucket in buckets:
        assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}
        (rule,) = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}


def test_every_bucket_and_queue_refuses_plain_http(deployment: Deployment) -> None:
    """Every request without TLS is denied, whoever sends it."""
    for kind, policy in (
        ("AWS::S3::Bucket", "AWS::S3::BucketPolicy"),
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy"),
    ):
        refusing = [
            one
            for one in deployment.resources(policy)
            if any(
                statement["Effect"] == "Deny"
                and statement["Principal"] == {"AWS": "*"}
                and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
                for statement in one.properties["PolicyDocument"]["Statement"]
            )
        ]
        assert len(refusing) == len(deployment.resources(kind)) > 0


def test_bucket_keeps_removed_segments_as_long_as_the_table_can_go_back(deployment: Deployment) -> None:
    """A restored table must find the segments that its manifest names."""
    recovery = deployment.one("AWS::DynamoDB::Table").properties["PointInTimeRecoverySpecification"]
    bucket = _data_bucket(deployment)
    assert bucket.properties["VersioningConfiguration"] == {"Status": "Enabled"}
    kept = [
        rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
        for rule in bucket.properties["LifecycleConfiguration"]["Rules"]
        if "Prefix" not in rule
    ]
    assert min(kept) >= recovery["RecoveryPeriodInDays"]


def test_archives_of_organizations_end_by_themselves(deployment: Deployment) -> None:
    """Whoever made one, and whatever became of its making; earlier versions of it go a day later."""
    rules = _data_bucket(deployment).properties["LifecycleConfiguration"]["Rules"]
    (rule,) = [rule for rule in rules if rule.get("Prefix") == "exports/"]
    assert rule["Status"] == "Enabled"
    assert rule["ExpirationInDays"] == EXPORT_DAYS
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 1
    assert rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == EXPORT_DAYS


def test_reminders_of_erasures_outlive_every_state_that_can_be_restored(deployment: Deployment) -> None:
    """And no longer; the keys of their hashes stay."""
    recovery = deployment.one("AWS::DynamoDB::Table").properties["PointInTimeRecoverySpecification"]
    rules = _data_bucket(deployment).properties["LifecycleConfiguration"]["Rules"]
    (rule,) = [rule for rule in rules if rule.get("Prefix", "").startswith("erasures/")]
    assert rule["Prefix"] == "erasures/reminders/"
    assert rule["ExpirationInDays"] == recovery["RecoveryPeriodInDays"] + 1
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}


def test_reads_of_the_data_bucket_are_logged(deployment: Deployment) -> None:
    """So that it can be told afterwards who read what."""
    assert _data_bucket(deployment).properties["LoggingConfiguration"]["LogFilePrefix"] == "data/"
