"""The functions start fast, hear of what they must, and what they fail at is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quartzdb.aws_lambda.settings import FunctionSettings, read_settings
from quartzdb.maintenance.merging import RUN_LIMITS, SHARD_ROWS
from tests.infrastructure.synthesis import Deployment, Resource

FUNCTIONS = ("api", "search", "indexer", "compactor")
SNAPSTART_DISK_MB_MAX = 512


def _functions(deployment: Deployment) -> list[Resource]:
    return [deployment.function(name) for name in FUNCTIONS]


def _alias(deployment: Deployment, function: str) -> Resource:
    wanted = {"Ref": deployment.function(function).id}
    (alias,) = [
        one for one in deployment.resources("AWS::Lambda::Alias") if one.properties["FunctionName"] == wanted
    ]
    return alias


def _definition(deployment: Deployment) -> dict[str, Any]:
    parts = deployment.one("AWS::StepFunctions::StateMachine").properties["DefinitionString"]["Fn::Join"][1]
    document: dict[str, Any] = json.loads(
        "".join(part if isinstance(part, str) else f"<{part['Ref']}>" for part in parts)
    )
    return document


def test_functions_run_what_the_layers_were_built_for(deployment: Deployment, abroad: Deployment) -> None:
    """Python 3.13, one processor for all, and all three layers."""
    processor = "arm64" if deployment is abroad else "x86_64"
    for function in _functions(deployment):
        assert function.properties["Runtime"] == "python3.13"
        assert function.properties["Architectures"] == [processor]
        assert len(function.properties["Layers"]) == 3
        assert function.properties["Handler"] == "handler.handler"
    for layer in deployment.resources("AWS::Lambda::LayerVersion"):
        assert layer.properties["CompatibleArchitectures"] == [processor]


@pytest.mark.parametrize("name", ["api", "search"])
def test_functions_that_someone_waits_for_start_from_a_snapshot(dev: Deployment, name: str) -> None:
    """Of a published version, which is what the alias names; /tmp is no larger than that allows."""
    function = dev.function(name).properties
    assert function["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert function["EphemeralStorage"]["Size"] <= SNAPSTART_DISK_MB_MAX
    version = _alias(dev, name).properties["FunctionVersion"]["Fn::GetAtt"][0]
    assert version in {one.id for one in dev.resources("AWS::Lambda::Version")}


def test_snapshots_are_a_setting(prod: Deployment, dev: Deployment) -> None:
    """Of latency over money; whoever builds has none in any case."""
    for name in FUNCTIONS:
        assert "SnapStart" not in prod.function(name).properties
    assert "SnapStart" not in dev.function("indexer").properties


def test_compactor_has_room_to_build_and_no_snapshot(dev: Deployment) -> None:
    """It needs more of /tmp than a snapshot allows, and nobody waits for it."""
    function = dev.function("compactor").properties
    assert "SnapStart" not in function
    assert function["EphemeralStorage"]["Size"] > SNAPSTART_DISK_MB_MAX
    assert (
        int(function["Environment"]["Variables"]["QUARTZDB_DISK_CACHE_MB"])
        < function["EphemeralStorage"]["Size"]
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_get_settings_that_they_accept(dev: Deployment, name: str) -> None:
    """The program that reads the environment takes what the stack writes, and finds there all that it needs."""
    variables = dev.function(name).properties["Environment"]["Variables"]
    settings = read_settings(
        {key: value if isinstance(value, str) else key for key, value in variables.items()}
    )
    assert settings.table == "QUARTZDB_TABLE"
    assert settings.bucket == "QUARTZDB_BUCKET"
    assert (settings.origin_secret_arn is not None) == (name in {"api", "search"})
    assert (settings.merge_machine_arn is not None) == (name == "compactor")


def test_merges_are_as_large_as_the_package_says(dev: Deployment) -> None:
    """Where nothing is set, the stack writes what the program would take without it."""
    variables = dev.function("compactor").properties["Environment"]["Variables"]
    for settings in (
        read_settings({key: value if isinstance(value, str) else key for key, value in variables.items()}),
        FunctionSettings(table="", bucket=""),
    ):
        assert settings.merge_run_rows == RUN_LIMITS.shard_rows
        assert settings.merge_shard_rows == SHARD_ROWS


@pytest.mark.parametrize("name", ["indexer", "compactor"])
def test_functions_that_build_segments_know_with_what_and_what_to_keep(
    dev: Deployment, abroad: Deployment, name: str
) -> None:
    """What the settings say is what the program reads."""
    for deployment, engine, days in ((dev, "auto", 7), (abroad, "annoy", 3)):
        variables = deployment.function(name).properties["Environment"]["Variables"]
        settings = read_settings(
            {key: value if isinstance(value, str) else key for key, value in variables.items()}
        )
        assert settings.default_engine == engine
        assert settings.changes_kept_ms == days * 86_400_000


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_write_their_logs_as_json(deployment: Deployment, name: str) -> None:
    """Into a group of their own, which forgets."""
    function = deployment.function(name).properties
    assert function["LoggingConfig"]["LogFormat"] == "JSON"
    group = function["LoggingConfig"]["LogGroup"]["Ref"]
    (found,) = [one for one in deployment.resources("AWS::Logs::LogGroup") if one.id == group]
    assert found.properties["RetentionInDays"] > 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_request_leaves_its_usage_line_alone(dev: Deployment, abroad: Deployment, name: str) -> None:
    """Lambda's own lines about requests that went well, and traces, are there where a setting asks for them. Failures
    are always told, and whoever builds tells all: it runs once a minute.
    """
    answers = name in {"api", "search"}
    quiet, asked = (deployment.function(name).properties for deployment in (dev, abroad))
    assert quiet["LoggingConfig"]["SystemLogLevel"] == ("WARN" if answers else "INFO")
    assert quiet["LoggingConfig"]["ApplicationLogLevel"] == "INFO"
    assert "TracingConfig" not in quiet
    assert asked["LoggingConfig"]["SystemLogLevel"] == "INFO"
    assert asked["TracingConfig"] == {"Mode": "Active"}


def test_metrics_of_two_deployments_in_one_account_stay_apart(dev: Deployment, prod: Deployment) -> None:
    """By the service's name, which is the dimension."""
    names = {
        function.properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for deployment in (dev, prod)
        for function in _functions(deployment)
    }
    assert len(names) == 2 * len(FUNCTIONS)


