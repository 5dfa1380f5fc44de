"""The function that counts usage, with events as CloudWatch Logs sends them."""

from __future__ import annotations

import base64
import gzip
import json
import os
from typing import Any

import pytest

from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.aws_lambda.settings import InvalidSettings
from quartzdb.aws_lambda.telemetry import LambdaHandler
from quartzdb.domain.errors import InvalidArgument
from quartzdb_platform.adapters.dynamodb_documents import DynamoDocuments
from quartzdb_platform.aws_lambda.cloudwatch_logs import FILTER_PATTERN, log_batch
from quartzdb_platform.aws_lambda.metering_function import metering_function
from quartzdb_platform.aws_lambda.settings import read_metering_settings
from quartzdb_platform.metering import places
from tests.aws_emulators import Emulators
from tests.functions.lambda_context import FakeContext
from tests.platform.usage_traffic import PROJECTS, naive, week

GROUP = "/aws/lambda/quartzdb-search"


def event(lines: list[str], *, kind: str = "DATA_MESSAGE") -> dict[str, Any]:
    """As CloudWatch Logs documents it."""
    document = {
        "messageType": kind,
        "owner": "123456789012",
        "logGroup": GROUP,
        "logStream": "2026/11/28/[$LATEST]4d2f7b0c",
        "subscriptionFilters": ["quartzdb-metering"],
        "logEvents": [
            {"id": f"{31953106606966983378809025079804211143289615424298221568 + n}", "timestamp": 1, "message": text}
            for n, text in enumerate(lines)
        ],
    }  # fmt: skip
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(document).encode())).decode()}}


@pytest.fixture
def table(aws: Emulators, monkeypatch: pytest.MonkeyPatch) -> DynamoDocuments:
    emulator = aws.get("moto")
    name = emulator.new_place().table
    for variable, value in {
        "QUARTZDB_PLATFORM_TABLE": name,
        "AWS_ENDPOINT_URL_DYNAMODB": emulator.dynamodb.meta.endpoint_url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }.items():
        monkeypatch.setenv(variable, value)
    return DynamoDocuments(DynamoTable(emulator.dynamodb, name, SystemClock()))


@pytest.fixture
def handler(table: DynamoDocuments) -> LambdaHandler:
    return metering_function(read_metering_settings())


def test_lines_are_counted_once_however_often_they_are_delivered(
    handler: LambdaHandler, table: DynamoDocuments
) -> None:
    """The second time there is nothing left to do; a line that was cut short stops nothing."""
    lines = [*week(1, 12)]
    delivered = event([*lines, lines[0][:100]])
    first, again = (handler(delivered, FakeContext()) for _ in range(2))
    assert (first["lines"], first["malformed"], first["parts_known"]) == (12, 1, 0)
    assert (again["parts_counted"], again["parts_known"]) == (0, first["parts_counted"])
    months = {
        (project, name): sum(d.body[name] for d in table.query(places.usage_pk(project), places.MONTH, limit=9))
        for project in PROJECTS
        for name in ("requests", "read_units", "write_units")
    }  # fmt: skip
    assert months == dict(naive(lines))
    (bad,) = table.query(places.MALFORMED_PK, "", limit=9)
    assert bad.sk == GROUP


def test_a_trial_of_the_subscription_is_answered(handler: LambdaHandler) -> None:
    """CloudWatch sends it when the subscription is made."""
    assert handler(
        event(["CWL CONTROL MESSAGE: Checking health"], kind="CONTROL_MESSAGE"), FakeContext()
    ) == {"lines": 0}


@pytest.mark.parametrize(
    "wrong", [{}, {"awslogs": {"data": "no"}}, {"awslogs": {"data": base64.b64encode(b"no gzip").decode()}}]
)
def test_an_event_of_something_else_is_refused(wrong: dict[str, Any]) -> None:
    """It says what the function is for."""
    with pytest.raises(InvalidArgument, match="subscription of CloudWatch Logs"):
        log_batch(wrong)


def test_batches_are_known_apart() -> None:
    """By their stream and what they begin and end with."""
    one, two = event(["a", "b"]), event(["a", "b", "c"])
    found = [log_batch(some) for some in (one, one, two)]
    assert found[0] == found[1]
    assert len({some.id for some in found if some is not None}) == 2


def test_only_lines_of_projects_are_subscribed_to() -> None:
    """What the filter names is what lines have."""
    assert "$.v = 1" in FILTER_PATTERN
    assert '$.event = "audit"' in FILTER_PATTERN
    assert '$.tenant = "prj_*"' in FILTER_PATTERN


def audit_line(action: str) -> str:
    """As the database's functions write it."""
    return json.dumps(
        {"event": "audit", "at": "2026-11-28T10:00:00Z", "tenant": PROJECTS[0], "key_id": "5f2b8c0d91ae",
         "action": action, "target": "books", "request_id": "r", "outcome": "done", "address": None, "count": 1}
    )  # fmt: skip


def test_audit_lines_are_kept_beside_what_is_counted(handler: LambdaHandler, table: DynamoDocuments) -> None:
    """In their order, under the batch that they came in; none of them is a line that cannot be read."""
    usage = [*week(5, 2)]
    delivered = event([audit_line("namespace.create"), usage[0], audit_line("key.create"), usage[1]])
    answer = handler(delivered, FakeContext())
    assert (answer["audit_lines"], answer["lines"], answer["malformed"]) == (2, 2, 0)
    (kept,) = table.query("AUDIT-LINES", "", limit=9)
    assert [json.loads(text)["action"] for text in kept.body["lines"]] == ["namespace.create", "key.create"]
    again = handler(delivered, FakeContext())
    assert again["parts_counted"] == 0
    assert len({one.body["batch"] for one in table.query("AUDIT-LINES", "", limit=9)}) == 1


def test_it_touches_counters_and_markers_only(handler: LambdaHandler, aws: Emulators) -> None:
    """Its role reaches no other partition of the platform's table."""
    handler(event([*week(3, 8), "cut", audit_line("key.create")]), FakeContext())
    name = os.environ["QUARTZDB_PLATFORM_TABLE"]
    items = aws.get("moto").dynamodb.scan(TableName=name)["Items"]
    families = {item["pk"]["S"].partition("#")[0] for item in items}
    assert families == {"USAGE", "USAGE-MALFORMED", "BATCH", "UNLOOKED", "AUDIT-LINES"}


def test_a_function_without_a_table_says_so() -> None:
    """When it starts."""
    with pytest.raises(InvalidSettings, match="QUARTZDB_PLATFORM_TABLE is not set"):
        read_metering_settings({})
