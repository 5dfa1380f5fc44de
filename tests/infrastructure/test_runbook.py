"""The runbook: every alarm has its section, and every command in it exists.

Commands of AWS are checked against the descriptions that its SDK has of every operation, ours against ourselves.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.session import Session

from benchmarks.costs import deployed
from cdk.settings import Settings
from quartzdb.cli.main import cli
from tests.infrastructure.synthesis import Deployment

_ROOT = Path(__file__).parents[2]
_RUNBOOK = (_ROOT / "docs" / "runbook.md").read_text()
_ALARMS = _RUNBOOK.partition("\n## Alarms\n")[2]
_EVERYWHERE = {"query", "output", "region", "cli-binary-format"}
_NOT_OF_THE_API = {
    ("cloudformation", "wait"),
    ("dynamodb", "wait"),
    ("logs", "tail"),
    ("sso", "login"),
}
"""What the AWS CLI adds to the operations that there are."""
_CALL = re.compile(r"\baws (?P<service>[a-z0-9]+) (?P<operation>[a-z0-9-]+)(?P<rest>[^\n`]*)")


def _commands() -> Iterator[str]:
    for block in re.findall(r"```sh\n(.*?)```", _RUNBOOK, re.DOTALL):
        yield from block.splitlines()
    yield from re.findall(
        r"`((?:aws|quartzdb) [^`]+)`", re.sub(r"```sh\n.*?```", "", _RUNBOOK, flags=re.DOTALL)
    )


def _linked(deployment: Deployment) -> set[str]:
    alarms = deployment.resources("AWS::CloudWatch::Alarm")
    linked = {alarm.properties["AlarmDescription"].rpartition("docs/runbook.md#")[2] for alarm in alarms}
    named = {alarm.properties["AlarmName"].removeprefix(f"{deployment.prefix}-") for alarm in alarms}
    assert linked == named
    return linked


def test_each_alarm_has_its_section_and_no_section_is_left_over(deployments: dict[str, Deployment]) -> None:
    """An alarm's description links to docs/runbook.md#its-id, and that is a heading there."""
    linked = set().union(*(_linked(deployment) for deployment in deployments.values()))
    assert set(re.findall(r"^### (.+)$", _ALARMS, re.MULTILINE)) == linked


def test_each_alarm_can_be_looked_into() -> None:
    """No section without a command."""
    sections = re.split(r"^### ", _ALARMS, flags=re.MULTILINE)[1:]
    assert [section.splitlines()[0] for section in sections if "```sh" not in section] == []


