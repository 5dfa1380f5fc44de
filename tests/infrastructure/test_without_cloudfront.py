"""Without CloudFront: one function with an address of its own, which answers all that clients ask, and nothing to pay
for that only CloudFront has a use for.
"""

from __future__ import annotations

import dataclasses
import json

from cdk.settings import NEEDS_CLOUDFRONT, Settings, read_settings
from quartzdb.aws_lambda.settings import read_settings as read_variables
from tests.infrastructure.synthesis import Deployment, statements

FUNCTIONS = {"api", "indexer", "compactor"}


def test_nothing_of_the_edge_is_deployed(direct: Deployment) -> None:
    """No stack in CloudFront's region, no web ACL, no secret that nobody would send."""
    assert set(direct.templates) == {"data", "service", "observability"}
    kinds = {one.type.split("::")[1] for one in direct.resources()}
    assert kinds.isdisjoint({"CloudFront", "WAFv2", "SecretsManager", "CertificateManager", "Route53"})


def test_one_function_answers_and_has_what_searches_take(direct: Deployment, prod: Deployment) -> None:
    """The memory of the larger of the two, and the segments, which it may read in any case."""
    names = {one.properties["FunctionName"] for one in direct.resources("AWS::Lambda::Function")}
    assert names == {f"{direct.prefix}-{name}" for name in FUNCTIONS}
    memory = [prod.function(name).properties["MemorySize"] for name in ("api", "search")]
    assert direct.function("api").properties["MemorySize"] == max(memory)
    role = direct.function("api").properties["Role"]["Fn::GetAtt"][0]
    allowed = [
        json.dumps(statement["Resource"])
        for owner, statement in statements(direct)
        if "s3:GetObject" in statement["Action"] and {"Ref": role} in owner.properties.get("Roles", [])
    ]
    assert any("blobs/*" in resources for resources in allowed)


def test_the_function_knows_that_clients_call_it(direct: Deployment) -> None:
    """The program takes what the stack writes: it asks for no secret, and is ready for searches."""
    variables = direct.function("api").properties["Environment"]["Variables"]
    settings = read_variables(
        {name: value if isinstance(value, str) else name for name, value in variables.items()}
    )
    assert settings.fronted is False
    assert settings.origin_secret_arn is None


def test_its_address_is_what_clients_are_told(direct: Deployment) -> None:
    """And the only one."""
    (url,) = direct.resources("AWS::Lambda::Url")
    assert url.properties["TargetFunctionArn"]["Fn::GetAtt"][0] == direct.function("api").id
    assert direct.outputs()["ApiUrl"] == {"Fn::GetAtt": [url.id, "FunctionUrl"]}
    assert set(direct.outputs()) == {
        "ApiUrl",
        "TableName",
        "BucketName",
        "DeadLetterQueueUrl",
        "MergeMachineArn",
    }


def test_anybody_may_call_the_address_and_nothing_else(deployments: dict[str, Deployment]) -> None:
    """Both permissions that an address needs: the second holds for calls by way of it only."""
    for name in ("direct", "dev"):
        deployment = deployments[name]
        urls = deployment.resources("AWS::Lambda::Url")
        open_to_all = [
            one.properties
            for one in deployment.resources("AWS::Lambda::Permission")
            if one.properties["Principal"] == "*"
        ]
        by_action = {
            action: [one for one in open_to_all if one["Action"] == action]
            for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
        }
        assert [len(found) for found in by_action.values()] == [len(urls)] * 2
        assert all(one["FunctionUrlAuthType"] == "NONE" for one in by_action["lambda:InvokeFunctionUrl"])
        assert all(one["InvokedViaFunctionUrl"] is True for one in by_action["lambda:InvokeFunction"])


def test_a_flood_is_bounded_by_what_is_set_aside(direct: Deployment) -> None:
    """An address answers at most ten requests a second for each execution, and nothing else stands before it."""
    assert direct.function("api").properties["ReservedConcurrentExecutions"] == 200


def test_alarms_are_of_what_there_is(direct: Deployment, prod: Deployment) -> None:
    """Those of the edge, of the search function and of the origin secret are gone, and no other."""
    names = [
        {one.properties["AlarmName"] for one in each.resources("AWS::CloudWatch::Alarm")}
        for each in (direct, prod)
    ]
    gone = {
        "edge-errors",
        "origin-refused",
        *(f"search-{what}" for what in ("errors", "throttles", "duration")),
    }
    assert names[1] - names[0] == {f"{prod.prefix}-{name}" for name in gone}
    assert names[0] < names[1]


def test_what_environments_set_beside_it_is_left_out_by_itself() -> None:
    """Only what somebody asks for by name is refused."""
    for environment in ("dev", "prod"):
        settings = read_settings({"environment": environment, "quartzdb:cloudfront": "false"})
        assert all(getattr(settings, name) in {None, False} for name in NEEDS_CLOUDFRONT)
    assert set(NEEDS_CLOUDFRONT) <= {field.name for field in dataclasses.fields(Settings)}
