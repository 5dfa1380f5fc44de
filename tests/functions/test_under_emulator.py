"""Every function under Lambda's emulator, with events as AWS sends them, over an emulated table and bucket."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from quartzdb.adapters.aws.dynamodb_api_keys import DynamoApiKeys
from quartzdb.adapters.aws.dynamodb_origin_states import DynamoOriginStates
from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.domain.text_fields import TextField
from quartzdb.domain.vector import Matrix
from quartzdb.routing.decision.state import decode_state
from quartzdb.routing.ports import PUBLISHED_KEY
from quartzdb.routing.probe.canary import CANARY_TENANT, canary_key
from quartzdb.services.record_rules import NewRecord
from quartzdb.storage.index.engines.annoy import TREES_FILE
from quartzdb.storage.index.segments.segment_files import POSTINGS_FILE
from quartzdb.wiring.aws import AwsSettings, open_aws
from quartzdb.wiring.aws_clients import AwsEndpoints
from tests.aws_deployment import Deployment
from tests.aws_emulators import REGION, Emulators, Place, create_table
from tests.contract_origin import contract_origin
from tests.doubles.memory_api_keys import MemoryApiKeys
from tests.embedded import vector_of
from tests.functions.conftest import SECRET, Reply, url_reply
from tests.functions.emulator import REPOSITORY, Instance, running, unpacked_layers
from tests.functions.events import event, function_url

MACHINE = f"arn:aws:states:{REGION}:000000000000:stateMachine:merge"


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked_layers(tmp_path_factory.mktemp("opt"))


@pytest.fixture(scope="module")
def deployment(layers: Path, aws: Emulators) -> dict[str, str]:
    """What the stack sets in the environment of each function."""
    emulator = aws.get("ministack")
    place = emulator.new_place()
    secrets = boto3.client("secretsmanager", endpoint_url=emulator.endpoint_url, region_name=REGION)
    secret = secrets.create_secret(Name=f"{place.table}-origin", SecretString=f"{SECRET}\n")  # as from a file
    secrets.close()
    return {
        "AWS_ENDPOINT_URL": emulator.endpoint_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "NO_PROXY": "127.0.0.1",
        "QUARTZDB_TABLE": place.table,
        "QUARTZDB_BUCKET": place.bucket,
        "QUARTZDB_ORIGIN_SECRET_ARN": secret["ARN"],
        "QUARTZDB_MERGE_MACHINE_ARN": MACHINE,
    }


@pytest.fixture(scope="module")
def key(deployment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    database = open_aws(
        AwsSettings(
            deployment["QUARTZDB_TABLE"],
            deployment["QUARTZDB_BUCKET"],
            region=REGION,
            work_dir=tmp_path_factory.mktemp("work"),
            endpoints=AwsEndpoints.at(deployment["AWS_ENDPOINT_URL"]),
        )
    )
    return database.api_keys.create("t", "test", ("read", "write", "admin"))[1]


@pytest.fixture(scope="module")
def api(layers: Path, deployment: dict[str, str]) -> Iterator[Instance]:
    with running("api", layers, deployment) as instance:
        yield instance


@pytest.fixture(scope="module")
def search(layers: Path, deployment: dict[str, str]) -> Iterator[Instance]:
    with running("search", layers, deployment) as instance:
        yield instance


def send(instance: Instance, key: str, method: str, target: str, document: Any = None) -> Reply:
    return url_reply(
        instance.invoke(
            function_url(
                method,
                target,
                headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
                body=None if document is None else json.dumps(document).encode(),
                secret=SECRET,
            )
        )
    )


def test_what_one_function_writes_the_other_finds(api: Instance, search: Instance, key: str) -> None:
    """A namespace made and filled through api is searched through search, at once."""
    created = send(api, key, "POST", "/v1/namespaces", {"name": "books", "dimension": 3})
    assert created.status == 201, created.body
    records = [{"id": "dune", "vector": [1, 0, 0]}, {"id": "emma", "vector": [0, 1, 0]}]
    written = send(api, key, "POST", "/v1/namespaces/books/vectors", {"vectors": records})
    assert written.status == 200, written.body
    found = send(search, key, "POST", "/v1/namespaces/books/query", {"vector": [1, 0.1, 0], "top_k": 1})
    assert [match["id"] for match in found.json()["matches"]] == ["dune"]
    assert api.metrics()["ColdStart"] == 1
    assert '"op":"create_namespace"' in api.log  # what is counted as usage is among the function's lines


@pytest.fixture(scope="module")
def platform_place(deployment: dict[str, str], aws: Emulators) -> dict[str, str]:
    """What the platform's stack sets in the environment of its functions, and its domain at SES."""
    table = f"{deployment['QUARTZDB_TABLE']}-platform"
    create_table(aws.get("ministack").dynamodb, table)
    ses = boto3.client("sesv2", endpoint_url=deployment["AWS_ENDPOINT_URL"], region_name=REGION)
    ses.create_configuration_set(ConfigurationSetName="quartzdb-test-platform")
    ses.create_email_identity(EmailIdentity="example.com")
    ses.close()
    return {
        **deployment,
        "QUARTZDB_PLATFORM_TABLE": table,
        "QUARTZDB_PLATFORM_URL": "https://db.example.com",
        "QUARTZDB_PLATFORM_CONFIGURATION_SET": "quartzdb-test-platform",
        "QUARTZDB_PLATFORM_SENDER": "QuartzDB <no-reply@example.com>",
    }


