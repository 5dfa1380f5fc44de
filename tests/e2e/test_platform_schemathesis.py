"""Whatever the platform's OpenAPI document allows, and much that it does not, is answered as it says.

As tests/e2e/test_openapi_schemathesis.py does for the database: random requests by a fixed seed, good and bad, and the
edges of every limit; each answer's status, type and body must be described.
"""

from __future__ import annotations

from collections.abc import Iterator
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
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
from quartzdb_platform.api.app import PREFIX, create_app
from quartzdb_platform.local_platform import OUTBOX, open_platform
from quartzdb_platform.settings import settings_of
from tests.platform.conftest import Mailbox, Person
from tests.platform.test_access import NEEDS, OPEN, OPERATOR, OWN

Operation = APIOperation[Any, Any, Any, Any]

EXAMPLES = 4
COVERAGE_CASES_MAX = 14
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ROUTES = sorted(OPEN | OWN | OPERATOR | set(NEEDS))
GENERATION = GenerationConfig(deterministic=True, with_security_parameters=False)
ENDS_THE_SESSION = {"DELETE /session", "DELETE /sessions/{session_id}"}


class Asked:
    """The described application, and an owner with something of each kind."""

    def __init__(self, schema: OpenApiSchema, owner: Person, there: dict[str, str]) -> None:
        self.schema = schema
        self.owner = owner
        self.there = there

    def operation(self, route: str) -> Operation:
        method, _, path = route.partition(" ")
        found: Operation = self.schema[f"{PREFIX}{path}"][method]
        return found

    def headers(self, route: str) -> dict[str, str]:
        # Its session is needed by the other routes.
        return {} if route in ENDS_THE_SESSION else {"Authorization": f"Bearer {self.owner.token}"}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    from starlette.testclient import TestClient

    data_dir = tmp_path_factory.mktemp("platform")
    database = open_embedded(EmbeddedSettings(data_dir))
    app = create_app(open_platform(database, data_dir, settings_of({}, "https://db.example.com")))
    config = SchemathesisConfig(
        projects=ProjectsConfig(default=ProjectConfig(generation=GENERATION, request_timeout=300))
    )
    with TestClient(app, base_url="https://db.example.com") as http:
        email = "owner@example.com"
        assert http.post(f"{PREFIX}/sign-in", json={"email": email}).status_code == 202
        proof = {"email": email, "code": Mailbox(data_dir / OUTBOX).code(email)}
        token = http.post(f"{PREFIX}/sign-in/verify", json=proof).json()["token"]
        http.cookies.clear()
        owner = Person(http, email, token)
        organization = owner.must("POST", "/organizations", {"name": "Engines"})["id"]
        project = owner.must("POST", f"/organizations/{organization}/projects", {"name": "p"})["id"]
        schema = schemathesis.openapi.from_asgi("/platform/openapi.json", app, config=config)
        yield Asked(schema, owner, {"organization_id": organization, "project_id": project})


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("route", ROUTES)
def test_random_requests_are_answered_as_described(asked: Asked, route: str, mode: GenerationMode) -> None:
    """Mostly of an organization that is there."""
    operation = asked.operation(route)
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
        return  # nothing to get wrong
    there = {name: value for name, value in asked.there.items() if f"{{{name}}}" in route}

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def answered_as_described(case: Case[Any]) -> None:
        case.path_parameters = {**(case.path_parameters or {}), **there}
        case.call_and_validate(checks=CHECKS, headers=asked.headers(route))

    answered_as_described()


@pytest.mark.parametrize("route", ROUTES)
def test_edges_are_answered_as_described(asked: Asked, route: str) -> None:
    """Every limit from both sides, every type in place of every other."""
    operation = asked.operation(route)
    cases = operation.schema.iter_coverage_cases(
        operation, generation_modes=list(GenerationMode), generation_config=GENERATION
    )
    for _, case in zip(range(COVERAGE_CASES_MAX), cases, strict=False):
        case.call_and_validate(checks=CHECKS, headers=asked.headers(route))
