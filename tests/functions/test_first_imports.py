"""What the first request imports of a function that was restored from a snapshot: nothing, whatever is asked of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from quartzdb.domain.namespace import EngineChoice, NamespaceSettings
from quartzdb.domain.text_fields import TextField
from quartzdb.services.record_rules import NewRecord
from tests.aws_deployment import Deployment
from tests.aws_emulators import REGION, Emulators
from tests.embedded import vector_of
from tests.functions.events import function_url

DIMENSION = 32
ROWS = 4_200
"""More than are all scored, so that there is an index to search."""
VECTOR = vector_of(77, DIMENSION).tolist()
ENGINES = (EngineChoice.IVF, EngineChoice.HNSW, EngineChoice.ANNOY, EngineChoice.EXACT)
SECRET = "origin"


@pytest.fixture(scope="module")
def deployment(aws: Emulators, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A namespace for each engine, with a field of text, whose records lie in a segment, and a key for them."""
    emulator = aws.get("ministack")
    directory = tmp_path_factory.mktemp("first-imports")
    made = Deployment("ministack", emulator.endpoint_url, emulator.new_place(), directory)
    writer = made.open()
    for engine in ENGINES:
        settings = NamespaceSettings(DIMENSION, engine=engine, text={"body": TextField()})
        namespace, _ = writer.namespaces.create("t", engine.value, settings)
        for start in range(0, ROWS, 600):
            records = [
                NewRecord(f"r{n}", vector_of(n, DIMENSION), {"n": n, "body": f"word{n % 7}"})
                for n in range(start, min(start + 600, ROWS))
            ]
            writer.records.upsert(namespace, records)
        made.clock.seconds += 40
        assert writer.indexer.fold(namespace).published
    return made


@pytest.fixture(scope="module")
def key(deployment: Deployment) -> str:
    return deployment.open().api_keys.create("t", "test", ("read", "write"))[1]


@pytest.fixture(scope="module")
def origin_secret(deployment: Deployment) -> str:
    """Its ARN."""
    client = boto3.client(
        "secretsmanager",
        region_name=REGION,
        endpoint_url=deployment.endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    arn: str = client.create_secret(Name=deployment.place.table, SecretString=SECRET)["ARN"]
    return arn


Imported = Callable[..., list[str]]


@pytest.fixture
def imported(deployment: Deployment, key: str, origin_secret: str) -> Imported:
    """What the first request of a new process imports."""
    return partial(_imported, deployment, key, origin_secret)


def _imported(
    deployment: Deployment,
    key: str,
    origin_secret: str,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
) -> list[str]:
    searches = path.endswith("/query")
    event = function_url(
        method,
        f"/v1/namespaces/{path}",
        headers={"x-api-key": key, "content-type": "application/json"},
        body=None if body is None else json.dumps(body).encode(),
        secret=SECRET,
    )
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": deployment.endpoint_url,
        "AWS_LAMBDA_FUNCTION_NAME": "first-request",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "768",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "QUARTZDB_TABLE": deployment.place.table,
        "QUARTZDB_BUCKET": deployment.place.bucket,
        "QUARTZDB_ORIGIN_SECRET_ARN": origin_secret,
        "TMPDIR": str(deployment.directory),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.functions.first_request"],
        input=json.dumps([event, searches]),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    status, answer, modules = json.loads(done.stdout.splitlines()[-1])
    assert status == 200, answer
    if searches:
        assert json.loads(answer)["matches"]
    return list(modules)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_search_by_vector_imports_nothing(imported: Imported, engine: EngineChoice) -> None:
    assert imported("POST", f"{engine.value}/query", {"vector": VECTOR}) == []


@pytest.mark.parametrize(
    "body",
    [
        {"vector": VECTOR, "filter": {"n": {"$lt": 3_000}}},
        {"text": {"query": "word3"}},
        {"vector": VECTOR, "text": {"query": "word3"}},
        {"vector": VECTOR, "page": True},
    ],
    ids=["filtered", "by words", "by both", "paged"],
)
def test_whatever_else_it_is_asked_it_imports_nothing(imported: Imported, body: dict[str, Any]) -> None:
    assert imported("POST", "ivf/query", body) == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "ivf/vectors/r77", None),
        ("POST", "exact/vectors", {"vectors": [{"id": "new", "vector": VECTOR}]}),
    ],
    ids=["a record", "an upsert"],
)
def test_reads_and_writes_import_nothing(
    imported: Imported, method: str, path: str, body: dict[str, Any] | None
) -> None:
    """Of the function that is not there to search."""
    assert imported(method, path, body) == []
