"""What a cold start imports: no more than what it is about to use."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

# Each costs tens of milliseconds, or belongs to something that runs elsewhere: engines load with the first segment that
# needs them, the SDK with the adapters of a deployment, and the command line on a person's machine.
_ENGINES = {"annoy", "faiss", "hnswlib", "Stemmer"}
_SDK = {"boto3", "botocore", "s3transfer", "aws_lambda_powertools"}
_COMMAND_LINE = {"click", "rich", "uvicorn", "uvloop", "httptools", "wordllama"}
_CLIENTS = {"httpx", "requests", "urllib3"}
_HTTP = {"fastapi", "starlette", "pydantic", "pydantic_core", "anyio", "opentelemetry", "mangum"}
_FRAMEWORK = {"fastapi", "starlette", "anyio"}
_BUILD_TIME = {"numpy.testing", "numpy.f2py", "pytest", "hypothesis", "unittest", "multiprocessing"}
_NEVER = _ENGINES | _SDK | _COMMAND_LINE | _CLIENTS | _BUILD_TIME


def _imported_by(module: str) -> set[str]:
    # A process of its own: this one has imported everything already. -I -S would hide the packages, so only -s and -E.
    done = subprocess.run(
        [
            *(sys.executable, "-s", "-E", "-c"),
            f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("module", ["quartzdb.api.app", "quartzdb.wiring.embedded"])
def test_serving_imports_no_engine_sdk_or_command_line(module: str) -> None:
    """A function that answers requests pays for no web framework, and for an engine only once a segment has one."""
    assert _imported_by(module) & (_NEVER | _FRAMEWORK) == set()


@pytest.mark.parametrize(
    "module",
    [
        "quartzdb.services.records",
        "quartzdb.services.search",
        "quartzdb.services.keyvalue",
        "quartzdb.services.namespaces",
        "quartzdb.services.keys",
        "quartzdb.maintenance.embedded_maintenance",
        "quartzdb.maintenance.indexer",
        "quartzdb.storage.snapshot.readers",
        "quartzdb.storage.index.query",
        "quartzdb.storage.index.engines.registry",
    ],
)
def test_what_is_not_http_does_not_import_http(module: str) -> None:
    """A function that folds, compacts or replicates starts without what HTTP needs."""
    assert _imported_by(module) & (_NEVER | _HTTP) == set()


def test_a_deployment_imports_the_sdk_and_nothing_else_for_it() -> None:
    """The adapters of AWS need boto3 and what it imports; no engine, no command line, no HTTP framework."""
    imported = _imported_by("quartzdb.wiring.aws")
    # Both come with botocore: its HTTP client, and a base class of s3transfer's.
    assert imported & ((_NEVER | _HTTP) - _SDK - {"urllib3", "multiprocessing"}) == set()


def test_the_platforms_function_imports_no_engine_and_no_command_line() -> None:
    """It asks AWS through botocore, as the database's functions do."""
    imported = _imported_by("quartzdb_platform.aws_lambda.platform_function")
    assert imported & (_ENGINES | _COMMAND_LINE | {"boto3", "s3transfer", "sqlite3", "uvicorn"}) == set()


@pytest.mark.parametrize("module", ["quartzdb.domain.hlc", "quartzdb.domain.merge", "quartzdb.domain.errors"])
def test_the_domain_needs_nothing_to_be_installed(module: str) -> None:
    """What decides versions imports neither storage nor formats."""
    assert _imported_by(module) & (_NEVER | _HTTP | {"orjson", "pyroaring", "xxhash", "sqlite3"}) == set()


def test_a_function_that_answers_requests_imports_nothing_that_maintains() -> None:
    """Its database, application and health included: other functions maintain that database."""
    opening = "; ".join(
        [
            "quartzdb.aws_lambda.http_function",
            "from quartzdb.wiring.aws import AwsSettings, open_aws",
            "database = open_aws(AwsSettings('t', 'b', region='us-east-1', searches=True))",
            "quartzdb.aws_lambda.http_function.create_app(database)",
            "assert database.damaged == {}",
        ]
    )
    maintaining = {module for module in _imported_by(opening) if module.startswith("quartzdb.maintenance.")}
    assert maintaining == {"quartzdb.maintenance.ports"}


_FIRST_ANSWER_MODULES_MAX = 215
_FIRST_ANSWER = """
from pathlib import Path
from tempfile import TemporaryDirectory
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.search import QueryRequest
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
import numpy as np
directory = TemporaryDirectory()
database = open_embedded(EmbeddedSettings(Path(directory.name)))
namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(dimension=3))
vector = np.ones(3, np.float32)
database.records.upsert(namespace, [NewRecord("a", vector)])
assert len(database.search.query(namespace, QueryRequest(vector=vector, top_k=1)).matches) == 1
"""


def test_a_program_that_opens_a_directory_and_asks_imports_no_more_than_that_takes() -> None:
    """Nothing that maintains, and nothing of HTTP. A budget of modules: whoever has a reason to go over it raises it,
    and knows that each costs a fresh process some 0.3 ms.
    """
    imported = _imported_by(f"quartzdb.wiring.embedded; exec({_FIRST_ANSWER!r})")
    own = {module for module in imported if module.startswith("quartzdb.")}
    assert {module for module in own if module.startswith("quartzdb.maintenance.")} == set()
    assert imported & (_NEVER | _HTTP | {"asyncio", "ssl", "email", "http.client"}) == set()
    assert len(own) <= _FIRST_ANSWER_MODULES_MAX


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("quartzdb.aws_lambda.http_function", set()),
        ("quartzdb.aws_lambda.indexer_function", _HTTP),
        ("quartzdb.aws_lambda.compactor_function", _HTTP),
        ("quartzdb.aws_lambda.tenant_data_function", _HTTP),
    ],
)
def test_a_function_imports_what_it_runs(module: str, never: set[str]) -> None:
    """No engine before a segment needs one, botocore without boto3 and the X-Ray SDK, HTTP only where requests come."""
    imported = _imported_by(module)
    unwanted = _NEVER - {"botocore", "aws_lambda_powertools", "urllib3", "multiprocessing"}
    assert imported & (unwanted | never | {"boto3", "s3transfer", "aws_xray_sdk", "fastapi"}) == set()