def mailed_to(address: str, endpoint: str) -> dict[str, Any]:
    """The newest message that the emulator's SES took for somebody."""
    with urllib.request.urlopen(f"{endpoint}/_ministack/ses/messages", timeout=10) as answer:
        taken = json.load(answer)["messages"].values()
    found: dict[str, Any] = [one for messages in taken for one in messages if address in one["To"]][-1]
    return found


def test_from_an_address_to_a_query(layers: Path, platform_place: dict[str, str], api: Instance) -> None:
    """A person signs up through the platform's function, and the key that it makes opens the database's."""
    with running("platform", layers, platform_place) as platform:
        sent = send(platform, "", "POST", "/platform/v1/sign-in", {"email": "ada@example.com"})
        assert sent.status == 202, sent.body
        mail = mailed_to("ada@example.com", platform_place["AWS_ENDPOINT_URL"])
        (code,) = re.findall(r"^\s*(\d{8})\s*$", mail["BodyText"], re.MULTILINE)
        assert mail["Source"] == "QuartzDB <no-reply@example.com>"
        assert "https://db.example.com/platform/sign-in#" in mail["BodyText"]
        proof = {"email": "ada@example.com", "code": code}
        token = send(platform, "", "POST", "/platform/v1/sign-in/verify", proof).json()["token"]
        wanted = {"namespace": {"name": "books", "dimension": 2}}
        started = send(platform, token, "POST", "/platform/v1/start", wanted)
        assert started.status == 201, started.body
        assert started.json()["url"] == "https://db.example.com"
        unsigned = url_reply(platform.invoke(function_url("GET", "/platform/v1/session", secret=None)))
        assert unsigned.status == 403, "around CloudFront nobody is answered"
        page = url_reply(platform.invoke(function_url("GET", "/platform/sign-in", secret=SECRET)))
        assert (page.status, page.headers["content-type"]) == (200, ["text/html; charset=utf-8"])
        assert platform.metrics()["ColdStart"] == 1
        assert code not in platform.log
        assert token not in platform.log
    text = started.json()["key"]["key"]
    record = {"vectors": [{"id": "dune", "vector": [1, 0]}]}
    assert send(api, text, "POST", "/v1/namespaces/books/vectors", record).status == 200
    found = send(api, text, "POST", "/v1/namespaces/books/query", {"vector": [1, 0]})
    assert [match["id"] for match in found.json()["matches"]] == ["dune"]


def test_the_schedule_does_what_is_due_of_the_platform(layers: Path, platform_place: dict[str, str]) -> None:
    """Each step once in its interval, whichever run comes first."""
    with running("platform_upkeep", layers, platform_place) as upkeep:
        first, second = upkeep.invoke({}), upkeep.invoke({})
        metrics = upkeep.metrics()
    assert "grants" in first["done"]
    assert (first["failed"], second["failed"]) == ([], [])
    assert not set(first["done"]) & set(second["done"])
    assert metrics["UpkeepSteps"] == len(first["done"]) + len(second["done"])
    assert "UpkeepFailures" not in metrics


def test_what_did_not_come_through_cloudfront_is_refused(api: Instance) -> None:
    """By the secret that Secrets Manager holds."""
    for secret in (None, "guessed"):
        assert url_reply(api.invoke(function_url("GET", "/v1/health", secret=secret))).status == 403
    assert api.metrics()["OriginRefused"] == 2
    assert SECRET not in api.log


def test_the_schedule_tends_every_namespace(
    layers: Path, deployment: dict[str, str], api: Instance, key: str
) -> None:
    """The compactor, woken by its schedule."""
    assert send(api, key, "POST", "/v1/namespaces", {"name": "maintained", "dimension": 3}).status == 201
    with running("compactor", layers, deployment) as compactor:
        answer = compactor.invoke(event("schedule"))
        metrics = compactor.metrics()
    assert answer["failed"] == []
    assert "IndexerLagSeconds" in metrics
    assert "MaintenanceFailures" not in metrics


