"""Keys: who has a good one gets in, within its scopes and its tenant, until it is revoked or expires."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from quartzdb.api.app import create_app
from quartzdb.api.settings import ApiSettings
from quartzdb.api.times import rfc3339
from quartzdb.domain.errors import Unavailable
from quartzdb.services.key_uses import KeyUses
from quartzdb.services.keys import ApiKeys, key_text
from quartzdb.wiring.embedded import Database, EmbeddedSettings, assemble, embedded_adapters
from tests.behaviour.http.client import Client, refused
from tests.doubles.memory_api_keys import MemoryApiKeys
from tests.manual_clock import ManualClock

MakeKey = Callable[..., str]


def test_a_key_is_sent_in_either_header(http: Client) -> None:
    """The scheme's letters do not matter; a proxy may use Authorization for its own signature."""
    key = http.key
    for headers in (
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"bearer  {key} "},
        {"X-API-Key": f"{key}"},
        {"X-API-Key": f"{key}", "Authorization": "AWS4-HMAC-SHA256 Credential=x"},
    ):
        assert http.get("/v1/namespaces", key=None, headers=headers).status_code == 200, headers


def mistyped(key: str) -> str:
    return key[:-8] + ("a" if key[-8] != "a" else "b") + key[-7:]


def unknown(key: str, make_key: MakeKey) -> str:
    return make_key(of="nobody")[:21] + key[21:]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer qdb_live_"},
        {"Authorization": "Bearer ü".encode("latin-1")},
        {"X-API-Key": "x" * 10_000},
        {"X-API-Key": ""},
        {"Authorization": "Bearer wrong", "X-API-Key": "KEY"},
    ],
)
def test_without_a_good_key_nothing_is_told(http: Client, headers: dict[str, str | bytes]) -> None:
    """401, and how to do it."""
    headers = {name: http.key if value == "KEY" else value for name, value in headers.items()}  # type: ignore[misc]
    answer = http.get("/v1/namespaces", key=None, headers=headers)
    refused(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="QuartzDB"'


def test_a_mistyped_key_is_told_from_a_wrong_one(http: Client) -> None:
    """By its checksum, without a look-up."""
    assert http.key is not None
    problem = refused(http.get("/v1/namespaces", key=mistyped(http.key)), 401, "unauthenticated")
    assert "mistyped" in problem["detail"]
    problem = refused(http.get("/v1/namespaces", key=http.key[:-1]), 401, "unauthenticated")
    assert "mistyped" in problem["detail"]


def test_a_key_is_created_shown_once_and_works(http: Client) -> None:
    """With the scopes that it was given, and not with others."""
    created = http.post("/v1/keys", {"name": "reader", "scopes": ["read"]})
    assert created.status_code == 201
    key = created.json()
    assert set(key) >= {"id", "key", "name", "scopes", "namespaces", "created_by"}
    assert http.get("/v1/namespaces", key=key["key"]).status_code == 200
    problem = refused(http.post("/v1/namespaces", {"name": "n"}, key=key["key"]), 403, "forbidden")
    assert "'admin'" in problem["detail"]
    listed = http.get("/v1/keys")
    assert [(one["name"], one["scopes"]) for one in listed.json()["keys"]][1:] == [("reader", ["read"])]
    assert key["key"] not in listed.text
    assert "secret" not in listed.text


def test_admin_gives_no_other_right(http: Client, books: str, make_key: MakeKey) -> None:
    """Each scope stands for itself."""
    refused(http.get(f"{books}/vectors", key=make_key("admin")), 403, "forbidden")
    refused(http.put(f"{books}/kv/k", content=b"v", key=make_key("admin")), 403, "forbidden")
    refused(http.get(f"{books}/kv/k", key=make_key("write")), 403, "forbidden")


def test_a_revoked_key_ends_at_once(http: Client) -> None:
    """Although it was good, and remembered, a moment ago. Revoking it again is no error."""
    created = http.post("/v1/keys", {"name": "short", "scopes": ["read"]}).json()
    assert http.get("/v1/namespaces", key=created["key"]).status_code == 200
    assert http.delete(f"/v1/keys/{created['id']}").json()["revoked"] is True
    refused(http.get("/v1/namespaces", key=created["key"]), 401, "unauthenticated")
    assert http.delete(f"/v1/keys/{created['id']}").status_code == 200
    assert http.get("/v1/keys").json()["keys"][-1]["revoked_at"]


def test_a_key_of_another_tenant_is_neither_seen_nor_revoked(http: Client, make_key: MakeKey) -> None:
    """Its id is not known here."""
    other = make_key(of="somebody-else")
    other_id = http.get("/v1/keys", key=other).json()["keys"][-1]["id"]
    refused(http.delete(f"/v1/keys/{other_id}"), 404, "not_found", "id")
    assert other_id not in http.get("/v1/keys").text
    assert http.get("/v1/namespaces", key=other).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "", "scopes": ["read"]}, "name"),
        ({"name": "x" * 101, "scopes": ["read"]}, "name"),
        ({"name": "a\nb", "scopes": ["read"]}, "name"),
        ({"name": "n"}, "scopes"),
        ({"name": "n", "scopes": []}, "scopes"),
        ({"name": "n", "scopes": ["root"]}, "scopes"),
        ({"name": "n", "scopes": "read"}, "scopes"),
        ({"name": "n", "scopes": [1]}, "scopes[0]"),
        ({"name": "n", "scopes": ["read"], "expires_in_seconds": 0}, "expires_in_seconds"),
        ({"name": "n", "scopes": ["read"], "expires_in_seconds": 10**18}, "expires_in_seconds"),
        ({"name": "n", "scopes": ["read"], "expires_in_seconds": 1.5}, "expires_in_seconds"),
        ({"name": "n", "scopes": ["read"], "expires_at": 5}, "expires_at"),
    ],
)
def test_bad_keys_are_not_created(http: Client, body: object, field: str) -> None:
    """The field is named."""
    refused(http.post("/v1/keys", body), 400, "invalid_argument", field)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def timed(tmp_path: Path, clock: ManualClock) -> Database:
    """A database whose time is the test's."""
    adapters = replace(embedded_adapters(EmbeddedSettings(tmp_path)), clock=clock)
    return assemble(adapters, writer="test.1", workspace=tmp_path / "building")


