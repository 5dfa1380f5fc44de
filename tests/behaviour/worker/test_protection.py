"""What stands before the Worker's API: keys that arrive as hashes, the edge's secret, and a rate per key."""

from __future__ import annotations

import http.client
import json
from dataclasses import replace
from pathlib import Path

import pytest

from local.workerd import Workerd
from tests.behaviour.http.client import refused_as_cloudflare
from tests.behaviour.worker import peer
from tests.behaviour.worker.peer import Document, Peer
from tests.contracts.http.deployments import SyncClient
from tests.worker_site import give_keys, key_document, make_key, new_key, worker_site

EDGE = "the-secret-of-the-edge"


def works(site: Workerd, key: str) -> bool:
    client = SyncClient(site.url, key)
    status = client.get("/api/vector/stats").status_code
    client.close()
    assert status in {200, 401}
    return status == 200


def test_a_key_works_once_its_hash_has_come(site: Workerd, tenant: str) -> None:
    """Not before; sending it again changes nothing."""
    key, text = new_key(tenant)
    assert not works(site, text)
    assert give_keys(site.url, [key]) == 1
    assert works(site, text)
    assert give_keys(site.url, [key, new_key(tenant)[0]]) == 1


def test_a_revocation_ends_a_key_and_is_not_taken_back(site: Workerd, tenant: str) -> None:
    """The earliest of several stays."""
    key, text = new_key(tenant)
    give_keys(site.url, [key])
    assert works(site, text)
    assert give_keys(site.url, [replace(key, revoked_at_ms=2_000)]) == 1
    assert not works(site, text)
    for same in (key, replace(key, revoked_at_ms=2_000), replace(key, revoked_at_ms=3_000)):
        assert give_keys(site.url, [same]) == 0
    assert give_keys(site.url, [replace(key, revoked_at_ms=1_000)]) == 1
    assert not works(site, text)


def test_an_expired_key_does_not_work(site: Workerd, tenant: str) -> None:
    """From its time on."""
    over, over_text = new_key(tenant)
    later, later_text = new_key(tenant)
    now = peer.now_ms()
    give_keys(site.url, [replace(over, expires_at_ms=now - 1), replace(later, expires_at_ms=now + 3_600_000)])
    assert not works(site, over_text)
    assert works(site, later_text)


def test_an_end_moves_only_nearer(site: Workerd, tenant: str) -> None:
    """As it does for a key that was rotated."""
    key, text = new_key(tenant)
    give_keys(site.url, [key])
    assert works(site, text)
    now = peer.now_ms()
    assert give_keys(site.url, [replace(key, expires_at_ms=now + 3_600_000)]) == 1
    assert give_keys(site.url, [replace(key, expires_at_ms=now + 7_200_000)]) == 0
    assert give_keys(site.url, [key]) == 0
    assert works(site, text)
    assert give_keys(site.url, [replace(key, expires_at_ms=now - 1)]) == 1
    assert not works(site, text)
    assert give_keys(site.url, [replace(key, expires_at_ms=now + 3_600_000)]) == 0
    assert not works(site, text)


def test_the_secret_cannot_widen_a_key(records: Peer, site: Workerd, tenant: str) -> None:
    """What a key may do is settled when it comes. A revocation is taken, whatever comes with it."""
    key, text = new_key(tenant, ["read"], namespaces=["default"])
    give_keys(site.url, [key])
    for wider in (
        replace(key, scopes=frozenset({"read", "write"})),
        replace(key, namespaces=None),
        replace(key, namespaces=frozenset({"default", "other"})),
    ):
        records.refused(409, "conflict", "PUT", "api-keys", json={"keys": [key_document(wider)]})
    assert give_keys(site.url, [replace(key, name="another")]) == 0
    assert works(site, text)
    assert give_keys(site.url, [replace(key, namespaces=None, revoked_at_ms=9)]) == 1
    assert not works(site, text)


def test_a_key_of_other_namespaces_does_not_reach_this_one(site: Workerd, tenant: str) -> None:
    """This site has the default one alone; a key of it may read, and neither sees how replication stands."""
    for namespaces, status in ((["other"], 401), (["default", "other"], 200)):
        key, text = new_key(tenant, ["read", "admin"], namespaces=namespaces)
        give_keys(site.url, [key])
        client = SyncClient(site.url, text)
        assert client.get("/api/vector/stats").status_code == status
        assert client.get("/v1/replication/status").status_code == 403
        client.close()


