"""The audit log: who did what to what, and what came of it; nothing secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.behaviour.http.client import Client


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    caplog.set_level("INFO", "quartzdb.audit")
    return lambda: [json.loads(r.message) for r in caplog.records if r.name == "quartzdb.audit"]


def test_changes_of_keys_and_namespaces_are_told(
    http: Client, tenant: str, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """With the key that did it, and the request."""
    made = http.post("/v1/keys", {"name": "secret name", "scopes": ["read"]})
    key = made.json()
    http.delete(f"/v1/keys/{key['id']}")
    http.post("/v1/namespaces", {"name": "books", "dimension": 3})
    http.post("/v1/namespaces/books/vectors/delete", {"ids": ["a"]})
    http.post("/v1/namespaces/books/kv-batch/delete", {"keys": ["a"]})
    http.post("/v1/namespaces/books/erase", {"ids": ["a"]})
    http.delete("/v1/namespaces/books")
    found = lines()
    assert [(line["action"], line["target"], line["outcome"]) for line in found] == [
        ("key.create", key["id"], "done"),
        ("key.revoke", key["id"], "done"),
        ("namespace.create", "books", "done"),
        ("records.delete", "books", "done"),
        ("items.delete", "books", "done"),
        ("records.erase", "books", "done"),
        ("namespace.delete", "books", "done"),
    ]
    assert {line["tenant"] for line in found} == {tenant}
    assert {line["key_id"] for line in found} == {key["created_by"]}
    assert found[0]["request_id"] == made.headers["x-request-id"]
    assert key["key"] not in str(found)
    assert "secret name" not in str(found)


def test_what_was_refused_is_told_too(
    http: Client, make_key: Callable[..., str], lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """With the code of the error, and the key whose holder tried."""
    reader = make_key("read")
    http.post("/v1/keys", {"name": "n", "scopes": ["read"]}, key=reader)
    http.post("/v1/keys", {"name": "n", "scopes": ["read"]}, key=make_key("admin"))
    http.request("DELETE", "/v1/namespaces/absent")
    http.request("DELETE", "/v1/keys/absent", key=None)
    found = lines()
    assert [line["outcome"] for line in found] == [
        "forbidden",
        "forbidden",
        "namespace_not_found",
        "unauthenticated",
    ]
    assert reader.split("_")[2] == found[0]["key_id"]
    assert found[3]["key_id"] is None
