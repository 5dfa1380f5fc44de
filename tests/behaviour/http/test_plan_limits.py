"""What a tenant's grant does not allow is refused with what was reached and where more can be had."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from quartzdb.api.routes import FAMILIES
from quartzdb.domain.grant import Block, GrantLimits, TenantGrant
from quartzdb.services.keys import Scope
from quartzdb.wiring.embedded import Database
from tests.behaviour.http.client import Client, refused, refused_as_cloudflare

PLAN_URL = "https://console.example.com/plan"
BLOCK = Block("monthly_reads", 12_000, 10_000, "read units", 4_000_000_000_000, PLAN_URL)


@pytest.fixture
def grant(database: Database, tenant: str, make_key: Callable[..., str]) -> Callable[..., str]:
    """Grants the test's tenant something, and gives a key that has not been remembered with an earlier grant."""

    def grant(**parts: Any) -> str:
        present = database.tenants.grant(tenant)
        said = TenantGrant(tenant, present.revision + 1, plan="free", raise_at=PLAN_URL)
        assert database.tenants.put(replace(said, **parts))
        return make_key()

    return grant


def reached(problem: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(problem[name] for name in ("limit", "used", "allowed", "unit", "resets_at", "raise_at"))


def test_a_namespace_more_than_allowed_is_refused(
    http: Client, books: str, grant: Callable[..., str]
) -> None:
    """Also the one that is made on first use; one that is there may be made again."""
    key = grant(limits=GrantLimits(namespaces=1))
    problem = refused(
        http.post("/v1/namespaces", {"name": "more", "dimension": 3}, key=key), 402, "limit_reached"
    )
    assert reached(problem) == ("namespaces", 1, 1, "namespaces", None, PLAN_URL)
    assert problem["detail"] == "There are 1 namespaces already, and the plan 'free' allows 1."
    assert PLAN_URL in problem["hint"]
    assert http.post("/v1/namespaces", {"name": "books", "dimension": 3}, key=key).status_code == 200
    body = {"key": "k", "value": "v"}
    refused_as_cloudflare(http.post("/api/put", body, key=key), 429, "limit_reached")
    refused_as_cloudflare(
        http.post("/api/vector/search", {"vector": [1.0] * 384}, key=key), 429, "limit_reached"
    )
    http.delete(books, key=key)
    assert http.post("/api/put", body, key=key).status_code == 200


def test_a_dimension_beyond_what_is_allowed_is_refused(http: Client, grant: Callable[..., str]) -> None:
    """When the namespace is made; without vectors there is none."""
    key = grant(limits=GrantLimits(dimension=8))
    problem = refused(
        http.post("/v1/namespaces", {"name": "n", "dimension": 9}, key=key), 402, "limit_reached"
    )
    assert reached(problem)[:4] == ("dimension", 9, 8, "dimensions")
    assert problem["field"] == "dimension"
    for body in ({"name": "n", "dimension": 8}, {"name": "items"}):
        assert http.post("/v1/namespaces", body, key=key).status_code == 201


def test_more_results_than_allowed_are_refused(http: Client, books: str, grant: Callable[..., str]) -> None:
    """In a batch, too, with the query that asks for them; on the other surface as far as it answers them."""
    key = grant(limits=GrantLimits(top_k=5))
    few, many = {"vector": [1, 0, 0], "top_k": 5}, {"vector": [1, 0, 0], "top_k": 6}
    assert http.post(f"{books}/query", few, key=key).status_code == 200
    problem = refused(http.post(f"{books}/query", many, key=key), 402, "limit_reached")
    assert reached(problem)[:4] == ("top_k", 6, 5, "results")
    batch = http.post(f"{books}/query/batch", {"queries": [few, many]}, key=key)
    assert refused(batch, 402, "limit_reached")["field"] == "queries[1].top_k"
    vector = [1.0] * 384
    refused_as_cloudflare(
        http.post("/api/vector/search", {"vector": vector, "k": 6}, key=key), 429, "limit_reached"
    )
    assert http.post("/api/vector/search", {"vector": vector, "k": 5}, key=key).status_code == 200


@pytest.mark.parametrize("scope", [Scope.READ, Scope.WRITE])
def test_what_is_used_up_is_refused(
    http: Client, books: str, grant: Callable[..., str], scope: Scope
) -> None:
    """All that reads data, or all that writes it but what deletes; what describes, and usage, is always told."""
    key = grant(**{"reads_blocked" if scope is Scope.READ else "writes_blocked": BLOCK})
    answered: set[str] = set()
    blocked: set[str] = set()
    for operation in (one for family in FAMILIES for one in family.operations):
        if not isinstance(operation.scope, Scope) or operation.method == "HEAD":
            continue
        path = operation.path.replace("{namespace}", "n").replace("{id}", "i").replace("{key:path}", "k")
        answer = http.request(operation.method, path, content=b"" if operation.body else None, key=key)
        told = answer.json() if answer.content else {}
        (blocked if told.get("code") == "limit_reached" else answered).add(operation.name)
        if told.get("code") == "limit_reached":
            assert operation.scope is scope, operation.name
    assert blocked >= (
        {
            "query_vectors",
            "query_vectors_batch",
            "fetch_vectors",
            "count_vectors",
            "get_value",
            "cf_get",
            "list_keys",
        }
        if scope is Scope.READ
        else {"upsert_vectors", "patch_vectors", "put_value", "cf_put", "cf_insert_vector"}
    ) & {one.name for family in FAMILIES for one in family.operations if one.scope is scope}
    assert answered >= {
        "get_usage",
        "list_namespaces",
        "describe_namespace",
        "create_namespace",
        "delete_vectors",
    }
    assert {"delete_namespace", "cf_delete", "cf_delete_vector", "revoke_key"} <= answered
    path = f"{books}/query" if scope is Scope.READ else f"{books}/vectors"
    problem = refused(http.post(path, {}, key=key), 402, "limit_reached")
    assert reached(problem) == (
        "monthly_reads", 12_000, 10_000, "read units", "2096-10-02T07:06:40.000Z", PLAN_URL
    )  # fmt: skip
    assert "12,000 of 10,000 read units" in problem["detail"]


def test_a_cap_is_told_in_dollars(http: Client, books: str, grant: Callable[..., str]) -> None:
    """To people; a program is told whole micro-dollars."""
    cap = replace(BLOCK, limit="cap", used=5_030_000, allowed=5_000_000, unit="micro-dollars")
    key = grant(reads_blocked=cap)
    problem = refused(http.post(f"{books}/query", {"vector": [1, 0, 0]}, key=key), 402, "limit_reached")
    assert problem["detail"].endswith("a limit is reached: $5.03 of your cap of $5.00.")
    assert (problem["used"], problem["allowed"], problem["unit"]) == (5_030_000, 5_000_000, "micro-dollars")


def test_a_block_ends_when_its_time_is_over(http: Client, books: str, grant: Callable[..., str]) -> None:
    """Whether or not anybody lifts it: whoever set it may be away when the month turns."""
    key = grant(reads_blocked=replace(BLOCK, until_ms=1_700_000_000_000))
    assert http.post(f"{books}/query", {"vector": [1, 0, 0]}, key=key).status_code == 200
    key = grant(reads_blocked=replace(BLOCK, until_ms=None))
    refused(http.post(f"{books}/query", {"vector": [1, 0, 0]}, key=key), 402, "limit_reached")


def test_a_scope_that_is_missing_is_told_first(
    http: Client, books: str, grant: Callable[..., str], make_key: Callable[..., str]
) -> None:
    """Who may not write learns nothing of what is used."""
    grant(writes_blocked=BLOCK)
    refused(http.post(f"{books}/vectors", {}, key=make_key("read")), 403, "forbidden")


def test_without_limits_nothing_is_refused(http: Client, books: str, grant: Callable[..., str]) -> None:
    """A grant that says nothing of them, and no grant."""
    key = grant()
    for one in (key, http.key):
        assert http.post("/v1/namespaces", {"name": "large", "dimension": 4096}, key=one).status_code in {
            200,
            201,
        }
        assert http.post(f"{books}/query", {"vector": [1, 0, 0], "top_k": 1_000}, key=one).status_code == 200
