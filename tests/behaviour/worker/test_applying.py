"""Applying at the Worker: all of a request or nothing, clocks, and every refusal of the protocol."""

from __future__ import annotations

from typing import Any

import pytest

from local.workerd import Workerd
from tests.behaviour.worker import peer
from tests.behaviour.worker.peer import SETTINGS, Document, Peer
from tests.contracts.http.deployments import SyncClient
from tests.contracts.http.records import insert
from tests.worker_site import give_keys, new_key, worker_site

SECRETS = ("the-present-secret", "the-one-before-it")


def body_of(of: Peer, **members: Any) -> Document:
    place = {"tenant": of.tenant, "namespace": "default", "feed": of.feed}
    return {**place, "settings": SETTINGS, "changes": [], **members}


def test_applied_and_known_are_counted(records: Peer, keys: Peer) -> None:
    """What changed something, and what did not: also within one request."""
    now = peer.now_ms()
    first, second = peer.upsert("a", peer.version(now)), peer.upsert("a", peer.version(now, 1))
    assert records.apply(first) == (1, 0)
    assert records.apply(first, second, first, second) == (1, 3)
    assert records.apply() == (0, 0)
    assert keys.apply(peer.put("a", peer.version(now), b""), peer.delete_key("a", peer.version(now))) == (
        1,
        1,
    )


def test_ids_that_only_the_other_site_can_write_are_taken(records: Peer, http: SyncClient) -> None:
    """Its own API takes any printable text. Here /api cannot name them, and they are handed on like all others."""
    now = peer.now_ms()
    ids = ["https://example.org/a?b#c", "a b", "日本語", "\U0001f469\u200d\U0001f467", "é" * 256]
    assert records.apply(*(peer.upsert(one, peer.version(now)) for one in ids)) == (5, 0)
    assert sorted(change["id"] for change in records.everything()) == sorted(ids)
    assert http.get("/api/vector/get/a%20b").status_code == 404


def test_what_the_other_site_declares_is_kept_for_it(records: Peer) -> None:
    """As it was said: this site knows nothing of text. Not saying it again takes nothing back."""

    def listed() -> Document:
        every = records.ask("GET", "namespaces").json()["namespaces"]
        found: Document = next(one for one in every if one["tenant"] == records.tenant)
        return {name: value for name, value in found.items() if name not in ("tenant", "namespace")}

    text = {"body": {"language": "klingon", "later": [1, {"two": None}]}}
    said = {**SETTINGS, "text": text, "sparse": ["splade"]}
    change = peer.upsert("a", peer.version(peer.now_ms()))
    assert records.ask("POST", "changes", json=body_of(records, settings=said, changes=[change])).is_success
    assert listed() == said
    assert records.apply(change) == (0, 1)
    assert listed() == said
    wrong: list[Document] = [{"text": ["body"]}, {"sparse": {}}, {"text": {"x" * 70_000: {}}}]
    for bad in wrong:
        records.refused(
            400, "invalid_argument", "POST", "changes", json=body_of(records, settings={**SETTINGS, **bad})
        )


@pytest.mark.parametrize("path", ["namespaces/default/query", "namespaces", "keys", "usage"])
def test_what_the_other_site_serves_is_not_served_here(records: Peer, http: SyncClient, path: str) -> None:
    """A problem document that says where to ask."""
    answer = http.post(f"/v1/{path}", json={"text": {"query": "a"}})
    assert (answer.status_code, answer.json()["code"]) == (501, "not_served_here")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "other site" in answer.json()["hint"]
    assert http.get("/v1/nothing").status_code == 404


@pytest.mark.parametrize("ahead_ms", [60_000, 10_000_000])
def test_a_version_from_the_future_is_refused_with_its_request(records: Peer, ahead_ms: int) -> None:
    """409, and nothing of the request is applied."""
    now = peer.now_ms()
    changes = [peer.upsert("good", peer.version(now)), peer.upsert("bad", peer.version(now + ahead_ms))]
    records.refused(409, "clock_skew", "POST", "changes", json=body_of(records, changes=changes))
    assert records.everything() == []


def test_a_write_here_is_later_than_all_that_was_taken_over(records: Peer, http: SyncClient) -> None:
    """Also than what is a little ahead of this clock; a write of the other site that is later wins again."""
    ahead = peer.now_ms() + 400
    records.apply(peer.upsert("a", peer.version(ahead, 65_535, "zz.1"), 1.0, whose="theirs"))
    insert(http, "a", 1, metadata={"whose": "ours"})
    assert http.get("/api/vector/get/a").json()["metadata"] == {"whose": "ours"}
    (ours,) = records.everything()
    assert ours["version"] > peer.version(ahead, 65_535, "zz.1")
    after = peer.version((int(ours["version"][:16], 16) >> 16) + 1)
    records.apply(peer.upsert("a", after, 1.0, whose="theirs again"))
    assert http.get("/api/vector/get/a").json()["metadata"] == {"whose": "theirs again"}


