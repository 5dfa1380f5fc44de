"""The real CDK deploys the real layers and functions to an emulator with TLS and IAM, and they work as deployed.

One deployment is shared by all tests here; each uses namespaces of its own.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
import shutil
import socket
import time
import zipfile
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from layers.build.failure import BuildFailed
from local import cdk_command, emulator, function_processes
from local.gateway import Client
from local.layers import prepare_layers
from local.smoke import Smoke, command_line, mailed_code, make_key
from local.work_directory import REGION, WorkDirectory
from quartzdb.maintenance.indexer import Indexer
from quartzdb.storage.log.protocol import OVERLAP_MS
from quartzdb.storage.snapshot.cache import SegmentCache
from quartzdb.wiring.aws import AwsSettings, open_aws
from quartzdb.wiring.aws_clients import AwsEndpoints
from quartzdb.wiring.settings import DEFAULT_TENANT

# Deploying twice and starting four functions takes a minute on an idle machine.
pytestmark = pytest.mark.timeout(900)

PASSES_MAX = 3
MERGED_ROWS = 1_600
MERGED_WITHIN_SECONDS = 180


@dataclass(frozen=True)
class Deployed:
    """A running deployment, and the way to deploy it once more."""

    place: WorkDirectory
    outputs: dict[str, str]
    architecture: str


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """On a port and in a folder of its own; nothing of it is left afterwards."""
    if shutil.which("npm") is None:
        pytest.skip("the CDK's command runs on Node.js, which is not installed")
    if emulator.interpreter_version() != (3, 13):
        pytest.skip(
            "functions run on the emulator's own Python, which is not Lambda's: CPython 3.13 is not installed"
        )
    place = WorkDirectory(tmp_path_factory.mktemp("deployment"), _free_port())
    try:
        architecture = prepare_layers(place.layers)
    except BuildFailed as failure:
        pytest.skip(str(failure))
    cdk_command.install()
    emulator.start(place)
    try:
        cdk_command.bootstrap(place)
        yield Deployed(place, _deploy(place, architecture), architecture)
    finally:
        emulator.stop(place)


@pytest.fixture(scope="module")
def key(deployed: Deployed) -> str:
    """An API key that may do everything."""
    return make_key(deployed.place, deployed.outputs)


@pytest.fixture
def client(deployed: Deployed, key: str) -> Client:
    """Through CloudFront."""
    return Client(deployed.place, deployed.outputs["ApiUrl"], key)


def test_a_user_gets_from_the_first_key_to_an_answer_from_cold(deployed: Deployed) -> None:
    """A person signs up with a mailed code and searches with their first key. Writes are searchable at once, the
    stream-fed indexer publishes Annoy and IVF segments, the search function is killed and answers from S3, deletions
    count at once, bytes survive, and nobody gets around CloudFront.
    """
    steps: list[str] = []
    Smoke(deployed.place, deployed.outputs, steps.append).run()
    assert len(steps) == 13


def test_searches_and_writes_run_in_different_functions(deployed: Deployed, client: Client) -> None:
    """The search function, asked around CloudFront's paths with the secret, cannot write: its role forbids it."""
    created = client.send("POST", "/v1/namespaces", {"name": "readers", "dimension": 2, "metric": "dot"})
    assert created.status == 201, created.body
    secret = _secret(deployed)
    search = Client(deployed.place, deployed.outputs["SearchFunctionUrl"], client.key)
    record = {"vectors": [{"id": "a", "vector": [1.0, 0.0]}]}
    refused = search.send(
        "POST",
        "/v1/namespaces/readers/vectors",
        json.dumps(record).encode(),
        {"x-quartzdb-origin-secret": secret, "Content-Type": "application/json"},
    )
    assert refused.status >= 500, refused.body
    accepted = client.send("POST", "/v1/namespaces/readers/vectors", record)
    assert accepted.status == 200, accepted.body
    queried = client.send("POST", "/v1/namespaces/readers/query", {"vector": [1.0, 0.0]})
    assert [match["id"] for match in queried.json()["matches"]] == ["a"]


