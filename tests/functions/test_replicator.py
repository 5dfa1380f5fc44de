"""The replicator function on an emulator of AWS, with another site over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quartzdb.adapters.system_clock import SystemClock
from quartzdb.api.app import create_app
from quartzdb.aws_lambda.database import database_settings
from quartzdb.aws_lambda.http_function import http_function
from quartzdb.aws_lambda.replicator_function import replicator_function
from quartzdb.aws_lambda.settings import InvalidSettings, read_settings
from quartzdb.replication.shared_namespaces import default_namespaces
from quartzdb.replication.streams.driver import LEASE
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.record_rules import NewRecord
from quartzdb.wiring.aws import open_aws
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints
from quartzdb.wiring.replication_aws import aws_replication
from tests.aws_emulators import PATIENCE, REGION, Emulators
from tests.functions.events import function_url
from tests.functions.lambda_context import FakeContext
from tests.http_server import serving
from tests.replica_sites import SECRET, LocalSite, memory_adapters

TENANT = "default"
VECTOR = np.full(384, 0.1, dtype=np.float32)


@dataclass
class Deployed:
    """A function's surroundings, and the other site."""

    environment: dict[str, str]
    other: LocalSite
    capsys: pytest.CaptureFixture[str]
    metrics: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings = read_settings(self.environment)
        self.handler = replicator_function(self.settings)
        self.database = open_aws(database_settings(self.settings))

    def run(self, seconds: float = 1.0) -> Any:
        """One invocation, cut short."""
        answer = self.handler({"seconds": seconds}, FakeContext(60_000, function_name="replicator"))
        self._read()
        return answer

    def counted(self, name: str) -> float:
        return sum(sum(one.get(name, [])) for one in self.metrics)

    def _read(self) -> None:
        for line in self.capsys.readouterr().out.splitlines():
            document = json.loads(line)
            if "_aws" in document:
                self.metrics.append(document)


@pytest.fixture
def deployed(aws: Emulators, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Deployed]:
    emulator = aws.get("ministack")
    place, url = emulator.new_place(), emulator.endpoint_url
    other = LocalSite(
        "cloudflare",
        memory_adapters(SystemClock(), behind_max=-1),
        tmp_path / "other",
        shared=default_namespaces,
    )
    with ExitStack() as closing:
        peer_url = closing.enter_context(serving(create_app(other.database)))
        secrets: Any = AwsClients(REGION, AwsEndpoints.at(url)).secrets
        closing.callback(secrets.close)
        arn = secrets.create_secret(Name=f"{place.table}-peer", SecretString=SECRET)["ARN"]
        yield Deployed(
            {
                "QUARTZDB_TABLE": place.table,
                "QUARTZDB_BUCKET": place.bucket,
                "POWERTOOLS_SERVICE_NAME": f"replicator-{place.table}",
                "AWS_REGION": REGION,
                "AWS_ENDPOINT_URL": url,
                "QUARTZDB_SITE": "aws",
                "QUARTZDB_PEER_SITE": "cloudflare",
                "QUARTZDB_PEER_URL": peer_url,
                "QUARTZDB_REPLICATION_SECRET_ARN": arn,
                "QUARTZDB_REPLICATION_INTERVAL_SECONDS": "1",
            },
            other,
            capsys,
        )


def test_both_sites_get_what_the_other_has(deployed: Deployed) -> None:
    """Records, keys and API keys, over a few invocations; how far apart they are is written each time."""
    here, there = deployed.database, deployed.other.database
    default, far = here.namespaces.default(TENANT), there.namespaces.default(TENANT)
    here.records.upsert(default, [NewRecord("one", VECTOR, {"at": "aws"})])
    here.key_values.put(default, NewItem("from", b"aws"))
    there.records.upsert(far, [NewRecord("two", VECTOR, {"at": "cloudflare"})])
    there.key_values.put(far, NewItem("to", b"cloudflare"))
    made, _ = here.api_keys.create(TENANT, "ci", ("read",))
    for _ in range(8):
        assert deployed.run()["rounds"] >= 1
        if there.records.fetch(far, ["one"]) and deployed.counted("ReplicationApplied") >= 4:
            break
    assert there.records.fetch_one(far, "one").metadata == {"at": "aws"}
    assert here.records.fetch_one(default, "two").metadata == {"at": "cloudflare"}
    assert there.key_values.get(far, "from").value == b"aws"
    assert here.key_values.get(default, "to").value == b"cloudflare"
    assert [key.id for key in deployed.other.adapters.api_keys.list(TENANT)] == [made.id]
    assert deployed.counted("ReplicationFailures") == deployed.counted("ReplicationStopped") == 0
    assert all("ReplicationLagUnknown" in one for one in deployed.metrics if "ColdStart" not in one)
    states = aws_replication(database_settings(deployed.settings)).checkpoints.all_checkpoints()
    assert len(states) == 4
    assert all(state.through_ms > 0 for state in states.values())


def test_only_one_drives(deployed: Deployed) -> None:
    """One that does not get the lease in time leaves the work to the one that has it."""
    adapters = aws_replication(database_settings(deployed.settings))
    now_ms = adapters.clock.unix_ms()
    assert adapters.leases.acquire(LEASE, "another", now_ms, 60_000)
    assert deployed.run(0.1) == {"rounds": 0}
    adapters.leases.release(LEASE, "another")
    assert deployed.run(0.1)["rounds"] == 1


