"""What stands in front of the application: the origin secret, the deadline, and what is counted and logged."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Callable

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from quartzdb.api.app import create_app
from quartzdb.api.trace import begin_trace
from quartzdb.aws_lambda.http_handler import http_handler
from quartzdb.aws_lambda.origin_secret import AGAIN_SECONDS, FRESH_SECONDS, OriginSecret
from quartzdb.aws_lambda.telemetry import LambdaHandler, Telemetry
from quartzdb.domain.errors import Unavailable
from quartzdb.wiring.embedded import Database
from tests.functions.conftest import SECRET, url_reply
from tests.functions.events import function_url
from tests.functions.lambda_context import FakeContext
from tests.manual_clock import ManualClock

HandlerOf = Callable[[ASGIApp], LambdaHandler]


class Secrets:
    """Secrets Manager, as far as it can be asked: counts how often it is."""

    def __init__(self, *values: str) -> None:
        self.values = list(values)
        self.reads = 0
        self.broken = False

    def read(self) -> list[str]:
        """The values of both stages."""
        self.reads += 1
        if self.broken:
            raise Unavailable("Secrets Manager could not be reached.")
        return list(self.values)


def headers_with(value: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"x"), (b"x-quartzdb-origin-secret", value.encode())]


async def _unreachable(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("the application was reached")


@pytest.mark.parametrize("path", ["/v1/health", "/health", "/", "/docs", "/v1/namespaces"])
@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + " ", SECRET.upper()])
def test_without_the_secret_nothing_is_reached(handler_of: HandlerOf, path: str, secret: str | None) -> None:
    """Health included: who bypasses CloudFront learns only that this is not the way."""
    handle = handler_of(_unreachable)
    answer = url_reply(handle(function_url("GET", path, secret=secret), FakeContext()))
    assert answer.status in {401, 403}  # 401 is the nearest that the Cloudflare contract knows
    assert answer.json()["code"] == "origin_refused"


def test_the_application_never_sees_the_secret(handler_of: HandlerOf) -> None:
    """What it does not know it cannot repeat."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert all(SECRET.encode() not in value for _, value in scope["headers"])
        await Response("fine")(scope, receive, send)

    answer = url_reply(handler_of(app)(function_url("GET", "/", secret=SECRET), FakeContext()))
    assert answer.body == b"fine"


def test_both_values_are_good_while_a_rotation_is_under_way(clock: ManualClock) -> None:
    """CloudFront may send either until it is deployed everywhere."""
    secret = OriginSecret(Secrets("new", "old").read, clock)
    assert secret.admits(headers_with("new"))
    assert secret.admits(headers_with("old"))
    assert not secret.admits(headers_with("older"))


def test_it_is_read_once_a_minute(clock: ManualClock) -> None:
    """Not with every request, and not only at the start."""
    secrets = Secrets("a")
    secret = OriginSecret(secrets.read, clock)
    for _ in range(10):
        assert secret.admits(headers_with("a"))
    assert secrets.reads == 1
    secrets.values = ["b"]
    clock.seconds += FRESH_SECONDS
    assert not secret.admits(headers_with("a"))
    assert secrets.reads == 2


def test_a_new_value_works_at_once(clock: ManualClock) -> None:
    """A value that is not known makes us look again before it is refused."""
    secrets = Secrets("a")
    secret = OriginSecret(secrets.read, clock)
    assert secret.admits(headers_with("a"))
    secrets.values = ["b", "a"]
    clock.seconds += AGAIN_SECONDS
    assert secret.admits(headers_with("b"))


def test_guessing_does_not_make_us_ask_all_the_time(clock: ManualClock) -> None:
    """Otherwise anybody could run up a bill, or use up the quota."""
    secrets = Secrets("a")
    secret = OriginSecret(secrets.read, clock)
    for number in range(100):
        assert not secret.admits(headers_with(f"guess {number}"))
    assert secrets.reads == 1


def test_a_request_without_one_costs_nothing(clock: ManualClock) -> None:
    """It is refused without a look at what would be good; so is one that brings two."""
    secrets = Secrets("a")
    secret = OriginSecret(secrets.read, clock)
    assert not secret.admits([(b"host", b"x")])
    assert not secret.admits(headers_with("a") + headers_with("a"))
    assert secrets.reads == 0


