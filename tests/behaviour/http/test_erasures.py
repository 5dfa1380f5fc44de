"""Erasures over HTTP: begun with 202, followed by their report."""

from __future__ import annotations

import pytest

from tests.behaviour.http.client import Client


@pytest.fixture
def books(http: Client) -> Client:
    http.post("/v1/namespaces", {"name": "books", "dimension": 3})
    vectors = [{"id": f"b{n}", "vector": [1, 2, 3], "metadata": {"n": n}} for n in range(4)]
    http.post("/v1/namespaces/books/vectors", {"vectors": vectors})
    http.post("/v1/namespaces/books/kv-batch/put", {"items": [{"key": "k", "value": "v"}]})
    return http


def test_what_is_erased_is_deleted_at_once(books: Client) -> None:
    """By ids, filter and keys; the answer leads to a report that is honest about what is still there."""
    begun = books.post("/v1/namespaces/books/erase", {"ids": ["b0", "none"]})
    assert (begun.status_code, begun.json()["deleted"], begun.json()["status"]) == (202, 1, "pending")
    by_filter = books.post("/v1/namespaces/books/erase", {"filter": {"n": {"$gte": 2}}}).json()
    assert (by_filter["deleted"], by_filter["more"]) == (2, False)
    by_keys = books.post("/v1/namespaces/books/erase", {"keys": ["k"]}).json()
    assert books.get("/v1/namespaces/books/vectors").json()["ids"] == ["b1"]
    assert books.get("/v1/namespaces/books/kv").json()["items"] == []
    report = books.get(begun.headers["location"]).json()
    assert (report["id"], report["status"]) == (begun.json()["id"], "pending")
    assert {one["place"]: one["status"] for one in report["places"]} == {
        "segments": "pending", "log": "pending", "files": "pending", "idempotent_answers": "pending"
    }  # fmt: skip
    assert any("Backups" in one or "35 days" in one for one in report["copies"])
    of_keys = books.get(f"/v1/namespaces/books/erasures/{by_keys['id']}").json()
    assert {one["place"]: one["status"] for one in of_keys["places"]} == {
        "files": "pending", "values": "gone", "keys": "pending", "idempotent_answers": "pending"
    }  # fmt: skip
    first = books.get("/v1/namespaces/books/erasures?limit=2").json()
    second = books.get(f"/v1/namespaces/books/erasures?limit=2&cursor={first['cursor']}").json()
    listed = [one["id"] for one in [*first["erasures"], *second["erasures"]]]
    assert sorted(listed) == sorted([begun.json()["id"], by_filter["id"], by_keys["id"]])
    assert second["cursor"] is None


@pytest.mark.parametrize("body", [{}, {"ids": ["a"], "keys": ["k"]}, {"keys": ["k"], "filter": {}}])
def test_it_says_what_to_erase_in_one_way(books: Client, body: dict[str, object]) -> None:
    """Else nothing is deleted."""
    refused = books.post("/v1/namespaces/books/erase", body)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_argument")
    assert len(books.get("/v1/namespaces/books/vectors").json()["ids"]) == 4


def test_an_erasure_is_of_its_namespace(books: Client) -> None:
    """Another one's, even of the same tenant, is not found."""
    begun = books.post("/v1/namespaces/books/erase", {"ids": ["b0"]}).json()
    books.post("/v1/namespaces", {"name": "films", "dimension": 3})
    missing = books.get(f"/v1/namespaces/films/erasures/{begun['id']}")
    assert (missing.status_code, missing.json()["code"]) == (404, "erasure_not_found")
    assert books.get("/v1/namespaces/films/erasures").json() == {"erasures": [], "cursor": None}