def test_a_peer_that_refuses_is_seen_in_the_metrics(deployed: Deployed) -> None:
    """A secret that is not taken is tried again, never given up, and never logged."""
    default = deployed.database.namespaces.default(TENANT)
    deployed.database.key_values.put(default, NewItem("from", b"aws"))
    deployed.environment["QUARTZDB_PEER_SITE"] = "elsewhere"
    deployed.settings = read_settings(deployed.environment)
    deployed.handler = replicator_function(deployed.settings)
    deployed.run(0.2)
    assert deployed.counted("ReplicationFailures") >= 1
    assert deployed.counted("ReplicationLagUnknown") == 1
    assert SECRET not in json.dumps(deployed.metrics)


def test_mirrored_writes_of_a_lesser_peer_are_applied(deployed: Deployed, aws: Emulators) -> None:
    """From the queue, by the settings of a peer that knows only `/api/*`; what is written here goes there."""
    url = aws.get("ministack").endpoint_url
    sqs: Any = AwsClients(REGION, AwsEndpoints.at(url), PATIENCE).sqs
    queue_url = sqs.create_queue(QueueName=deployed.environment["QUARTZDB_TABLE"])["QueueUrl"]
    secrets: Any = AwsClients(REGION, AwsEndpoints.at(url)).secrets
    _, key = deployed.other.database.api_keys.create(TENANT, "replicator", ("read", "write"))
    name = f"{deployed.environment['QUARTZDB_TABLE']}-key"
    arn = secrets.create_secret(Name=name, SecretString=key)["ARN"]
    environment = {
        **deployed.environment,
        "QUARTZDB_PEER_KIND": "contract",
        "QUARTZDB_PEER_API_KEY_ARN": arn,
        "QUARTZDB_MIRROR_QUEUE_URL": queue_url,
    }
    message = {
        "request_id": "r",
        "at_ms": 1_700_000_000_000,
        "method": "POST",
        "path": "/api/put/late",
        "body": None,
    }
    deployed.other.database.key_values.put(
        deployed.other.database.namespaces.default(TENANT), NewItem("late", b"value")
    )
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(message))
    sqs.send_message(QueueUrl=queue_url, MessageBody="nonsense")
    default = deployed.database.namespaces.default(TENANT)
    deployed.database.key_values.put(default, NewItem("from", b"aws"))
    deployed.database.key_values.put(default, NewItem("bytes", b"\xff"))
    deployed.handler = replicator_function(read_settings(environment))
    deployed.run(3.0)
    assert deployed.database.key_values.get(default, "late").value == b"value"
    there = deployed.other.database
    assert there.key_values.get(there.namespaces.default(TENANT), "from").value == b"aws"
    assert deployed.counted("MirrorMalformed") >= 1
    assert deployed.counted("ReplicationUnreplayable") >= 1
    sqs.close()
    secrets.close()


def test_a_function_that_answers_is_a_site(deployed: Deployed, aws: Emulators) -> None:
    """The API function serves the protocol to whoever has the secret."""
    url = aws.get("ministack").endpoint_url
    secrets: Any = AwsClients(REGION, AwsEndpoints.at(url)).secrets
    name = f"{deployed.environment['QUARTZDB_TABLE']}-origin"
    arn = secrets.create_secret(Name=name, SecretString="origin")["ARN"]
    secrets.close()
    handler = http_function(read_settings({**deployed.environment, "QUARTZDB_ORIGIN_SECRET_ARN": arn}))
    deployed.database.namespaces.default(TENANT)
    headers = {"authorization": f"Bearer {SECRET}"}
    event = function_url("GET", "/v1/replication/namespaces", headers=headers, secret="origin")
    answer = handler(event, FakeContext())
    assert answer["statusCode"] == 200, answer
    assert json.loads(answer["body"])["site"] == "aws"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("QUARTZDB_PEER_SITE", "aws"),
        ("QUARTZDB_PEER_KIND", "half"),
        ("QUARTZDB_PEER_URL", "ftp://x"),
        ("QUARTZDB_SHARED_NAMESPACES", "some"),
        ("QUARTZDB_SHARED_TENANTS", "a/b"),
        ("QUARTZDB_PEER_API_KEY_ARN", "arn:of:a:key"),
        ("QUARTZDB_REPLICATION_INTERVAL_SECONDS", "0"),
        ("QUARTZDB_DEFAULT_ENGINE", "scann"),
        ("QUARTZDB_PEER_URL", ""),
        ("QUARTZDB_REPLICATION_SECRET_ARN", ""),
    ],
)
def test_settings_that_cannot_be_are_refused(variable: str, value: str) -> None:
    """When the function starts, not at its first round."""
    environment = {
        "QUARTZDB_TABLE": "table",
        "QUARTZDB_BUCKET": "bucket",
        "AWS_REGION": REGION,
        "POWERTOOLS_SERVICE_NAME": f"replicator-{variable}-{value}",
        "QUARTZDB_PEER_URL": "https://db.example.com",
        "QUARTZDB_REPLICATION_SECRET_ARN": "arn:of:a:secret",
    }
    replicator_function(read_settings(environment))
    with pytest.raises(InvalidSettings):
        replicator_function(read_settings({**environment, variable: value}))
