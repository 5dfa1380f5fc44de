"""What a request uses: said in its answer, in its usage line, and by a dry run before it is done."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from quartzdb.api.app import create_app
from quartzdb.api.edge import Edge
from quartzdb.api.trace import Trace
from quartzdb.api.usage_line import LINE_BYTES_MAX, TENANT_CHARACTERS_MAX, usage_line
from quartzdb.domain.grant import Prices, TenantGrant
from quartzdb.domain.units import Units
from quartzdb.wiring.embedded import Database
from tests.behaviour.http.client import Client, refused
from tests.behaviour.http.conftest import MakeKey
from tests.behaviour.http.test_documentation import OPERATION_IDS

KB, UNIT = 1024, 64 * 1024


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def app(database: Database, lines: list[dict[str, Any]]) -> Edge:
    return create_app(database, take_line=lambda line: lines.append(json.loads(line)))


def record(name: str, text: str = "") -> dict[str, object]:
    return {"id": name, "vector": [1, 2, 3], "metadata": {"text": text} if text else {}}


def used(answer: Any) -> tuple[int, int]:
    assert answer.status_code < 300, answer.text
    usage = answer.json()["usage"]
    return usage["read_units"], usage["write_units"]


def test_a_write_is_counted_per_record_and_kilobyte(http: Client, books: str) -> None:
    """Each record begins a kilobyte: twelve bytes of vector, and its metadata as JSON."""
    exactly = "x" * (KB - 12 - len('{"text":""}'))
    both = {"vectors": [record("small"), record("large", exactly)]}
    assert used(http.post(f"{books}/vectors", both)) == (0, 2)
    assert used(http.post(f"{books}/vectors", {"vectors": [record("more", exactly + "x")]})) == (0, 2)
    assert used(http.patch(f"{books}/vectors/small", {"set": {"text": "x" * 3 * KB}, "unset": ["a"]})) == (
        0,
        4,
    )
    assert used(http.post(f"{books}/vectors/delete", {"ids": ["small", "large", "none"]})) == (0, 3)
    assert used(http.post(f"{books}/vectors/delete", {"filter": {}})) == (0, 1)
    assert used(http.delete(f"{books}/vectors/none")) == (0, 1)


def test_half_precision_is_half_the_bytes(http: Client) -> None:
    """As vectors are stored, whatever they were sent as."""
    for precision, units in (("f32", 2), ("f16", 1)):
        settings = {"name": precision, "dimension": 384, "precision": precision}
        assert http.post("/v1/namespaces", settings).status_code == 201
        vector = base64.b64encode(np.ones(384, np.float32).tobytes()).decode()
        path = f"/v1/namespaces/{precision}/vectors"
        assert used(http.post(path, {"vectors": [{"id": "a", "vector": vector}]})) == (0, units)


def test_values_are_counted_as_they_are(http: Client, books: str) -> None:
    """An empty one begins a kilobyte, too."""
    assert used(http.put(f"{books}/kv/empty", content=b"")) == (0, 1)
    assert used(http.put(f"{books}/kv/one", content=b"x" * KB)) == (0, 1)
    items = [{"key": "a", "value": "x" * (KB + 1)}, {"key": "b", "value_base64": "AAAA"}]
    assert used(http.post(f"{books}/kv-batch/put", {"items": items})) == (0, 3)
    assert used(http.post(f"{books}/kv-batch/get", {"keys": ["a", "b", "none"]})) == (3, 0)
    assert used(http.get(f"{books}/kv?values=true")) == (1, 0)
    assert used(http.post(f"{books}/kv-batch/delete", {"keys": ["a", "none"]})) == (0, 2)
    assert used(http.delete(f"{books}/kv/one")) == (0, 1)


def test_values_whose_history_is_kept_count_twice(http: Client) -> None:
    """One by one, many at once, and asked beforehand; a deletion is one."""
    http.post("/v1/namespaces", {"name": "kept", "key_history": True})
    assert used(http.put("/v1/namespaces/kept/kv/a", content=b"x" * (KB + 1))) == (0, 4)
    both = {"items": [{"key": "b", "value": "x"}, {"key": "c", "value": "x" * KB}]}
    assert used(http.post("/v1/namespaces/kept/kv-batch/put", {**both, "dry_run": True})) == (0, 4)
    assert used(http.post("/v1/namespaces/kept/kv-batch/put", both)) == (0, 4)
    assert used(http.delete("/v1/namespaces/kept/kv/a")) == (0, 1)


def test_an_answer_without_json_has_its_receipt_in_a_header(http: Client, books: str) -> None:
    """Also where only the headers are asked for, or nothing has changed."""
    http.put(f"{books}/kv/large", content=b"x" * (2 * UNIT + 1))
    whole, head = http.get(f"{books}/kv/large"), http.head(f"{books}/kv/large")
    same = http.get(f"{books}/kv/large", headers={"If-None-Match": whole.headers["etag"]})
    assert same.status_code == 304
    for answer, units in ((whole, 3), (head, 1), (same, 1)):
        assert json.loads(answer.headers["x-usage"]) == {"read_units": units, "write_units": 0}


def test_a_read_is_counted_by_its_answer(http: Client, books: str) -> None:
    """Per 64 KB begun; a batch of queries is at least as many."""
    vectors = [record(f"{number:02}", "x" * 10 * KB) for number in range(20)]
    http.post(f"{books}/vectors", {"vectors": vectors})
    query = {"vector": [1, 2, 3], "top_k": 20}
    large = http.post(f"{books}/query", query)
    assert used(large) == (4, 0)
    assert len(large.content) > 3 * UNIT
    assert used(http.post(f"{books}/query", {**query, "include_metadata": False})) == (1, 0)
    assert used(http.post(f"{books}/query/batch", {"queries": [query] * 2})) == (7, 0)
    few = {**query, "top_k": 1, "include_metadata": False}
    assert used(http.post(f"{books}/query/batch", {"queries": [few] * 5})) == (5, 0)
    assert used(http.post(f"{books}/vectors/fetch", {"ids": [f"{n:02}" for n in range(20)]})) == (4, 0)
    assert used(http.get(f"{books}/vectors")) == (1, 0)


def test_a_line_has_what_the_answer_says(
    http: Client, books: str, lines: list[dict[str, Any]], tenant: str
) -> None:
    """And who asked for what; of the compatible surface as well, whose answers cannot say it."""
    http.post(f"{books}/vectors", {"vectors": [record("a"), record("b")]})
    http.post(f"{books}/query", {"vector": [1, 2, 3]})
    http.post("/api/put", {"key": "k", "value": "x" * 3 * KB})
    http.get("/api/get/k")
    http.post(f"{books}/query", {"vector": [1]})
    found = [
        (one["op"], one["namespace"], one["status"], *(one.get(n, 0) for n in ("records", "read_units", "write_units")))
        for one in lines[-5:]
    ]  # fmt: skip
    assert found == [
        ("upsert_vectors", "books", 200, 2, 0, 2),
        ("query_vectors", "books", 200, 2, 1, 0),
        ("cf_put", "default", 200, 1, 0, 3),
        ("cf_get", "default", 200, 1, 1, 0),
        ("query_vectors", "books", 400, 0, 0, 0),
    ]
    assert {one["tenant"] for one in lines} == {tenant}


def test_a_path_that_names_no_namespace_leaves_nothing_of_it(
    http: Client, lines: list[dict[str, Any]]
) -> None:
    """What somebody writes into a path is not ours to keep."""
    http.get("/v1/namespaces/Not%20A%20Name/vectors")
    assert "namespace" not in lines[-1]
    http.get("/v1/namespaces/secret/vectors", key=None)
    assert "namespace" not in lines[-1]


def test_a_refused_request_is_counted_where_it_was_refused(
    http: Client, books: str, make_key: MakeKey, lines: list[dict[str, Any]]
) -> None:
    """With who was refused and why, and without any units."""
    http.post(f"{books}/vectors", {"vectors": [record("a")]}, key=make_key("read"))
    assert (lines[-1]["namespace"], lines[-1]["status"], lines[-1]["code"]) == ("books", 403, "forbidden")
    assert "write_units" not in lines[-1]


def test_what_failed_after_its_work_uses_nothing() -> None:
    """The answer may have had no room."""
    trace = Trace("r", tenant="t", units=Units(write=7))
    for status, units in ((200, 7), (503, None), (None, None)):
        line = usage_line(trace, site="aws", at_ms=1, status=status, milliseconds=1, bytes_out=0)
        assert json.loads(line).get("write_units") == units


def test_a_write_that_is_repeated_is_not_counted_again(
    http: Client, books: str, lines: list[dict[str, Any]]
) -> None:
    """Its answer is the first one, receipt and all."""
    once = {"headers": {"Idempotency-Key": "once"}}
    first = http.post(f"{books}/vectors", {"vectors": [record("a")]}, **once)
    again = http.post(f"{books}/vectors", {"vectors": [record("a")]}, **once)
    assert first.json() == again.json()
    assert [one.get("write_units") for one in lines[-2:]] == [1, None]


DRY: dict[str, Callable[[], tuple[str, str, dict[str, object]]]] = {
    "upsert": lambda: ("POST", "/vectors", {"vectors": [record("a", "x" * 2 * KB), record("new")]}),
    "patch": lambda: ("POST", "/vectors/patch", {"patches": [{"id": "a", "set": {"text": "y"}}]}),
    "patch one": lambda: ("PATCH", "/vectors/a", {"set": {"text": "y"}}),
    "delete": lambda: ("POST", "/vectors/delete", {"ids": ["a", "b"]}),
    "delete by filter": lambda: ("POST", "/vectors/delete", {"filter": {}}),
    "put": lambda: ("POST", "/kv-batch/put", {"items": [{"key": "k", "value": "y" * 2 * KB}]}),
    "delete keys": lambda: ("POST", "/kv-batch/delete", {"keys": ["k"]}),
    "fetch": lambda: ("POST", "/vectors/fetch", {"ids": ["a"]}),
    "count": lambda: ("POST", "/vectors/count", {}),
    "aggregate": lambda: ("POST", "/aggregate", {"group_by": ["a"]}),
    "list": lambda: ("POST", "/vectors/list", {"order_by": {"field": "a"}}),
    "query": lambda: ("POST", "/query", {"vector": [1, 2, 3]}),
    "queries": lambda: ("POST", "/query/batch", {"queries": [{"vector": [1, 2, 3]}] * 3}),
    "get": lambda: ("POST", "/kv-batch/get", {"keys": ["k", "none"]}),
}


@pytest.mark.parametrize("kind", DRY)
def test_a_dry_run_says_what_the_request_uses_and_does_nothing(
    http: Client, books: str, lines: list[dict[str, Any]], kind: str
) -> None:
    """Nor does it cost anything. Done in earnest afterwards, the receipt is the quote."""
    http.post(f"{books}/vectors", {"vectors": [record("a", "x"), record("b")]})
    http.post(f"{books}/kv-batch/put", {"items": [{"key": "k", "value": "x"}]})
    state = [http.get(f"{books}/vectors/{one}").json() for one in ("a", "b")]
    value = http.get(f"{books}/kv/k").headers["etag"]
    method, path, body = DRY[kind]()
    quote = http.request(method, books + path, json={**body, "dry_run": True})
    assert quote.json().pop("dry_run") is True
    assert set(quote.json()) == {"dry_run", "usage"}
    assert (lines[-1].get("read_units"), lines[-1].get("write_units")) == (None, None)
    assert [http.get(f"{books}/vectors/{one}").json() for one in ("a", "b")] == state
    assert http.get(f"{books}/kv/k").headers["etag"] == value
    assert http.get(f"{books}/vectors/new").status_code == 404
    assert used(http.request(method, books + path, json=body)) == used(quote)


def test_a_dry_run_finds_what_is_wrong(http: Client, books: str) -> None:
    """As the request itself would; and it is nothing that could be done once."""
    bad = {"vectors": [{"id": "a", "vector": [1, 2]}], "dry_run": True}
    refused(http.post(f"{books}/vectors", bad), 400, "dimension_mismatch", "vectors[0].vector")
    body = {"vectors": [record("a")], "dry_run": True}
    keyed = http.post(f"{books}/vectors", body, headers={"Idempotency-Key": "one"})
    refused(keyed, 400, "invalid_argument", "Idempotency-Key")


def test_a_request_may_only_be_tried_by_who_may_send_it(http: Client, books: str, make_key: MakeKey) -> None:
    """A quote of a write needs the scope of the write."""
    body = {"vectors": [record("a")], "dry_run": True}
    refused(http.post(f"{books}/vectors", body, key=make_key("read")), 403, "forbidden")


def test_the_longest_line_fits() -> None:
    """With every name as long as it may be, and every number as large."""
    trace = Trace(
        "r" * 128, max(OPERATION_IDS, key=len), "t" * 63, "0123456789ab", "n" * 63, 64 * 1024 * KB, 100_000
    )
    for units in (Units(read=99_999), Units(write=999_999)):
        trace.units = units
        line = usage_line(
            trace, site="s" * 32, at_ms=9_999_999_999_999, status=200, milliseconds=999_999.94, bytes_out=99_999_999
        )  # fmt: skip
        assert len(line) <= LINE_BYTES_MAX, len(line)


def test_names_that_are_cut_stay_two() -> None:
    """They end in a hash of the whole; a project's id is never cut."""
    shown = set()
    for end in "ab":
        trace = Trace("r", tenant="prj_" + "0" * 26, namespace="n" * 62 + end)
        line = usage_line(trace, site="aws", at_ms=1, status=200, milliseconds=1, bytes_out=0)
        document = json.loads(line)
        assert document["tenant"] == trace.tenant
        assert len(document["tenant"]) <= TENANT_CHARACTERS_MAX
        shown.add(document["namespace"])
    assert len(shown) == 2


def test_a_tenant_with_prices_is_told_what_it_costs(
    http: Client, books: str, database: Database, tenant: str
) -> None:
    """Exactly, however little: nothing is rounded before the bill."""
    prices = Prices("v1", million_read_units=12_345_678, million_write_units=8_000_000, gigabyte_month=1)
    database.tenants.put(TenantGrant(tenant, 1, prices=prices))
    own = database.api_keys.create(tenant, "later", ["read", "write"])[1]  # its grant is looked up anew
    http.put(f"{books}/kv/large", content=b"x" * 3 * UNIT, key=own)
    read = json.loads(http.get(f"{books}/kv/large", key=own).headers["x-usage"])
    assert read == {"read_units": 3, "write_units": 0, "cost_usd": "0.000037037034"}
    written = http.post(f"{books}/vectors", {"vectors": [record("a")]}, key=own).json()["usage"]
    assert written == {"read_units": 0, "write_units": 1, "cost_usd": "0.000008"}
    free = Prices("v2", 0, 0, 0)
    database.tenants.put(TenantGrant(tenant, 2, prices=free))
    other = database.api_keys.create(tenant, "other", ["read"])[1]
    assert http.get(f"{books}/vectors", key=other).json()["usage"]["cost_usd"] == "0"