@pytest.fixture
def timed_http(timed: Database) -> Iterator[Client]:
    with Client(create_app(timed, ApiSettings(key_cache_seconds=5))) as client:
        client.key = timed.api_keys.create("t", "all", ["read", "write", "admin"])[1]
        yield client


def test_a_key_expires(timed_http: Client, clock: ManualClock) -> None:
    """When its time has come, though it was remembered as good a second before."""
    body = {"name": "n", "scopes": ["read"], "expires_in_seconds": 60}
    key = timed_http.post("/v1/keys", body).json()["key"]
    assert timed_http.get("/v1/namespaces", key=key).status_code == 200
    clock.sleep(59)
    assert timed_http.get("/v1/namespaces", key=key).status_code == 200
    clock.sleep(1)
    problem = refused(timed_http.get("/v1/namespaces", key=key), 401, "unauthenticated")
    assert "expired" in problem["detail"]


def test_a_revocation_elsewhere_is_seen_within_seconds(
    timed_http: Client, timed: Database, clock: ManualClock
) -> None:
    """A key that was good is remembered for that long: a look-up for every request would cost more than the request."""
    created, key = timed.api_keys.create("t", "n", ["read"])
    assert timed_http.get("/v1/namespaces", key=key).status_code == 200
    timed.api_keys.revoke("t", created.id)
    assert timed_http.get("/v1/namespaces", key=key).status_code == 200
    clock.sleep(5)
    refused(timed_http.get("/v1/namespaces", key=key), 401, "unauthenticated")


