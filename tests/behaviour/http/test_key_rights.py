"""What a key may grant and reach: no more than it has, over every route, and with its lineage."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quartzdb.wiring.embedded import Database
from tests.behaviour.http.client import Client, refused
from tests.behaviour.http.test_scopes import EXPECTED, address

MakeKey = Callable[..., str]


@pytest.fixture
def restricted(database: Database, tenant: str) -> str:
    """A key that may do everything in the namespace `mine` only."""
    return database.api_keys.create(tenant, "r", ["read", "write", "admin"], namespaces=["mine"])[1]


def create(http: Client, key: str, **wanted: object) -> dict[str, object]:
    answer = http.post("/v1/keys", {"name": "n", "scopes": ["read"], **wanted}, key=key)
    assert answer.status_code == 201, answer.text
    document: dict[str, object] = answer.json()
    return document


def test_a_key_grants_only_the_scopes_that_it_has(http: Client, make_key: MakeKey) -> None:
    """`admin` manages keys; it is no way to the data."""
    admin = make_key("admin")
    body = {"name": "n", "scopes": ["admin", "read", "write"]}
    problem = refused(http.post("/v1/keys", body, key=admin), 403, "forbidden", "scopes")
    assert "only what it has" in problem["detail"]
    assert "read, write" in problem["detail"]
    made = create(http, admin, scopes=["admin"])
    refused(http.post("/v1/keys", body, key=str(made["key"])), 403, "forbidden", "scopes")


def test_a_key_does_not_outlive_the_one_that_made_it(http: Client) -> None:
    """Unless it was made by a key that does not expire."""
    short = create(http, str(http.key), scopes=["read", "admin"], expires_in_seconds=60)
    for longer in ({}, {"expires_in_seconds": 3_600}):
        body = {"name": "n", "scopes": ["read"], **longer}
        refused(http.post("/v1/keys", body, key=str(short["key"])), 403, "forbidden", "expires_in_seconds")
    create(http, str(short["key"]), expires_in_seconds=30)


def test_a_restricted_key_grants_only_its_namespaces(http: Client, restricted: str) -> None:
    """And none that is unrestricted."""
    for wider in ({}, {"namespaces": None}, {"namespaces": ["mine", "yours"]}):
        body = {"name": "n", "scopes": ["read"], **wider}
        refused(http.post("/v1/keys", body, key=restricted), 403, "forbidden", "namespaces")
    assert create(http, restricted, namespaces=["mine"])["namespaces"] == ["mine"]
    for wrong in ([], ["A/b"], ["a"] * 101):
        body = {"name": "n", "scopes": ["read"], "namespaces": wrong}
        refused(http.post("/v1/keys", body), 400, "invalid_argument", "namespaces")


@pytest.mark.parametrize(
    ("method", "path"), [where for where in EXPECTED if "{namespace}" in where[1] or "/api/" in where[1]]
)
def test_a_restricted_key_reaches_no_other_namespace(
    http: Client, restricted: str, method: str, path: str
) -> None:
    """On every route, whether or not that namespace exists; its own one it does reach."""
    answer = http.request(method, address(path), key=restricted)
    assert answer.status_code == (401 if path.startswith("/api/") else 403)
    if "{namespace}" in path:
        own = address(path.replace("{namespace}", "mine"))
        assert http.request(method, own, key=restricted).status_code not in {401, 403}


def test_a_restricted_key_sees_only_its_namespaces(http: Client, restricted: str) -> None:
    """In listings and in what is used; it can create its own and no other."""
    new = {"dimension": 3}
    assert http.post("/v1/namespaces", {"name": "mine", **new}, key=restricted).status_code == 201
    refused(http.post("/v1/namespaces", {"name": "yours", **new}, key=restricted), 403, "forbidden")
    assert http.post("/v1/namespaces", {"name": "yours", **new}).status_code == 201

    def names(path: str, key: str | None) -> list[str]:
        return [one["name"] for one in http.get(path, key=key).json()["namespaces"]]

    for path in ("/v1/namespaces", "/v1/usage"):
        assert names(path, restricted) == ["mine"]
        assert names(f"{path}?prefix=y", restricted) == []
        assert names(path, http.key) == ["mine", "yours"]
    assert http.get("/v1/usage", key=restricted).json()["totals"]["namespaces"] == 1
    refused(http.get("/v1/replication/status", key=restricted), 403, "forbidden")


def test_pages_of_a_restricted_listing(http: Client, database: Database, tenant: str) -> None:
    """Follow one another as all pages do."""
    names = ["a", "b", "c", "d"]
    for name in names:
        http.post("/v1/namespaces", {"name": name, "dimension": 3})
    key = database.api_keys.create(tenant, "r", ["read"], namespaces=["d", "absent", "b", "a"])[1]
    first = http.get("/v1/namespaces?limit=2", key=key).json()
    rest = http.get(f"/v1/namespaces?limit=2&cursor={first['cursor']}", key=key).json()
    assert [[one["name"] for one in page["namespaces"]] for page in (first, rest)] == [["a", "b"], ["d"]]
    assert rest["cursor"] is None


def test_a_restricted_key_manages_only_keys_like_it(http: Client, restricted: str) -> None:
    """It neither sees nor ends one that reaches more."""
    made = create(http, restricted, namespaces=["mine"])
    wide = create(http, str(http.key))
    seen = {one["id"] for one in http.get("/v1/keys", key=restricted).json()["keys"]}
    assert made["id"] in seen
    assert wide["id"] not in seen
    refused(http.request("DELETE", f"/v1/keys/{wide['id']}", key=restricted), 404, "not_found")
    assert http.get("/v1/keys", key=restricted).status_code == 200
    assert http.request("DELETE", f"/v1/keys/{made['id']}", key=restricted).status_code == 200


def test_the_lineage_of_a_key_is_kept_and_ends_on_request(http: Client) -> None:
    """`created_by` is in every listing; with `cascade=true` all that follows from a key ends with it."""
    rights = ["read", "admin"]
    root = create(http, str(http.key), scopes=rights)
    child = create(http, str(root["key"]), scopes=rights)
    grandchild = create(http, str(child["key"]))
    beside = create(http, str(http.key))
    listed = {one["id"]: one["created_by"] for one in http.get("/v1/keys").json()["keys"]}
    assert (listed[child["id"]], listed[grandchild["id"]]) == (root["id"], child["id"])
    assert listed[root["id"]] == beside["created_by"]
    for key in (root, child, grandchild, beside):
        assert http.get("/v1/namespaces", key=key["key"]).status_code == 200
    answer = http.request("DELETE", f"/v1/keys/{root['id']}?cascade=true")
    assert answer.json() == {"revoked": True, "ids": [root["id"], child["id"], grandchild["id"]]}
    for key in (root, child, grandchild):
        refused(http.get("/v1/namespaces", key=key["key"]), 401, "unauthenticated")
    assert http.get("/v1/namespaces", key=beside["key"]).status_code == 200


def test_without_cascade_only_the_key_ends(http: Client) -> None:
    """As it always was."""
    root = create(http, str(http.key), scopes=["read", "admin"])
    child = create(http, str(root["key"]))
    assert http.request("DELETE", f"/v1/keys/{root['id']}").json()["ids"] == [root["id"]]
    assert http.get("/v1/namespaces", key=child["key"]).status_code == 200


def test_a_key_that_was_revoked_elsewhere_makes_no_further_one(
    http: Client, database: Database, tenant: str
) -> None:
    """Though it is remembered as good for some seconds: what it made would outlive it."""
    made, text = database.api_keys.create(tenant, "n", ["read", "admin"])
    assert http.get("/v1/keys", key=text).status_code == 200
    database.api_keys.revoke(tenant, made.id, cascade=True)
    body = {"name": "late", "scopes": ["read"]}
    refused(http.post("/v1/keys", body, key=text), 401, "unauthenticated")
    assert all(key.revoked_at_ms for key in database.api_keys.list(tenant) if key.name == "late")
