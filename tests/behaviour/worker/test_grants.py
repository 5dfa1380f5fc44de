"""What the Worker does with grants that no other deployment of its contract shows: problems, restarts, deletion."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.workerd import Workerd
from quartzdb.adapters.ed25519 import public_key_text
from quartzdb.domain.grant import GrantLimits, TenantGrant, TenantStatus
from tests.behaviour.worker.peer import SETTINGS, Peer
from tests.contracts.http.deployments import SyncClient
from tests.worker_site import PEER, SIGNING_SECRET, give_grants, give_keys, make_key, new_key, worker_site

SIGNED = {"SIGNER_PUBLIC_KEYS": public_key_text(SIGNING_SECRET)}
PLAN_URL = "https://console.example.com/plan"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workerd]:
    with worker_site(tmp_path_factory.mktemp("worker") / "site", **SIGNED) as running:
        yield running


def test_a_problem_says_what_was_reached(site: Workerd, tenant: str) -> None:
    """Outside of the contract's paths errors are problem documents, as everywhere."""
    key = make_key(site, tenant, "admin")
    limits = GrantLimits(key_requests_per_second=1, key_burst=2)
    give_grants(site.url, [TenantGrant(tenant, 1, limits=limits, raise_at=PLAN_URL)])
    answers = [status_of(site, key) for _ in range(30)]
    assert answers[0].status_code == 200
    assert answers[0].headers["ratelimit-policy"] == '"key";q=2;w=2'
    problem = next(answer for answer in answers if answer.status_code == 429).json()
    assert {name: problem[name] for name in ("code", "limit", "used", "allowed", "unit", "raise_at")} == {
        "code": "rate_limited",
        "limit": "key_requests_per_second",
        "used": 1,
        "allowed": 1,
        "unit": "requests a second",
        "raise_at": PLAN_URL,
    }
    assert problem["resets_at"].endswith("Z")
    assert problem["hint"].endswith(f"More can be had at {PLAN_URL}")
    give_grants(site.url, [TenantGrant(tenant, 2, TenantStatus.SUSPENDED)])
    refused = status_of(site, key)
    assert (refused.status_code, refused.json()["code"]) == (403, "tenant_suspended")


def status_of(site: Workerd, key: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.get(f"{site.url}/v1/replication/status", headers=headers, trust_env=False)


def test_a_rate_that_is_used_up_is_so_after_a_restart(tmp_path: Path) -> None:
    """All but a slice of it: a burst is not given twice because an object began anew."""
    begun, rate, burst = time.monotonic(), 1, 40
    with worker_site(tmp_path, **SIGNED) as running:
        key = make_key(running, "t")
        limits = GrantLimits(requests_per_second=rate, burst=burst)
        give_grants(running.url, [TenantGrant("t", 1, limits=limits)])
        before = admitted(running, key, burst + 20)
    with worker_site(tmp_path, **SIGNED) as running:
        after = admitted(running, key, 20)
    took = time.monotonic() - begun
    assert burst <= before
    assert before + after <= burst + rate * took + rate


def admitted(site: Workerd, key: str, requests: int) -> int:
    client = SyncClient(site.url, key)
    answers = [client.get("/api/get/k").status_code for _ in range(requests)]
    client.close()
    assert set(answers) <= {404, 429}
    return answers.count(404)


def test_a_deleted_tenant_leaves_nothing(site: Workerd, tenant: str) -> None:
    """Neither data nor keys, nor a place for what comes late; one of its name that is there again begins anew."""
    key, text = new_key(tenant)
    give_keys(site.url, [key])
    client = SyncClient(site.url, text)
    assert client.post("/api/put", {"key": "k", "value": "v"}).status_code == 200
    vector = [1.0] * 384
    assert client.post("/api/vector/insert", {"id": "a", "vector": vector}).status_code == 200
    assert client.post("/api/vector/search", {"vector": vector}).json()["count"] == 1
    records = Peer(site.url, tenant, "records")
    (change,) = records.everything()
    give_grants(site.url, [TenantGrant(tenant, 1, TenantStatus.SUSPENDED, gone_at_ms=now_ms())])
    assert client.get("/api/get/k").status_code == 401
    assert tenant not in names(site)
    late = {
        "tenant": tenant,
        "namespace": "default",
        "feed": "records",
        "settings": SETTINGS,
        "changes": [change],
    }
    records.refused(404, "namespace_not_found", "POST", "changes", json=late)
    assert give_keys(site.url, [key]) == 0
    give_grants(site.url, [TenantGrant(tenant, 2)])
    assert client.get("/api/get/k").status_code == 401
    client.key = make_key(site, tenant)
    assert client.get("/api/get/k").status_code == 404
    assert client.post("/api/vector/search", {"vector": vector}).json()["count"] == 0
    stats: dict[str, Any] = client.get("/api/vector/stats").json()
    assert (stats["num_vectors"], records.everything()) == (0, [])
    assert client.post("/api/put", {"key": "k", "value": "again"}).status_code == 200
    assert client.get("/api/get/k").json()["value"] == "again"
    client.close()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def names(site: Workerd) -> set[str]:
    answer = httpx.get(f"{site.url}/v1/replication/namespaces", headers=PEER, trust_env=False)
    return {one["tenant"] for one in answer.json()["namespaces"]}
