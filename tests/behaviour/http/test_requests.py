"""What every request has in common: an id, a log line without secrets, and errors that hide what is inside."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from quartzdb.domain.errors import Corrupted, InvalidArgument, OutcomeUnknown, QuartzError, Unavailable
from quartzdb.services.records import Records
from tests.behaviour.http.client import Client, refused, refused_as_cloudflare


def test_every_response_has_a_request_id(http: Client) -> None:
    """A new one each time, on errors too."""
    answers = [
        http.get("/v1/namespaces"),
        http.get("/v1/nothing"),
        http.get("/health"),
        http.get("/api/get/k", key=None),
        http.request("OPTIONS", "/api/put"),
        http.get("/docs"),
    ]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == len(answers)
    assert all(len(one) == 32 for one in ids)


@pytest.mark.parametrize(
    "given", ["abc-123", "550e8400-e29b-41d4-a716-446655440000", "Root=1-67891233-abcdef012345"]
)
def test_a_callers_own_id_is_kept(http: Client, given: str) -> None:
    """So that it can be followed through several systems."""
    assert http.get("/v1/namespaces", headers={"X-Request-Id": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "<script>", "a\tb", 'a"b', "ü".encode("latin-1")])
def test_an_id_that_could_do_harm_in_a_log_is_replaced(http: Client, given: str | bytes) -> None:
    """By a generated one."""
    answer = http.get("/v1/namespaces", headers={"X-Request-Id": given})
    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    "path",
    ["/v1/nothing", "/v1", "/v1/namespaces/", "/nothing", "/v1/namespaces//vectors", "/v1/namespaces/n/"],
)
def test_nothing_is_404(http: Client, path: str) -> None:
    """As a problem, and without a redirect to something like it."""
    refused(http.get(path), 404, "route_not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/namespaces", "GET, HEAD, POST"),
        ("POST", "/v1/namespaces/n", "DELETE, GET, HEAD"),
        ("POST", "/v1/namespaces/n/kv/k", "DELETE, GET, HEAD, PUT"),
        ("GET", "/v1/namespaces/n/query", "POST"),
        ("OPTIONS", "/v1/keys", "GET, HEAD, POST"),
        ("DELETE", "/docs", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_405_with_the_right_ones(
    http: Client, method: str, path: str, allowed: str
) -> None:
    """All of them."""
    answer = http.request(method, path)
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(record.getMessage()) for record in caplog.records if record.name == "quartzdb.access"]


def test_a_request_is_one_line_in_the_log(
    http: Client, books: str, tenant: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In JSON, by operation."""
    with caplog.at_level(logging.INFO, "quartzdb.access"):
        answer = http.put(f"{books}/kv/some-key", content=b"12345")
    (line,) = lines(caplog)
    assert line.pop("ms") > 0
    assert line.pop("at") > 1_700_000_000_000
    assert line.pop("key") in str(http.key)
    assert line == {
        "v": 1,
        "id": answer.headers["x-request-id"],
        "tenant": tenant,
        "namespace": "books",
        "op": "put_value",
        "status": 200,
        "in": 5,
        "out": len(answer.content),
        "records": 1,
        "write_units": 1,
        "site": "local",
    }


