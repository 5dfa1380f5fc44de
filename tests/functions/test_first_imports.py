"""What the first search of a function imports that was restored from a snapshot: nothing, whatever it is asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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
    return deployment.open().api_keys.create("t", "test", ("read",))[1]


def imported(deployment: Deployment, key: str, body: dict[str, Any], namespace: str) -> list[str]:
    """By the first search of a new process."""
    headers = {"x-api-key": key, "content-type": "application/json"}
    events = [
        function_url(
            "POST",
            f"/v1/namespaces/{namespace}/query",
            headers=headers,
            body=json.dumps(body).encode(),
            secret=SECRET,
        )
    ]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": deployment.endpoint_url,
        "AWS_LAMBDA_FUNCTION_NAME": "search",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "768",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "QUARTZDB_TABLE": deployment.place.table,
        "QUARTZDB_BUCKET": deployment.place.bucket,
        "QUARTZDB_FRONT": "none",
        "TMPDIR": str(deployment.directory),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.functions.first_search"],
        input=json.dumps(events),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    ((status, answer, modules),) = json.loads(done.stdout.splitlines()[-1])
    assert status == 200, answer
    assert json.loads(answer)["matches"]
    return list(modules)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_search_by_vector_imports_nothing(deployment: Deployment, key: str, engine: EngineChoice) -> None:
    assert imported(deployment, key, {"vector": VECTOR}, engine.value) == []


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
def test_whatever_else_it_is_asked_it_imports_nothing(
    deployment: Deployment, key: str, body: dict[str, Any]
) -> None:
    assert imported(deployment, key, body, "ivf") == []
