"""What changes in a namespace can be followed: in commit order, from a cursor on, waiting for it or not."""

from __future__ import annotations

from typing import Any

import pytest

from quartzdb.api.app import create_app
from quartzdb.api.edge import Edge
from quartzdb.api.settings import ApiSettings
from quartzdb.wiring.embedded import Database
from tests.behaviour.http.client import Client, refused
from tests.behaviour.http.conftest import MakeKey

ONE = [1.0, 0.5, 0.25]


@pytest.fixture(scope="module")
def app(database: Database) -> Edge:
    return create_app(database, ApiSettings(feed_pause_seconds=0.01))


def upsert(http: Client, books: str, *ids: str, **metadata: object) -> str:
    answer = http.post(
        f"{books}/vectors", {"vectors": [{"id": one, "vector": ONE, "metadata": metadata} for one in ids]}
    )
    assert answer.status_code == 200, answer.text
    version: str = answer.json()["version"]
    return version


def changes(http: Client, books: str, **query: object) -> dict[str, Any]:
    answer = http.get(f"{books}/changes", params=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def told(page: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["kind"], one["id"]) for one in page["changes"]]


def test_every_kind_of_change_comes_in_commit_order(http: Client, books: str) -> None:
    """With version, shard and moment; nothing of the record unless it is asked for."""
    begun = changes(http, books)
    assert (begun["changes"], begun["more"]) == ([], False)
    first = upsert(http, books, "a", "b", year=1965, by="x")
    patched = http.post(
        f"{books}/vectors/patch", {"patches": [{"id": "a", "set": {"year": 1}, "unset": ["by"]}]}
    ).json()["version"]
    gone = http.delete(f"{books}/vectors/b").json()["version"]
    page = changes(http, books, cursor=begun["cursor"])
    assert told(page) == [("upsert", "a"), ("upsert", "b"), ("patch", "a"), ("delete", "b")]
    assert [one["version"] for one in page["changes"]] == [first, first, patched, gone]
    assert [one["at"] for one in page["changes"]] == sorted(one["at"] for one in page["changes"])
    assert all(set(one) == {"kind", "id", "version", "shard", "at"} for one in page["changes"])
    assert {one["shard"] for one in page["changes"]} == {0}
    assert page["usage"]["read_units"] == 1
    assert not page["more"]
    assert page["complete_until"] >= page["changes"][-1]["at"]
    whole = changes(http, books, cursor=begun["cursor"], include_metadata=True, include_vectors=True)
    assert whole["changes"][0]["metadata"] == {"year": 1965, "by": "x"}
    assert whole["changes"][0]["vector"] == ONE
    assert (whole["changes"][2]["set"], whole["changes"][2]["unset"]) == ({"year": 1}, ["by"])
    assert set(whole["changes"][3]) == {"kind", "id", "version", "shard", "at"}
    packed = changes(http, books, cursor=begun["cursor"], include_vectors="base64")
    assert packed["changes"][0]["vector"] == "AACAPwAAAD8AAIA+"


def test_a_cursor_gives_the_same_again_and_pages_have_everything_once(http: Client, books: str) -> None:
    """Also where a page ends within what one write committed."""
    cursor = changes(http, books)["cursor"]
    upsert(http, books, *(f"r{number}" for number in range(7)))
    upsert(http, books, "last")
    expected = told(changes(http, books, cursor=cursor))
    assert expected == told(changes(http, books, cursor=cursor))
    assert len(expected) == 8
    for limit in (1, 3, 7, 8):
        found: list[tuple[str, str]] = []
        page = changes(http, books, cursor=cursor, limit=limit)
        while True:
            assert len(page["changes"]) <= limit
            found += told(page)
            if not page["more"]:
                break
            page = changes(http, books, cursor=page["cursor"], limit=limit)
        assert found == expected
        assert not changes(http, books, cursor=page["cursor"])["changes"]