def test_errors_are_in_the_log_by_code(http: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Those before any operation as well."""
    with caplog.at_level(logging.INFO, "quartzdb.access"):
        http.get("/v1/namespaces/nobody")
        http.get("/v1/namespaces", key=None)
        http.get("/v1/%FF")
    assert [(line["status"], line["code"], line.get("op")) for line in lines(caplog)] == [
        (404, "namespace_not_found", "describe_namespace"),
        (401, "unauthenticated", "list_namespaces"),
        (400, "invalid_path", None),
    ]


def test_no_secret_is_ever_logged(http: Client, books: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither keys, nor bodies, nor ids, nor query strings."""
    key = str(http.key)
    with caplog.at_level(logging.DEBUG):
        http.get(f"{books}/kv/cave-canem?needle=1", headers={"X-API-Key": key})
        http.put(f"{books}/kv/cave-canem", content=b"needle")
        http.post(
            f"{books}/vectors", {"vectors": [{"id": "needle", "vector": [1, 2], "metadata": {"needle": 1}}]}
        )
        http.get(f"{books}/vectors/needle")
        http.get("/v1/namespaces", key=key[:-1])
        http.post("/v1/keys", {"name": "needle", "scopes": ["read"]})
        http.post(f"{books}/vectors", content=b"needle", headers={"Content-Type": "application/json"})
        http.post("/api/put", {"key": "cave-canem", "value": "needle"})
    text = "\n".join(str(record.__dict__) for record in caplog.records if record.name.startswith("quartzdb"))
    assert len(lines(caplog)) == 8
    for secret in (key, key[22:60], "needle", "cave-canem", "qdb_live_"):
        assert secret not in text


def fail_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Records, "count", fail)
    monkeypatch.setattr(Records, "fetch_one", fail)


def test_an_unforeseen_error_is_hidden_and_logged(
    http: Client,
    books: str,
    tenant: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The caller gets the id under which the traceback is, with the tenant."""
    fail_with(monkeypatch, ZeroDivisionError("the secret is sesame"))
    with caplog.at_level(logging.ERROR):
        answer = http.post(f"{books}/vectors/count", {})
    refused(answer, 500, "internal_error")
    assert "sesame" not in answer.text
    assert "ZeroDivisionError" not in answer.text
    (record,) = caplog.records
    assert answer.headers["x-request-id"] in record.getMessage()
    assert f"(tenant {tenant})" in record.getMessage()
    assert record.exc_info is not None
    compatible = http.get("/api/vector/get/a")
    refused_as_cloudflare(compatible, 500, "internal_error")
    assert compatible.headers["x-request-id"]
    assert "sesame" not in compatible.text


@pytest.mark.parametrize(
    ("error", "code", "again"),
    [
        (Unavailable("Not now."), "unavailable", True),
        (OutcomeUnknown("Lost."), "outcome_unknown", True),
        (Corrupted("Broken."), "corrupted", False),
    ],
)
def test_what_may_pass_says_when_to_try_again(
    http: Client, books: str, monkeypatch: pytest.MonkeyPatch, error: QuartzError, code: str, again: bool
) -> None:
    """And what does not pass by itself says nothing like it."""
    fail_with(monkeypatch, error)
    answer = http.post(f"{books}/vectors/count", {})
    refused(answer, 503, code)
    assert ("retry-after" in answer.headers) is again
    refused_as_cloudflare(http.get("/api/vector/get/a"), 503, code)


def test_text_that_cannot_be_encoded_does_not_break_an_error(
    http: Client, books: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message may quote anything."""
    fail_with(monkeypatch, InvalidArgument("half a pair: \ud800"))
    problem = refused(http.post(f"{books}/vectors/count", {}), 400, "invalid_argument")
    assert problem["detail"] == "half a pair: ?"


def test_every_answer_says_what_it_is(http: Client, books: str) -> None:
    """Browsers are told not to guess."""
    for answer in (
        http.get("/v1/namespaces"),
        http.get(f"{books}/kv/none"),
        http.get("/"),
        http.get("/docs"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"]


def test_nothing_is_kept_by_a_cache_unasked(http: Client, books: str) -> None:
    """It could hand one key's answer to another, or a secret."""
    created = http.post("/v1/keys", {"name": "n", "scopes": ["read"]})
    for answer in (created, http.get("/v1/namespaces"), http.get("/health"), http.get("/v1/nothing")):
        assert answer.headers["cache-control"] == "no-store"
    http.put(f"{books}/kv/k", content=b"v")
    assert http.get(f"{books}/kv/k").headers["cache-control"] == "private, no-cache"