def test_an_id_that_is_another_key_is_refused(records: Peer, site: Workerd) -> None:
    """With all of its request: whoever made it up must not get another tenant's data."""
    key, text = new_key("victim")
    give_keys(site.url, [key])
    fresh, fresh_text = new_key("victim")
    for other in (replace(key, tenant="thief"), replace(key, secret_sha256=bytes(32))):
        body = {"keys": [key_document(fresh), key_document(other)]}
        records.refused(409, "conflict", "PUT", "api-keys", json=body)
    assert works(site, text)
    assert not works(site, fresh_text)


KEY = key_document(new_key("t")[0])


@pytest.mark.parametrize(
    "document",
    [
        3,
        {},
        {**KEY, "id": "x"},
        {**KEY, "tenant": ""},
        {**KEY, "tenant": "a/b"},
        {**KEY, "name": ""},
        {**KEY, "name": "a\nb"},
        {**KEY, "scopes": []},
        {**KEY, "scopes": ["root"]},
        {**KEY, "scopes": "read"},
        {**KEY, "secret_sha256": "00"},
        {**KEY, "created_at_ms": None},
        {**KEY, "expires_at_ms": "never"},
        {**KEY, "revoked_at_ms": -1},
        {**KEY, "created_at_ms": 2**53 - 1},
        {**KEY, "expires_at_ms": 253_402_300_800_000},
        {**KEY, "revoked_at_ms": 2**53 - 1},
        {**KEY, "namespaces": []},
        {**KEY, "namespaces": ["A/b"]},
        {**KEY, "created_by": "x"},
    ],
)
def test_a_bad_key_is_400(records: Peer, document: Document) -> None:
    """And the place is named."""
    problem = records.refused(400, "invalid_argument", "PUT", "api-keys", json={"keys": [document]})
    assert problem["field"].startswith("keys[0]")


def test_nothing_is_served_past_the_edge(tmp_path: Path) -> None:
    """Where there is one: 403 on the API, health and replication without its secret. The other site sends it."""
    with worker_site(
        tmp_path / "site", ORIGIN_SECRET=EDGE, ORIGIN_SECRET_PREVIOUS="the-one-before-it"
    ) as site:
        key, text = new_key("t")
        give_keys(site.url, [key], headers={"x-quartzdb-origin-secret": EDGE})
        client, other_site = SyncClient(site.url, text), Peer(site.url, "t")
        for path in ("/api/vector/stats", "/api/nothing", "/%61pi/vector/stats", "/health"):
            for given in ({}, {"x-quartzdb-origin-secret": "wrong"}, {"x-quartzdb-origin-secret": EDGE[:-1]}):
                answer = client.get(path, headers=given)
                assert (answer.status_code, answer.json()["code"]) == (403, "origin_refused")
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.headers["access-control-allow-origin"] == "*"
        for given in ({}, {"x-quartzdb-origin-secret": "wrong"}):
            answer = other_site.ask("GET", "namespaces", headers=given)
            assert (answer.status_code, answer.json()["code"]) == (403, "origin_refused")
        for secret in (EDGE, "the-one-before-it"):
            through = {"x-quartzdb-origin-secret": secret}
            assert client.get("/api/vector/stats", headers=through).status_code == 200
            assert client.get("/health", headers=through).status_code == 200
        assert client.get("/").status_code == 200
        assert other_site.ask("GET", "namespaces", headers=through).status_code == 200
        client.close()


def test_a_key_that_is_too_fast_is_told_when_to_come_back(tmp_path: Path) -> None:
    """429 with Retry-After; other keys have a rate of their own."""
    with worker_site(tmp_path / "site", RATE_PER_SECOND="0.01") as site:
        one, other = (SyncClient(site.url, make_key(site, "t")) for _ in range(2))
        first = one.get("/api/vector/stats")
        assert first.status_code == 200
        assert first.headers["ratelimit"].startswith('"key";r=0;t=')
        over = one.get("/api/vector/stats")
        refused_as_cloudflare(over, 429, "rate_limited")
        assert 1 <= int(over.headers["retry-after"]) <= 100
        assert over.headers["ratelimit-policy"] == '"key";q=1;w=100'
        assert other.get("/api/vector/stats").status_code == 200
        one.close()
        other.close()


