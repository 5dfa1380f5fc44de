"""Texts under keys: put, got and deleted alike on every deployment."""

from __future__ import annotations

import random

import pytest

from quartzdb.domain.limits import VALUE_BYTES_MAX
from tests.behaviour.http.client import refused_as_cloudflare
from tests.contracts.http.deployments import Asking, Deployment


def test_a_text_is_put_got_and_deleted(http: Asking) -> None:
    """With the fields of the contract, exactly."""
    put = http.post("/api/put", {"key": "greeting", "value": "grüß dich 💎\u0000"})
    assert (put.status_code, set(put.json())) == (200, {"success", "key", "message"})
    assert put.json()["success"] is True
    assert put.json()["key"] == "greeting"
    got = http.get("/api/get/greeting")
    assert got.json() == {
        "success": True,
        "key": "greeting",
        "value": "grüß dich 💎\u0000",
        "source": "storage",
    }
    deleted = http.delete("/api/delete/greeting")
    assert (deleted.status_code, set(deleted.json())) == (200, {"success", "key", "message"})
    refused_as_cloudflare(http.get("/api/get/greeting"), 404, "key_not_found")
    assert http.delete("/api/delete/greeting").status_code == 200


@pytest.mark.parametrize(
    ("path", "key"), [("a%2Fb", "a/b"), ("a/b", "a/b"), ("%C3%A9", "é"), ("%2E%2E", "..")]
)
def test_keys_arrive_as_they_are(http: Asking, path: str, key: str) -> None:
    """Whatever is in them."""
    http.post("/api/put", {"key": key, "value": "v"})
    assert http.get(f"/api/get/{path}").json()["key"] == key
    assert http.delete(f"/api/delete/{path}").json()["key"] == key
    refused_as_cloudflare(http.get(f"/api/get/{path}"), 404)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff",
        b"{}",
        b'{"key":"k"}',
        b'{"value":"v"}',
        b'{"key":"","value":"v"}',
        b'{"key":3,"value":"v"}',
        b'{"key":"k","value":3}',
        b'{"key":"k","value":null}',
        b'{"key":"k","value":{}}',
        b'{"key":"' + b"k" * 513 + b'","value":"v"}',
        b'{"key":"k","value":"\\ud800"}',
        b'{"key":"k","value":NaN}',
    ],
)
def test_a_bad_put_is_400(http: Asking, body: bytes) -> None:
    """Whatever is wrong with it."""
    refused_as_cloudflare(http.post("/api/put", content=body), 400)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/json; charset=utf-8", "x"])
def test_the_content_type_is_not_looked_at(http: Asking, content_type: str | None) -> None:
    """That deployment does not either."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = http.post("/api/put", content=b'{"key":"k","value":"v","more":1}', headers=headers)
    assert answer.status_code == 200


def test_ten_megabytes_go_in_and_out(http: Asking, deployment: Deployment) -> None:
    """Also where every character is escaped, six bytes for one; one more is 400."""
    if deployment.name == "function":
        pytest.skip("Lambda carries at most 6 MB either way")
    # By chance, but no longer than that: drawing ten million characters takes seconds.
    piece, pieces = random.Random(2).choices("\u0000ab", k=4_096), VALUE_BYTES_MAX // 4_096
    value = "".join(piece) * pieces
    assert len(value) == VALUE_BYTES_MAX
    escaped = '{"key":"large","value":"' + "".join(f"\\u{ord(c):04x}" for c in piece) * pieces + '"}'
    assert http.post("/api/put", content=escaped.encode()).status_code == 200
    assert http.get("/api/get/large").json()["value"] == value
    refused_as_cloudflare(http.post("/api/put", {"key": "large", "value": value + "x"}), 400, "too_large")


def test_keys_that_could_not_be_are_not_found_or_refused(http: Asking) -> None:
    """A get of one is 404, a delete of none is 400."""
    refused_as_cloudflare(http.get("/api/get/"), 404)
    refused_as_cloudflare(http.get(f"/api/get/{'k' * 513}"), 404)
    refused_as_cloudflare(http.delete("/api/delete/"), 400)
    refused_as_cloudflare(http.get("/api/get/%FF"), 400)
