"""Text, sparse vectors and expiry through the Worker, which knows nothing of them: there and back nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from local.workerd import Workerd
from tests.behaviour.worker.test_read_your_writes import PATH, Aws
from tests.contracts.http.deployments import SyncClient
from tests.worker_site import PEER

DECLARED = {"text": {"body": {"language": "german"}}, "sparse": ["splade"]}
VECTOR = [1.0] * 384


def ids(aws: Aws, question: dict[str, Any]) -> set[str]:
    """What a query finds."""
    answer = aws.http.post(f"{PATH}/query", question)
    assert answer.status_code == 200, answer.text
    return {match["id"] for match in answer.json()["matches"]}


def test_a_site_that_lost_everything_has_it_from_the_worker(
    site: Workerd, http: SyncClient, tenant: str, tmp_path: Path
) -> None:
    """Also where clients of `/api` came first and began its namespace anew. The Worker itself answers 501."""
    before = Aws(tmp_path / "before", site, tenant)
    created = before.http.post("/v1/namespaces", {"name": "default", "dimension": 384, **DECLARED})
    assert created.status_code == 201, created.text
    record = {
        "id": "a",
        "vector": VECTOR,
        "metadata": {"body": "Die Häuser am Meer", "splade": {"indices": [7], "values": [2.0]}},
        "expires_at": "2030-01-01T00:00:00Z",
    }
    assert before.http.post(f"{PATH}/vectors", {"vectors": [record]}).status_code == 200
    before.replicate()
    before.close()

    listed = httpx.get(f"{site.url}/v1/replication/namespaces", headers=PEER, trust_env=False).json()
    (kept,) = [one for one in listed["namespaces"] if one["tenant"] == tenant]
    assert kept["sparse"] == ["splade"]
    assert kept["text"]["body"]["language"] == "german"
    refused = http.post(f"{PATH}/query", {"text": {"query": "haus"}})
    assert (refused.status_code, refused.json()["code"]) == (501, "not_served_here")
    assert http.get("/api/vector/get/a").json()["metadata"]["body"] == "Die Häuser am Meer"
    written = http.post(
        "/api/vector/insert", {"id": "b", "vector": VECTOR, "metadata": {"body": "Noch ein Haus"}}
    )
    assert written.status_code == 200

    after = Aws(tmp_path / "after", site, tenant)
    first = after.http.post(
        "/api/vector/insert", {"id": "c", "vector": VECTOR, "metadata": {"body": "Hauses"}}
    )
    assert first.status_code == 200, first.text
    for _ in range(2):
        after.replicate()
    described = after.http.get(PATH).json()
    assert described["sparse"] == ["splade"]
    assert described["text"]["body"]["language"] == "german"
    assert ids(after, {"text": {"query": "haus"}}) == {"a", "b", "c"}
    assert ids(after, {"sparse": {"indices": [7], "values": [1.0]}}) == {"a"}
    assert ids(after, {"vector": VECTOR, "text": {"query": "meer"}}) == {"a", "b", "c"}
    shown = after.http.get(f"{PATH}/vectors/a").json()
    assert shown["expires_at"].startswith("2030-01-01T00:00:00")
    after.close()


def test_what_a_later_release_says_stops_nothing(site: Workerd, tenant: str, tmp_path: Path) -> None:
    """Settings that are not known yet are passed over, at the Worker and here."""
    aws = Aws(tmp_path, site, tenant)
    settings = {"dimension": 384, "metric": "cosine", "later": {"x": 1}}
    body = {
        "tenant": tenant,
        "namespace": "default",
        "feed": "records",
        "settings": settings,
        "changes": [],
    }
    there = httpx.post(f"{site.url}/v1/replication/changes", headers=PEER, json=body, trust_env=False)
    here = aws.http.post("/v1/replication/changes", body, key=None, headers=PEER)
    assert (there.status_code, here.status_code) == (200, 200), (there.text, here.text)
    aws.close()