def test_answers_carry_the_headers_of_the_edge(client: Client) -> None:
    """Those that the application does not send itself."""
    answer = client.send("GET", "/v1/namespaces")
    assert answer.status == 200
    assert int(answer.headers["strict-transport-security"].split("=")[1].split(";")[0]) >= 365 * 86_400
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def test_a_large_merge_is_carried_out_by_the_state_machine(
    deployed: Deployed, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compactor finds it due and starts an execution, whose runs of the compactor build the shards side by side and
    publish them: readers then serve what they built, and nothing that was there before.
    """
    created = client.send("POST", "/v1/namespaces", {"name": "merged", "dimension": 4, "metric": "cosine"})
    assert created.status == 201, created.body
    _publish_segments(deployed, client, tmp_path, monkeypatch)
    before = _segments(deployed)
    assert list(before.values()) == [MERGED_ROWS // 4] * 4

    execution = _maintain_until_merged(deployed)

    assert json.loads(execution["output"]) == {"published": True}
    shards = json.loads(execution["input"])["shards"]
    assert len(shards) == 2
    after = _segments(deployed)
    assert len(after) == len(shards)
    assert not before.keys() & after.keys()
    assert sum(after.values()) == MERGED_ROWS
    assert all(after.values())
    assert function_processes.kill(deployed.place, "quartzdb-local-search") > 0
    for row in range(0, MERGED_ROWS, 97):
        found = client.send("POST", "/v1/namespaces/merged/query", {"vector": _direction(row), "top_k": 1})
        assert found.status == 200, found.body
        assert [match["id"] for match in found.json()["matches"]] == [f"r{row}"]
    count = client.send("POST", "/v1/namespaces/merged/vectors/count", {})
    assert count.json()["count"] == MERGED_ROWS


def test_the_scheduled_pass_learns_what_projects_hold_use_and_do(deployed: Deployed) -> None:
    """What a project holds is asked of the function that has rights on data, by its role; lines that a log delivers
    become usage, events of the audit log and the last use of a key; and nobody else may ask that function.
    """
    person, started = _begun(deployed, "holder@example.com")
    organization, project = started["organization"]["id"], started["project"]["id"]
    key = started["key"]["id"]
    data = Client(deployed.place, deployed.outputs["ApiUrl"], started["key"]["key"])
    assert data.send("PUT", "/v1/namespaces/first/kv/k", b"x" * 4_000).status == 200
    _deliver(deployed, project, key)
    wanted = {"storage", "storage-reconciliation", "delivered-audit", "key-uses"}
    done = _upkeep(deployed, wanted)
    assert wanted <= set(done["done"])
    assert done["failed"] == []
    month = person.send("GET", f"/platform/v1/organizations/{organization}/usage").json()["month"]
    assert month["bytes_held"] >= 4_000
    events = person.send("GET", f"/platform/v1/organizations/{organization}/audit?action=namespace.").json()
    assert [(one["actor"], one["action"]) for one in events] == [(key, "namespace.create")]
    (listed,) = person.send("GET", f"/platform/v1/projects/{project}/keys").json()
    assert listed["last_used_at"] is not None
    _deliver(deployed, project, key)
    assert "delivered-audit" in _upkeep(deployed, {"delivered-audit"})["done"]
    again = person.send("GET", f"/platform/v1/organizations/{organization}/audit?action=namespace.").json()
    assert again == events, "delivered twice"
    asked = _invoke(deployed, "tenant_data", {"do": "sizes", "tenant": project, "exact": True})
    assert (asked["keys"], asked["cursor"]) == (1, None)
    refused = _invoke(deployed, "tenant_data", {"do": "sizes", "tenant": "default"})
    assert refused["error"]["code"] == "forbidden"


def test_deploying_over_a_live_table_loses_nothing(deployed: Deployed, client: Client) -> None:
    """Records, key-values and keys are there after the stacks were deployed again, with new versions of functions."""
    namespace = "/v1/namespaces/lasting"
    assert (
        client.send("POST", "/v1/namespaces", {"name": "lasting", "dimension": 2, "metric": "cosine"}).status
        == 201
    )
    records = [{"id": f"r{row}", "vector": [1.0, row / 100]} for row in range(100)]
    assert client.send("POST", f"{namespace}/vectors", {"vectors": records}).status == 200
    assert client.send("PUT", f"{namespace}/kv/kept", b"value").status == 200
    before = _live_version(deployed, "quartzdb-local-api")

    marked = deployed.place.layers / deployed.architecture / "quartzdb.zip"
    _change(marked)
    again = _deploy(deployed.place, deployed.architecture)

    assert again == deployed.outputs
    assert _live_version(deployed, "quartzdb-local-api") != before
    assert client.send("GET", f"{namespace}/kv/kept").body == b"value"
    count = client.send("POST", f"{namespace}/vectors/count", {})
    assert count.status == 200, count.body
    assert count.json()["count"] == len(records)
    found = client.send("POST", f"{namespace}/query", {"vector": [1.0, 0.0], "top_k": 1})
    assert [match["id"] for match in found.json()["matches"]] == ["r0"]


def _begun(deployed: Deployed, email: str) -> tuple[Client, Any]:
    """Somebody who is signed in, and what they begin with."""
    Smoke(deployed.place, deployed.outputs, print).wake()
    platform = Client(deployed.place, deployed.outputs["ApiUrl"])
    assert platform.send("POST", "/platform/v1/sign-in", {"email": email}).status == 202
    proof = {"email": email, "code": mailed_code(deployed.place, email)}
    verified = platform.send("POST", "/platform/v1/sign-in/verify", proof)
    person = Client(deployed.place, deployed.outputs["ApiUrl"], verified.json()["token"])
    started = person.send("POST", "/platform/v1/start", {"namespace": {"name": "first", "dimension": 2}})
    assert started.status == 201, started.body
    return person, started.json()


def _invoke(deployed: Deployed, function: str, event: Mapping[str, Any]) -> Any:
    functions = boto3.session.Session().client("lambda", **_session(deployed))
    try:
        answer = functions.invoke(
            FunctionName=f"quartzdb-local-{function}:live", Payload=json.dumps(event).encode()
        )
        payload = answer["Payload"].read()
        assert "FunctionError" not in answer, payload
        return json.loads(payload)
    finally:
        functions.close()


def _deliver(deployed: Deployed, project: str, key: str) -> None:
    """What CloudWatch Logs sends, as the emulator understands no filter of fields: always the same batch."""
    at_ms = int(time.time() // 3_600) * 3_600_000
    lines = [
        {"v": 1, "id": "r", "at": at_ms, "tenant": project, "key": key, "op": "put_item", "status": 200,
         "ms": 1.0, "write_units": 4},
        {"event": "audit", "at": "2026-11-28T10:00:00Z", "tenant": project, "key_id": key,
         "action": "namespace.create", "target": "first", "request_id": "r", "outcome": "done",
         "address": "192.0.2.7", "count": 1},
    ]  # fmt: skip
    document = {
        "messageType": "DATA_MESSAGE",
        "logGroup": "api",
        "logStream": project,
        "logEvents": [{"id": f"{number}", "message": json.dumps(one)} for number, one in enumerate(lines)],
    }
    packed = base64.b64encode(gzip.compress(json.dumps(document).encode())).decode()
    answer = _invoke(deployed, "metering", {"awslogs": {"data": packed}})
    assert (answer["lines"], answer["audit_lines"]) == (1, 1)


def _upkeep(deployed: Deployed, wanted: Set[str]) -> Any:
    """A run of the scheduled pass to which every step is due, and that does these: some may be taken by one that the
    emulator's own schedule has begun at the same moment, and then there is another.
    """
    for _ in range(PASSES_MAX):
        _forget_upkeep(deployed)
        done = _invoke(deployed, "platform_upkeep", {})
        if wanted <= set(done["done"]):
            break
    return done


def _forget_upkeep(deployed: Deployed) -> None:
    """From now on every step is due."""
    tables = boto3.session.Session().client("dynamodb", **_session(deployed))
    try:
        name = deployed.outputs["PlatformTableName"]
        done = tables.query(
            TableName=name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "UPKEEP"}},
        )
        for item in done["Items"]:
            tables.delete_item(TableName=name, Key={"pk": item["pk"], "sk": item["sk"]})
    finally:
        tables.close()


def _deploy(place: WorkDirectory, architecture: str) -> dict[str, str]:
    """With a large merge of a size that a test can write."""
    return cdk_command.deploy(
        place,
        architecture,
        {"merge_run_rows": MERGED_ROWS // 2, "merge_shard_rows": MERGED_ROWS // 2},
    )


def _direction(row: int) -> list[float]:
    """One that no other row has."""
    angle = 2 * math.pi * row / MERGED_ROWS
    return [math.cos(angle), math.sin(angle), 0.0, 0.0]


def _publish_segments(
    deployed: Deployed, client: Client, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four of a size. The functions fold when it is worth it; here an indexer folds each write as if it were."""
    for row in range(0, MERGED_ROWS, MERGED_ROWS // 4):
        records = [{"id": f"r{n}", "vector": _direction(n)} for n in range(row, row + MERGED_ROWS // 4)]
        written = client.send("POST", "/v1/namespaces/merged/vectors", {"vectors": records})
        assert written.status == 200, written.body
    for name, value in deployed.place.environment().items():
        monkeypatch.setenv(name, value)
    database = open_aws(
        AwsSettings(
            deployed.outputs["TableName"],
            deployed.outputs["BucketName"],
            region=REGION,
            work_dir=directory,
            endpoints=AwsEndpoints.at(deployed.place.endpoint),
        )
    )
    indexer = Indexer(
        database.log,
        database.store,
        SegmentCache(database.store),
        database.clock,
        directory / "folding",
        fold_bytes_max=1,  # an entry at a time
    )
    namespace = database.namespaces.get(DEFAULT_TENANT, "merged")
    database.clock.sleep(OVERLAP_MS / 1000 + 0.1)
    for _ in range(4):
        assert indexer.fold(namespace).published


def _segments(deployed: Deployed) -> dict[str, int]:
    """Names and rows of the published segments."""
    (described,) = command_line(deployed.place, deployed.outputs, "stats", "--namespace", "merged")[
        "namespaces"
    ]
    return {segment["name"]: segment["rows"] for segment in described["segments"]}


def _maintain_until_merged(deployed: Deployed) -> Mapping[str, Any]:
    """Wake the compactor as its schedule does, until an execution has ended; returns that."""
    session = boto3.session.Session()
    functions = session.client("lambda", **_session(deployed))
    machines = session.client("stepfunctions", **_session(deployed))
    try:
        (machine,) = machines.list_state_machines()["stateMachines"]
        deadline = time.monotonic() + MERGED_WITHIN_SECONDS
        while time.monotonic() < deadline:
            answer = functions.invoke(
                FunctionName="quartzdb-local-compactor:live", Payload=b'{"action": "maintain"}'
            )
            assert "FunctionError" not in answer, answer["Payload"].read()
            for one in machines.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]:
                execution: Mapping[str, Any] = machines.describe_execution(executionArn=one["executionArn"])
                if "/merged/" in execution["input"] and execution["status"] != "RUNNING":
                    assert execution["status"] == "SUCCEEDED", execution
                    return execution
            time.sleep(1)
    finally:
        functions.close()
        machines.close()
    raise AssertionError(f"no merge was carried out within {MERGED_WITHIN_SECONDS} s")


def _change(layer: Path) -> None:
    with zipfile.ZipFile(layer, "a") as archive:
        archive.writestr("python/quartzdb_release.txt", "another one")


def _session(deployed: Deployed) -> dict[str, Any]:
    environment = deployed.place.environment()
    return {
        "region_name": REGION,
        "endpoint_url": deployed.place.endpoint,
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
        "verify": str(deployed.place.certificate),
    }


def _secret(deployed: Deployed) -> str:
    secrets = boto3.session.Session().client("secretsmanager", **_session(deployed))
    try:
        value: str = secrets.get_secret_value(SecretId=deployed.outputs["OriginSecretArn"])["SecretString"]
    finally:
        secrets.close()
    return value


def _live_version(deployed: Deployed, function: str) -> str:
    functions = boto3.session.Session().client("lambda", **_session(deployed))
    try:
        version: str = functions.get_alias(FunctionName=function, Name="live")["FunctionVersion"]
    finally:
        functions.close()
    return version


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