def stream_record(aws: Emulators, deployment: dict[str, str], namespace: str) -> Any:
    """What the stream tells of one entry of a namespace's log."""
    dynamodb = aws.get("ministack").dynamodb
    pages = dynamodb.get_paginator("scan").paginate(TableName=deployment["QUARTZDB_TABLE"])
    entry = next(
        item
        for page in pages
        for item in page["Items"]
        if str(item["pk"]["S"]).startswith(f"LOG#t#{namespace}#")
    )
    (written,) = event("dynamodb_stream")["Records"]
    written["dynamodb"] |= {"Keys": {name: entry[name] for name in ("pk", "sk")}, "SequenceNumber": "2"}
    return written


def test_the_stream_wakes_the_indexer(
    layers: Path, deployment: dict[str, str], aws: Emulators, api: Instance, key: str
) -> None:
    """Of a batch with a true log entry and one that cannot be read, only the latter is handed back, and counted."""
    assert send(api, key, "POST", "/v1/namespaces", {"name": "fed", "dimension": 3}).status == 201
    records = [{"id": "dune", "vector": [1, 0, 0]}]
    assert send(api, key, "POST", "/v1/namespaces/fed/vectors", {"vectors": records}).status == 200
    (poisoned,) = event("dynamodb_stream")["Records"]
    written = stream_record(aws, deployment, "fed")
    with running("indexer", layers, deployment) as indexer:
        answer = indexer.invoke({"Records": [poisoned, written]})
        metrics, log = indexer.metrics(), indexer.log
    number = poisoned["dynamodb"]["SequenceNumber"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": number}]}, log
    assert metrics["StreamRecordsFailed"] == 1


def test_a_deployment_may_have_annoy_as_its_default_engine(
    layers: Path, deployment: dict[str, str], aws: Emulators, key: str, tmp_path: Path
) -> None:
    """A namespace that names no engine is folded into trees, and the first search of a fresh process uses them."""
    place = Place(deployment["QUARTZDB_TABLE"], deployment["QUARTZDB_BUCKET"])
    writing = Deployment("ministack", deployment["AWS_ENDPOINT_URL"], place, tmp_path)
    writing.clock.seconds = time.time() - 120  # old enough to be folded
    database = writing.open()
    namespace, _ = database.namespaces.create("t", "default-engine", NamespaceSettings(32))
    vectors = _clustered(6_000, 32)  # `auto` would write no index for as few
    for start in range(0, len(vectors), 500):
        database.records.upsert(
            namespace, [NewRecord(f"r{n}", vectors[n]) for n in range(start, start + 500)]
        )
    woken = {"Records": [stream_record(aws, deployment, "default-engine")]}
    with running("indexer", layers, {**deployment, "QUARTZDB_DEFAULT_ENGINE": "annoy"}) as indexer:
        assert indexer.invoke(woken) == {"batchItemFailures": []}, indexer.log
    pointer = database.store.pointer(namespace.partition)
    assert pointer is not None
    (segment,) = database.store.manifest(pointer.current).segments
    assert segment.shape.engine == "annoy"
    assert TREES_FILE in segment.files
    asked = {"vector": vectors[1234].tolist(), "top_k": 3}
    with running("search", layers, deployment) as search:
        found = send(search, key, "POST", "/v1/namespaces/default-engine/query", asked)
        assert found.status == 200, search.log
    answer = found.json()
    assert answer["matches"][0]["id"] == "r1234"
    assert answer["performance"]["mode"] == "approximate"
    assert answer["performance"]["rows_scored"] < len(vectors)


def test_words_are_found_by_functions(
    layers: Path, deployment: dict[str, str], aws: Emulators, search: Instance, key: str, tmp_path: Path
) -> None:
    """The indexer writes postings and a cold search reads them: the layers have what stems are made with."""
    place = Place(deployment["QUARTZDB_TABLE"], deployment["QUARTZDB_BUCKET"])
    writing = Deployment("ministack", deployment["AWS_ENDPOINT_URL"], place, tmp_path)
    writing.clock.seconds = time.time() - 120  # old enough to be folded
    database = writing.open()
    declared = NamespaceSettings(4, text={"body": TextField("german")}, sparse=("splade",))
    namespace, _ = database.namespaces.create("t", "notizen", declared)
    texts = {"a": "Die Häuser am Meer", "b": "Ein Haus, und noch ein Haus", "c": "Wälder"}
    records = [
        NewRecord(name, vector_of(number, 4), {"body": text, "splade": {"indices": [number], "values": [2]}})
        for number, (name, text) in enumerate(texts.items())
    ]
    database.records.upsert(namespace, records)
    with running("indexer", layers, deployment) as indexer:
        woken = {"Records": [stream_record(aws, deployment, "notizen")]}
        assert indexer.invoke(woken) == {"batchItemFailures": []}, indexer.log
    pointer = database.store.pointer(namespace.partition)
    assert pointer is not None
    (segment,) = database.store.manifest(pointer.current).segments
    assert POSTINGS_FILE in segment.files

    def found(question: dict[str, Any]) -> Any:
        answer = send(search, key, "POST", "/v1/namespaces/notizen/query", question)
        assert answer.status == 200, (answer.body, search.log)
        return answer.json()

    assert [one["id"] for one in found({"text": {"query": "hauses"}})["matches"]] == ["b", "a"]
    hybrid = {
        "vector": vector_of(2, 4).tolist(),
        "text": {"query": "Haus"},
        "sparse": {"indices": [1], "values": [1]},
    }
    answer = found({**hybrid, "top_k": 1, "explain": True})
    assert (answer["matches"][0]["id"], answer["performance"]["tail_rows"]) == ("b", 0)
    assert set(answer["matches"][0]["explain"]) == {"vector", "text", "sparse"}
    groups = found({**hybrid, "group_by": {"field": "body"}})["groups"]
    assert groups[0]["matches"][0]["id"] == "b"


def _clustered(rows: int, dimension: int) -> Matrix:
    generator = np.random.default_rng(1)
    centres = generator.standard_normal((50, dimension))
    noise = generator.standard_normal((rows, dimension))
    return (centres[generator.integers(50, size=rows)] + 0.3 * noise).astype(np.float32)


_RESTORED = """
import json, sys
import handler
from awslambdaric.lambda_runtime_hooks_runner import run_after_restore
import gc
from quartzdb.domain.hlc import HybridClock
(clock,) = [each for each in gc.get_objects() if isinstance(each, HybridClock)]
names = [clock.writer]
for _ in range(2):
    run_after_restore()
    names.append(clock.now().writer)
print(json.dumps(names))
"""


@pytest.mark.parametrize("function", ["api", "search"])
def test_instances_restored_from_one_snapshot_do_not_share_a_name(
    layers: Path, deployment: dict[str, str], function: str
) -> None:
    """Lambda runs the hooks in each of them. With one name they would issue the same versions, and lose writes."""
    code = REPOSITORY / "functions" / function
    done = subprocess.run(
        [REPOSITORY / ".venv-rie" / "bin" / "python", "-c", _RESTORED],
        env={**deployment, "PYTHONPATH": f"{code}:{layers}", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=code,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(set(json.loads(done.stdout.splitlines()[-1]))) == 3


def test_the_schedule_probes_both_origins(layers: Path, deployment: dict[str, str], aws: Emulators) -> None:
    """The health probe, woken by its schedule: it makes its own key, and begins and publishes the routing state."""
    emulator = aws.get("ministack")
    canary = "c" * 48
    table = DynamoTable(emulator.dynamodb, deployment["QUARTZDB_TABLE"], SystemClock())
    with contract_origin() as ours, contract_origin() as theirs:
        ours.key = theirs.key = canary_key(MemoryApiKeys(), SystemClock(), canary)
        ours.secret = theirs.secret = SECRET
        secrets = boto3.client("secretsmanager", endpoint_url=emulator.endpoint_url, region_name=REGION)
        name = f"{deployment['QUARTZDB_TABLE']}-canary"
        arn = secrets.create_secret(Name=name, SecretString=canary)["ARN"]
        secrets.close()
        environment = {
            **deployment,
            "QUARTZDB_API_URL": ours.url + "/",
            "QUARTZDB_SEARCH_URL": ours.url + "/",
            "QUARTZDB_CLOUDFLARE_URL": theirs.url,
            "QUARTZDB_CLOUDFLARE_SECRET_ARN": deployment["QUARTZDB_ORIGIN_SECRET_ARN"],
            "QUARTZDB_CANARY_SECRET_ARN": arn,
        }
        with running("health_probe", layers, environment) as probe:
            answers = [probe.invoke({"seconds": 0}) for _ in range(3)]
            metrics, log = probe.metrics(), probe.log
    assert answers == [{"rounds": 1}] * 3, log
    assert "ProbeRounds" in metrics
    assert "ProbeFailures" not in metrics
    assert len(DynamoApiKeys(table).list(CANARY_TENANT)) == 1
    body = emulator.s3.get_object(Bucket=deployment["QUARTZDB_BUCKET"], Key=PUBLISHED_KEY)["Body"].read()
    assert decode_state(body) == DynamoOriginStates(table).read()
