"""Records that expire, over HTTP: how a client says when, what answers show, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from quartzdb.domain.limits import TTL_SECONDS_MAX
from tests.behaviour.http.client import Client, refused

DUNE = {"id": "dune", "vector": [0.5, 0.25, 0.0], "metadata": {"year": 1965}}
MOMENT = "2033-05-18T03:33:20.000Z"


def ahead(**time: float) -> str:
    return (datetime.now(UTC) + timedelta(**time)).isoformat()


def test_a_moment_comes_back_wherever_the_record_is_shown(http: Client, books: str) -> None:
    """As it was sent, in UTC; a record that never expires has no such field."""
    moment = "2033-05-18T05:33:20+02:00"
    emma = {"id": "emma", "vector": [1, 0, 0]}
    assert (
        http.post(f"{books}/vectors", {"vectors": [{**DUNE, "expires_at": moment}, emma]}).status_code == 200
    )
    assert http.get(f"{books}/vectors/dune").json()["expires_at"] == MOMENT
    assert http.get(f"{books}/vectors/dune").json()["metadata"] == {"year": 1965}
    question = {"vector": [1, 0, 0]}
    shown = [
        http.post(f"{books}/vectors/fetch", {"ids": ["dune", "emma"]}).json()["records"],
        http.post(f"{books}/query", question).json()["matches"],
        http.post(f"{books}/query", {**question, "include_metadata": False}).json()["matches"],
        http.post(f"{books}/query/batch", {"queries": [question]}).json()["answers"][0]["matches"],
        http.post(f"{books}/vectors/list", {"include_metadata": ["none"]}).json()["records"],
    ]
    for records in shown:
        found = {record["id"]: record for record in records}
        assert found["dune"]["expires_at"] == MOMENT
        assert "expires_at" not in found["emma"]
    assert [field["field"] for field in http.get(f"{books}/schema").json()["fields"]] == ["year"]


def test_a_patch_says_it_anew_or_takes_it_back(http: Client, books: str) -> None:
    """Left out, it stays; null is never. One, several, and by filter."""
    http.post(f"{books}/vectors", {"vectors": [{**DUNE, "ttl_seconds": 3600}]})
    first = http.get(f"{books}/vectors/dune").json()["expires_at"]

    def moment() -> str | None:
        document = http.get(f"{books}/vectors/dune").json()
        shown: str | None = document.get("expires_at")
        return shown

    assert http.patch(f"{books}/vectors/dune", {"set": {"year": 1966}}).status_code == 200
    assert moment() == first
    assert http.patch(f"{books}/vectors/dune", {"expires_at": MOMENT}).status_code == 200
    assert moment() == MOMENT
    assert http.patch(f"{books}/vectors/dune", {"expires_at": None}).status_code == 200
    assert moment() is None
    patches = {"patches": [{"id": "dune", "ttl_seconds": 60}]}
    assert http.post(f"{books}/vectors/patch", patches).json()["patched"] == 1
    assert moment() is not None
    by_filter = {"filter": {"year": 1966}, "expires_at": None}
    assert http.post(f"{books}/vectors/patch", by_filter).json()["patched"] == 1
    assert moment() is None
    http.post(f"{books}/vectors/patch", {"filter": {}, "expires_at": MOMENT, "set": {"n": 1}})
    assert moment() == MOMENT
    http.post(f"{books}/vectors", {"vectors": [DUNE]})
    assert moment() is None


@pytest.mark.parametrize(
    ("expiry", "field"),
    [
        ({"ttl_seconds": 0}, "ttl_seconds"),
        ({"ttl_seconds": 0.0009}, "ttl_seconds"),
        ({"ttl_seconds": -5}, "ttl_seconds"),
        ({"ttl_seconds": TTL_SECONDS_MAX + 1}, "ttl_seconds"),
        ({"ttl_seconds": "60"}, "ttl_seconds"),
        ({"ttl_seconds": 60, "expires_at": MOMENT}, "expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2033-05-18T03:33:20"}, "expires_at"),
        ({"expires_at": "2033-05-18"}, "expires_at"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": "0001-01-01T00:00:00+14:00"}, "expires_at"),
        ({"expires_at": 2_000_000_000}, "expires_at"),
        ({"expires_at": ahead(days=3_651)}, "expires_at"),
    ],
)
def test_what_is_no_moment_is_refused(
    http: Client, books: str, expiry: dict[str, object], field: str
) -> None:
    """In a new record and in a patch, by name, and nothing is written."""
    http.post(f"{books}/vectors", {"vectors": [DUNE]})
    new = {"vectors": [{"id": "new", "vector": [1, 0, 0], **expiry}]}
    refused(http.post(f"{books}/vectors", new), 400, "invalid_argument", f"vectors[0].{field}")
    refused(http.patch(f"{books}/vectors/dune", expiry), 400, "invalid_argument", field)
    patches = {"patches": [{"id": "dune", **expiry}]}
    refused(http.post(f"{books}/vectors/patch", patches), 400, "invalid_argument", f"patches[0].{field}")
    assert http.get(f"{books}/vectors").json()["ids"] == ["dune"]
    assert "expires_at" not in http.get(f"{books}/vectors/dune").json()


def test_the_longest_and_the_shortest_are_taken(http: Client, books: str) -> None:
    """Both ends of what is allowed."""
    for ttl in (0.001, TTL_SECONDS_MAX):
        answer = http.post(f"{books}/vectors", {"vectors": [{**DUNE, "ttl_seconds": ttl}]})
        assert answer.status_code == 200, answer.text


def test_clients_do_not_write_or_see_where_it_is_kept(http: Client, books: str) -> None:
    """The field of that name is refused in metadata and patches, and in filters as every name with "$"."""
    field = "$expires_at"
    record = {"id": "r", "vector": [1, 0, 0], "metadata": {field: 2_000_000_000_000}}
    problem = refused(
        http.post(f"{books}/vectors", {"vectors": [record]}), 400, "invalid_metadata", "vectors[0].metadata"
    )
    assert "ttl_seconds" in problem["hint"]
    http.post(f"{books}/vectors", {"vectors": [{**DUNE, "ttl_seconds": 60}]})
    refused(http.patch(f"{books}/vectors/dune", {"set": {field: 1}}), 400, "invalid_metadata")
    refused(http.patch(f"{books}/vectors/dune", {"unset": [field]}), 400, "invalid_metadata")
    refused(http.post(f"{books}/vectors/count", {"filter": {field: 1}}), 400, "invalid_filter")
    # Another name with "$" is metadata as ever.
    kept = {"id": "kept", "vector": [1, 0, 0], "metadata": {"$schema": "x"}}
    assert http.post(f"{books}/vectors", {"vectors": [kept]}).status_code == 200
    assert http.get(f"{books}/vectors/kept").json()["metadata"] == {"$schema": "x"}


def test_an_expiry_takes_nothing_from_the_room_for_metadata(http: Client, books: str) -> None:
    """Neither in an upsert nor in the patches that come after it; and it costs no write units."""
    text = "x" * (32 * 1024 - len('{"t":""}'))
    record = {"id": "r", "vector": [1, 0, 0], "metadata": {"t": text}}
    plain = http.post(f"{books}/vectors", {"vectors": [record]}).json()["usage"]
    expiring = http.post(f"{books}/vectors", {"vectors": [{**record, "ttl_seconds": 60}]}).json()["usage"]
    assert expiring == plain
    for _ in range(2):
        answer = http.patch(f"{books}/vectors/r", {"ttl_seconds": 90})
        assert answer.status_code == 200, answer.text
    assert http.get(f"{books}/vectors/r").json()["metadata"] == {"t": text}


def test_listings_and_aggregates_may_go_by_it(http: Client, books: str) -> None:
    """Under the name `$expires_at`, in unix milliseconds: what goes first, and how much is to go."""
    http.post(
        f"{books}/vectors",
        {
            "vectors": [
                {"id": "never", "vector": [1, 0, 0]},
                {"id": "late", "vector": [1, 0, 0], "expires_at": "2033-01-02T00:00:00Z"},
                {"id": "soon", "vector": [1, 0, 0], "expires_at": "2033-01-01T00:00:00Z"},
            ]
        },
    )
    page = http.post(f"{books}/vectors/list", {"order_by": {"field": "$expires_at"}}).json()
    assert [record["id"] for record in page["records"]] == ["soon", "late", "never"]
    wanted = {"aggregates": {"first": {"kind": "min", "field": "$expires_at"}}}
    answer = http.post(f"{books}/aggregate", wanted).json()
    assert "1988150400000" in str(answer), answer


def test_the_feed_of_changes_says_when(http: Client, books: str) -> None:
    """Of upserts and of patches that say it anew or take it back; the field that keeps it is not shown."""
    cursor = http.get(f"{books}/changes").json()["cursor"]
    http.post(f"{books}/vectors", {"vectors": [{**DUNE, "expires_at": MOMENT}]})
    http.patch(f"{books}/vectors/dune", {"set": {"n": 1}})
    http.patch(f"{books}/vectors/dune", {"expires_at": "2034-01-01T00:00:00Z"})
    http.patch(f"{books}/vectors/dune", {"expires_at": None, "unset": ["n"]})
    told = http.get(f"{books}/changes?include_metadata=true&cursor={cursor}").json()["changes"]
    common = {"id", "version", "shard", "at", "kind"}
    assert [{name: value for name, value in one.items() if name not in common} for one in told] == [
        {"metadata": {"year": 1965}, "expires_at": MOMENT},
        {"set": {"n": 1}, "unset": []},
        {"set": {}, "unset": [], "expires_at": "2034-01-01T00:00:00.000Z"},
        {"set": {}, "unset": ["n"], "expires_at": None},
    ]
