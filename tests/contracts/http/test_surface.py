"""What surrounds the operations: paths, keys, scopes, and what pages of a browser may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.behaviour.http.client import refused_as_cloudflare
from tests.contracts.http.deployments import Asking
from tests.contracts.http.records import insert


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/nothing"),
        ("GET", "/api/put"),
        ("PUT", "/api/put"),
        ("POST", "/api/vector/stats"),
        ("GET", "/api/vector/get/"),
        ("GET", "/api/vector"),
        ("PATCH", "/api/get/k"),
        ("GET", "/api/"),
        ("GET", "/%61pi/nothing"),
    ],
)
def test_what_does_not_exist_is_404_with_a_key_and_401_without(http: Asking, method: str, path: str) -> None:
    """A wrong method as well."""
    refused_as_cloudflare(http.request(method, path), 404)
    refused_as_cloudflare(http.request(method, path, key=None), 401)


@pytest.mark.parametrize(
    "path",
    ["/", "/health", "/api/put", "/api/get/k", "/api/vector/search", "/api/nothing", "/api/vector/delete/x"],
)
def test_any_page_may_ask_what_it_may_send(http: Asking, path: str) -> None:
    """OPTIONS needs no key and answers 200."""
    answer = http.request("OPTIONS", path, key=None)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, POST, PUT, DELETE, OPTIONS"
    assert answer.headers["access-control-allow-headers"] == "Content-Type, Authorization, X-API-Key"
    assert answer.headers["access-control-max-age"] == "86400"


def test_every_answer_may_be_read_by_any_page(http: Asking) -> None:
    """Errors too."""
    for answer in (
        http.get("/", key=None),
        http.get("/health", key=None),
        http.get("/api/get/k"),
        http.get("/api/get/k", key=None),
        http.get("/api/get/%FF"),
        http.post("/api/put", content=b"x", headers={"Content-Encoding": "br"}),
    ):
        assert answer.headers["access-control-allow-origin"] == "*", answer
        assert answer.headers["x-request-id"]


def test_statuses_are_those_of_the_contract(http: Asking, make_key: Any) -> None:
    """A key without the scope is as good as none, and an encoding that is not read is a bad request."""
    refused_as_cloudflare(
        http.post("/api/put", {"key": "k", "value": "v"}, key=make_key("read")), 401, "forbidden"
    )
    refused_as_cloudflare(
        http.post("/api/put", content=b"x", headers={"Content-Encoding": "br"}), 400, "unsupported_media_type"
    )


def test_the_root_names_the_service(http: Asking) -> None:
    """In plain text, to anybody."""
    answer = http.get("/", key=None)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == "QuartzDB 0.2.0\n"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": "Basic dXNlcjpwYXNz"}, 401),
        ({"Authorization": "Bearer qdb_live_"}, 401),
        ({"X-API-Key": "x" * 5_000}, 401),
        ({"Authorization": "Bearer wrong", "X-API-Key": "KEY"}, 401),
        ({"Authorization": "Bearer KEY"}, 404),
        ({"Authorization": "bearer  KEY"}, 404),
        ({"X-API-Key": "KEY"}, 404),
        ({"X-API-Key": "KEY", "Authorization": "AWS4-HMAC-SHA256 Credential=x"}, 404),
    ],
)
def test_a_key_is_sent_in_either_header(http: Asking, headers: dict[str, str], status: int) -> None:
    """And without a good one nothing is told, but how to send it."""
    assert http.key is not None
    sent = {name: value.replace("KEY", http.key) for name, value in headers.items()}
    answer = http.get("/api/get/unknown", key=None, headers=sent)
    refused_as_cloudflare(answer, status, "unauthenticated" if status == 401 else "key_not_found")
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_a_key_that_is_mistyped_or_not_known_is_401(http: Asking, make_key: Callable[..., str]) -> None:
    """By its checksum, by its length, and where another key has its id."""
    key, other = http.key, make_key(of="somebody-else")
    assert key is not None
    mistyped = key[:-8] + ("a" if key[-8] != "a" else "b") + key[-7:]
    for wrong in (mistyped, key[:-1], key + "0", key.upper(), other[:21] + key[21:]):
        refused_as_cloudflare(http.get("/api/get/unknown", key=wrong), 401, "unauthenticated")


READS = [("GET", "/api/get/k"), ("POST", "/api/vector/search"), ("GET", "/api/vector/stats")]
WRITES = [
    ("POST", "/api/put"),
    ("DELETE", "/api/delete/k"),
    ("POST", "/api/vector/insert"),
    ("POST", "/api/vector/batch-insert"),
    ("DELETE", "/api/vector/delete/a"),
    ("DELETE", "/api/vector/delete"),
]


def test_each_operation_needs_its_scope(http: Asking, make_key: Callable[..., str]) -> None:
    """Neither reading nor writing nor administering gives another right."""
    keys = {scope: make_key(scope) for scope in ("read", "write", "admin")}
    for wanted, operations in (("read", [*READS, ("GET", "/api/vector/get/a")]), ("write", WRITES)):
        for method, path in operations:
            for scope, key in keys.items():
                answer = http.request(method, path, key=key)
                if scope == wanted:
                    assert answer.status_code in {200, 400, 404}, (method, path, scope)
                else:
                    refused_as_cloudflare(answer, 401, "forbidden")


def test_tenants_see_nothing_of_each_other(http: Asking, make_key: Callable[..., str]) -> None:
    """Neither keys nor records, nor that they are there."""
    insert(http, "a", 1)
    http.post("/api/put", {"key": "k", "value": "v"})
    other = make_key(of="somebody-else")
    refused_as_cloudflare(http.get("/api/get/k", key=other), 404)
    refused_as_cloudflare(http.get("/api/vector/get/a", key=other), 404)
    refused_as_cloudflare(http.delete("/api/vector/delete/a", key=other), 404)
    assert http.get("/api/vector/stats", key=other).json()["num_active"] == 0
    assert http.delete("/api/delete/k", key=other).status_code == 200
    assert http.get("/api/get/k").json()["value"] == "v"


def test_a_request_id_comes_back(http: Asking) -> None:
    """The caller's, if it can be one."""
    assert http.get("/health", headers={"X-Request-Id": "mine-1"}).headers["x-request-id"] == "mine-1"
    made = http.get("/health", headers={"X-Request-Id": "no good {}"}).headers["x-request-id"]
    assert made
    assert made != "no good {}"


def test_head_answers_without_a_body(http: Asking) -> None:
    """With what get would answer, otherwise."""
    for path in ("/", "/health", "/api/vector/stats"):
        answer = http.request("HEAD", path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_health_says_what_was_looked_at(http: Asking) -> None:
    """To anybody."""
    answer = http.get("/health", key=None)
    document = answer.json()
    assert answer.status_code == 200
    assert set(document) == {"status", "service", "version", "uptime_seconds", "checks"}
    assert document["status"] == "healthy"
    assert document["uptime_seconds"] >= 0
    assert document["checks"] == {"storage": "ok", "vector_index": "ok"}
