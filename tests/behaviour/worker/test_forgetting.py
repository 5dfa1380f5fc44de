"""What the Worker forgets, by its own alarm: expired keys, then tombstones; and what a reader who missed it is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local.workerd import Workerd
from quartzdb.adapters.http.http_replica import HttpReplica
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.erasure import Erasure
from quartzdb.domain.errors import InvalidArgument, NamespaceNotFound
from quartzdb.replication.ports import SharedErasure
from tests.behaviour.worker import peer
from tests.behaviour.worker.peer import Peer
from tests.contracts.http.deployments import SyncClient
from tests.contracts.http.records import insert
from tests.worker_site import SECRET, make_key, worker_site

KEPT_SECONDS = "0.3"
WITHIN_SECONDS = 30


def until(condition: Callable[[], bool]) -> None:
    """Alarms are the runtime's: they are waited for, and only that they come at all is asked of them."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "no alarm did it"
        time.sleep(0.02)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Workerd]:
    with worker_site(tmp_path / "site", TOMBSTONE_SECONDS=KEPT_SECONDS) as running:
        yield running


def forgotten(of: Peer, record_id: str) -> bool:
    return record_id not in of.entries_of(record_id)


def test_tombstones_are_forgotten_again_and_again(site: Workerd, tenant: str) -> None:
    """The alarm is set anew by each deletion; also of a process that was killed before it rang."""
    of = Peer(site.url, tenant)
    now = peer.now_ms()
    for turn in range(3):
        record_id = f"r{turn}"
        of.apply(
            peer.upsert("kept", peer.version(now, turn)), peer.delete(record_id, peer.version(now, turn))
        )
        of.apply(peer.patch(f"{record_id}p", peer.version(now, turn), x=1))
        if turn == 1:
            site.kill()
            site.start()
        until(lambda record_id=record_id: forgotten(of, record_id) and forgotten(of, f"{record_id}p"))  # type: ignore[misc]
    assert [change["id"] for change in of.everything()] == ["kept"]


def test_a_reader_who_missed_something_is_told(site: Workerd, tenant: str) -> None:
    """410 with the place to go on from after a repair; who has read it, or begins anew, misses nothing."""
    of = Peer(site.url, tenant)
    now = peer.now_ms()
    of.apply(*(peer.upsert(f"r{n}", peer.version(now, n)) for n in range(4)))
    early = of.page(limit=2)["cursor"]
    of.apply(peer.delete("r3", peer.version(now, 10)))
    late = of.page()["cursor"]
    until(lambda: forgotten(of, "r3"))
    place = {"tenant": tenant, "namespace": "default", "feed": "records"}
    problem = of.refused(410, "feed_gap", "GET", "changes", params={**place, "cursor": early})
    assert of.everything(late) == []
    begun = of.page(limit=1)
    assert [change["id"] for change in begun["changes"]] == ["r0"]
    assert [change["id"] for change in of.everything(begun["cursor"], limit=1)] == ["r1", "r2"]
    of.apply(peer.upsert("new", peer.version(now, 20)))
    for cursor in (problem["cursor"], late):
        assert [change["id"] for change in of.everything(cursor)] == ["new"]


def test_an_expired_key_is_gone_at_once(tmp_path: Path, tenant: str) -> None:
    """It becomes a tombstone of the same version, so that a reader who missed it learns that it is over."""
    with worker_site(tmp_path / "patient") as site:
        of = Peer(site.url, tenant, "keys")
        http = SyncClient(site.url, make_key(site, tenant))
        now = peer.now_ms()
        at = peer.version(now)
        of.apply(peer.put("k", at, b"v" * 3_000_000, expires_at_ms=now + 300), peer.put("stays", at, b"v"))
        of.apply(peer.put("over", at, b"v", expires_at_ms=now - 1))
        assert http.get("/api/get/over").status_code == 404
        until(lambda: http.get("/api/get/k").status_code == 404)
        assert of.digests() == peer.digests_of({"stays": (at, {})})
        over = [peer.delete_key("k", at), peer.delete_key("over", at)]
        until(lambda: all(change in of.everything() for change in over))
        assert of.entries_of("k")["k"] == [at, {}, False]
        assert of.apply(peer.put("k", at, b"again")) == (0, 1)
        assert http.get("/api/get/stays").json()["value"] == "v"
        http.close()


def test_an_expired_key_is_forgotten(site: Workerd, tenant: str) -> None:
    """As what was deleted."""
    of = Peer(site.url, tenant, "keys")
    now = peer.now_ms()
    of.apply(
        peer.put("k", peer.version(now), b"v", expires_at_ms=now + 300),
        peer.put("stays", peer.version(now), b"v"),
    )
    until(lambda: forgotten(of, "k"))
    assert [change["key"] for change in of.everything()] == ["stays"]


def test_a_forgotten_record_was_never_seen(site: Workerd, tenant: str) -> None:
    """404 where it was deleted long ago."""
    http = SyncClient(site.url, make_key(site, tenant))
    insert(http, "a", 1)
    assert http.delete("/api/vector/delete/a").status_code == 200
    until(lambda: http.get("/api/vector/stats").json()["num_vectors"] == 0)
    assert http.delete("/api/vector/delete/a").status_code == 404
    http.close()


def test_the_other_sites_erasures_are_done_when_names_are_forgotten(site: Workerd, tenant: str) -> None:
    """Until then with a time. What is deleted later is not waited for, and what Cloudflare keeps is not vouched for."""
    of, keys = Peer(site.url, tenant), Peer(site.url, tenant, "keys")
    now = peer.now_ms()
    erasures = [
        SharedErasure(tenant, "default", Erasure(f"{number:024x}", now, 1, 0, number == 2))
        for number in (1, 2)
    ]
    replica = HttpReplica(site.url, lambda: SECRET, SystemClock(), site="cloudflare")
    of.apply(peer.upsert("r", peer.version(now)), peer.delete("r", peer.version(now, 1)))
    keys.apply(peer.put("k", peer.version(now), b"v"), peer.delete_key("k", peer.version(now, 1)))
    assert replica.erasures_waiting() == []
    told = replica.erase(erasures)
    assert [one.gone_ms for one in told] == [None, None]
    assert all(one.until_ms is not None and "names" in str(one.why) for one in told)
    until(lambda: all(one.gone_ms is not None for one in replica.erase(erasures)))
    gone = replica.erase(erasures)
    assert all("Cloudflare keeps" in str(one.why) for one in gone)
    of.apply(peer.delete("late", peer.version(now, 5)))
    assert replica.erase(erasures) == gone
    foreign = replace(erasures[0], namespace="other")
    with pytest.raises(NamespaceNotFound):
        replica.erase([foreign])
    with pytest.raises(InvalidArgument):
        replica.erase([replace(foreign, erasure=replace(foreign.erasure, id="1"))])
    replica.close()
