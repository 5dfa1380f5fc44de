"""What a tenant's grant does not allow is refused alike by every deployment, and nothing else is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from quartzdb.domain.grant import Block, GrantLimits, Prices, TenantGrant, TenantStatus
from tests.contracts.http.deployments import Asking, Deployment

PLAN_URL = "https://console.example.com/plan"
BLOCK = Block("monthly_units", 12_000, 10_000, "units", 4_000_000_000_000, PLAN_URL)
VECTOR = [1.0] + [0.0] * 383
SEARCH = ("POST", "/api/vector/search", {"vector": VECTOR, "k": 3})
INSERT = ("POST", "/api/vector/insert", {"id": "a", "vector": VECTOR})
READS: list[tuple[str, str, object]] = [
    ("GET", "/api/get/k", None),
    ("GET", "/api/vector/get/a", None),
    ("GET", "/api/vector/stats", None),
    SEARCH,
]
WRITES: list[tuple[str, str, object]] = [
    ("POST", "/api/put", {"key": "k", "value": "v"}),
    ("POST", "/api/vector/batch-insert", {"vectors": [INSERT[2]]}),
    INSERT,
]
DELETES: list[tuple[str, str, object]] = [
    ("DELETE", "/api/delete/k", None),
    ("DELETE", "/api/vector/delete/a", None),
    ("DELETE", "/api/vector/delete", {"id": "a"}),
]

Grant = Callable[..., None]


@pytest.fixture
def grant(deployment: Deployment, tenant: str) -> Grant:
    """Grants the test's tenant something, each time something later."""
    revisions = iter(range(1, 100))

    def say(**parts: Any) -> None:
        said = TenantGrant(tenant, next(revisions), plan="free", raise_at=PLAN_URL)
        deployment.grant(replace(said, **parts))

    return say


def code(http: Asking, request: tuple[str, str, object], **options: Any) -> object:
    """What a request is refused with; None where it is answered."""
    method, path, body = request
    answer = http.request(method, path, **({} if body is None else {"json": body}), **options)
    if answer.status_code == 200:
        return None
    document = answer.json()
    assert document["success"] is False
    return answer.status_code, document["code"]


def codes(http: Asking, requests: list[tuple[str, str, object]]) -> set[object]:
    return {code(http, request) for request in requests}


def test_a_tenant_may_be_suspended_or_only_read(http: Asking, grant: Grant) -> None:
    """Everything is refused, or what changes anything; nothing once it is active."""
    assert codes(http, [*WRITES, *READS]) == {None}
    grant(status=TenantStatus.SUSPENDED)
    assert codes(http, [*READS, *WRITES, *DELETES]) == {(401, "tenant_suspended")}
    grant(status=TenantStatus.READ_ONLY)
    assert codes(http, [*WRITES, *DELETES]) == {(401, "tenant_read_only")}
    assert codes(http, READS) == {None}
    grant()
    assert codes(http, [*WRITES, *READS, *DELETES]) == {None}


def test_what_is_used_up_is_refused(http: Asking, grant: Grant) -> None:
    """All reads, or all writes but what deletes, with what was reached; until the block's time is over."""
    assert codes(http, WRITES) == {None}
    grant(reads_blocked=BLOCK)
    assert codes(http, READS) == {(429, "limit_reached")}
    assert codes(http, WRITES) == {None}
    assert http.get("/api/get/k").json()["error"] == (
        "This project's reads are refused, because a limit is reached: monthly units, 12,000 of 10,000 units."
    )
    grant(writes_blocked=replace(BLOCK, until_ms=None))
    assert codes(http, WRITES) == {(429, "limit_reached")}
    assert codes(http, READS) == {None}
    assert codes(http, DELETES) == {None}
    over = replace(BLOCK, until_ms=1_700_000_000_000)
    grant(reads_blocked=over, writes_blocked=over)
    assert codes(http, [*WRITES, *READS]) == {None}


def test_more_results_than_allowed_are_refused(http: Asking, grant: Grant) -> None:
    """As far as so many would be answered."""
    grant(limits=GrantLimits(top_k=100))
    assert code(http, ("POST", "/api/vector/search", {"vector": VECTOR, "k": 500})) is None
    grant(limits=GrantLimits(top_k=2))
    assert code(http, SEARCH) == (429, "limit_reached")
    answer = http.post("/api/vector/search", {"vector": VECTOR, "k": 3})
    assert answer.json()["error"] == "k: This asks for 3 results, and the plan 'free' allows 2."
    assert code(http, ("POST", "/api/vector/search", {"vector": VECTOR, "k": 2})) is None


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (
            GrantLimits(dimension=383),
            "dimension: This asks for 384 dimensions, and the plan 'free' allows 383.",
        ),
        (GrantLimits(namespaces=0), "There are 0 namespaces already, and the plan 'free' allows 0."),
    ],
)
def test_a_namespace_that_is_not_allowed_is_not_made(
    http: Asking, grant: Grant, limits: GrantLimits, told: str
) -> None:
    """By its first use, whatever that is; one that is there stays."""
    grant(limits=limits)
    assert codes(http, [SEARCH, READS[0], *WRITES]) == {(429, "limit_reached")}
    assert http.get("/api/get/k").json()["error"] == told
    grant()
    assert codes(http, WRITES) == {None}
    grant(limits=limits)
    assert codes(http, [*READS, *WRITES, *DELETES]) == {None}