def test_links_lead_somewhere() -> None:
    """Each anchor that the runbook links to is one of its headings."""
    headings = re.findall(r"^#+ (.+)$", _RUNBOOK, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", _RUNBOOK)) - anchors == set()
    for file in re.findall(r"\]\(([a-z-]+\.md)", _RUNBOOK):
        assert (_ROOT / "docs" / file).is_file()


def test_our_own_commands_and_options_exist() -> None:
    """Whatever the runbook tells to type is understood."""
    seen = set()
    for line in _commands():
        for call in re.findall(r"(?:^|[;(] ?)quartzdb ([^;|)]*)", line):
            words = shlex.split(call)
            command: click.Command = cli
            while isinstance(command, click.Group):
                # As it looks them up itself: the platform's are another package's.
                found = command.get_command(click.Context(command), words.pop(0))
                assert found is not None, call
                command = found
            options = {option for parameter in command.params for option in parameter.opts}
            given = {word for word in words if word.startswith("--")}
            assert given <= options, call
            seen.add(command.name)
    assert {"create", "restore", "verify", "compact", "stats"} <= seen


def test_what_is_pasted_is_understood_by_the_shell() -> None:
    """Quotes and loops are closed in every block."""
    blocks = re.findall(r"```sh\n(.*?)```", _RUNBOOK, re.DOTALL)
    for block in blocks:
        parsed = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert parsed.stderr == "", block
    assert len(blocks) > 30


def test_earlier_versions_of_functions_are_not_kept(deployment: Deployment) -> None:
    """So rolling back is deploying the commit before, and only one snapshot of each function is charged for."""
    versions = deployment.resources("AWS::Lambda::Version")
    assert len(versions) == 4
    assert {version.whole.get("DeletionPolicy", "Delete") for version in versions} == {"Delete"}


def test_outputs_settings_and_targets_exist(deployments: dict[str, Deployment]) -> None:
    """Outputs are of the stack that is named, settings are settings, and make knows its targets."""
    asked = set(re.findall(r"\bout (data|service|platform|edge|observability) ([A-Za-z]+)", _RUNBOOK))
    for stack, name in asked:
        found = [
            one.templates[stack].get("Outputs", {}) for one in deployments.values() if stack in one.templates
        ]
        assert any(name in outputs for outputs in found), (stack, name)
    fields = {field.name for field in dataclasses.fields(Settings)}
    assert set(re.findall(r"quartzdb:([a-z0-9_]+)", _RUNBOOK)) <= fields
    makefile = (_ROOT / "Makefile").read_text()
    for target in re.findall(r"^make ([a-z-]+)", _RUNBOOK, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    assert asked


def test_commands_of_aws_exist() -> None:
    """Service, operation and every option, by AWS's own descriptions."""
    session = Session()
    checked = 0
    for line in _commands():
        for call in _CALL.finditer(line):
            service, operation = call["service"], call["operation"]
            if (service, operation) in _NOT_OF_THE_API:
                continue
            options = _options_of(session, service, operation)
            for given in re.findall(r" --([a-z0-9-]+)", _own_part(call["rest"])):
                known = given in options or given.removeprefix("no-") in options or given in _EVERYWHERE
                assert known, f"aws {service} {operation} has no --{given}"
            checked += 1
    assert checked > 30


def _own_part(rest: str) -> str:
    """Up to where another command begins."""
    return re.split(r"\$\(|; |\)", rest)[0] + " ".join(re.findall(r"\)\"?( --[^$;]*)", rest))


def _options_of(session: Session, service: str, operation: str) -> set[str]:
    name = "s3" if service == "s3api" else service
    try:
        model = session.get_service_model(name)
    except UnknownServiceError:
        pytest.fail(f"AWS has no service {service}")
    operations = {xform_name(one, "-"): one for one in model.operation_names}
    assert operation in operations, f"aws {service} has no {operation}"
    shape = model.operation_model(operations[operation]).input_shape
    return {xform_name(member, "-") for member in shape.members} if shape else set()


def test_the_cost_of_alarms_counts_every_metric(prod: Deployment) -> None:
    """docs/costs.md charges for each metric that an alarm looks at, those of its formulas included."""
    metrics = 0
    for alarm in prod.resources("AWS::CloudWatch::Alarm"):
        queries = alarm.properties.get("Metrics")
        metrics += 1 if queries is None else sum("MetricStat" in query for query in queries)
    assert metrics == deployed.ALARM_METRICS


def test_the_cost_of_alarms_without_cloudfront_counts_what_is_gone(
    prod: Deployment, direct: Deployment
) -> None:
    """The formulas over functions that answer are shorter there, too."""

    def metrics(deployment: Deployment) -> int:
        queries = [one.properties.get("Metrics") for one in deployment.resources("AWS::CloudWatch::Alarm")]
        return sum(1 if each is None else sum("MetricStat" in query for query in each) for each in queries)

    assert metrics(prod) - metrics(direct) == deployed.EDGE_ALARM_METRICS


def test_the_cost_of_the_platform_counts_what_it_adds(
    dev: Deployment, deployments: dict[str, Deployment]
) -> None:
    """Metrics of alarms, snapshots and memory."""

    def metrics(deployment: Deployment) -> int:
        queries = [one.properties.get("Metrics") for one in deployment.resources("AWS::CloudWatch::Alarm")]
        return sum(1 if each is None else sum("MetricStat" in query for query in each) for each in queries)

    beside = deployments["platform"]
    assert metrics(beside) - metrics(dev) == deployed.PLATFORM_ALARM_METRICS
    memory = {
        name: beside.function(name).properties["MemorySize"] for name in ("platform", "platform_upkeep")
    }
    assert memory == {
        "platform": deployed.PLATFORM_GB * 1_024,
        "platform_upkeep": deployed.UPKEEP_GB * 1_024,
    }


COST_NOTHING_AT_REST = {
    "AWS::CloudFront::Distribution",
    "AWS::CloudFront::ResponseHeadersPolicy",
    "AWS::CloudFormation::CustomResource",
    "AWS::DynamoDB::Table",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Url",
    "AWS::Lambda::Version",
    "AWS::Logs::Delivery",
    "AWS::Logs::DeliveryDestination",
    "AWS::Logs::DeliverySource",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::StepFunctions::StateMachine",
    "AWS::CDK::Metadata",
    "Custom::S3AutoDeleteObjects",
}
"""What is paid for by what is stored, sent or done, or not at all. Snapshots of functions are counted below."""


def test_whatever_costs_something_at_rest_is_counted(dev: Deployment) -> None:
    """docs/costs.md has each kind of resource with a monthly fee, and so many of it as are deployed."""
    counted = {
        "AWS::WAFv2::WebACL": 1,
        "AWS::SecretsManager::Secret": 1,
        "AWS::Scheduler::Schedule": 1,
    }
    kinds = Counter(one.type for one in dev.resources())
    assert {kind: kinds[kind] for kind in counted} == counted
    assert kinds.keys() - COST_NOTHING_AT_REST - counted.keys() == {"AWS::CloudWatch::Alarm"}
    (acl,) = dev.resources("AWS::WAFv2::WebACL")
    assert len(acl.properties["Rules"]) == 1


def test_the_cost_of_functions_is_of_their_memory(dev: Deployment) -> None:
    """And SnapStart is charged for where it is on."""
    memory_gb = {
        name: dev.function(name).properties["MemorySize"] / 1_024
        for name in ("api", "search", "indexer", "compactor")
    }
    assert memory_gb == {
        "api": deployed.API_GB,
        "search": deployed.SEARCH_GB,
        "indexer": deployed.INDEXER_GB,
        "compactor": deployed.COMPACTOR_GB,
    }
    snapped = [name for name in memory_gb if "SnapStart" in dev.function(name).properties]
    assert sum(memory_gb[name] for name in snapped) == deployed.SNAPSTART_GB