def test_each_shard_is_in_commit_order_and_none_waits_for_another(http: Client) -> None:
    """A shard that is written to all the time does not keep the others from being told."""
    assert http.post("/v1/namespaces", {"name": "wide", "dimension": 3, "shards": 4}).status_code == 201
    wide = "/v1/namespaces/wide"
    cursor = changes(http, wide)["cursor"]
    for _ in range(3):
        upsert(http, wide, *(f"r{number}" for number in range(12)))
    shards: list[int] = []
    versions: dict[int, list[str]] = {}
    for _ in range(8):
        page = changes(http, wide, cursor=cursor, limit=5)
        cursor = page["cursor"]
        for one in page["changes"]:
            shards.append(one["shard"])
            versions.setdefault(one["shard"], []).append(one["version"])
        upsert(http, wide, "r0")
    assert set(shards) == {0, 1, 2, 3}
    assert all(some == sorted(some) for some in versions.values())
    assert set(shards[:15]) > {shards[0]}


def test_it_may_begin_with_what_is_kept_or_at_a_moment_or_after_a_write(http: Client, books: str) -> None:
    """Without anything it begins now."""
    first = upsert(http, books, "a")
    second = upsert(http, books, "b")
    assert not changes(http, books)["changes"]
    assert told(changes(http, books, **{"from": "now"})) == []
    assert told(changes(http, books, **{"from": "beginning"})) == [("upsert", "a"), ("upsert", "b")]
    assert told(changes(http, books, since=first)) == [("upsert", "b")]
    assert told(changes(http, books, since=second)) == []
    moment = changes(http, books, since="2020-01-01T00:00:00+00:00")["changes"][0]["at"]
    assert len(changes(http, books, since=moment)["changes"]) == 2
    assert changes(http, books, since="9999-01-01T00:00:00Z")["changes"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"wait": -1}, "wait"),
        ({"wait": 20.5}, "wait"),
        ({"wait": "nan"}, "wait"),
        ({"from": "start"}, "from"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"since": "2026-13-01T00:00:00Z"}, "since"),
        ({"from": "now", "since": "2026-01-01T00:00:00Z"}, "since"),
        ({"cursor": "x", "from": "now"}, "from"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"include_vectors": "yes"}, "include_vectors"),
        ({"of": "keys"}, "of"),
    ],
)
def test_what_is_wrong_is_said(http: Client, books: str, query: dict[str, object], field: str) -> None:
    """And where."""
    answer = http.get(f"{books}/changes", params=query)
    refused(answer, 400, answer.json()["code"], field)
    assert answer.json()["code"] in {"invalid_argument", "invalid_cursor", "too_large"}


def test_a_cursor_is_of_one_namespace_of_one_tenant(
    http: Client, books: str, app: Edge, make_key: MakeKey
) -> None:
    """Another's is refused, and tells nothing."""
    cursor = changes(http, books)["cursor"]
    assert http.post("/v1/namespaces", {"name": "other", "dimension": 3}).status_code == 201
    refused(
        http.get("/v1/namespaces/other/changes", params={"cursor": cursor}), 400, "invalid_cursor", "cursor"
    )
    with Client(app, make_key("read", "write", "admin", of="somebody-else")) as other:
        refused(other.get(f"{books}/changes", params={"cursor": cursor}), 404, "namespace_not_found")
        assert other.post("/v1/namespaces", {"name": "books", "dimension": 3}).status_code == 201
        refused(other.get(f"{books}/changes", params={"cursor": cursor}), 400, "invalid_cursor", "cursor")


def test_who_waits_is_answered_when_something_changes(http: Client, books: str) -> None:
    """Not before, and not only when the wait is over."""
    cursor = changes(http, books)["cursor"]
    body = {"vectors": [{"id": "a", "vector": ONE}]}
    waited, written = http.together(
        ("GET", f"{books}/changes", {"params": {"cursor": cursor, "wait": 20}}),
        ("POST", f"{books}/vectors", {"json": body}),
    )
    assert written.status_code == 200
    assert told(waited.json()) == [("upsert", "a")]
    over = changes(http, books, cursor=waited.json()["cursor"], wait=0.05)
    assert (over["changes"], over["more"]) == ([], False)
    assert over["cursor"]


