"""Every wildcard in every policy is on the list below with its reason, and functions reach only what they use."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.infrastructure.synthesis import Deployment, Resource, statements

_CDK = "The CDK's own function, run by CloudFormation only while a stack changes."
WILDCARDS: Mapping[str, str] = {
    "xray:PutTraceSegments on *": "A trace is no resource.",
    "xray:PutTelemetryRecords on *": "A trace is no resource.",
    "xray:GetSamplingRules on *": "Step Functions reads the account's rules of sampling.",
    "xray:GetSamplingTargets on *": "Step Functions reads the account's rules of sampling.",
    "dynamodb:ListStreams on *": "Lambda looks for the stream; the action knows no resources.",
    **{
        f"logs:{action} on *": "Step Functions sets up its log delivery; these actions know no resources."
        for action in (
            "CreateLogDelivery",
            "GetLogDelivery",
            "UpdateLogDelivery",
            "DeleteLogDelivery",
            "ListLogDeliveries",
            "PutResourcePolicy",
            "DescribeResourcePolicies",
            "DescribeLogGroups",
        )
    },
    **{
        f"s3:{action} on {family}/*": "Keys of blobs are made at run time."
        for action in ("GetObject", "PutObject", "AbortMultipartUpload", "DeleteObject")
        for family in ("blobs", "log", "values")
    },
    **{
        f"s3:{action} on exports/*": "An archive for each export, named by it."
        for action in ("GetObject", "PutObject", "AbortMultipartUpload", "DeleteObject")
    },
    "s3:GetObject on erasures/keys/*": "Its key is named by its hash.",
    "s3:PutObject on erasures/*": "A reminder for each erasure, named by it.",
    "s3:AbortMultipartUpload on erasures/*": "A reminder for each erasure, named by it.",
    "s3:GetObject on pointers/*": "One pointer for each namespace, made at run time.",
    "s3:PutObject on pointers/*": "One pointer for each namespace, made at run time.",
    "s3:AbortMultipartUpload on pointers/*": "One pointer for each namespace, made at run time.",
    "s3:DeleteObject on pointers/*": "One pointer for each namespace, made at run time.",
    "s3:PutObject on data/*": "S3 writes the bucket's access log.",
    "s3:PutObject on AWSLogs/*": "CloudFront's log has a file for each hour.",
    **{
        f"logs:{action} on :log-group:/aws/lambda/us-east-1.PREFIX-edge-*": "CloudFront runs the router in many "
        "regions, and Lambda names its log group after the function."
        for action in ("CreateLogGroup", "CreateLogStream", "PutLogEvents")
    },
    "s3:PutObject on docs/*": "S3 writes the access log of the documentation's bucket.",
    **{
        f"s3:{action} on *": "CloudFront reads the documentation, in a bucket that has nothing else."
        for action in ("GetObject", "ListBucket")
    },
    # In bucket policies of deployments whose data goes with their stacks.
    "s3:PutBucketPolicy on *": _CDK,
    "s3:GetBucket* on *": _CDK,
    "s3:List* on *": _CDK,
    "s3:DeleteObject* on *": _CDK,
    # In a region other than CloudFront's, stacks tell each other through parameters.
    "ssm:DeleteParameters on parameter/cdk/exports/*": _CDK,
    "ssm:ListTagsForResource on parameter/cdk/exports/*": _CDK,
    "ssm:GetParameters on parameter/cdk/exports/*": _CDK,
    "ssm:PutParameter on parameter/cdk/exports/*": _CDK,
    "ssm:AddTagsToResource on parameter/cdk/exports/*": _CDK,
    "ssm:RemoveTagsFromResource on parameter/cdk/exports/*": _CDK,
}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _tail(resource: Any) -> str:
    """What ends an ARN that is put together from parts."""
    text = resource if isinstance(resource, str) else ""
    if isinstance(resource, dict) and "Fn::Join" in resource:
        text = str(resource["Fn::Join"][1][-1])
        if "/AWSLogs/" in resource["Fn::Join"][1]:
            return "AWSLogs/*"
    if "/cdk/exports/" in text:
        return "parameter/cdk/exports/*"
    return text.removeprefix("/") or "*"


def _wildcards(deployment: Deployment) -> Iterator[tuple[str, Resource]]:
    for owner, statement in statements(deployment):
        if statement["Effect"] == "Deny":
            continue  # the wider, the better
        for action in _list(statement["Action"]):
            for resource in _list(statement.get("Resource", "arn")):
                if "*" in action or "*" in json.dumps(resource):
                    tail = _tail(resource).replace(f".{deployment.prefix}-", ".PREFIX-")
                    yield f"{action} on {tail}", owner


def test_every_wildcard_has_a_written_reason(deployments: dict[str, Deployment]) -> None:
    """An action or resource with a `*` that is not on the list fails."""
    unexplained = {
        (wildcard, owner.id)
        for deployment in deployments.values()
        for wildcard, owner in _wildcards(deployment)
        if wildcard not in WILDCARDS
    }
    assert unexplained == set()


def test_no_reason_outlives_its_wildcard(deployments: dict[str, Deployment]) -> None:
    """The list says what is, not what once was."""
    used = {wildcard for one in deployments.values() for wildcard, _ in _wildcards(one)}
    assert set(WILDCARDS) - used == set()


def test_nothing_may_do_everything(deployment: Deployment) -> None:
    """No statement has the action `*`, or all of a service."""
    for _, statement in statements(deployment):
        if statement["Effect"] == "Allow":
            assert not [
                action for action in _list(statement["Action"]) if action == "*" or action.endswith(":*")
            ]


def test_only_function_urls_are_open_to_anyone(deployment: Deployment) -> None:
    """A principal `*` is allowed nothing else."""
    for owner, statement in statements(deployment):
        if statement["Effect"] == "Allow":
            assert statement.get("Principal") not in ("*", {"AWS": "*"}), owner
    for permission in deployment.resources("AWS::Lambda::Permission"):
        if permission.properties["Principal"] == "*":
            through_url = permission.properties.get("InvokedViaFunctionUrl")
            assert through_url or permission.properties["Action"] == "lambda:InvokeFunctionUrl"


def _allowed(deployment: Deployment, function: str) -> list[Mapping[str, Any]]:
    """What the role of a function may do."""
    role = deployment.function(function).properties["Role"]["Fn::GetAtt"][0]
    found = []
    for owner, statement in statements(deployment):
        if {"Ref": role} in owner.properties.get("Roles", []) and statement["Effect"] == "Allow":
            found.append(statement)
    assert found
    return found


def _families(deployment: Deployment, function: str, action: str) -> set[str]:
    found: set[str] = set()
    for statement in _allowed(deployment, function):
        if action in _list(statement["Action"]):
            (condition,) = statement["Condition"].values()
            found |= set(condition["dynamodb:LeadingKeys"])
    return found


@pytest.mark.parametrize("function", ["api", "search", "indexer", "compactor"])
def test_items_are_reached_by_family_only(dev: Deployment, function: str) -> None:
    """Every right on items names the partitions it is for, and no function may scan."""
    for statement in _allowed(dev, function):
        actions = [action for action in _list(statement["Action"]) if action.startswith("dynamodb:")]
        assert "dynamodb:Scan" not in actions
        if set(actions) - {"dynamodb:ListStreams", "dynamodb:DescribeStream", "dynamodb:GetRecords",
                           "dynamodb:GetShardIterator"}:  # fmt: skip
            assert list(statement["Condition"]) == ["ForAllValues:StringLike"]


def test_searching_cannot_write(dev: Deployment) -> None:
    """Whoever takes over the search function can change nothing in the table or in the bucket but how many requests are
    left of a rate.
    """
    actions = {action for statement in _allowed(dev, "search") for action in _list(statement["Action"])}
    data = {action for action in actions if action.startswith(("dynamodb:", "s3:"))}
    assert data == {
        "dynamodb:GetItem",
        "dynamodb:BatchGetItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "s3:GetObject",
        "s3:ListBucket",
    }
    assert _families(dev, "search", "dynamodb:UpdateItem") == {"RATE#*"}


@pytest.mark.parametrize("function", ["indexer", "compactor"])
def test_background_work_sees_no_api_key(dev: Deployment, function: str) -> None:
    """Nor could it make one."""
    for action in ("dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"):
        families = _families(dev, function, action)
        assert families
        assert not {family for family in families if family.startswith("KEY")}


def test_only_operators_say_what_a_tenant_is_allowed(dev: Deployment) -> None:
    """The functions that take API keys read it; none may write it, and the others see nothing of it."""
    reading = {
        name
        for name in ("api", "search", "indexer", "compactor")
        if "GRANTS" in _families(dev, name, "dynamodb:GetItem")
    }
    assert reading == {"api", "search"}
    for name in reading:
        assert "GRANTS" not in _families(dev, name, "dynamodb:PutItem")


def _prefixes(deployment: Deployment, function: str, action: str) -> set[str]:
    """Of the objects that a function may do something with."""
    return {
        _tail(resource).removesuffix("/*")
        for statement in _allowed(deployment, function)
        if action in _list(statement["Action"])
        for resource in _list(statement["Resource"])
    }


@pytest.mark.parametrize(
    ("function", "read", "written", "deleted"),
    [
        (
            "api",
            {"blobs", "log", "values", "pointers", "erasures/keys"},
            {"log", "values", "erasures"},
            {"log", "values"},
        ),
        ("search", {"blobs", "log", "pointers"}, set(), set()),
        ("indexer", {"blobs", "log", "pointers"}, {"blobs", "pointers"}, {"blobs", "log"}),
        (
            "compactor",
            {"blobs", "log", "pointers"},
            {"blobs", "pointers"},
            {"blobs", "log", "values", "pointers"},
        ),
        ("replicator", {"blobs", "log", "values", "pointers"}, {"log", "values"}, {"log", "values"}),
        ("health_probe", set(), {"routing/state.json"}, set()),
    ],
)
def test_objects_are_reached_by_family_only(
    two_origins: Deployment, function: str, read: set[str], written: set[str], deleted: set[str]
) -> None:
    """Who searches and builds segments reads no key-value; who takes writes changes no segment."""
    assert _prefixes(two_origins, function, "s3:GetObject") == read
    assert _prefixes(two_origins, function, "s3:PutObject") == written
    assert _prefixes(two_origins, function, "s3:DeleteObject") == deleted


def test_indexing_sees_no_key_values(dev: Deployment) -> None:
    """The log of vectors is all it reads."""
    assert "KV#*" not in _families(dev, "indexer", "dynamodb:Query")


def test_only_answering_functions_read_the_origin_secret(dev: Deployment) -> None:
    """It is of no use to the others."""
    readers = {
        name
        for name in ("api", "search", "indexer", "compactor")
        if any("secretsmanager:GetSecretValue" in _list(one["Action"]) for one in _allowed(dev, name))
    }
    assert readers == {"api", "search"}
