"""Every route there is needs a key with exactly its scope, unless it is one of the few that are open.

The routes are taken from the application, so one that is added without a scope fails here.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from quartzdb.api.edge import Edge
from quartzdb.api.operation import Access
from quartzdb.api.routes import FAMILIES
from tests.behaviour.http.client import Client
from tests.behaviour.http.conftest import SECRETS

OPEN = {"/", "/health", "/v1/health", "/openapi.json", "/docs", "/docs/problems"}

EXPECTED = {
    ("POST", "/v1/namespaces"): "admin",
    ("GET", "/v1/namespaces"): "read",
    ("GET", "/v1/namespaces/{namespace}"): "read",
    ("DELETE", "/v1/namespaces/{namespace}"): "admin",
    ("POST", "/v1/namespaces/{namespace}/query"): "read",
    ("POST", "/v1/namespaces/{namespace}/query/batch"): "read",
    ("POST", "/v1/namespaces/{namespace}/vectors"): "write",
    ("GET", "/v1/namespaces/{namespace}/vectors"): "read",
    ("POST", "/v1/namespaces/{namespace}/vectors/fetch"): "read",
    ("POST", "/v1/namespaces/{namespace}/vectors/patch"): "write",
    ("POST", "/v1/namespaces/{namespace}/vectors/delete"): "write",
    ("POST", "/v1/namespaces/{namespace}/vectors/count"): "read",
    ("POST", "/v1/namespaces/{namespace}/vectors/list"): "read",
    ("POST", "/v1/namespaces/{namespace}/aggregate"): "read",
    ("GET", "/v1/namespaces/{namespace}/schema"): "read",
    ("GET", "/v1/namespaces/{namespace}/changes"): "read",
    ("GET", "/v1/namespaces/{namespace}/kv-changes"): "read",
    ("GET", "/v1/namespaces/{namespace}/vectors/{id}"): "read",
    ("PATCH", "/v1/namespaces/{namespace}/vectors/{id}"): "write",
    ("DELETE", "/v1/namespaces/{namespace}/vectors/{id}"): "write",
    ("PUT", "/v1/namespaces/{namespace}/kv/{key:path}"): "write",
    ("HEAD", "/v1/namespaces/{namespace}/kv/{key:path}"): "read",
    ("GET", "/v1/namespaces/{namespace}/kv/{key:path}"): "read",
    ("DELETE", "/v1/namespaces/{namespace}/kv/{key:path}"): "write",
    ("GET", "/v1/namespaces/{namespace}/kv"): "read",
    ("POST", "/v1/namespaces/{namespace}/kv-batch/get"): "read",
    ("POST", "/v1/namespaces/{namespace}/kv-batch/put"): "write",
    ("POST", "/v1/namespaces/{namespace}/kv-batch/delete"): "write",
    ("POST", "/v1/namespaces/{namespace}/erase"): "write",
    ("GET", "/v1/namespaces/{namespace}/erasures/{id}"): "read",
    ("GET", "/v1/namespaces/{namespace}/erasures"): "read",
    ("POST", "/v1/keys"): "admin",
    ("GET", "/v1/keys"): "admin",
    ("POST", "/v1/keys/{id}/rotate"): "admin",
    ("DELETE", "/v1/keys/{id}"): "admin",
    ("GET", "/v1/usage"): "read",
    ("POST", "/api/put"): "write",
    ("GET", "/api/get/{key:path}"): "read",
    ("DELETE", "/api/delete/{key:path}"): "write",
    ("POST", "/api/vector/insert"): "write",
    ("POST", "/api/vector/batch-insert"): "write",
    ("GET", "/api/vector/get/{id}"): "read",
    ("POST", "/api/vector/search"): "read",
    ("DELETE", "/api/vector/delete"): "write",
    ("DELETE", "/api/vector/delete/{id}"): "write",
    ("GET", "/api/vector/stats"): "read",
}
PEER = {
    ("GET", "/v1/replication/namespaces"),
    ("GET", "/v1/replication/changes"),
    ("POST", "/v1/replication/changes"),
    ("GET", "/v1/replication/digests"),
    ("GET", "/v1/replication/digests/{bucket}"),
    ("POST", "/v1/replication/fetch"),
    ("GET", "/v1/replication/erasures"),
    ("POST", "/v1/replication/erasures"),
    ("PUT", "/v1/replication/erasures"),
    ("PUT", "/v1/replication/api-keys"),
    ("PUT", "/v1/replication/grants"),
}
"""For the other site, and for no API key."""
PEER_OR_ADMIN = {("GET", "/v1/replication/status")}
SCOPES = ("read", "write", "admin")


def served(app: Edge) -> set[tuple[str, str]]:
    """Every method and path of the application that is not open."""
    return {(method, path) for method, path in app.routes if path not in OPEN}


def address(path: str) -> str:
    return re.sub(r"\{(\w+)(:path)?\}", "x", path)


def test_the_table_has_every_route(app: Edge) -> None:
    """No more and no fewer: a new route is decided upon here."""
    assert served(app) == set(EXPECTED) | PEER | PEER_OR_ADMIN
    declared = {(one.method, one.path): one.scope for family in FAMILIES for one in family.operations}
    assert {where for where, scope in declared.items() if scope is None} == {("GET", path) for path in OPEN}
    assert {where for where, scope in declared.items() if scope is Access.PEER} == PEER
    assert {where for where, scope in declared.items() if scope is Access.PEER_OR_ADMIN} == PEER_OR_ADMIN


@pytest.mark.parametrize(("method", "path"), list(EXPECTED))
def test_a_route_needs_exactly_its_scope(
    http: Client, make_key: Callable[..., str], method: str, path: str
) -> None:
    """Without a key 401; with all other scopes 403, or 401 where the contract knows no other; with it, neither."""
    wanted = EXPECTED[method, path]
    assert http.request(method, address(path), key=None).status_code == 401
    others = make_key(*(scope for scope in SCOPES if scope != wanted))
    refused = http.request(method, address(path), key=others)
    assert refused.status_code == (401 if path.startswith("/api/") else 403)
    if method != "HEAD":
        assert refused.json()["code"] == "forbidden"
    assert http.request(method, address(path), key=make_key(wanted)).status_code not in {401, 403}


@pytest.mark.parametrize(("method", "path"), sorted(PEER))
def test_a_route_of_the_other_site_needs_its_secret(
    http: Client, make_key: Callable[..., str], method: str, path: str
) -> None:
    """A key with every scope is as good as none; either of the two secrets that are valid is let in."""
    for key in (None, make_key(), SECRETS[0][:-1], f"{SECRETS[0]}.", "x" * 5_000):
        refused = http.request(method, address(path), key=key)
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    for secret in SECRETS:
        assert http.request(method, address(path), key=secret).status_code not in {401, 403}


def test_replication_status_needs_the_secret_or_an_admin(http: Client, make_key: Callable[..., str]) -> None:
    """Any other scope is 403."""
    path = "/v1/replication/status"
    assert http.get(path, key=None).status_code == 401
    assert http.get(path, key="nonsense").status_code == 401
    assert http.get(path, key=make_key("read", "write")).status_code == 403
    assert http.get(path, key=make_key("admin")).status_code == 200
    assert [http.get(path, key=secret).status_code for secret in SECRETS] == [200, 200]


def test_head_goes_with_every_get(http: Client) -> None:
    """With its scope, and without its body."""
    assert http.head("/v1/namespaces", key=None).status_code == 401
    answer = http.head("/v1/namespaces")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(http.get("/v1/namespaces").content))


@pytest.mark.parametrize("path", sorted(OPEN))
def test_open_routes_need_no_key(http: Client, path: str) -> None:
    """And do not look at one."""
    assert http.get(path, key=None).status_code == 200
    assert http.get(path, key="nonsense").status_code == 200