def test_known_values_stay_good_while_they_cannot_be_read(clock: ManualClock) -> None:
    """Secrets Manager's bad day is not ours."""
    secrets = Secrets("a")
    secret = OriginSecret(secrets.read, clock)
    assert secret.admits(headers_with("a"))
    secrets.broken = True
    clock.seconds += FRESH_SECONDS
    assert secret.admits(headers_with("a"))
    assert not secret.admits(headers_with("b"))
    assert secrets.reads == 2


def test_with_no_value_ever_read_requests_are_asked_to_come_back(
    observed: Telemetry, clock: ManualClock
) -> None:
    """Whether they may come in is not known: that is no refusal."""
    secrets = Secrets("a")
    secrets.broken = True
    handle = observed.handler(http_handler(_unreachable, OriginSecret(secrets.read, clock), observed))
    for _ in range(2):
        answer = url_reply(handle(function_url("GET", "/v1/health", secret="a"), FakeContext()))
        assert answer.status == 503
        assert "retry-after" in answer.headers
    assert secrets.reads == 1


def test_a_restored_instance_reads_it_again(clock: ManualClock) -> None:
    """What was good when the snapshot was made may have been rotated since."""
    secrets = Secrets("a")
    secret = OriginSecret(secrets.read, clock)
    assert secret.admits(headers_with("a"))
    secrets.values = ["b"]
    secret.forget()
    assert not secret.admits(headers_with("a"))


def test_a_request_that_is_about_to_be_cut_off_is_answered(
    handler_of: HandlerOf, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lambda would kill the instance; the client gets a problem document instead, and it is counted."""

    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    handle = handler_of(never)
    answer = url_reply(handle(function_url("PUT", "/v1/x", secret=SECRET), FakeContext(remaining_ms=500)))
    assert answer.status == 503
    assert answer.json()["code"] == "deadline_exceeded"
    assert "DeadlineExceeded" in capsys.readouterr().out


def test_the_next_request_is_served_after_one_ran_out_of_time(
    handler_of: HandlerOf, database: Database, key: str
) -> None:
    """The instance goes on, in the same event loop."""
    handle = handler_of(create_app(database))
    request = function_url("GET", "/v1/namespaces", headers={"x-api-key": key}, secret=SECRET)
    assert url_reply(handle(request, FakeContext(remaining_ms=0))).status == 503
    assert url_reply(handle(request, FakeContext())).status == 200


def test_log_lines_have_the_request_id_and_nothing_that_is_a_users(
    handler: LambdaHandler, key: str, log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither keys, nor paths, nor bodies, nor the secret; at the most talkative level."""
    logging.getLogger("quartzdb").setLevel(logging.DEBUG)
    handler(
        function_url(
            "PUT",
            "/v1/namespaces/private-name/kv/private-key",
            headers={"x-api-key": key, "x-request-id": "trace-me"},
            body=b"private-body",
            secret=SECRET,
        ),
        FakeContext(),
    )
    written = capsys.readouterr()
    # The usage line stands alone on standard output: whoever counts it takes it from there as it is.
    (line,) = [json.loads(line) for line in written.out.splitlines() if line.startswith('{"v":')]
    assert (line["id"], line["op"], line["site"]) == ("trace-me", "put_value", "local")
    for private in (key, SECRET, "private-body", "private-key"):
        assert private not in log.getvalue() + written.out + written.err


def test_a_metric_says_whose_request_failed_and_has_no_dimension_for_it(
    handler_of: HandlerOf, capsys: pytest.CaptureFixture[str]
) -> None:
    """In its line, where a query of the log finds it: a dimension would be a metric to pay for with each tenant."""
    tenants = iter(["acme", None])

    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        begin_trace(scope, "id").tenant = next(tenants)
        await Response(status_code=500)(scope, receive, send)

    handle = handler_of(failing)
    for _ in range(2):
        assert (
            handle(function_url("GET", "/v1/namespaces", secret=SECRET), FakeContext())["statusCode"] == 500
        )
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "ServerErrors" in line]
    assert [line.get("tenant") for line in lines] == ["acme", None]
    for line in lines:
        assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
