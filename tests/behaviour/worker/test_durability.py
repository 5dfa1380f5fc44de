"""What the Worker acknowledged is there after kill -9, and its versions never go back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.workerd import Workerd
from tests.worker_site import PEER, make_key, worker_site

DEFAULT = {"tenant": "t", "namespace": "default"}
ROUNDS = 5


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Workerd]:
    with worker_site(tmp_path / "site") as running:
        yield running


def client(site: Workerd, key: str) -> httpx.Client:
    return httpx.Client(
        base_url=site.url, headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False
    )


def feed(site: Workerd, name: str) -> list[dict[str, Any]]:
    answer = httpx.get(
        f"{site.url}/v1/replication/changes", params={**DEFAULT, "feed": name}, headers=PEER, trust_env=False
    )
    assert answer.status_code == 200, answer.text
    changes: list[dict[str, Any]] = answer.json()["changes"]
    return changes


def test_nothing_acknowledged_is_lost_by_a_kill(site: Workerd) -> None:
    """Killed right after an answer, again and again: every write of every kind is there, and so is the key."""
    key = make_key(site, "t")
    for turn in range(ROUNDS):
        with client(site, key) as http:
            record = {"id": f"r{turn}", "vector": [1.0, turn, *[0.0] * 382], "metadata": {"turn": turn}}
            assert http.post("/api/vector/insert", json=record).status_code == 200
            if turn:
                assert http.delete(f"/api/vector/delete/r{turn - 1}").status_code == 200
            assert (
                http.post("/api/put", json={"key": f"k{turn}", "value": "v" * 2_000_000}).status_code == 200
            )
        site.kill()
        site.start()
        with client(site, key) as http:
            for before in range(turn + 1):
                found = http.get(f"/api/vector/get/r{before}")
                assert found.status_code == (200 if before == turn else 404)
                assert len(http.get(f"/api/get/k{before}").json()["value"]) == 2_000_000


def test_versions_and_places_go_on_after_a_kill(site: Workerd) -> None:
    """Each later than all before it, and a cursor from before the kill is good."""
    key = make_key(site, "t")
    versions: list[str] = []
    for turn in range(ROUNDS):
        with client(site, key) as http:
            http.post("/api/put", json={"key": "same", "value": str(turn)})
            http.post("/api/put", json={"key": f"k{turn}", "value": "v"})
        changes = feed(site, "keys")
        assert [change["key"] for change in changes] == [*(f"k{n}" for n in range(turn)), "same", f"k{turn}"]
        versions += [change["version"] for change in changes[-2:]]
        site.kill()
        site.start()
    assert versions == sorted(set(versions))
