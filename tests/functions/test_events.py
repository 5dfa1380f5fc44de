"""The application behind a Function URL."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from quartzdb.aws_lambda.telemetry import LambdaHandler
from tests.functions.conftest import SECRET, Call, url_reply
from tests.functions.events import function_url
from tests.functions.lambda_context import FakeContext

HandlerOf = Callable[[ASGIApp], LambdaHandler]

BINARY = bytes(range(256))


def test_an_encoded_slash_stays_part_of_a_key(call: Call) -> None:
    """a%2Fb and a are different keys, and what comes back is what was put."""
    assert call("PUT", "/v1/namespaces/files/kv/a%2Fb%20%C3%A9", body=b"one").status in {200, 201}
    assert call("GET", "/v1/namespaces/files/kv/a%2Fb%20%C3%A9").body == b"one"
    keys = [each["key"] for each in call("GET", "/v1/namespaces/files/kv?prefix=a%2F").json()["items"]]
    assert keys == ["a/b é"]


def test_binary_values_come_back_byte_for_byte(call: Call) -> None:
    """Neither way mistakes bytes for text."""
    typed = (("content-type", "application/octet-stream"),)
    assert call("PUT", "/v1/namespaces/files/kv/blob", headers=typed, body=BINARY).status in {200, 201}
    got = call("GET", "/v1/namespaces/files/kv/blob")
    assert got.body == BINARY
    assert got.headers["content-type"] == ["application/octet-stream"]


def test_text_that_is_no_utf8_comes_back_byte_for_byte(call: Call) -> None:
    """What a value is called is its owner's business; its bytes are kept."""
    typed = (("content-type", "text/plain; charset=latin-1"),)
    assert call("PUT", "/v1/namespaces/files/kv/latin", headers=typed, body=b"caf\xe9").status in {200, 201}
    assert call("GET", "/v1/namespaces/files/kv/latin").body == b"caf\xe9"


def test_an_empty_value_comes_back_empty(call: Call) -> None:
    """No body is a body too."""
    assert call("PUT", "/v1/namespaces/files/kv/nothing", body=b"").status in {200, 201}
    got = call("GET", "/v1/namespaces/files/kv/nothing")
    assert (got.status, got.body) == (200, b"")


def test_head_answers_without_a_body(call: Call) -> None:
    """HEAD has GET's headers and nothing else."""
    assert call("PUT", "/v1/namespaces/files/kv/h", body=b"12345").status in {200, 201}
    got = call("HEAD", "/v1/namespaces/files/kv/h")
    assert (got.status, got.body) == (200, b"")


def test_a_request_id_is_taken_over(call: Call) -> None:
    """The caller's own id comes back."""
    got = call("GET", "/v1/namespaces", headers=(("x-request-id", "mine-1"),))
    assert got.headers["x-request-id"] == ["mine-1"]


@pytest.mark.parametrize("headers", [(), (("x-request-id", "no good: {}"),)])
def test_without_a_good_request_id_the_invocations_is_used(
    call: Call, headers: tuple[tuple[str, str], ...]
) -> None:
    """So what a caller reports is found in Lambda's own log lines."""
    got = call("GET", "/v1/namespaces", headers=headers)
    assert got.headers["x-request-id"] == [FakeContext.aws_request_id]


def test_an_error_is_a_problem_document(call: Call) -> None:
    """As from any other server."""
    got = call("GET", "/v1/namespaces/nowhere")
    assert got.status == 404
    assert got.headers["content-type"] == ["application/problem+json"]
    assert got.json()["code"] == "namespace_not_found"


def test_many_invocations_share_one_event_loop(call: Call) -> None:
    """What the application holds between requests outlives each of them."""
    assert {call("GET", "/v1/namespaces").status for _ in range(5)} == {200}


# What an application sees and sends, with one that shows it.


async def _mirror(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    document = {
        "path": scope["path"],
        "raw_path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "client": list(scope["client"]),
        "body": (await request.body()).decode("latin-1"),
    }
    response = Response(json.dumps(document), media_type="application/json")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    response.headers["Connection"] = "close"
    response.headers["X-Cache"] = "no"
    await response(scope, receive, send)


def test_repeated_query_parameters_reach_the_application_as_sent(handler_of: HandlerOf) -> None:
    """The query string is not taken apart on the way."""
    mirror = handler_of(_mirror)
    target = "/x%2Fy?tag=1&tag=2&empty=&plus=a+b%26"
    seen = url_reply(mirror(function_url("GET", target, secret=SECRET), FakeContext())).json()
    assert seen["query"] == "tag=1&tag=2&empty=&plus=a+b%26"
    assert (seen["path"], seen["raw_path"]) == ("/x/y", "/x%2Fy")


def test_repeated_and_empty_headers_reach_the_application(handler_of: HandlerOf) -> None:
    """A Function URL joins those that repeat. An empty one is there."""
    mirror = handler_of(_mirror)
    url = url_reply(
        mirror(
            function_url("GET", "/", headers={"X-Tag": "1,2", "X-Empty": ""}, secret=SECRET), FakeContext()
        )
    ).json()["headers"]
    assert ["x-tag", "1,2"] in url
    assert ["x-empty", ""] in url


def test_cookies_go_both_ways(handler_of: HandlerOf) -> None:
    """A Function URL has them apart from the other headers."""
    mirror = handler_of(_mirror)
    answer = url_reply(mirror(function_url("GET", "/", cookies=["x=1", "y=2"], secret=SECRET), FakeContext()))
    assert ["cookie", "x=1; y=2"] in answer.json()["headers"]
    assert [cookie.partition(";")[0] for cookie in answer.headers["set-cookie"]] == ["a=1", "b=2"]


def test_the_client_is_the_viewer(handler_of: HandlerOf) -> None:
    """Not CloudFront, which is who connects."""
    mirror = handler_of(_mirror)
    url = url_reply(mirror(function_url("GET", "/", secret=SECRET), FakeContext())).json()
    assert url["client"] == ["198.51.100.7", 40234]


def _answering(content: bytes, content_type: str) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(content, headers={"content-type": content_type})(scope, receive, send)

    return app


@pytest.mark.parametrize("content_type", ["application/octet-stream", "application/json"])
def test_an_answer_that_lambda_cannot_carry_is_an_error_that_says_so(
    handler_of: HandlerOf, content_type: str
) -> None:
    """Lambda would fail the invocation, and the client would learn nothing."""
    answer = url_reply(
        handler_of(_answering(b'"' * 6_300_000, content_type))(
            function_url("GET", "/big", secret=SECRET), FakeContext()
        )
    )
    assert answer.status == 422
    assert answer.json()["code"] == "answer_too_large"
    assert answer.headers["x-request-id"] == [FakeContext.aws_request_id]


def test_text_that_grows_when_quoted_is_sent_in_base64_where_it_then_fits(handler_of: HandlerOf) -> None:
    """Four million quotes take eight million bytes in JSON, and five and a half in base64."""
    content = b'"' * 4_000_000
    answer: Any = handler_of(_answering(content, "application/json"))(
        function_url("GET", "/big", secret=SECRET), FakeContext()
    )
    assert answer["isBase64Encoded"]
    assert url_reply(answer).body == content
    assert len(json.dumps(answer, ensure_ascii=False).encode()) < 6_291_556
