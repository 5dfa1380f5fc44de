"""Records that expire, at the Worker: none of its reads has one, and it keeps what the other site needs to know.

Its clock is the runtime's, so moments here have just passed or never come.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.workerd import Workerd
from tests.behaviour.worker import peer
from tests.behaviour.worker.peer import Peer
from tests.behaviour.worker.test_forgetting import until
from tests.contracts.http.deployments import SyncClient
from tests.contracts.http.records import insert, vector
from tests.worker_site import worker_site

HOUR_MS = 3_600_000
FIELD = "$expires_at"


def found(http: SyncClient, k: int = 10) -> dict[str, dict[str, object]]:
    """By id, the metadata of what a search finds."""
    answer = http.post("/api/vector/search", {"vector": vector(1), "k": k}).json()
    return {match["id"]: match["metadata"] for match in answer["results"]}


def test_no_read_has_what_has_expired(records: Peer, http: SyncClient) -> None:
    """By id, by search, in the figures and digests; whoever asks for its state or reads the feed has all of it."""
    now = peer.now_ms()
    at = peer.version(now)
    over = peer.upsert("over", at, **{FIELD: now - 1, "n": 1})
    ahead = peer.upsert("ahead", at, **{FIELD: now + HOUR_MS, "n": 2})
    plain = peer.upsert("plain", at, n=3)
    assert records.apply(over, ahead, plain) == (3, 0)
    assert http.get("/api/vector/get/over").status_code == 404
    assert http.get("/api/vector/get/ahead").json()["metadata"] == {"n": 2}
    assert found(http) == {"ahead": {"n": 2}, "plain": {"n": 3}}
    stats = http.get("/api/vector/stats").json()
    assert (stats["num_vectors"], stats["num_active"]) == (3, 2)
    assert records.digests() == peer.digests_of({"ahead": (at, {}), "plain": (at, {})})
    entries = records.entries_of("over", "ahead")
    assert (entries["over"], entries["ahead"]) == ([at, {}, False], [at, {}, True])
    assert records.fetch("over", "ahead")["changes"] == [over, ahead]
    assert records.everything() == [over, ahead, plain]


def test_a_patch_prolongs_ends_and_keeps(records: Peer, http: SyncClient) -> None:
    """The later patch says when; also of one that had expired, also where a search has the record in memory."""
    now = peer.now_ms()
    versions = [peer.version(now, number) for number in range(5)]
    records.apply(peer.upsert("r", versions[0], **{FIELD: now - 1}), peer.upsert("s", versions[0]))
    assert found(http) == {"s": {}}
    records.apply(peer.patch("r", versions[1], **{FIELD: now + HOUR_MS}))
    assert found(http) == {"s": {}, "r": {}}
    assert records.digests() == peer.digests_of(
        {"s": (versions[0], {}), "r": (versions[0], {FIELD: versions[1]})}
    )
    records.apply(
        peer.patch("r", versions[3], **{FIELD: now - 1}), peer.patch("s", versions[3], **{FIELD: now - 1})
    )
    assert found(http) == {}
    assert records.apply(peer.patch("r", versions[2], **{FIELD: now + HOUR_MS})) == (0, 1)
    assert http.get("/api/vector/get/r").status_code == 404
    records.apply(peer.patch("r", versions[4], (FIELD,)))
    assert found(http) == {"r": {}}


def test_what_an_earlier_release_let_clients_store_there_expires_nothing(
    records: Peer, http: SyncClient
) -> None:
    """It is metadata like any other."""
    at = peer.version(peer.now_ms())
    records.apply(
        peer.upsert("r", at, **{FIELD: "soon"}), peer.patch("r", peer.version(peer.now_ms(), 1), n=1)
    )
    assert found(http) == {"r": {FIELD: "soon", "n": 1}}


def test_a_client_cannot_write_the_field(http: SyncClient) -> None:
    """400, alone and in a batch, and nothing is stored."""
    insert(http, "good", 1)
    record = {"id": "r", "vector": vector(1), "metadata": {FIELD: 1}}
    refused = http.post("/api/vector/insert", record)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_metadata")
    batch = http.post("/api/vector/batch-insert", {"vectors": [record]}).json()
    assert (batch["failed"], batch["inserted"]) == (1, 0)
    assert set(found(http)) == {"good"}


def test_a_client_replaces_or_deletes_what_has_expired(records: Peer, http: SyncClient) -> None:
    """As if it were not there: without an expiry of its own what is written stays."""
    now = peer.now_ms()
    records.apply(*(peer.upsert(one, peer.version(now - 1000), **{FIELD: now - 1}) for one in "rs"))
    insert(http, "r", 1)
    assert http.delete("/api/vector/delete/s").status_code == 200
    assert found(http) == {"r": {}}
    assert records.entries_of("s")["s"][2] is False


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Workerd]:
    with worker_site(tmp_path / "site", PURGED_AFTER_SECONDS="0.1") as running:
        yield running


def test_an_expired_record_becomes_a_tombstone_of_its_version(hasty: Workerd, tenant: str) -> None:
    """By the alarm. A patch that comes late finds nothing to prolong, until somebody brings the record again."""
    of = Peer(hasty.url, tenant)
    now = peer.now_ms()
    at, late = peer.version(now), peer.version(now, 1)
    over = peer.upsert("r", at, **{FIELD: now - 1})
    of.apply(over, peer.patch("r", late, n=1))
    until(lambda: of.fetch("r")["changes"][0]["op"] == "delete")
    assert of.fetch("r")["changes"] == [peer.delete("r", at), peer.patch("r", late, n=1)]
    assert of.entries_of("r")["r"] == [at, {"n": late}, False]
    assert of.apply(peer.delete("r", at)) == (0, 1)
    prolonged = peer.patch("r", peer.version(now, 2), **{FIELD: now + HOUR_MS})
    assert of.apply(prolonged) == (1, 0)
    assert of.digests() == [[0, 0]] * 256
    assert of.apply(over, over) == (1, 1)
    assert of.digests() == peer.digests_of({"r": (at, {"n": late, FIELD: peer.version(now, 2)})})
