"""Fixtures of the functions' tests: the application in this process behind the functions' own handler."""

from __future__ import annotations

import base64
import io
import json
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.types import ASGIApp

from quartzdb.api.app import create_app
from quartzdb.aws_lambda.http_handler import http_handler
from quartzdb.aws_lambda.origin_secret import OriginSecret
from quartzdb.aws_lambda.settings import FunctionSettings
from quartzdb.aws_lambda.telemetry import LambdaHandler, Telemetry, telemetry
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.wiring.embedded import Database, EmbeddedSettings, open_embedded
from tests.functions.events import function_url
from tests.functions.lambda_context import FakeContext
from tests.manual_clock import ManualClock

SECRET = "correct-horse-battery-staple"


@dataclass
class Reply:
    """What a client gets."""

    status: int
    headers: dict[str, list[str]]
    body: bytes
    raw: dict[str, Any]

    def json(self) -> Any:
        """The body's document."""
        return json.loads(self.body)


Call = Callable[..., Reply]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    database = open_embedded(EmbeddedSettings(tmp_path_factory.mktemp("database")))
    database.namespaces.create("t", "files", NamespaceSettings())
    return database


@pytest.fixture(scope="module")
def key(database: Database) -> str:
    return database.api_keys.create("t", "test", ("read", "write", "admin"))[1]


@pytest.fixture
def log() -> io.StringIO:
    """What the logger writes."""
    return io.StringIO()


@pytest.fixture
def observed(log: io.StringIO) -> Telemetry:
    """Telemetry that writes where this test reads."""
    # A logger remembers by its name what it was made with.
    made = telemetry(FunctionSettings("table", "bucket", service=f"quartzdb-{secrets.token_hex(4)}"))
    handler = made.logger.logger_handler
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(log)
    return made


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def handler_of(observed: Telemetry, clock: ManualClock) -> Callable[[ASGIApp], LambdaHandler]:
    """The handler of any application, with the origin secret."""

    def make(app: ASGIApp) -> LambdaHandler:
        return observed.handler(http_handler(app, OriginSecret(lambda: [SECRET], clock), observed))

    return make


@pytest.fixture
def handler(handler_of: Callable[[ASGIApp], LambdaHandler], database: Database) -> LambdaHandler:
    return handler_of(create_app(database))


@pytest.fixture
def call(handler: LambdaHandler, key: str) -> Call:
    """Calls the application. Headers are pairs."""

    def through_url(
        method: str, target: str, *, headers: tuple[tuple[str, str], ...] = (), body: bytes | None = None
    ) -> Reply:
        joined: dict[str, str] = {"x-api-key": key}
        for name, value in headers:  # Lambda joins repeated ones
            joined[name.lower()] = f"{joined[name.lower()]},{value}" if name.lower() in joined else value
        return url_reply(
            handler(function_url(method, target, headers=joined, body=body, secret=SECRET), FakeContext())
        )

    return through_url


def url_reply(answer: dict[str, Any]) -> Reply:
    """What a client of the Function URL gets."""
    body = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
    headers = {name: [value] for name, value in answer["headers"].items()}
    if "cookies" in answer:
        headers["set-cookie"] = answer["cookies"]
    return Reply(answer["statusCode"], headers, body, answer)
