"""Every operation of the database's OpenAPI document, asked by who must not have what it is about.

What each needs is the table of tests/behaviour/http/test_scopes.py; an operation that is not in it fails here, too.
Whoever is refused is told nothing of what is there, and changes nothing of it: a word that is in every name, id and
value of one tenant is looked for in all that others are answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from quartzdb.api.app import create_app
from quartzdb.api.openapi import describe
from quartzdb.api.routes import FAMILIES
from quartzdb.api.settings import ApiSettings
from quartzdb.domain.grant import TenantStatus
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.wiring.embedded import Database, EmbeddedSettings, open_embedded
from tests.behaviour.http.client import Client
from tests.behaviour.http.test_scopes import EXPECTED, OPEN, PEER, PEER_OR_ADMIN

MARK = "zq7marker"
NAMESPACE, RECORD, VALUE = f"{MARK}-books", f"{MARK}-dune", f"{MARK}-greeting"
ALL = ("read", "write", "admin")


@dataclass(frozen=True)
class Asked:
    """One operation, with everything of the victim's that it could be about in the place of its names."""

    method: str
    path: str
    target: str
    body: object
    scope: str | None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def in_namespace(self) -> bool:
        return "{namespace}" in self.path


def _operations() -> list[Asked]:
    found = []
    table = {(method, path.replace(":path", "")): scope for (method, path), scope in EXPECTED.items()}
    for path, methods in describe(FAMILIES, title="", version="")["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            examples = content.get("application/json", {}).get("examples", {})
            body = next(iter(examples.values()))["value"] if examples else None
            target = path.format(namespace=NAMESPACE, key=VALUE, id=RECORD, bucket="0")
            where = (method.upper(), path)
            if where in PEER | PEER_OR_ADMIN or path in OPEN:
                continue
            assert where in table, f"{where} is in no table: say who may use it"
            found.append(Asked(*where, target, body, table.pop(where)))
    assert not table, "the table has operations that the document has not"
    return found


OPERATIONS = _operations()
NAMES = [one.name for one in OPERATIONS]


@dataclass(frozen=True)
class Place:
    """A database with two tenants, of which one has something to lose."""

    database: Database
    http: Client
    owner: str
    key_id: str

    def key(self, tenant: str, *scopes: str, namespaces: tuple[str, ...] | None = None) -> str:
        return self.database.api_keys.create(tenant, "k", scopes or ALL, namespaces=namespaces)[1]

    def ask(self, one: Asked, key: str | None) -> Any:
        target = one.target.replace("/keys/" + RECORD, "/keys/" + self.key_id)
        options: dict[str, Any] = {}
        if one.body is not None:
            options["json"] = one.body
        elif one.method == "PUT":
            options["content"] = b"overwritten"
        return self.http.request(one.method, target, key=key, **options)

    def state(self) -> Mapping[str, Any]:
        """All that the victim has, as they see it."""

        def get(path: str) -> Any:
            answer = self.http.get(path, key=self.owner)
            assert answer.status_code == 200, answer.text
            return {name: value for name, value in answer.json().items() if name != "usage"}

        space = f"/v1/namespaces/{NAMESPACE}"
        keys = get("/v1/keys")["keys"]
        return {
            "namespaces": [one["name"] for one in get("/v1/namespaces")["namespaces"]],
            "records": get(f"{space}/vectors"),
            "record": get(f"{space}/vectors/{RECORD}"),
            "values": get(f"{space}/kv"),
            "default": get("/v1/namespaces/default/kv"),
            # Those that the tests make for the askers are called otherwise.
            "keys": [(one["id"], one["revoked_at"]) for one in keys if MARK in one["name"]],
        }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    database = open_embedded(EmbeddedSettings(tmp_path_factory.mktemp("isolation")))
    with Client(create_app(database, ApiSettings(failures_burst=10_000))) as http:
        owner = database.api_keys.create("victim", f"{MARK} owner", ALL)[1]
        key, _ = database.api_keys.create("victim", f"{MARK} key", ["read"])
        database.namespaces.create("other", "own", NamespaceSettings(1, Metric.DOT))
        for name in (NAMESPACE, "default"):
            made = {"name": name, "dimension": 3}
            assert http.post("/v1/namespaces", made, key=owner).status_code == 201
            record = {"id": RECORD, "vector": [1.0, 0.0, 0.0], "metadata": {"title": f"{MARK} title"}}
            written = http.post(f"/v1/namespaces/{name}/vectors", {"vectors": [record]}, key=owner)
            assert written.status_code == 200, written.text
            stored = http.put(
                f"/v1/namespaces/{name}/kv/{VALUE}", content=f"{MARK} value".encode(), key=owner
            )
            assert stored.status_code == 200, stored.text
        yield Place(database, http, owner, key.id)


@pytest.fixture(autouse=True)
def _nothing_changes(place: Place) -> Iterator[None]:
    """Whoever asks, and whatever for: what the victim has stays as it is."""
    before = place.state()
    yield
    assert place.state() == before


def told_nothing(answer: Any, one: Asked) -> None:
    """Nothing of the victim's in body or headers, but what the path itself said; and no failure."""
    said = answer.text
    for own in (one.target, NAMESPACE, RECORD, VALUE):
        said = said.replace(own, "")
    assert MARK not in said, f"{one.name}: {answer.text[:300]}"
    assert MARK not in str(answer.headers)
    assert answer.status_code < 500, f"{one.name}: {answer.text[:300]}"


@pytest.mark.parametrize("one", OPERATIONS, ids=NAMES)
def test_nobody_is_asked_for_a_key(place: Place, one: Asked) -> None:
    """Without one, with one that is none, and with credentials that are other things'."""
    for key in (
        None,
        "nonsense",
        "qdb_live_000000000000_" + "0" * 49,
        "qdb_sess_" + "0" * 64,
        "qdb_mgmt_" + "0" * 64,
    ):
        answer = place.ask(one, key)
        assert answer.status_code == 401, f"{one.name}: {answer.text[:300]}"
        told_nothing(answer, one)


@pytest.mark.parametrize("one", OPERATIONS, ids=NAMES)
def test_another_tenant_finds_nothing(place: Place, one: Asked) -> None:
    """With a key that may do everything, of its own: what is the victim's is not there, whether or not it is."""
    answer = place.ask(one, place.key("other"))
    told_nothing(answer, one)
    if one.in_namespace or "/keys/" in one.target:
        assert answer.status_code == 404, f"{one.name}: {answer.text[:300]}"
    absent = Asked(one.method, one.path, one.target.replace(MARK, "nothere"), one.body, one.scope)
    if one.in_namespace and one.method != "HEAD":
        other = place.ask(absent, place.key("other"))
        assert answer.json()["code"] == other.json()["code"], "it can be told whether the victim's is there"


@pytest.mark.parametrize("one", [one for one in OPERATIONS if one.scope != "read"], ids=lambda one: one.name)
def test_a_key_that_reads_changes_nothing(place: Place, one: Asked) -> None:
    """Of the very tenant: 403, or 401 where the contract knows no other."""
    answer = place.ask(one, place.key("victim", "read"))
    assert answer.status_code == (401 if one.path.startswith("/api/") else 403), one.name


@pytest.mark.parametrize("one", OPERATIONS, ids=NAMES)
def test_a_key_of_another_namespace_does_not_reach_it(place: Place, one: Asked) -> None:
    """Of the very tenant, with every scope: restricted to a namespace, it neither reaches others nor sees them."""
    key = place.key("victim", namespaces=("own",))
    if one.method == "POST" and one.path in {"/v1/namespaces", "/v1/keys"}:
        return  # what it makes is its own; tests/behaviour/http/test_scopes.py and test_authentication.py
    answer = place.ask(one, key)
    told_nothing(answer, one)
    if one.in_namespace:
        assert answer.status_code == 403, f"{one.name}: {answer.text[:300]}"


@pytest.mark.parametrize("one", OPERATIONS, ids=NAMES)
def test_who_is_suspended_is_answered_nothing(place: Place, one: Asked) -> None:
    """And who may only read changes nothing but the end of a key."""
    place.database.tenants.set_status("suspended", TenantStatus.SUSPENDED)
    place.database.tenants.set_status("reading", TenantStatus.READ_ONLY)
    refused = 401 if one.path.startswith("/api/") else 403
    assert place.ask(one, place.key("suspended")).status_code == refused, one.name
    if one.scope == "write" or (one.scope == "admin" and one.method != "GET" and "{id}" not in one.path):
        assert place.ask(one, place.key("reading")).status_code == refused, one.name