GOOD = peer.upsert("a", peer.version(1_700_000_000_000))
PUT = peer.put("k", peer.version(1_700_000_000_000), b"v")


@pytest.mark.parametrize(
    ("feed", "change"),
    [
        ("records", 3),
        ("records", {}),
        ("records", {**GOOD, "op": "put"}),
        ("records", {**GOOD, "op": None}),
        ("records", {**GOOD, "id": "a\nb"}),
        ("records", {**GOOD, "id": ".."}),
        ("records", {**GOOD, "id": "é" * 257}),
        ("records", {**GOOD, "id": 3}),
        ("records", {**GOOD, "version": "x"}),
        ("records", {**GOOD, "version": GOOD["version"].upper()}),
        ("records", {**GOOD, "version": f"8{GOOD['version'][1:]}"}),
        ("records", {**GOOD, "vector": [1.0] * 384}),
        ("records", {**GOOD, "vector": "zczMPQ=="}),
        ("records", {**GOOD, "vector": peer.vector_text(float("nan"))}),
        ("records", {**GOOD, "vector": "not base64"}),
        ("records", {**GOOD, "metadata": []}),
        ("records", {"op": "patch", "id": "a", "version": GOOD["version"], "set": {"x": 1}, "unset": ["x"]}),
        ("records", {"op": "patch", "id": "a", "version": GOOD["version"], "set": [], "unset": []}),
        ("records", {"op": "patch", "id": "a", "version": GOOD["version"], "set": {}, "unset": [3]}),
        ("keys", GOOD),
        ("keys", {**PUT, "key": ""}),
        ("keys", {**PUT, "key": "k" * 513}),
        ("keys", {**PUT, "value": "%"}),
        ("keys", {**PUT, "value": None}),
        ("keys", {**PUT, "content_type": ""}),
        ("keys", {**PUT, "content_type": "a\nb"}),
        ("keys", {**PUT, "expires_at_ms": 1.5}),
        ("keys", {**PUT, "expires_at_ms": -1}),
        ("keys", {**PUT, "expires_at_ms": 2**53 - 1}),
    ],
)
def test_a_bad_change_is_400_with_all_of_its_request(
    site: Workerd, tenant: str, feed: str, change: Any
) -> None:
    """The place is named, and what stands before it is not applied."""
    of = Peer(site.url, tenant, feed)
    good = (
        peer.delete("fine", peer.version(1))
        if feed == "records"
        else peer.delete_key("fine", peer.version(1))
    )
    answer = of.ask("POST", "changes", json=body_of(of, changes=[good, change]))
    assert answer.status_code == 400, answer.text
    assert answer.json()["field"].startswith("changes[1]")
    assert of.everything() == []


@pytest.mark.parametrize(
    ("members", "status", "code"),
    [
        ({"settings": {"dimension": 3, "metric": "cosine"}}, 409, "namespace_differs"),
        ({"settings": {"dimension": 384, "metric": "dot"}}, 409, "namespace_differs"),
        ({"settings": {"dimension": None, "metric": "cosine"}}, 409, "namespace_differs"),
        ({"settings": None}, 400, "invalid_argument"),
        ({"namespace": "books"}, 404, "namespace_not_found"),
        ({"feed": "nothing"}, 400, "invalid_argument"),
        ({"tenant": ""}, 400, "invalid_argument"),
        ({"tenant": "../x"}, 400, "invalid_argument"),
        ({"tenant": "x" * 64}, 400, "invalid_argument"),
        ({"changes": None}, 400, "invalid_argument"),
        ({"changes": [peer.delete(f"r{n}", peer.version(1)) for n in range(501)]}, 400, "invalid_argument"),
    ],
)
def test_a_bad_request_changes_nothing(records: Peer, members: Document, status: int, code: str) -> None:
    """Whatever is wrong about it."""
    body = body_of(records, changes=[peer.delete("a", peer.version(1))]) | members
    records.refused(status, code, "POST", "changes", json=body)
    assert records.everything() == []


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "changes?tenant=t&namespace=default", 400, "invalid_argument"),
        ("GET", "changes?namespace=default&feed=keys", 400, "invalid_argument"),
        ("GET", "changes?tenant=t&namespace=books&feed=keys", 404, "namespace_not_found"),
        ("GET", "changes?tenant=t&namespace=default&feed=keys&limit=0", 400, "invalid_argument"),
        ("GET", "changes?tenant=t&namespace=default&feed=keys&limit=501", 400, "invalid_argument"),
        ("GET", "changes?tenant=t&namespace=default&feed=keys&limit=x", 400, "invalid_argument"),
        ("GET", "changes?tenant=t&namespace=default&feed=keys&exclude_site=A.b", 400, "invalid_argument"),
        ("GET", "digests?tenant=t&namespace=default", 400, "invalid_argument"),
        ("GET", "digests/256?tenant=t&namespace=default&feed=keys", 400, "invalid_argument"),
        ("GET", "digests/x?tenant=t&namespace=default&feed=keys", 400, "invalid_argument"),
        ("GET", "digests/1/2?tenant=t&namespace=default&feed=keys", 404, "route_not_found"),
        ("GET", "digests/1?tenant=t&namespace=default&feed=keys&limit=1001", 400, "invalid_argument"),
        ("POST", "fetch", 400, "invalid_json"),
        ("PUT", "api-keys", 400, "invalid_json"),
        ("POST", "namespaces", 404, "route_not_found"),
        ("GET", "", 404, "route_not_found"),
        ("GET", "nothing", 404, "route_not_found"),
    ],
)
def test_what_the_protocol_does_not_have_is_refused(
    records: Peer, method: str, path: str, status: int, code: str
) -> None:
    """With a problem document; who has no secret is told nothing of it."""
    records.refused(status, code, method, path)
    Peer(records.url, records.tenant, secret=None).refused(401, "unauthenticated", method, path)