def test_every_log_group_forgets(deployment: Deployment) -> None:
    """None is kept for ever by default, and production's are kept for longer than a week."""
    groups = deployment.resources("AWS::Logs::LogGroup")
    assert len(groups) == len(FUNCTIONS) + 1
    for group in groups:
        assert group.properties["RetentionInDays"] >= (30 if "prod" in deployment.prefix else 1)


def test_only_searching_and_api_have_addresses(dev: Deployment) -> None:
    """On the alias, so that a deployment moves them in one step."""
    targets = {
        one.properties["TargetFunctionArn"]["Fn::GetAtt"][0]: one for one in dev.resources("AWS::Lambda::Url")
    }
    assert set(targets) == {dev.function("api").id, dev.function("search").id}
    assert {one.properties["Qualifier"] for one in targets.values()} == {"live"}


def test_stream_feeds_the_indexer_with_new_log_entries_only(dev: Deployment) -> None:
    """Key-values, and the deletions of trimming, wake nobody."""
    mapping = dev.one("AWS::Lambda::EventSourceMapping").properties
    (pattern,) = [json.loads(one["Pattern"]) for one in mapping["FilterCriteria"]["Filters"]]
    assert pattern == {"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "LOG#"}]}}}}
    assert mapping["StartingPosition"] == "TRIM_HORIZON"


def test_a_poisoned_record_holds_nobody_up_for_ever(dev: Deployment) -> None:
    """The batch is halved around it, it is tried a bounded number of times, and its place goes to a queue."""
    mapping = dev.one("AWS::Lambda::EventSourceMapping").properties
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert 0 < mapping["MaximumRetryAttempts"] <= 10
    day_seconds = 24 * 3600
    assert 0 < mapping["MaximumRecordAgeInSeconds"] < day_seconds
    queue = mapping["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
    (found,) = [one for one in dev.resources("AWS::SQS::Queue") if one.id == queue]
    assert found.properties["MessageRetentionPeriod"] == 14 * day_seconds


def test_every_queue_is_encrypted(dev: Deployment) -> None:
    """With a key that SQS manages."""
    queues = dev.resources("AWS::SQS::Queue")
    assert len(queues) == 2
    assert all(one.properties["SqsManagedSseEnabled"] is True for one in queues)


def test_compactor_tends_every_minute(dev: Deployment) -> None:
    """And what could not be started is kept."""
    schedule = dev.one("AWS::Scheduler::Schedule").properties
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    target = schedule["Target"]
    assert target["Arn"] == {"Ref": _alias(dev, "compactor").id}
    assert json.loads(target["Input"]) == {"action": "maintain"}
    assert "DeadLetterConfig" in target


def test_large_merges_build_shards_side_by_side_and_publish_once(dev: Deployment) -> None:
    """The compactor gets the plan and one shard at a time, then all results in the order of the shards."""
    definition = _definition(dev)
    compactor = f"<{_alias(dev, 'compactor').id}>"
    build = definition["States"][definition["StartAt"]]
    assert build["ItemsPath"] == "$.shards"
    assert 1 <= build["MaxConcurrency"] <= 40
    assert build["ItemSelector"] == {"plan.$": "$.plan", "shard.$": "$$.Map.Item.Value.shard"}
    (shard,) = build["ItemProcessor"]["States"].values()
    assert shard["Resource"] == compactor
    assert shard["Parameters"] == {"action": "build_shard", "plan.$": "$.plan", "shard.$": "$.shard"}
    publish = definition["States"][build["Next"]]
    assert publish["Resource"] == compactor
    assert publish["Parameters"] == {
        "action": "publish_merge",
        "plan.$": "$.plan",
        "segments.$": build["ResultPath"],
    }
    assert publish["End"] is True


def test_a_failing_merge_is_tried_again_and_then_fails(dev: Deployment) -> None:
    """A bounded number of times, so that it ends in an alarm."""
    definition = _definition(dev)
    build = definition["States"]["BuildShards"]
    publish = definition["States"]["Publish"]
    for state in (*build["ItemProcessor"]["States"].values(), publish):
        assert [retry["MaxAttempts"] for retry in state["Retry"]] == [2]
    for state in (build, publish):
        assert definition["States"][state["Catch"][0]["Next"]]["Type"] == "Fail"
    assert definition["TimeoutSeconds"] > 0


def test_compactor_knows_the_machine_and_may_start_it(deployment: Deployment) -> None:
    """Both are found by its name, since neither can refer to the other."""
    name = deployment.one("AWS::StepFunctions::StateMachine").properties["StateMachineName"]
    variable = deployment.function("compactor").properties["Environment"]["Variables"][
        "QUARTZDB_MERGE_MACHINE_ARN"
    ]
    assert variable["Fn::Join"][1][-1].endswith(f":stateMachine:{name}")


def test_secret_is_long_and_read_where_the_edge_is_deployed(dev: Deployment, abroad: Deployment) -> None:
    """Elsewhere than in CloudFront's region it has a copy there, because that is where CloudFormation looks."""
    secret = dev.one("AWS::SecretsManager::Secret").properties
    assert secret["GenerateSecretString"]["PasswordLength"] >= 32
    assert "ReplicaRegions" not in secret
    assert abroad.one("AWS::SecretsManager::Secret").properties["ReplicaRegions"] == [{"Region": "us-east-1"}]


def test_concurrency_is_set_aside_where_asked_for(
    dev: Deployment, prod: Deployment, abroad: Deployment
) -> None:
    """Always in production, which bounds what a flood costs; elsewhere not: an account may have none to spare."""
    reserved = {
        name: prod.function(name).properties["ReservedConcurrentExecutions"]
        for name in ("api", "search", "indexer", "compactor")
    }
    assert reserved == {"api": 200, "search": 200, "indexer": 50, "compactor": 20}
    assert abroad.function("search").properties["ReservedConcurrentExecutions"] == 50
    assert "ReservedConcurrentExecutions" not in dev.function("search").properties
