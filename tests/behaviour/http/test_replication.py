"""/v1/replication: what the other site may ask, what nobody else may, and how each refusal reads."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quartzdb.api.app import create_app
from quartzdb.domain.errors import Unavailable
from quartzdb.domain.vector import to_base64
from quartzdb.replication.ports import Checkpoint, Direction, Feed
from quartzdb.replication.site_endpoint import Peering
from quartzdb.replication.status import PeerKind, PeerName, ReplicationStatus
from quartzdb.replication.wire.api_key_document import api_key_document
from quartzdb.services.keys import ApiKeys
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
from tests.behaviour.http.client import Client, refused
from tests.behaviour.http.conftest import SECRETS, SHARED_TENANT
from tests.doubles.memory_api_keys import MemoryApiKeys
from tests.doubles.memory_checkpoints import MemoryCheckpoints
from tests.manual_clock import ManualClock
from tests.replica_sites import NAMESPACE, SECRET, sqlite_site

PATH = "/v1/replication"
CHANGES = f"{PATH}/changes"
VERSION = "018bcfe568000000.there.x"
VECTOR = to_base64(np.array([1, 2, 3], np.float32))
BEYOND = [(name, 2**53 - 1) for name in ("created_at_ms", "expires_at_ms", "revoked_at_ms")]
"""Times that no date can say."""


@pytest.fixture
def peer(http: Client) -> Client:
    """The other site."""
    http.key = SECRETS[0]
    return http


@pytest.fixture
def shared() -> dict[str, str]:
    """A shared namespace that nothing was written to yet."""
    return {"tenant": SHARED_TENANT, "namespace": f"n{secrets.token_hex(6)}"}


def test_an_item_expires_at_a_time_that_a_date_can_say(peer: Client, shared: dict[str, str]) -> None:
    """A later one could be stored, and every read of it would fail for good."""
    item = {"op": "put", "key": "k", "version": VERSION, "value": "AA==", "content_type": "text/plain"}
    at = "changes[0].expires_at_ms"
    body = apply(peer, shared, {**item, "expires_at_ms": 2**53 - 1}, feed="keys")
    refused(body, 400, "invalid_argument", at)
    latest = apply(peer, shared, {**item, "expires_at_ms": 253_402_300_799_999}, feed="keys")
    assert latest.json() == {"applied": 1, "known": 0}


def upsert(record_id: str = "a", **changed: Any) -> dict[str, Any]:
    return {"op": "upsert", "id": record_id, "version": VERSION, "vector": VECTOR, "metadata": {}, **changed}


def apply(
    peer: Client, shared: Mapping[str, str], *changes: object, feed: str = "records", **changed: Any
) -> Any:
    body = {
        **shared,
        "feed": feed,
        "settings": {"dimension": 3, "metric": "cosine"},
        "changes": list(changes),
        **changed,
    }
    return peer.post(CHANGES, body)


def test_what_is_applied_is_read_by_clients(
    peer: Client, shared: dict[str, str], make_key: Callable[..., str]
) -> None:
    """Records and keys of the other site, with their versions."""
    answer = apply(peer, shared, upsert(metadata={"x": 1}), {"op": "delete", "id": "b", "version": VERSION})
    assert answer.json() == {"applied": 2, "known": 0}
    item = {"op": "put", "key": "k", "version": VERSION, "value": "aGk=", "content_type": "text/plain"}
    assert apply(peer, shared, item, feed="keys").json() == {"applied": 1, "known": 0}
    key = make_key("read", of=SHARED_TENANT)
    record = peer.get(f"/v1/namespaces/{shared['namespace']}/vectors/a", key=key).json()
    assert (record["version"], record["metadata"]) == (VERSION, {"x": 1})
    value = peer.get(f"/v1/namespaces/{shared['namespace']}/kv/k", key=key)
    assert (value.text, value.headers["content-type"]) == ("hi", "text/plain")


def test_only_shared_namespaces_are_seen(peer: Client, tenant: str, make_key: Callable[..., str]) -> None:
    """What is not shared is not found, and not created, whatever is asked of it."""
    assert peer.post("/v1/namespaces", {"name": "mine", "dimension": 3}, key=make_key()).status_code == 201
    for name in ("mine", "nobody"):
        hidden = {"tenant": tenant, "namespace": name}
        query = {"params": {**hidden, "feed": "records"}}
        refused(peer.get(CHANGES, **query), 404, "namespace_not_found", "namespace")
        refused(peer.get(f"{PATH}/digests", **query), 404, "namespace_not_found", "namespace")
        refused(peer.get(f"{PATH}/digests/0", **query), 404, "namespace_not_found", "namespace")
        refused(
            peer.post(f"{PATH}/fetch", {**hidden, "feed": "keys", "ids": ["a"]}), 404, "namespace_not_found"
        )
        refused(apply(peer, hidden, upsert()), 404, "namespace_not_found", "namespace")
    listed = peer.get(f"{PATH}/namespaces").json()
    assert listed["site"] == "local"
    assert {one["tenant"] for one in listed["namespaces"]} <= {SHARED_TENANT}
    assert peer.get("/v1/namespaces/nobody", key=make_key()).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ("nonsense", "changes[1]"),
        ({}, "changes[1].op"),
        ({"op": "merge"}, "changes[1].op"),
        (upsert(version="nonsense"), "changes[1].version"),
        (upsert(version=f"{VERSION}!"), "changes[1].version"),
        ({"op": "delete", "id": "a"}, "changes[1].version"),
        (upsert(record_id="no\nid"), "changes[1].id"),
        (upsert(vector=[1, 2, 3]), "changes[1].vector"),
        (upsert(vector="AAA"), "changes[1].vector"),
        (upsert(vector=to_base64(np.array([np.nan] * 3, np.float32))), "changes[1].vector[0]"),
        (upsert(metadata=None), "changes[1].metadata"),
        (upsert(extra=1), "changes[1].extra"),
        ({"op": "patch", "id": "a", "version": VERSION, "set": {"a": 1}, "unset": ["a"]}, "changes[1].unset"),
        ({"op": "patch", "id": "a", "version": VERSION, "unset": "a"}, "changes[1].unset"),
        (
            {"op": "put", "key": "a", "version": VERSION, "value": "aGk=", "content_type": "a/b"},
            "changes[1].op",
        ),
    ],
)
def test_a_bad_record_change_is_refused_by_its_place(
    peer: Client, shared: dict[str, str], change: object, field: str
) -> None:
    """And nothing that came with it is applied, nor the namespace created."""
    problem = apply(peer, shared, upsert("good"), change)
    assert problem.status_code == 400
    assert problem.json()["field"] == field, problem.json()
    assert (
        shared
        not in [
            {"tenant": one["tenant"], "namespace": one["namespace"]}
            for one in peer.get(f"{PATH}/namespaces").json()["namespaces"]
        ]
        or peer.post(f"{PATH}/fetch", {**shared, "feed": "records", "ids": ["good"]}).json()["changes"] == []
    )


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"value": "not base64"}, "changes[0].value"),
        ({"value": 1}, "changes[0].value"),
        ({"content_type": None}, "changes[0].content_type"),
        ({"content_type": "\n"}, "changes[0].content_type"),
        ({"expires_at_ms": -1}, "changes[0].expires_at_ms"),
        ({"expires_at_ms": 1.5}, "changes[0].expires_at_ms"),
        ({"key": ""}, "changes[0].key"),
        ({"op": "upsert"}, "changes[0].op"),
        ({"id": "a"}, "changes[0].id"),
    ],
)
def test_a_bad_key_change_is_refused_by_its_place(
    peer: Client, shared: dict[str, str], changed: dict[str, object], field: str
) -> None:
    """Strictly: nothing is converted."""
    item = {"op": "put", "key": "k", "version": VERSION, "value": "aGk=", "content_type": "a/b", **changed}
    problem = apply(peer, shared, item, feed="keys")
    assert (problem.status_code, problem.json()["field"]) == (400, field), problem.json()


def test_bad_envelopes_are_refused(peer: Client, shared: dict[str, str]) -> None:
    """Too many changes, too many bytes, feeds and settings that there are not, tenants that could climb."""
    delete = {"op": "delete", "id": "a", "version": VERSION}
    refused(apply(peer, shared, *[delete] * 501), 400, "too_large", "changes")
    large = upsert(metadata={"x": "x" * 900_000})
    refused(apply(peer, shared, *[large] * 5), 413, "body_too_large")
    refused(apply(peer, shared, delete, feed="vectors"), 400, "invalid_argument", "feed")
    refused(
        apply(peer, shared, settings={"dimension": 3, "metric": "cos"}),
        400,
        "invalid_argument",
        "settings.metric",
    )
    refused(
        apply(peer, shared, settings={"dimension": 0, "metric": "dot"}),
        400,
        "invalid_argument",
        "settings.dimension",
    )
    for tenant in ("", "a/b", "..", "a#b"):
        refused(apply(peer, {**shared, "tenant": tenant}), 400, "invalid_argument", "tenant")
    refused(apply(peer, {**shared, "namespace": "../x"}), 400, "invalid_argument", "namespace")


def test_the_clock_and_the_settings_are_409(peer: Client, shared: dict[str, str]) -> None:
    """Each with its own code, by which the other side knows whether to try again."""
    assert apply(peer, shared, upsert()).status_code == 200
    ahead = apply(peer, shared, upsert("b"), upsert("c", version="7fffffffffffffff.there.x"))
    refused(ahead, 409, "clock_skew", "changes[1].version")
    differs = apply(peer, shared, settings={"dimension": 4, "metric": "cosine"})
    refused(differs, 409, "namespace_differs", "settings")
    assert peer.post(f"{PATH}/fetch", {**shared, "feed": "records", "ids": ["b"]}).json()["changes"] == []


def test_bad_queries_are_refused(peer: Client, shared: dict[str, str]) -> None:
    """By the parameter that is wrong."""
    query = {**shared, "feed": "records"}
    assert apply(peer, shared, upsert()).status_code == 200
    for changed, field in (
        ({"feed": "all"}, "feed"),
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"from": "x"}, "from"),
    ):
        problem = peer.get(CHANGES, params={**query, **changed})
        assert (problem.status_code, problem.json()["field"]) == (400, field)
    for bucket in ("256", "-1", "x", "0x1", "99999999999999999999"):
        refused(peer.get(f"{PATH}/digests/{bucket}", params=query), 400, "invalid_argument", "bucket")
    for ids in ([], ["a"] * 101):
        refused(peer.post(f"{PATH}/fetch", {**query, "ids": ids}), 400, "invalid_argument", "ids")


def test_a_feed_that_is_not_kept_is_410_with_a_cursor(tmp_path: Path) -> None:
    """From which the feed goes on after a repair."""
    clock = ManualClock()
    site = sqlite_site("here", tmp_path, clock)
    with Client(create_app(site.database), SECRET) as peer:
        shared = {"tenant": NAMESPACE.tenant, "namespace": NAMESPACE.namespace}
        query = {**shared, "feed": "records"}
        for name in ("a", "b", "c"):
            assert apply(peer, shared, upsert(name)).status_code == 200
            clock.seconds += 60
            site.fold()
        problem = refused(peer.get(CHANGES, params=query), 410, "feed_gap", "cursor")
        assert peer.get(CHANGES, params={**query, "cursor": problem["cursor"]}).json()["changes"] == []
        assert apply(peer, shared, upsert("d")).status_code == 200
        page = peer.get(CHANGES, params={**query, "cursor": problem["cursor"]}).json()
        assert [change["id"] for change in page["changes"]] == ["d"]


def test_a_shared_namespace_is_not_deleted(
    peer: Client, shared: dict[str, str], make_key: Callable[..., str]
) -> None:
    """The other site would bring it back; what is in it can be deleted."""
    assert apply(peer, shared, upsert()).status_code == 200
    key = make_key(of=SHARED_TENANT)
    path = f"/v1/namespaces/{shared['namespace']}"
    problem = refused(peer.delete(path, key=key), 409, "namespace_shared", "namespace")
    assert "records and keys" in problem["hint"]
    assert peer.post(f"{path}/vectors/delete", {"ids": ["a"]}, key=key).json()["deleted"] == 1


def test_only_the_active_site_decides_compare_and_sets(tmp_path: Path) -> None:
    """In shared namespaces: other writes, and other namespaces, go on as ever."""
    active = False
    peering = Peering("here", list, shared=lambda _, name: name == "both", active=lambda: active)
    database = open_embedded(EmbeddedSettings(tmp_path), peering=peering)
    key = database.api_keys.create("t", "test", ["read", "write", "admin"])[1]
    with Client(create_app(database), key) as http:
        for name in ("both", "mine"):
            assert http.post("/v1/namespaces", {"name": name}).status_code == 201
        path = "/v1/namespaces/both/kv/k"
        once = {"headers": {"If-None-Match": "*"}}
        assert (
            "active site"
            in refused(http.put(path, content=b"1", **once), 409, "not_active_site", "key")["hint"]
        )
        assert http.get(path).status_code == 404
        assert http.put("/v1/namespaces/mine/kv/k", content=b"1", **once).status_code == 200
        etag = http.put(path, content=b"1").headers["etag"]
        same = {"headers": {"If-Match": etag}}
        refused(http.put(path, content=b"2", **same), 409, "not_active_site")
        refused(http.delete(path, **same), 409, "not_active_site")
        assert http.get(path, headers={"If-None-Match": etag}).status_code == 304
        active = True
        assert http.put(path, content=b"2", **same).status_code == 200


def test_api_keys_are_taken_only_where_the_other_site_manages_them(tmp_path: Path, peer: Client) -> None:
    """A key that is taken over opens this site, until its revocation is."""
    document = {
        "id": "5f2b8c0d91ae",
        "tenant": "t",
        "name": "n",
        "scopes": ["read"],
        "secret_sha256": "00" * 32,
        "created_at_ms": 1,
        "expires_at_ms": None,
        "revoked_at_ms": None,
    }
    refused(peer.put(f"{PATH}/api-keys", json={"keys": [document]}), 409, "conflict", "keys")
    site = sqlite_site("here", tmp_path, ManualClock())
    with Client(create_app(site.database), SECRET) as managed:
        assert managed.put(f"{PATH}/api-keys", json={"keys": [document]}).json() == {"applied": 1}
        for name, value in (
            ("secret_sha256", "zz"),
            ("scopes", "read"),
            ("created_at_ms", True),
            ("x", 1),
            *BEYOND,
        ):
            problem = managed.put(f"{PATH}/api-keys", json={"keys": [{**document, name: value}]})
            assert (problem.status_code, problem.json()["field"]) == (400, f"keys[0].{name}")
        other, text = site.database.api_keys.create("t", "elsewhere", ["read"])
        assert managed.get("/v1/namespaces", key=text).status_code == 200
        revoked = {
            **document,
            "id": other.id,
            "secret_sha256": other.secret_sha256.hex(),
            "revoked_at_ms": 2,
        }
        assert managed.put(f"{PATH}/api-keys", json={"keys": [revoked]}).json() == {"applied": 1}
        site.adapters.clock.sleep(10)
        refused(managed.get("/v1/namespaces", key=text), 401, "unauthenticated")


@pytest.mark.parametrize(
    "wider", [{"scopes": ["read", "admin"]}, {"namespaces": None}, {"namespaces": ["a", "b"]}]
)
def test_the_secret_cannot_widen_a_key(tmp_path: Path, wider: dict[str, object]) -> None:
    """What a key may do is settled when it comes; nothing else of the request is taken. A revocation always is."""
    site = sqlite_site("here", tmp_path, ManualClock())
    made, _ = ApiKeys(MemoryApiKeys(), ManualClock()).create("t", "n", ["read"], namespaces=["a"])
    new, _ = ApiKeys(MemoryApiKeys(), ManualClock()).create("t", "n", ["read"])
    with Client(create_app(site.database), SECRET) as managed:
        assert managed.put(f"{PATH}/api-keys", json={"keys": [api_key_document(made)]}).json() == {
            "applied": 1
        }
        document = {**api_key_document(made), **wider}
        body = {"keys": [api_key_document(new), document]}
        refused(managed.put(f"{PATH}/api-keys", json=body), 409, "conflict", "keys[1].id")
        assert site.database.api_keys.list("t") == [made]
        body = {"keys": [{**document, "revoked_at_ms": 5}]}
        assert managed.put(f"{PATH}/api-keys", json=body).json() == {"applied": 1}
    assert site.database.api_keys.list("t") == [replace(made, revoked_at_ms=5)]


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[tuple[Client, dict[str, str]]]:
    """A site whose replication of two tenants stands differently; a key with the scope admin of each."""
    clock = ManualClock()
    checkpoints = MemoryCheckpoints()
    for tenant, pending in (("one", 1), ("two", 20)):
        direction = Direction("here", "there", tenant, "default", Feed.RECORDS)
        checkpoints.write(direction, Checkpoint("c", through_ms=clock.unix_ms(), pending=pending))
    status = ReplicationStatus("here", [PeerName("there", PeerKind.FULL)], checkpoints, clock)
    database = open_embedded(
        EmbeddedSettings(tmp_path), peering=Peering("here", lambda: [SECRET], status=status)
    )
    keys = {tenant: database.api_keys.create(tenant, "test", ["admin"])[1] for tenant in ("one", "two")}
    with Client(create_app(database), SECRET) as client:
        yield client, keys


def test_the_status_is_of_the_tenant_that_asks(followed: tuple[Client, dict[str, str]]) -> None:
    """Only the other site sees all of it."""
    client, keys = followed

    def pending(key: str) -> int:
        (peer,) = client.get(f"{PATH}/status", key=key).json()["peers"]
        found: int = peer["outbound"]["pending"]
        return found

    assert {tenant: pending(key) for tenant, key in keys.items()} == {"one": 1, "two": 20}
    assert pending(SECRET) == 21


def test_a_site_without_a_secret_lets_nobody_in(tmp_path: Path) -> None:
    """Whether it is alone, has none configured, or one that is too short to be meant."""
    alone = open_embedded(EmbeddedSettings(tmp_path / "alone"))
    admin = alone.api_keys.create("t", "test", ["admin"])[1]
    with Client(create_app(alone)) as client:
        for key in (None, "", "x", SECRET):
            refused(client.get(f"{PATH}/namespaces", key=key), 401, "unauthenticated")
        refused(client.get(f"{PATH}/status", key=admin), 404, "not_found")
    for number, some in enumerate(([], [""], ["short"])):
        peering = Peering("here", lambda some=some: some)  # type: ignore[misc]
        database = open_embedded(EmbeddedSettings(tmp_path / str(number)), peering=peering)
        with Client(create_app(database)) as client:
            for key in (None, "", *some):
                refused(client.get(f"{PATH}/namespaces", key=key), 401, "unauthenticated")


def test_a_secret_can_be_rotated(tmp_path: Path) -> None:
    """What is good is asked for with each request; where that cannot be found out the peer is told to come again."""
    good = ["the first of the secrets"]

    def secrets_now() -> list[str]:
        if not good:
            raise Unavailable("The secrets cannot be read.", retry_after_s=7)
        return good

    database = open_embedded(EmbeddedSettings(tmp_path), peering=Peering("here", secrets_now))
    with Client(create_app(database)) as client:
        path = f"{PATH}/namespaces"
        assert client.get(path, key="the first of the secrets").status_code == 200
        good[:] = ["the second of the secrets", "the first of the secrets"]
        assert client.get(path, key="the first of the secrets").status_code == 200
        good.pop()
        refused(client.get(path, key="the first of the secrets"), 401, "unauthenticated")
        assert client.get(path, key="the second of the secrets").status_code == 200
        good.clear()
        problem = client.get(path, key="the second of the secrets")
        refused(problem, 503, "unavailable")
        assert problem.headers["retry-after"] == "7"


def test_no_secret_is_logged(peer: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a good one nor a bad one."""
    caplog.set_level("DEBUG")
    peer.get(f"{PATH}/namespaces")
    peer.get(f"{PATH}/namespaces", key="a secret of nobody at all")
    assert caplog.records
    assert not any(text in caplog.text for text in (*SECRETS, "a secret of nobody"))