@pytest.mark.parametrize("ids", [[], [f"r{n}" for n in range(101)], [3], None])
def test_fetch_takes_1_to_100_ids(records: Peer, ids: Any) -> None:
    """Texts."""
    body = {"tenant": records.tenant, "namespace": "default", "feed": "records", "ids": ids}
    records.refused(400, "invalid_argument", "POST", "fetch", json=body)


def test_a_request_may_have_4_mb_unless_it_is_one_change(keys: Peer) -> None:
    """More is 413; a value of 10 MB comes alone, and one byte more is 400."""
    now = peer.now_ms()
    large = [peer.put(f"k{n}", peer.version(now, n), b"v" * 1_700_000) for n in range(2)]
    keys.refused(413, "body_too_large", "POST", "changes", json=body_of(keys, changes=large))
    assert keys.apply(peer.put("k", peer.version(now), b"v" * 10 * 1024 * 1024)) == (1, 0)
    over = peer.put("k", peer.version(now, 1), b"v" * (10 * 1024 * 1024 + 1))
    keys.refused(400, "too_large", "POST", "changes", json=body_of(keys, changes=[over]))


def test_tenants_are_shared_and_apart(site: Workerd, records: Peer) -> None:
    """Each with its own namespace `default`; one that nobody wrote to is empty."""
    other = Peer(site.url, f"{records.tenant}.2")
    records.apply(peer.upsert("a", peer.version(1)))
    assert other.everything() == []
    assert other.fetch("a")["changes"] == []
    assert other.digests() == [[0, 0]] * 256
    other.apply(peer.upsert("a", peer.version(2)))
    assert [one["version"] for one in records.everything()] == [peer.version(1)]
    document = records.ask("GET", "namespaces").json()
    assert document["site"] == "cloudflare"
    shared = {"namespace": "default", "dimension": 384, "metric": "cosine"}
    for tenant in (records.tenant, other.tenant):
        assert {"tenant": tenant, **shared} in document["namespaces"]


def test_either_secret_is_good_and_no_other(tmp_path: Any) -> None:
    """So that one can be rotated. Not an API key, not a part of one, not none; too short a secret lets nobody in."""
    bindings = {"REPLICATION_SECRET": SECRETS[0], "REPLICATION_SECRET_PREVIOUS": SECRETS[1]}
    with worker_site(tmp_path / "two", **bindings) as site:
        for secret in SECRETS:
            assert Peer(site.url, "t", secret=secret).ask("GET", "namespaces").status_code == 200
        for wrong in (None, SECRETS[0][:-1], SECRETS[0] + "x", new_key("t")[1]):
            Peer(site.url, "t", secret=wrong).refused(401, "unauthenticated", "GET", "namespaces")
    for weak in ("", "short"):
        with worker_site(tmp_path / f"weak{len(weak)}", REPLICATION_SECRET=weak) as site:
            for given in (weak or None, "another"):
                Peer(site.url, "t", secret=given).refused(401, "unauthenticated", "GET", "namespaces")


def test_the_status_is_told_to_the_peer_and_to_admins(site: Workerd, records: Peer) -> None:
    """The other side drives and knows the lag; this one says that it is there, and what time it has."""
    reader, admin = new_key(records.tenant, ["read"]), new_key(records.tenant, ["admin"])
    give_keys(site.url, [reader[0], admin[0]])
    for secret in (records.secret, admin[1]):
        status = Peer(site.url, "t", secret=secret).ask("GET", "status").json()
        assert (status["site"], status["peers"]) == ("cloudflare", [])
        assert abs(status["now_ms"] - peer.now_ms()) < 60_000
    Peer(site.url, "t", secret=reader[1]).refused(403, "forbidden", "GET", "status")
    Peer(site.url, "t", secret=None).refused(401, "unauthenticated", "GET", "status")