def test_data_of_another_region_is_not_stored(http: Asking, grant: Grant) -> None:
    """Reading and deleting go on. No deployment here has a region."""
    assert codes(http, WRITES) == {None}
    grant(region="eu")
    assert codes(http, WRITES) == {(401, "wrong_region")}
    assert codes(http, [*READS, *DELETES]) == {None}


def test_a_scope_that_is_missing_is_told_before_what_is_used(
    http: Asking, grant: Grant, make_key: Callable[..., str]
) -> None:
    """But not before what the tenant may."""
    grant(writes_blocked=BLOCK)
    key = make_key("read")
    assert code(http, WRITES[0], key=key) == (401, "forbidden")
    grant(status=TenantStatus.SUSPENDED)
    assert code(http, WRITES[0], key=key) == (401, "tenant_suspended")


def test_prices_change_no_answer(http: Asking, grant: Grant) -> None:
    """These paths have fixed answers without a receipt; what they use is counted all the same."""
    grant(prices=Prices("2026-11", 12_000_000, 8_000_000, 600_000))
    for method, path, body in [*WRITES, *READS]:
        answer = http.request(method, path, **({} if body is None else {"json": body}))
        assert "usage" not in answer.json()
        assert "x-usage" not in answer.headers


def test_rates_are_told_and_held(http: Asking, grant: Grant, make_key: Callable[..., str]) -> None:
    """Of each key, and of all keys of the project; also for a request that is wrong in itself."""
    grant(limits=GrantLimits(key_requests_per_second=1, key_burst=3, requests_per_second=1, burst=4))
    policies = []
    for _ in range(3):
        answer = http.get("/api/vector/stats")
        policies.append((answer.status_code, answer.headers["ratelimit-policy"]))
    assert policies[0] == (200, '"key";q=3;w=3')
    assert {status for status, _ in policies} == {200}
    refused = until_refused(lambda: http.post("/api/vector/search", {"vector": [1.0]}))
    assert refused.json()["code"] == "rate_limited"
    assert refused.json()["error"] == "Too many requests: this key has 1 requests a second."
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["ratelimit-policy"] == '"key";q=3;w=3'
    assert refused.headers["ratelimit"].startswith('"key";r=0;t=')
    other = make_key()
    refused = until_refused(lambda: http.get("/api/vector/stats", key=other))
    assert refused.json()["error"] == "Too many requests: this project has 1 requests a second."
    grant()
    answer = http.get("/api/vector/stats")
    assert (answer.status_code, "ratelimit" in answer.headers) == (200, False)


def until_refused(ask: Callable[[], Any]) -> Any:
    """The first answer that is 429: the burst is small, and time goes on."""
    for _ in range(60):
        answer = ask()
        if answer.status_code == 429:
            return answer
    raise AssertionError("sixty requests in a row found room in a burst of a few")


def test_all_clients_together_get_no_more_than_the_rate(
    deployment: Deployment, http: Asking, grant: Grant
) -> None:
    """However many ask at the same moment: at most the burst, the rate for as long as it took, and a slice."""
    rate, burst = 20, 30
    threads = 1 if deployment.name == "function" else 8  # one instance answers one request at a time
    grant(limits=GrantLimits(requests_per_second=rate, burst=burst))
    statuses: list[int] = []
    assert http.key is not None
    clients = [deployment.client(http.key) for _ in range(threads)]

    def ask(client: Asking) -> None:
        statuses.extend(client.get("/api/vector/stats").status_code for _ in range(160 // threads))

    begun = time.monotonic()
    if threads == 1:
        ask(clients[0])
    else:
        workers = [threading.Thread(target=ask, args=(client,)) for client in clients]
        for one in workers:
            one.start()
        for one in workers:
            one.join()
    took = time.monotonic() - begun
    admitted = statuses.count(200)
    assert sorted(set(statuses)) in ([200], [200, 429])
    assert admitted + statuses.count(429) == 160
    assert burst * 0.5 <= admitted <= (burst + rate * took) * 1.1 + rate / 2
    for client in clients:
        client.close()
