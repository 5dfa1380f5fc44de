"""Whatever can go wrong rings, says where to read on, and is to be seen on one dashboard."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from quartzdb.aws_lambda.metrics import NAMESPACE, CloudWatchMetric
from tests.infrastructure.synthesis import Deployment

FUNCTIONS = ("api", "search", "indexer", "compactor")
RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
EXPECTED = {
    *(f"{function}-{what}" for function in FUNCTIONS for what in ("errors", "throttles", "duration")),
    "server-errors",
    "origin-refused",
    "snapshot-degraded",
    "rate-limits-open",
    "stream-age",
    "indexer-lag",
    "dead-letters",
    "unstarted-runs",
    "maintenance-stopped",
    "maintenance-failures",
    "merge-failures",
    "table-throttles",
    "table-system-errors",
    "edge-errors",
}


def _alarms(deployment: Deployment) -> dict[str, dict[str, Any]]:
    return {
        one.properties["AlarmName"].removeprefix(f"{deployment.prefix}-"): dict(one.properties)
        for one in deployment.resources("AWS::CloudWatch::Alarm")
    }


def _metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """The metrics that an alarm looks at, without what it computes of them."""
    if "MetricName" in alarm:
        return [alarm]
    return [one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one]


def test_every_alarm_is_there(deployment: Deployment) -> None:
    """One for each thing that can go wrong, and no more."""
    assert set(_alarms(deployment)) == EXPECTED


def test_every_alarm_tells_somebody(prod: Deployment) -> None:
    """When it begins and when it ends; the operator's address gets it."""
    for name, alarm in _alarms(prod).items():
        assert len(alarm["AlarmActions"]) == len(alarm["OKActions"]) == 1, name
    emails = [one.properties for one in prod.resources("AWS::SNS::Subscription")]
    assert [(one["Protocol"], one["Endpoint"]) for one in emails] == [("email", "ops@example.com")] * 2


def test_every_alarm_names_its_section_of_the_runbook(deployment: Deployment) -> None:
    """By its own name, so that whoever is woken finds it."""
    for name, alarm in _alarms(deployment).items():
        assert re.fullmatch(rf"[A-Z].*\. See docs/runbook\.md#{name}", alarm["AlarmDescription"])


@pytest.mark.skipif(not RUNBOOK.exists(), reason="docs/runbook.md is not there yet")
def test_the_runbook_has_a_section_for_every_alarm() -> None:
    """Under a heading that is the alarm's name, or at an anchor of that name."""
    text = RUNBOOK.read_text()
    anchors = set(re.findall(r'<a (?:id|name)="([a-z0-9-]+)"', text))
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        anchors.add(re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-"))
    assert EXPECTED - anchors == set()


def test_alarms_listen_to_metrics_that_the_functions_write(deployment: Deployment) -> None:
    """Under their very names and units of service, or they would never ring."""
    written = {metric.title for metric in CloudWatchMetric}
    services = {
        deployment.function(name).properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for name in FUNCTIONS
    }
    heard = [
        metric
        for alarm in _alarms(deployment).values()
        for metric in _metrics(alarm)
        if metric["Namespace"] == NAMESPACE
    ]
    assert len(heard) > 0
    for metric in heard:
        assert metric["MetricName"] in written
        ((dimension),) = metric["Dimensions"]
        assert dimension["Name"] == "service"
        assert dimension["Value"] in services


def test_silence_is_good_news_but_for_the_compactor(deployment: Deployment) -> None:
    """Most metrics exist only when something happens; that one is written every minute."""
    breaching = {
        name for name, alarm in _alarms(deployment).items() if alarm["TreatMissingData"] == "breaching"
    }
    assert breaching == {"maintenance-stopped"}


def test_alarms_on_cloudfront_are_where_its_metrics_are(deployment: Deployment) -> None:
    """In the stack of the edge; an alarm of another region would see nothing."""
    (alarm,) = [one for one in deployment.resources("AWS::CloudWatch::Alarm") if one.stack == "edge"]
    assert alarm.properties["Namespace"] == "AWS/CloudFront"
    assert {one["Name"]: one["Value"] for one in alarm.properties["Dimensions"]}["Region"] == "Global"


def test_there_is_a_dashboard_where_one_is_asked_for(dev: Deployment, prod: Deployment) -> None:
    """It has a monthly fee."""
    assert dev.resources("AWS::CloudWatch::Dashboard") == []
    assert "DashboardName" not in dev.outputs()
    assert prod.outputs()["DashboardName"] == "quartzdb-prod"


@pytest.mark.parametrize("name", ["prod", "abroad"])
def test_one_dashboard_shows_every_part(
    deployments: dict[str, Deployment], abroad: Deployment, name: str
) -> None:
    """And CloudFront's metrics from their own region."""
    deployment = deployments[name]
    body = deployment.one("AWS::CloudWatch::Dashboard").properties["DashboardBody"]
    text = json.dumps(body)
    for word in (
        "AWS/CloudFront",
        "AWS/Lambda",
        "AWS/DynamoDB",
        "AWS/S3",
        "AWS/SQS",
        "AWS/States",
        NAMESPACE,
    ):
        assert word in text
    if deployment is abroad:
        assert re.search(r'\\"AWS/CloudFront\\".{0,400}\\"region\\":\\"us-east-1\\"', text)
