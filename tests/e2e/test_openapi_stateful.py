"""Sequences of requests, each made of earlier answers: create a namespace, write to it, delete it, ask it once more.

Schemathesis finds in the OpenAPI document which fields of an answer another operation takes, and walks from one to the
next by a fixed seed. Whatever was done before, each answer's status, type, headers and body must be described; what was
made must be there, and what was deleted must not. `make fuzz` walks further.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings
from schemathesis import Case, Response
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.generation.stateful.state_machine import StepInput, StepOutput
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import ensure_resource_availability, use_after_free
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from quartzdb.api.app import create_app
from quartzdb.api.settings import ApiSettings
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
from quartzdb_platform.api.app import PREFIX
from quartzdb_platform.api.app import create_app as create_platform
from quartzdb_platform.local_platform import OUTBOX, open_platform
from quartzdb_platform.settings import settings_of
from tests.e2e.test_openapi_schemathesis import CHECKS
from tests.platform.conftest import Mailbox

SCENARIOS = int(os.environ.get("QUARTZDB_FUZZ_SCENARIOS", "25"))
STEPS = 12
GOOD_MIN = SCENARIOS // 3
"""Good answers to requests that were made of an answer: with fewer, these would be no more than random requests."""
GENERATION = GenerationConfig(
    modes=[GenerationMode.POSITIVE],
    deterministic=True,
    with_security_parameters=False,
    # Names and ids in a URL: of other characters the document says too little, and few requests would be good.
    codec="ascii",
)
ENDS_THE_SESSION = ["sign_out", "end_session", "delete_account"]
BUNCH = 5
"""Scenarios that Hypothesis draws together. Ids in answers are of chance, and with more it would notice."""
WALK = settings(
    max_examples=BUNCH,
    stateful_step_count=STEPS,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Walked(Counter[str]):
    """How many steps there were, how many of them were made of an answer, and how many of those were good."""


def walk(schema: BaseSchema, enter: Callable[[], Mapping[str, str]]) -> Walked:
    """Go through all scenarios. `enter` gives each of them the headers of somebody new."""
    walked = Walked()

    class Walk(schema.as_state_machine()):  # type: ignore[misc]  # it is made of the document
        def setup(self) -> None:
            self.headers = enter()

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            case.headers.pop("Idempotency-Key", None)  # random ones repeat, and would only be told so
            return {"headers": self.headers}

        def step(self, input: StepInput) -> StepOutput:
            output: StepOutput = super().step(input)
            followed = input.transition is not None and input.is_applied
            walked.update(steps=1, followed=followed, good=followed and output.response.status_code < 400)
            return output

        def validate_response(self, response: Response, case: Case[Any], **options: Any) -> None:
            checks = [*CHECKS, use_after_free]
            # That a query names a record that is not there says nothing of the namespace that was just created.
            if b'"record_not_found"' not in response.content:
                checks.append(ensure_resource_availability)
            case.validate_response(
                response,
                checks=checks,
                transport_kwargs=options,
                recorder=self.recorder,
            )

    for number in range(SCENARIOS // BUNCH):
        seed(number)(Walk).run(settings=WALK)
    return walked


def described(app: ASGIApp, path: str) -> BaseSchema:
    """The document that an application has there."""
    # How long an answer takes is no matter of the document: a busy machine may be slow.
    project = ProjectConfig(generation=GENERATION, request_timeout=300)
    config = SchemathesisConfig(projects=ProjectsConfig(default=project))
    return schemathesis.openapi.from_asgi(path, app, config=config)


def test_a_database_answers_as_described_whatever_was_done_before(tmp_path: Path) -> None:
    """Each scenario is a tenant's own."""
    database = open_embedded(EmbeddedSettings(tmp_path / "data"))
    numbers = count()

    def enter() -> Mapping[str, str]:
        _, key = database.api_keys.create(f"t{next(numbers)}", "test", ["read", "write", "admin"])
        return {"X-API-Key": key}

    walked = walk(described(create_app(database, ApiSettings(wait_seconds_max=0.01)), "/openapi.json"), enter)
    assert walked["good"] >= GOOD_MIN


def test_a_platform_answers_as_described_whatever_was_done_before(tmp_path: Path) -> None:
    """Nobody can sign in as often as there are scenarios: one person goes through all of them."""
    database = open_embedded(EmbeddedSettings(tmp_path))
    app = create_platform(open_platform(database, tmp_path, settings_of({}, "https://db.example.com")))
    email = "owner@example.com"
    with TestClient(app, base_url="https://db.example.com") as http:
        assert http.post(f"{PREFIX}/sign-in", json={"email": email}).status_code == 202
        proof = {"email": email, "code": Mailbox(tmp_path / OUTBOX).code(email)}
        token = http.post(f"{PREFIX}/sign-in/verify", json=proof).json()["token"]
        http.cookies.clear()
        walked = walk(
            described(app, "/platform/openapi.json")
            .exclude(operation_id=ENDS_THE_SESSION)
            .exclude(path_regex="/billing"),  # there is none here: 404 for an organization that is there
            lambda: {"Authorization": f"Bearer {token}"},
        )
    assert walked["good"] >= GOOD_MIN