def test_waiting_holds_no_thread(database: Database, http: Client, books: str) -> None:
    """With two threads in all, six that wait leave both to others."""
    small = create_app(database, ApiSettings(threads=1, spare_threads=1, feed_pause_seconds=0.01))
    cursor = changes(http, books)["cursor"]
    wait = ("GET", f"{books}/changes", {"params": {"cursor": cursor, "wait": 20}})
    with Client(small, http.key) as client:
        *waited, written = client.together(
            *[wait] * 6, ("POST", f"{books}/vectors", {"json": {"vectors": [{"id": "a", "vector": ONE}]}})
        )
    assert written.status_code == 200
    assert [told(one.json()) for one in waited] == [[("upsert", "a")]] * 6


def test_a_key_has_only_so_many_feeds_open(
    database: Database, http: Client, books: str, make_key: MakeKey
) -> None:
    """One that asks without waiting has none open. A place is free again when its answer is there."""
    small = create_app(database, ApiSettings(feeds_of_key_max=2, feed_pause_seconds=0.01))
    with Client(small, http.key) as client:
        wait = ("GET", f"{books}/changes", {"params": {"wait": 0.2}})
        answers = client.together(*[wait] * 3, ("GET", f"{books}/changes", {}))
        assert sorted(one.status_code for one in answers) == [200, 200, 200, 429]
        refusal = next(one for one in answers if one.status_code == 429)
        problem = refused(refusal, 429, "too_many_feeds")
        assert "2 change feeds" in problem["detail"]
        assert refusal.headers["retry-after"] == "1"
        again = client.together(wait, wait)
        assert [one.status_code for one in again] == [200, 200]


def test_what_is_no_longer_kept_says_where_to_begin_anew(
    database: Database, tenant: str, http: Client, books: str
) -> None:
    """410 with a cursor: what is written while everything is listed comes after that."""
    cursor = changes(http, books)["cursor"]
    version = upsert(http, books, "a")
    late = upsert(http, books, "b")
    namespace = database.namespaces.get(tenant, "books")
    partition = namespace.partition
    assert database.indexer.fold(namespace).published
    database.log.trim(partition, int(version.partition(".")[0], 16))
    for query in ({"cursor": cursor}, {"since": "2026-01-01T00:00:00Z"}, {"cursor": cursor, "wait": 5}):
        problem = refused(http.get(f"{books}/changes", params=query), 410, "changes_gone", "cursor")
        assert "list everything anew" in problem["hint"]
    upsert(http, books, "c")
    assert told(changes(http, books, cursor=problem["cursor"])) == [("upsert", "c")]
    assert told(changes(http, books, **{"from": "beginning"})) == [("upsert", "b"), ("upsert", "c")]
    assert told(changes(http, books, since=late)) == [("upsert", "c")]


def test_a_deleted_namespace_ends_its_feed(http: Client, books: str) -> None:
    """Also for who waits; one that is created again under its name has another feed."""
    upsert(http, books, "a")
    cursor = changes(http, books)["cursor"]
    waited, deleted = http.together(
        ("GET", f"{books}/changes", {"params": {"cursor": cursor, "wait": 20}}), ("DELETE", books, {})
    )
    assert deleted.status_code == 200
    refused(waited, 404, "namespace_not_found")
    refused(http.get(f"{books}/changes", params={"cursor": cursor}), 404, "namespace_not_found")
    assert http.post("/v1/namespaces", {"name": "books", "dimension": 3}).status_code == 201
    problem = refused(http.get(f"{books}/changes", params={"cursor": cursor}), 410, "changes_gone", "cursor")
    assert changes(http, books, cursor=problem["cursor"])["changes"] == []


