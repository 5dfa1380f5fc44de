"""The health probe function on an emulator of AWS, with two origins that keep the contract, or do not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from quartzdb.adapters.aws.dynamodb_api_keys import DynamoApiKeys
from quartzdb.adapters.aws.dynamodb_leases import DynamoLeases
from quartzdb.adapters.aws.dynamodb_origin_states import DynamoOriginStates
from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.aws_lambda.health_probe_function import health_probe_function
from quartzdb.aws_lambda.settings import InvalidSettings, read_settings
from quartzdb.aws_lambda.telemetry import LambdaHandler
from quartzdb.routing.decision.passive import encode_report
from quartzdb.routing.decision.state import Mode, Origin, RoutingState, decode_state
from quartzdb.routing.ports import PUBLISHED_KEY
from quartzdb.routing.probe.canary import CANARY_TENANT, canary_key
from quartzdb.routing.probe.probing import LEASE
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints
from tests.aws_emulators import PATIENCE, REGION, Emulators
from tests.aws_emulators import Place as AwsPlace
from tests.contract_origin import SECRET, ContractOrigin, contract_origin
from tests.edge_reports import report
from tests.functions.lambda_context import FakeContext

CANARY_SECRET = "c" * 48
CLOUDFLARE_SECRET = "the secret of the other origin"


@dataclass
class Deployed:
    """A function's surroundings. `minute` is one invocation: one look at both origins."""

    environment: dict[str, str]
    place: AwsPlace
    states: DynamoOriginStates
    table: DynamoTable
    aws: ContractOrigin
    search: ContractOrigin
    cloudflare: ContractOrigin
    s3: Any
    sqs: Any
    capsys: pytest.CaptureFixture[str]
    handler: LambdaHandler | None = None
    metrics: list[dict[str, Any]] = field(default_factory=list)

    def minute(self) -> Any:
        if self.handler is None:
            self.handler = health_probe_function(read_settings(self.environment))
        answer = self.handler({"seconds": 0}, FakeContext(60_000, function_name="health_probe"))
        for line in self.capsys.readouterr().out.splitlines():
            document = json.loads(line)
            if "_aws" in document:
                self.metrics.append(document)
        return answer

    def counted(self, name: str) -> float:
        return sum(sum(one.get(name, [])) for one in self.metrics)

    @property
    def state(self) -> RoutingState:
        state = self.states.read()
        assert state is not None
        return state

    def published(self) -> RoutingState:
        body = self.s3.get_object(Bucket=self.place.bucket, Key=PUBLISHED_KEY)["Body"].read()
        return decode_state(body)


@pytest.fixture
def deployed(aws: Emulators, capsys: pytest.CaptureFixture[str]) -> Iterator[Deployed]:
    emulator = aws.get("ministack")
    place, url = emulator.new_place(), emulator.endpoint_url
    table = DynamoTable(emulator.dynamodb, place.table, SystemClock())
    with ExitStack() as closing:
        origins = [closing.enter_context(contract_origin()) for _ in range(3)]
        secrets: Any = AwsClients(REGION, AwsEndpoints.at(url)).secrets
        sqs: Any = AwsClients(REGION, AwsEndpoints.at(url), PATIENCE).sqs
        closing.callback(secrets.close)
        closing.callback(sqs.close)

        def secret(name: str, value: str) -> str:
            arn: str = secrets.create_secret(Name=f"{place.table}-{name}", SecretString=value)["ARN"]
            return arn

        # The key follows from the secret; the two functions of AWS have one set of records.
        key = canary_key(DynamoApiKeys(table), SystemClock(), CANARY_SECRET)
        for origin in origins:
            origin.key, origin.secret = key, SECRET
        origins[1].records = origins[0].records
        origins[2].secret = CLOUDFLARE_SECRET
        environment = {
            "QUARTZDB_TABLE": place.table,
            "QUARTZDB_BUCKET": place.bucket,
            "POWERTOOLS_SERVICE_NAME": f"health-probe-{place.table}",
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": url,
            "QUARTZDB_API_URL": origins[0].url + "/",
            "QUARTZDB_SEARCH_URL": origins[1].url,
            "QUARTZDB_CLOUDFLARE_URL": origins[2].url,
            "QUARTZDB_ORIGIN_SECRET_ARN": secret("origin", SECRET),
            "QUARTZDB_CLOUDFLARE_SECRET_ARN": secret("cloudflare", CLOUDFLARE_SECRET),
            "QUARTZDB_CANARY_SECRET_ARN": secret("canary", CANARY_SECRET),
            "QUARTZDB_PASSIVE_QUEUE_URL": sqs.create_queue(QueueName=place.table)["QueueUrl"],
        }
        states = DynamoOriginStates(table)
        api, search, cloudflare = origins
        yield Deployed(environment, place, states, table, api, search, cloudflare, emulator.s3, sqs, capsys)