def test_a_rotated_key_ends_after_the_overlap(timed_http: Client, clock: ManualClock) -> None:
    """Until then both are good; the new one has the name, the rights and the span of the old one."""
    body = {"name": "n", "scopes": ["read"], "namespaces": ["a"], "expires_in_seconds": 10_000}
    old = timed_http.post("/v1/keys", body).json()
    assert timed_http.get("/v1/namespaces", key=old["key"]).status_code == 200
    clock.sleep(1_000)
    answer = timed_http.post(f"/v1/keys/{old['id']}/rotate", {"overlap_seconds": 60})
    assert answer.status_code == 201, answer.text
    new = answer.json()
    assert [new[field] for field in ("name", "scopes", "namespaces")] == ["n", ["read"], ["a"]]
    assert new["replaces"]["id"] == old["id"]
    for key in (old, new):
        assert timed_http.get("/v1/namespaces", key=key["key"]).status_code == 200
    clock.sleep(60)
    problem = refused(timed_http.get("/v1/namespaces", key=old["key"]), 401, "unauthenticated")
    assert "expired" in problem["detail"]
    clock.sleep(9_939)
    assert timed_http.get("/v1/namespaces", key=new["key"]).status_code == 200
    clock.sleep(1)
    refused(timed_http.get("/v1/namespaces", key=new["key"]), 401, "unauthenticated")
    refused(timed_http.post(f"/v1/keys/{old['id']}/rotate", {}), 409, "conflict", "id")


def test_an_overlap_of_nothing_ends_a_key_at_once(timed_http: Client) -> None:
    """Though it was remembered. An overlap does not put off an end that is nearer; none that is too long is taken."""
    key = timed_http.post("/v1/keys", {"name": "n", "scopes": ["read"], "expires_in_seconds": 5}).json()
    path = f"/v1/keys/{key['id']}/rotate"
    assert timed_http.get("/v1/namespaces", key=key["key"]).status_code == 200
    for overlap in (-1, 30 * 86_400 + 1):
        refused(
            timed_http.post(path, {"overlap_seconds": overlap}), 400, "invalid_argument", "overlap_seconds"
        )
    made = timed_http.post(path, {}).json()
    assert made["replaces"]["expires_at"] == key["expires_at"]
    assert timed_http.post(path, {"overlap_seconds": 0}).status_code == 201
    refused(timed_http.get("/v1/namespaces", key=key["key"]), 401, "unauthenticated")
    refused(timed_http.post("/v1/keys/absent/rotate", {}), 404, "not_found", "id")


def test_a_key_rotates_no_more_than_it_could_make(timed_http: Client, timed: Database) -> None:
    """Neither wider keys, nor those it does not see, nor itself beyond its own end."""
    wide, _ = timed.api_keys.create("t", "wide", ["read", "write"])
    other, _ = timed.api_keys.create("u", "other", ["read"])
    narrow = timed.api_keys.create("t", "narrow", ["admin", "read"], namespaces=["a"])[1]
    short = timed_http.post("/v1/keys", {"name": "s", "scopes": ["admin"], "expires_in_seconds": 60}).json()
    admin = timed.api_keys.create("t", "admin", ["admin"])[1]
    refused(timed_http.post(f"/v1/keys/{wide.id}/rotate", {}, key=admin), 403, "forbidden", "scopes")
    refused(timed_http.post(f"/v1/keys/{wide.id}/rotate", {}, key=narrow), 404, "not_found", "id")
    refused(timed_http.post(f"/v1/keys/{other.id}/rotate", {}), 404, "not_found", "id")
    itself = f"/v1/keys/{short['id']}/rotate"
    longer = {"expires_in_seconds": 61}
    refused(timed_http.post(itself, longer, key=short["key"]), 403, "forbidden", "expires_in_seconds")
    assert timed_http.post(itself, {"expires_in_seconds": 60}, key=short["key"]).status_code == 201
    assert len(timed.api_keys.list("t")) == 6


