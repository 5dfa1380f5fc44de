"""Key-value items in JSON: listings and batches, where text, bytes and JSON values each have their field."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from quartzdb.domain.limits import KV_BATCH_BYTES_MAX
from tests.behaviour.http.client import Client, refused

MIB = 1024 * 1024


@pytest.fixture
def cache(http: Client) -> str:
    assert http.post("/v1/namespaces", {"name": "cache"}).status_code == 201
    return "/v1/namespaces/cache"


def test_values_are_put_and_got_together(http: Client, cache: str) -> None:
    """Each in the form that it needs; all with one version."""
    items: list[dict[str, Any]] = [
        {"key": "text", "value": "grüß dich"},
        {"key": "bytes", "value_base64": base64.b64encode(b"\xff\x00").decode(), "content_type": "image/png"},
        {"key": "json", "json": {"a": [1, None, 2.5], "b": "é"}, "ttl_seconds": 60},
        {"key": "null", "json": None},
        {"key": "empty", "value": ""},
    ]
    put = http.post(f"{cache}/kv-batch/put", {"items": items}).json()
    assert put["put"] == 5
    keys = [item["key"] for item in items]
    got = http.post(f"{cache}/kv-batch/get", {"keys": ["nobody", *keys]}).json()
    assert got["missing"] == ["nobody"]
    assert {item["version"] for item in got["items"]} == {put["version"]}
    found = {item["key"]: item for item in got["items"]}
    assert list(found) == keys
    assert found["text"]["value"] == "grüß dich"
    assert found["text"]["content_type"] == "text/plain; charset=utf-8"
    assert found["bytes"]["value_base64"] == "/wA="
    assert found["bytes"]["content_type"] == "image/png"
    assert found["json"]["value"] == '{"a":[1,null,2.5],"b":"é"}'
    assert found["json"]["content_type"] == "application/json"
    assert found["json"]["expires_at"]
    assert found["null"]["value"] == "null"
    assert found["empty"]["value"] == ""
    assert http.get(f"{cache}/kv/bytes").content == b"\xff\x00"


def test_keys_are_deleted_together(http: Client, cache: str) -> None:
    """Those that did not exist are not counted."""
    http.post(f"{cache}/kv-batch/put", {"items": [{"key": k, "value": k} for k in "abc"]})
    answer = http.post(f"{cache}/kv-batch/delete", {"keys": ["a", "c", "nobody"]}).json()
    assert answer["deleted"] == 2
    assert [item["key"] for item in http.get(f"{cache}/kv").json()["items"]] == ["b"]


def test_keys_are_listed_in_pages(http: Client, cache: str) -> None:
    """In code point order, each once; values only if asked for."""
    keys = ["a/1", "a/2", "a/é", "a/💎", "b"]
    http.post(f"{cache}/kv-batch/put", {"items": [{"key": k, "value": k} for k in keys]})
    first = http.get(f"{cache}/kv?prefix=a/&limit=3").json()
    assert [item["key"] for item in first["items"]] == keys[:3]
    assert all("value" not in item for item in first["items"])
    query = {"prefix": "a/", "limit": 3, "cursor": first["cursor"], "values": "true"}
    second = http.get(f"{cache}/kv", params=query).json()
    assert [(item["key"], item["value"]) for item in second["items"]] == [("a/💎", "a/💎")]
    assert second["cursor"] is None


def test_a_long_listing_with_values_is_complete(http: Client, cache: str) -> None:
    """However many look-ups it takes."""
    keys = [f"k{n:03}" for n in range(150)]
    http.post(f"{cache}/kv-batch/put", {"items": [{"key": k, "value": k} for k in keys]})
    page = http.get(f"{cache}/kv?values=true&limit=100").json()
    assert [item["value"] for item in page["items"]] == keys[:100]
    page = http.get(f"{cache}/kv?values=true&limit=100&cursor={page['cursor']}").json()
    assert ([item["value"] for item in page["items"]], page["cursor"]) == (keys[100:], None)


def test_answers_with_values_are_bounded_in_bytes(http: Client, cache: str) -> None:
    """A page ends early and goes on with its cursor; a batch says that it asks for too much."""
    for n in range(5):
        http.put(f"{cache}/kv/k{n}", content=b"x" * (8 * MIB))
    first = http.get(f"{cache}/kv?values=true").json()
    assert [item["key"] for item in first["items"]] == ["k0", "k1", "k2", "k3"]
    second = http.get(f"{cache}/kv?values=true&cursor={first['cursor']}").json()
    assert ([item["key"] for item in second["items"]], second["cursor"]) == (["k4"], None)
    assert len(http.get(f"{cache}/kv").json()["items"]) == 5
    refused(
        http.post(f"{cache}/kv-batch/get", {"keys": [f"k{n}" for n in range(5)]}), 400, "too_large", "keys"
    )
    assert KV_BATCH_BYTES_MAX == 32 * MIB


@pytest.mark.parametrize(
    ("item", "code", "field"),
    [
        ({"key": "k"}, "invalid_argument", "items[1]"),
        ({"key": "k", "value": "a", "json": 1}, "invalid_argument", "items[1]"),
        ({"key": "k", "value": 3}, "invalid_argument", "items[1].value"),
        ({"key": "k", "value_base64": "*"}, "invalid_argument", "items[1].value_base64"),
        ({"key": "k", "value_base64": "YQ"}, "invalid_argument", "items[1].value_base64"),
        ({"key": "", "value": "a"}, "invalid_key", "items[1].key"),
        ({"key": "k" * 513, "value": "a"}, "invalid_key", "items[1].key"),
        ({"key": 3, "value": "a"}, "invalid_argument", "items[1].key"),
        ({"key": "k", "value": "a", "ttl_seconds": 0}, "invalid_argument", "items[1].ttl_seconds"),
        ({"key": "k", "value": "a", "ttl_seconds": "60"}, "invalid_argument", "items[1].ttl_seconds"),
        ({"key": "k", "value": "a", "content_type": ""}, None, None),
        ({"key": "k", "value": "a", "content_type": "a\nb"}, "invalid_argument", "items[1].content_type"),
        ({"key": "good", "value": "a"}, "duplicate_id", "items[1].key"),
        ({"key": "k", "value": "a", "ttl": 60}, "invalid_argument", "items[1].ttl"),
    ],
)
def test_a_bad_item_is_refused_and_nothing_is_written(
    http: Client, cache: str, item: object, code: str | None, field: str | None
) -> None:
    """Not the good one beside it either. An empty content type is the usual one."""
    answer = http.post(f"{cache}/kv-batch/put", {"items": [{"key": "good", "value": "a"}, item]})
    if code is None:
        assert answer.status_code == 200
        return
    refused(answer, 400, code, field)
    assert http.get(f"{cache}/kv").json()["items"] == []


def test_a_json_value_that_cannot_be_written_is_refused(http: Client, cache: str) -> None:
    """Deeper than the encoder goes, which is no reason to fail."""
    body = b'{"items":[{"key":"k","json":' + b"[" * 500 + b"]" * 500 + b"}]}"
    answer = http.post(f"{cache}/kv-batch/put", content=body, headers={"Content-Type": "application/json"})
    refused(answer, 400, "invalid_argument", "items[0].json")


@pytest.mark.parametrize("name", ["get", "put", "delete"])
def test_empty_and_endless_batches_are_refused(http: Client, cache: str, name: str) -> None:
    """1 to 1,000 entries."""
    field = "items" if name == "put" else "keys"
    for count in (0, 1001):
        keys = [f"k{n}" for n in range(count)]
        entries = [{"key": key, "value": "v"} for key in keys] if name == "put" else keys
        refused(http.post(f"{cache}/kv-batch/{name}", {field: entries}), 400, "too_large")
    refused(http.post(f"{cache}/kv-batch/{name}", {}), 400, "invalid_argument", field)


def test_reads_take_tokens_and_consistency(http: Client, cache: str) -> None:
    """Which they always meet; a token that was never issued is refused all the same."""
    token = http.put(f"{cache}/kv/a", content=b"1").json()["version"]
    fresh = {"consistency": "eventual", "version": token}
    assert http.get(f"{cache}/kv/a", params=fresh).content == b"1"
    assert http.head(f"{cache}/kv/a", params=fresh).status_code == 200
    assert len(http.get(f"{cache}/kv", params=fresh).json()["items"]) == 1
    assert len(http.post(f"{cache}/kv-batch/get", {"keys": ["a"], **fresh}).json()["items"]) == 1
    for answer in (
        http.get(f"{cache}/kv/a?version=x"),
        http.get(f"{cache}/kv?version=x"),
        http.post(f"{cache}/kv-batch/get", {"keys": ["a"], "version": "x"}),
    ):
        refused(answer, 400, "invalid_version", "version")


def test_batches_take_version_tokens(http: Client, cache: str) -> None:
    """And are ordered after them."""
    token = http.put(f"{cache}/kv/a", content=b"1").json()["version"]
    put = http.post(f"{cache}/kv-batch/put", {"items": [{"key": "b", "value": "1"}], "version": token}).json()
    assert put["version"] > token
    deleted = http.post(f"{cache}/kv-batch/delete", {"keys": ["b"], "version": put["version"]}).json()
    assert deleted["version"] > put["version"]
    refused(
        http.post(f"{cache}/kv-batch/delete", {"keys": ["b"], "version": "x"}),
        400,
        "invalid_version",
        "version",
    )