def test_a_deleted_namespace_ends_the_feed_of_its_keys(http: Client, books: str) -> None:
    """Also for who waits."""
    cursor = key_changes(http, books)["cursor"]
    waited, deleted = http.together(
        ("GET", f"{books}/kv-changes", {"params": {"cursor": cursor, "wait": 20}}), ("DELETE", books, {})
    )
    assert deleted.status_code == 200
    refused(waited, 404, "namespace_not_found")
    assert http.post("/v1/namespaces", {"name": "books", "dimension": 3}).status_code == 201
    refused(http.get(f"{books}/kv-changes", params={"cursor": cursor}), 410, "changes_gone", "cursor")


def test_where_looks_are_paid_for_the_receipt_has_them(database: Database, http: Client, books: str) -> None:
    """Each look at each shard is a read."""
    paid = create_app(database, ApiSettings(feed_pause_seconds=0.01, looks_cost=True))
    with Client(paid, http.key) as client:
        answer = client.get(f"{books}/changes", params={"wait": 0.2})
        assert answer.json()["usage"]["read_units"] > 2
        assert client.get(f"{books}/changes").json()["usage"]["read_units"] == 1
    assert changes(http, books, wait=0.05)["usage"]["read_units"] == 1


def key_changes(http: Client, books: str, **query: object) -> dict[str, Any]:
    answer = http.get(f"{books}/kv-changes", params=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def test_key_values_have_a_feed_of_their_own(http: Client, books: str) -> None:
    """Each key once, with its last state, and its value where that is asked for."""
    begun = key_changes(http, books)
    assert begun["changes"] == []
    http.put(f"{books}/kv/a", content=b"1")
    http.put(f"{books}/kv/b?ttl_seconds=60", content=b"\xff", headers={"Content-Type": "image/png"})
    last = http.put(f"{books}/kv/a", content=b"2").json()["version"]
    http.put(f"{books}/kv/c", content=b"3")
    assert http.delete(f"{books}/kv/c").json()["deleted"]
    upsert(http, books, "no-key")
    page = key_changes(http, books, cursor=begun["cursor"], values=True)
    assert [(one["kind"], one["key"]) for one in page["changes"]] == [
        ("put", "b"),
        ("put", "a"),
        ("delete", "c"),
    ]
    assert page["changes"][1]["version"] == last
    assert page["changes"][1]["value"] == "2"
    assert (page["changes"][0]["value_base64"], page["changes"][0]["content_type"]) == ("/w==", "image/png")
    assert page["changes"][0]["expires_at"]
    assert set(page["changes"][2]) == {"kind", "key", "version", "at"}
    assert all("value" not in one for one in key_changes(http, books, cursor=begun["cursor"])["changes"])
    first = key_changes(http, books, cursor=begun["cursor"], limit=2)
    assert (len(first["changes"]), first["more"]) == (2, True)
    rest = key_changes(http, books, cursor=first["cursor"], limit=2)
    assert ([one["key"] for one in rest["changes"]], rest["more"]) == (["c"], False)
    assert len(key_changes(http, books, **{"from": "beginning"})["changes"]) == 3


def test_who_waits_for_a_key_is_answered_when_one_changes(http: Client, books: str) -> None:
    """The cursor is of this feed alone."""
    cursor = key_changes(http, books)["cursor"]
    waited, _ = http.together(
        ("GET", f"{books}/kv-changes", {"params": {"cursor": cursor, "wait": 20, "values": True}}),
        ("PUT", f"{books}/kv/a", {"content": b"now"}),
    )
    assert [one["value"] for one in waited.json()["changes"]] == ["now"]
    refused(http.get(f"{books}/changes", params={"cursor": cursor}), 400, "invalid_cursor", "cursor")
    refused(http.get(f"{books}/kv-changes", params={"wait": 21}), 400, "invalid_argument", "wait")
    refused(http.get(f"{books}/kv-changes", params={"include_vectors": "true"}), 400, "invalid_argument")


def test_who_waits_is_answered_when_a_record_expires(http: Client, books: str) -> None:
    """With its version and its moment, and no later than that takes; the cursor of the answer is past it."""
    cursor = changes(http, books)["cursor"]
    record = {"id": "brief", "vector": ONE, "ttl_seconds": 0.3}
    version = http.post(f"{books}/vectors", {"vectors": [record]}).json()["version"]
    put = changes(http, books, cursor=cursor)
    ends = put["changes"][0]["expires_at"]
    waited = changes(http, books, cursor=put["cursor"], wait=20)
    assert waited["changes"] == [
        {"kind": "expire", "id": "brief", "version": version, "shard": 0, "at": ends, "expires_at": ends}
    ]
    assert waited["complete_until"] >= ends
    assert changes(http, books, cursor=waited["cursor"])["changes"] == []
    both = changes(http, books, cursor=cursor, include_metadata=True)["changes"]
    assert [one["kind"] for one in both] == ["upsert", "expire"]


def test_what_expires_is_told_by_the_moment_up_to_which_all_was_told(http: Client, books: str) -> None:
    """Whoever keeps a copy drops what was to expire by then, and so has what the database has; keys alike."""
    feeds = {"changes": changes(http, books)["cursor"], "kv-changes": key_changes(http, books)["cursor"]}
    ends = {"short": 0.05, "long": 60}
    records = [{"id": name, "vector": ONE, "ttl_seconds": seconds} for name, seconds in ends.items()]
    assert http.post(f"{books}/vectors", {"vectors": records}).status_code == 200
    for name, seconds in ends.items():
        assert http.put(f"{books}/kv/{name}?ttl_seconds={seconds}", content=b"x").status_code == 200
    for feed, begun in feeds.items():
        cursor, copy = begun, dict[str, str]()
        for _ in range(400):
            page = http.get(f"{books}/{feed}", params={"cursor": cursor, "wait": 0.05}).json()
            cursor = page["cursor"]
            copy |= {
                one.get("id") or one["key"]: one["expires_at"]
                for one in page["changes"]
                if one["kind"] != "expire"
            }
            copy = {name: end for name, end in copy.items() if end > page["complete_until"]}
            if set(copy) == {"long"}:
                break
        assert set(copy) == {"long"}
    assert http.get(f"{books}/vectors/short").status_code == 404
    assert http.get(f"{books}/kv/short").status_code == 404


def test_a_namespace_with_history_tells_every_change_of_its_keys(http: Client, books: str) -> None:
    """With the values of then, and each expiry; a wait ends with it. Others say that they tell last states."""
    assert key_changes(http, books)["history"] is False
    created = http.post("/v1/namespaces", {"name": "noted", "key_history": True})
    assert created.json()["key_history"] is True
    noted = "/v1/namespaces/noted"
    begun = key_changes(http, noted)
    assert begun["history"] is True
    http.put(f"{noted}/kv/a", content=b"1")
    http.put(f"{noted}/kv/a", content=b"2")
    http.put(f"{noted}/kv/large", content=bytes(40_000))
    http.delete(f"{noted}/kv/a")
    told = key_changes(http, noted, cursor=begun["cursor"], values=True)["changes"]
    assert [(one["kind"], one["key"], one.get("value")) for one in told] == [
        ("put", "a", "1"),
        ("put", "a", "2"),
        ("put", "large", None),
        ("delete", "a", None),
    ]
    assert told[2]["value_bytes"] == 40_000
    version = http.put(f"{noted}/kv/brief?ttl_seconds=1", content=b"x").json()["version"]
    page = key_changes(http, noted, cursor=begun["cursor"])
    waited = key_changes(http, noted, cursor=page["cursor"], wait=20)["changes"]
    assert [(one["kind"], one["key"], one["version"]) for one in waited] == [("expire", "brief", version)]
    assert waited[0]["expires_at"] == waited[0]["at"]
    other = http.post("/v1/namespaces", {"name": "noted"})
    refused(other, 409, "namespace_exists", "name")
    assert http.delete(noted).status_code == 200
