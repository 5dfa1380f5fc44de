"""A function that clients call at its own address: no secret is asked for, and nothing that a client says is taken for
CloudFront's word.
"""

from __future__ import annotations

from typing import Any

import pytest

from quartzdb.api.app import create_app
from quartzdb.aws_lambda.http_handler import http_handler
from quartzdb.aws_lambda.settings import FunctionSettings, InvalidSettings, read_settings
from quartzdb.aws_lambda.telemetry import LambdaHandler, Telemetry
from quartzdb.wiring.embedded import Database
from tests.functions.conftest import url_reply
from tests.functions.events import function_url
from tests.functions.lambda_context import FakeContext

PLACE = {"QUARTZDB_TABLE": "table", "QUARTZDB_BUCKET": "bucket"}


@pytest.fixture
def opened(observed: Telemetry, database: Database) -> LambdaHandler:
    return observed.handler(http_handler(create_app(database), None, observed))


def test_requests_are_answered_without_a_secret(opened: LambdaHandler, key: str) -> None:
    """By their key, searches as well as all else."""
    assert url_reply(opened(function_url("GET", "/v1/health"), FakeContext())).status == 200
    listed = function_url("GET", "/v1/namespaces", headers={"x-api-key": key})
    assert url_reply(opened(listed, FakeContext())).status == 200
    refused = url_reply(opened(function_url("GET", "/v1/namespaces"), FakeContext()))
    assert refused.json()["code"] == "unauthenticated"


def test_browsers_are_told_to_be_careful_unless_the_application_says_how(
    observed: Telemetry, opened: LambdaHandler
) -> None:
    """As CloudFront does it."""
    headers = url_reply(opened(function_url("GET", "/v1/health"), FakeContext())).headers
    assert headers["content-security-policy"] == ["default-src 'none'; frame-ancestors 'none'"]
    assert headers["x-frame-options"] == ["DENY"]
    assert headers["referrer-policy"] == ["no-referrer"]
    assert headers["strict-transport-security"] == ["max-age=63072000"]

    async def page(scope: Any, receive: Any, send: Any) -> None:
        said = [(b"content-security-policy", b"default-src 'self'")]
        await send({"type": "http.response.start", "status": 200, "headers": said})
        await send({"type": "http.response.body", "body": b""})

    handle = observed.handler(http_handler(page, None, observed))
    headers = url_reply(handle(function_url("GET", "/docs"), FakeContext())).headers
    assert headers["content-security-policy"] == ["default-src 'self'"]


def test_who_calls_is_the_address_that_connects(observed: Telemetry) -> None:
    """Whoever guesses keys must not choose for whom the guesses count."""
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"][0])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    handle = observed.handler(http_handler(app, None, observed))
    event = function_url("GET", "/", headers={"cloudfront-viewer-address": "198.51.100.7:443"})
    handle(event, FakeContext())
    assert seen == [event["requestContext"]["http"]["sourceIp"]]


def test_a_function_is_open_only_where_that_is_said() -> None:
    """A secret that is missing opens nothing, and one that nobody would send is a mistake."""
    assert FunctionSettings("table", "bucket").fronted
    assert read_settings(PLACE).fronted
    assert not read_settings({**PLACE, "QUARTZDB_FRONT": "none"}).fronted
    with pytest.raises(InvalidSettings, match="QUARTZDB_FRONT is 'off'; it has to be cloudfront or none"):
        read_settings({**PLACE, "QUARTZDB_FRONT": "off"})
    with pytest.raises(InvalidSettings, match="QUARTZDB_ORIGIN_SECRET_ARN is set"):
        read_settings({**PLACE, "QUARTZDB_FRONT": "none", "QUARTZDB_ORIGIN_SECRET_ARN": "arn"})


def test_a_function_behind_cloudfront_does_not_start_without_its_secret() -> None:
    """It would answer everybody."""
    from quartzdb.aws_lambda.http_function import http_function

    with pytest.raises(InvalidSettings, match="QUARTZDB_ORIGIN_SECRET_ARN is not set"):
        http_function(FunctionSettings("table", "bucket", region="us-east-1"))
