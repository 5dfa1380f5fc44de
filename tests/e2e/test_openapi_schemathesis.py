"""Whatever the OpenAPI document allows, and much that it does not, is answered as it says: no crash, no surprise.

Schemathesis makes the requests from the document: the edges of every limit, and random ones by a fixed seed, good and
bad. Each answer's status, type, headers and body must be described.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from quartzdb.api.app import create_app
from quartzdb.api.operation import Access
from quartzdb.api.routes import FAMILIES
from quartzdb.api.schemas.model import NoQuery
from quartzdb.api.settings import ApiSettings
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.domain.text_fields import TextField
from quartzdb.replication.site_endpoint import Peering
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded

Operation = APIOperation[Any, Any, Any, Any]

TENANT = "t"
EXAMPLES = int(os.environ.get("QUARTZDB_FUZZ_EXAMPLES", "5"))
COVERAGE_CASES_MAX = 60
OPERATIONS = [one for family in FAMILIES for one in family.operations if not one.hidden]
NAMES = [one.name for one in OPERATIONS]
WITH_INPUT = [
    one.name for one in OPERATIONS if one.body or one.headers or "{" in one.path or one.query is not NoQuery
]
"""Those that there is something to get wrong about."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
HURRIED = ApiSettings(wait_seconds_max=0.01)
"""Random requests would wait for changes that nobody makes."""
KEY: dict[str, str] = {}
SECRET = "the secret of the two sites"
FOR_THE_PEER = {one.name for one in OPERATIONS if isinstance(one.scope, Access)}
GENERATION = GenerationConfig(deterministic=True, with_security_parameters=False)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> OpenApiSchema:
    """The document of a running application, with namespaces in it. KEY then has a key for it."""
    peering = Peering("local", lambda: [SECRET], shared=lambda tenant, _: tenant != TENANT)
    database = open_embedded(EmbeddedSettings(tmp_path_factory.mktemp("database")), peering=peering)
    for name in ("books", "default"):
        # Of one dimension and a metric that takes zeros, so that random vectors are often good ones.
        settings = NamespaceSettings(1, Metric.DOT, text={"title": TextField()}, sparse=("splade",))
        database.namespaces.create(TENANT, name, settings)
    config = SchemathesisConfig(
        projects=ProjectsConfig(default=ProjectConfig(generation=GENERATION, request_timeout=300))
    )
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(database, HURRIED), config=config)
    KEY["X-API-Key"] = database.api_keys.create(TENANT, "test", ["read", "write", "admin"])[1]
    return schema


def headers_for(operation: Operation) -> dict[str, str]:
    """What lets a request in."""
    name = operation.definition.raw["operationId"]
    return {"Authorization": f"Bearer {SECRET}"} if name in FOR_THE_PEER else KEY


@pytest.fixture
def operation(described: OpenApiSchema, request: pytest.FixtureRequest) -> Operation:
    found: Operation = described.find_operation_by_id(request.param)
    return found


@pytest.mark.parametrize(
    ("operation", "mode"),
    [
        *((name, GenerationMode.POSITIVE) for name in NAMES),
        *((name, GenerationMode.NEGATIVE) for name in WITH_INPUT),
    ],
    indirect=["operation"],
)
def test_random_requests_are_answered_as_described(operation: Operation, mode: GenerationMode) -> None:
    """Mostly in a namespace that is there."""
    path = operation.path
    there = {"namespace": "books"} if "{namespace}" in path and path != "/v1/namespaces/{namespace}" else None

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode, path_parameters=there))
    def answered_as_described(case: Case[Any]) -> None:
        # Random keys repeat, so most requests would only be told so.
        case.headers.pop("Idempotency-Key", None)
        case.call_and_validate(checks=CHECKS, headers=headers_for(operation))

    answered_as_described()


@pytest.mark.parametrize("operation", NAMES, indirect=True)
def test_edges_are_answered_as_described(operation: Operation) -> None:
    """Every limit from both sides, every type in place of every other."""
    cases = operation.schema.iter_coverage_cases(
        operation, generation_modes=list(GenerationMode), generation_config=GENERATION
    )
    for _, case in zip(range(COVERAGE_CASES_MAX), cases, strict=False):
        case.call_and_validate(checks=CHECKS, headers=headers_for(operation))