def test_a_body_that_is_too_large_is_refused_before_it_is_read(site: Workerd, tenant: str) -> None:
    """By the length that it announces."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    connection.putrequest("POST", "/api/put")
    connection.putheader("Authorization", f"Bearer {make_key(site, tenant)}")
    connection.putheader("Content-Length", "99999999")
    connection.endheaders(b"{")
    answer = connection.getresponse()
    assert answer.status == 413
    assert answer.headers["access-control-allow-origin"] == "*"
    connection.close()


def test_no_secret_is_written_to_the_log(site: Workerd, tenant: str) -> None:
    """Neither keys nor the sites' secret, whatever is asked."""
    key = make_key(site, tenant)
    client = SyncClient(site.url, key)
    client.post("/api/put", {"key": "k", "value": "v"})
    client.get("/api/nothing", key="qdb_live_wrong")
    Peer(site.url, tenant, secret="a-wrong-secret-of-the-sites").ask("GET", "namespaces")
    client.close()
    log = site.log.read_text()
    assert not any(secret in log for secret in (key, key[22:], "a-wrong-secret", "the-secret-of-both"))


def test_the_secret_gives_nothing_of_a_tenant_that_is_not_shared(tmp_path: Path) -> None:
    """Neither its data nor a key of it; both of those that SHARED_TENANTS names."""
    with worker_site(tmp_path / "site", SHARED_TENANTS="mine, ours") as site:
        theirs = Peer(site.url, "victim", "records")
        at = peer.version(peer.now_ms())
        place = {"tenant": "victim", "namespace": "default", "feed": "records"}
        changes = {**place, "settings": peer.SETTINGS, "changes": [peer.upsert("a", at)]}
        mine, _ = new_key("mine")
        stolen, stolen_text = new_key("victim")
        for method, path, sent in (
            ("POST", "changes", {"json": changes}),
            ("GET", "changes", {"params": place}),
            ("GET", "digests", {"params": place}),
            ("GET", "digests/0", {"params": place}),
            ("POST", "fetch", {"json": {**place, "ids": ["a"]}}),
            ("PUT", "api-keys", {"json": {"keys": [key_document(mine), key_document(stolen)]}}),
        ):
            theirs.refused(404, "namespace_not_found", method, path, **sent)
        assert not works(site, stolen_text)
        ours, ours_text = new_key("ours")
        assert give_keys(site.url, [mine, ours]) == 2
        assert works(site, ours_text)
        assert {one["tenant"] for one in theirs.ask("GET", "namespaces").json()["namespaces"]} == {
            "mine",
            "ours",
        }


def test_every_attempt_to_bring_keys_is_in_the_log(records: Peer, site: Workerd, tenant: str) -> None:
    """What was refused as well, with the ids alone: neither hashes nor names."""
    key, _ = new_key(tenant)
    document = {"keys": [{**key_document(key), "name": "a name of somebody"}]}
    give_keys(site.url, [key])
    conflict = {"keys": [key_document(replace(key, secret_sha256=bytes(32)))]}
    expected: list[tuple[str, str | None, str | None, str]] = []
    for status, code, target, sent in (
        (400, "invalid_argument", None, {"json": {"keys": [{**key_document(key), "scopes": ["root"]}]}}),
        (400, "invalid_json", None, {"content": b"{"}),
        (409, "conflict", key.id, {"json": conflict}),
    ):
        problem = records.refused(status, code, "PUT", "api-keys", **sent)
        expected.append((problem["request_id"], "peer", target, code))
    stranger = replace(records, secret="x" * 32)
    problem = stranger.refused(401, "unauthenticated", "PUT", "api-keys", json=document)
    expected.append((problem["request_id"], None, None, "unauthenticated"))
    said = site.log.read_text()
    lines = [json.loads(line) for line in said.splitlines() if line.startswith('{"event":"audit"')]
    found = {(one["request_id"], one["key_id"], one["target"], one["outcome"]) for one in lines}
    assert set(expected) <= found
    assert (key.id, "done") in {(one["target"], one["outcome"]) for one in lines}
    assert "a name of somebody" not in said
    assert key.secret_sha256.hex() not in said