def test_a_rotation_elsewhere_is_seen_within_a_minute(tmp_path: Path, clock: ManualClock) -> None:
    """With the longest time that a key may be remembered for."""
    adapters = replace(embedded_adapters(EmbeddedSettings(tmp_path)), clock=clock)
    database = assemble(adapters, writer="test.1", workspace=tmp_path / "building")
    key, text = database.api_keys.create("t", "n", ["read"])
    with Client(create_app(database, ApiSettings(key_cache_seconds=60))) as http:
        assert http.get("/v1/namespaces", key=text).status_code == 200
        database.api_keys.rotate("t", key.id, 0)
        clock.sleep(59)
        assert http.get("/v1/namespaces", key=text).status_code == 200
        clock.sleep(1)
        refused(http.get("/v1/namespaces", key=text), 401, "unauthenticated")


def test_when_a_key_was_last_used_is_told(timed_http: Client, timed: Database, clock: ManualClock) -> None:
    """Written beside requests, once in five minutes whatever the number of uses; refused ones are uses, too."""
    key, text = timed.api_keys.create("t", "n", ["read"])

    def told() -> object:
        return next(k["last_used_at"] for k in timed_http.get("/v1/keys").json()["keys"] if k["id"] == key.id)

    assert told() is None
    used_at = rfc3339(clock.unix_ms())
    assert timed_http.get("/v1/namespaces", key=text).status_code == 200
    assert told() is None
    timed.key_uses.write()
    assert told() == used_at
    clock.sleep(299)
    assert timed_http.post("/v1/namespaces", {"name": "n"}, key=text).status_code == 403
    timed.key_uses.write()
    assert told() == used_at
    refused_at = rfc3339(clock.unix_ms())
    clock.sleep(1)
    timed.key_uses.write()
    assert told() == refused_at


def test_a_use_that_could_not_be_written_is_written_later(clock: ManualClock) -> None:
    """A table that is away loses nothing that was noted."""

    class Away(MemoryApiKeys):
        away = True

        def note_used(self, key_id: str, at_ms: int) -> None:
            if self.away:
                raise Unavailable("away")
            super().note_used(key_id, at_ms)

    table = Away()
    key, _ = ApiKeys(table, clock).create("t", "n", ["read"])
    uses = KeyUses(table, clock)
    uses.note(key.id)
    noted_ms = clock.unix_ms()
    with pytest.raises(Unavailable):
        uses.write()
    table.away = False
    clock.sleep(60)
    uses.write()
    found = table.get(key.id)
    assert found is not None
    assert found.last_used_at_ms == noted_ms


def test_the_pattern_and_the_checksum_are_as_documented() -> None:
    """docs/platform.md says how scanners know a key, and gives one to try."""
    page = (Path(__file__).parents[3] / "docs" / "platform.md").read_text("utf-8")
    pattern, example = re.findall(r"^(qdb_live_[0-9\[]\S+)", page, re.MULTILINE)
    assert re.fullmatch(pattern, example)
    body, checksum = example.removeprefix("qdb_live_")[:-6], example[-6:]
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = zlib.crc32(body.encode("ascii"))
    assert "".join(digits[number // 62**place % 62] for place in reversed(range(6))) == checksum
    assert key_text(bytes(range(6)), bytes(range(32))).text == example


def test_keys_with_times_beyond_all_dates_are_listed(timed_http: Client, timed: Database) -> None:
    """A site that took such a key over before they were refused still lists and revokes its keys."""
    far = 2**53 - 1
    key, _ = timed.api_keys.create("t", "far", ["read"], expires_at_ms=far)
    listed = timed_http.get("/v1/keys")
    assert listed.status_code == 200
    (expires_at,) = [one["expires_at"] for one in listed.json()["keys"] if one["id"] == key.id]
    assert expires_at == "9999-12-31T23:59:59.999Z"
