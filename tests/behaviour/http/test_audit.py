"""The audit log: who did what to what, and what came of it; nothing secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from quartzdb.api.app import create_app
from quartzdb.api.key_watch import KeyWatch
from quartzdb.api.trace import Trace
from quartzdb.wiring.embedded import Database, EmbeddedSettings, assemble, embedded_adapters
from tests.behaviour.http.client import Client
from tests.manual_clock import ManualClock


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


@pytest.fixture
def uses(caplog: pytest.LogCaptureFixture) -> Callable[[], list[tuple[str, str, str, int]]]:
    caplog.set_level("INFO", "quartzdb.audit")

    def told() -> list[tuple[str, str, str, int]]:
        found = [json.loads(r.message) for r in caplog.records if r.name == "quartzdb.audit.keys"]
        denied = [one for one in found if one["action"] == "access.denied"]
        return [(one["action"], one["target"], one["outcome"], one["count"]) for one in denied]

    return told


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def timed(tmp_path: Path, clock: ManualClock) -> Database:
    adapters = replace(embedded_adapters(EmbeddedSettings(tmp_path)), clock=clock)
    return assemble(adapters, writer="test.1", workspace=tmp_path / "building")


def test_a_storm_of_refusals_is_counted(
    timed: Database, clock: ManualClock, uses: Callable[[], list[tuple[str, str, str, int]]]
) -> None:
    """The first at once, the others with the next request after a minute, whoever sends it."""
    reader = timed.api_keys.create("t", "reader", ["read"])[1]
    other = timed.api_keys.create("t", "other", ["read"])[1]
    with Client(create_app(timed)) as http:
        for _ in range(50):
            http.put("/v1/namespaces/n/kv/k", content=b"v", key=reader)
        assert uses() == [("access.denied", "put_value", "forbidden", 1)]
        clock.sleep(61)
        http.get("/v1/namespaces", key=other)
        assert uses()[1:] == [("access.denied", "put_value", "forbidden", 49)]
        http.put("/v1/namespaces/n/kv/k", content=b"v", key=reader)
        assert uses()[2:] == [("access.denied", "put_value", "forbidden", 1)]


def test_who_uses_a_key_that_is_over_is_told(
    timed: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """To its tenant: a key that leaked may be in use. Of one that never was, nothing is."""
    caplog.set_level("INFO", "quartzdb.audit")
    key, text = timed.api_keys.create("t", "n", ["read"])
    timed.api_keys.revoke("t", key.id)
    made_up = text[:24] + ("A" if text[24] != "A" else "B") + text[25:]
    with Client(create_app(timed)) as http:
        for one in (made_up, text):
            assert http.get("/v1/namespaces", key=one).status_code == 401
    (line,) = [json.loads(r.message) for r in caplog.records if r.name == "quartzdb.audit.keys"]
    assert line["action"] == "access.denied"
    assert (line["tenant"], line["key_id"], line["outcome"]) == ("t", key.id, "unauthenticated")
    assert text not in str(line)


def test_the_networks_that_a_key_comes_from_are_told(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Each once, one a minute at most, and no address of a household."""
    caplog.set_level("INFO", "quartzdb.audit")
    watch, trace = KeyWatch(clock), Trace("r", "get_value", "t", "k")

    def told(*addresses: str) -> list[str]:
        caplog.clear()
        for address in addresses:
            watch.used(trace, address)
        return [json.loads(record.message)["target"] for record in caplog.records]

    assert told("192.0.2.7", "192.0.2.99", "", "testclient") == ["192.0.2.0/24"]
    assert told("198.51.100.1") == []
    clock.sleep(60)
    assert told("198.51.100.1", "2001:db8:1:2::3") == ["198.51.100.0/24"]
    clock.sleep(60)
    assert told("192.0.2.7", "2001:db8:1:2::3%eth0") == ["2001:db8:1::/48"]