def test_both_origins_are_looked_into_and_the_first_state_is_published(deployed: Deployed) -> None:
    """Searches of AWS by their own function; the canary's key is there for whoever has the secret."""
    assert deployed.minute() == {"rounds": 1}
    assert [path for _, path in deployed.search.requests] == ["/api/vector/search"]
    assert len(deployed.aws.requests) == 3
    assert len(deployed.cloudflare.requests) == 4
    assert (deployed.state.active, deployed.state.mode) == (Origin.CLOUDFLARE, Mode.DIRECT)
    assert deployed.published() == deployed.state
    assert [key.tenant for key in DynamoApiKeys(deployed.table).list(CANARY_TENANT)] == [CANARY_TENANT]
    assert deployed.counted("ProbeRounds") == 1
    assert deployed.counted("ProbeFailures") == deployed.counted("ProbesImpossible") == 0


def test_a_failure_of_the_active_origin_is_followed(deployed: Deployed) -> None:
    """Over several invocations, whose memory is in the table."""
    for _ in range(3):
        deployed.minute()
    deployed.cloudflare.fault = "500"
    for _ in range(2):
        deployed.minute()
    assert (deployed.state.active, deployed.state.mode) == (Origin.CLOUDFLARE, Mode.GUARDED)
    deployed.handler = None  # a cold start
    deployed.minute()
    assert (deployed.state.active, deployed.state.mode) == (Origin.AWS, Mode.FAILED_OVER)
    assert "status" in deployed.state.reason
    assert deployed.published() == deployed.state
    assert deployed.counted("OriginSwitched") == 1
    assert deployed.counted("ProbeFailures") == 3
    assert deployed.counted("BreakersOpen") == 1
    assert deployed.counted("FailedOver") == 1


def test_reports_of_the_edge_are_taken_in(deployed: Deployed) -> None:
    """From the queue: users fail, though the probe does not."""
    for _ in range(3):
        deployed.minute()
    now_ms = SystemClock().unix_ms()
    reported = report(Origin.CLOUDFLARE, now_ms, failing=3, well=1)
    queue = deployed.environment["QUARTZDB_PASSIVE_QUEUE_URL"]
    deployed.sqs.send_message(QueueUrl=queue, MessageBody=encode_report(reported))
    deployed.minute()
    assert deployed.state.mode is Mode.GUARDED
    assert "clients fail at 3 of 4 addresses: status 500" in deployed.state.reason


def test_another_function_at_work_is_left_alone(deployed: Deployed) -> None:
    """One probe is enough."""
    leases = DynamoLeases(deployed.table)
    assert leases.acquire(LEASE, "another", SystemClock().unix_ms(), 20_000)
    assert deployed.minute() == {"rounds": 0}
    assert deployed.cloudflare.requests == []


def test_an_origin_that_does_not_know_the_canary_yet_is_counted_and_not_judged(deployed: Deployed) -> None:
    """The key is on its way: the primary stays."""
    deployed.cloudflare.key = "none yet"
    for _ in range(5):
        deployed.minute()
    assert (deployed.state.active, deployed.state.mode) == (Origin.CLOUDFLARE, Mode.DIRECT)
    assert deployed.counted("ProbesImpossible") == 5


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda env: env.pop("QUARTZDB_CLOUDFLARE_URL"), "QUARTZDB_CLOUDFLARE_URL is not set"),
        (lambda env: env.pop("QUARTZDB_CANARY_SECRET_ARN"), "QUARTZDB_CANARY_SECRET_ARN is not set"),
        (lambda env: env.update(QUARTZDB_API_URL="db.example.com"), "without a path"),
        (lambda env: env.update(QUARTZDB_CLOUDFLARE_URL="https://a.example/path"), "without a path"),
        (lambda env: env.update(QUARTZDB_PRIMARY_ORIGIN="azure"), "aws or cloudflare"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(
    change: Callable[[dict[str, str]], object], complaint: str
) -> None:
    """At the cold start."""
    environment = {
        "QUARTZDB_TABLE": "table",
        "QUARTZDB_BUCKET": "bucket",
        "QUARTZDB_API_URL": "https://api.example.com/",
        "QUARTZDB_SEARCH_URL": "https://search.example.com",
        "QUARTZDB_CLOUDFLARE_URL": "https://db.example.com",
        "QUARTZDB_ORIGIN_SECRET_ARN": "arn:1",
        "QUARTZDB_CLOUDFLARE_SECRET_ARN": "arn:2",
        "QUARTZDB_CANARY_SECRET_ARN": "arn:3",
        "POWERTOOLS_SERVICE_NAME": "health-probe-settings",
    }
    assert read_settings(environment).probe is not None
    change(environment)
    with pytest.raises(InvalidSettings, match=complaint):
        health_probe_function(read_settings(environment))
