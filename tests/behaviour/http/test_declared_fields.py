"""Fields declared as text or sparse, and namespaces without vectors, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from quartzdb.domain.limits import SPARSE_ENTRIES_MAX, SPARSE_FIELDS_MAX, TEXT_FIELDS_MAX
from tests.behaviour.http.client import Client

FULL = {"language": "english", "stemming": True, "stopwords": True}


@pytest.fixture
def notes(http: Client) -> str:
    """The path of a namespace that holds text and sparse vectors, and no dense ones."""
    created = http.post("/v1/namespaces", {"name": "notes", "text": {"body": {}}, "sparse": ["splade"]})
    assert created.status_code == 201
    return "/v1/namespaces/notes"


def test_what_is_declared_is_shown(http: Client, notes: str) -> None:
    """With its defaults, when it is created, described and listed."""
    described = http.get(notes).json()
    listed = next(one for one in http.get("/v1/namespaces").json()["namespaces"] if one["name"] == "notes")
    for shown in (described, listed):
        assert shown["dimension"] is None
        assert (shown["text"], shown["sparse"]) == ({"body": FULL}, ["splade"])


def test_declaring_again(http: Client, notes: str) -> None:
    """The same, defaults left out or not, changes nothing; anything else is a conflict that says what there is."""
    same = {"name": "notes", "text": {"body": FULL}, "sparse": ["splade"]}
    assert http.post("/v1/namespaces", same).status_code == 200
    other = http.post("/v1/namespaces", {"name": "notes", "text": {"body": {"stemming": False}}})
    assert other.status_code == 409
    assert "text body, sparse splade" in other.json()["detail"]


@pytest.mark.parametrize(
    ("declared", "field", "reason"),
    [
        ({"text": {"body": {"language": "klingon"}}}, "text.body.language", "klingon"),
        ({"text": {"a.b": {}}}, "text", "top-level"),
        ({"text": {"$id": {}}}, "text", "top-level"),
        ({"text": {"": {}}}, "text", "top-level"),
        ({"text": {f"f{n}": {} for n in range(TEXT_FIELDS_MAX + 1)}}, "text", f"at most {TEXT_FIELDS_MAX}"),
        ({"text": {"body": {"fuzzy": True}}}, "text.body.fuzzy", "no field"),
        ({"text": {"body": {"stemming": "yes"}}}, "text.body.stemming", "true or false"),
        ({"text": ["body"]}, "text", "object"),
        ({"sparse": ["a.b"]}, "sparse", "top-level"),
        ({"sparse": ["a", "a"]}, "sparse", "twice"),
        ({"sparse": [f"s{n}" for n in range(SPARSE_FIELDS_MAX + 1)]}, "sparse", f"at most {SPARSE_FIELDS_MAX}"),
        ({"sparse": "splade"}, "sparse", "array"),
        ({"text": {"a": {}}, "sparse": ["a"]}, "sparse", "one metadata field"),
    ],
)  # fmt: skip
def test_what_cannot_be_declared(http: Client, declared: dict[str, Any], field: str, reason: str) -> None:
    """An error that names it, and no namespace."""
    refused = http.post("/v1/namespaces", {"name": "none", **declared})
    problem = refused.json()
    assert (refused.status_code, problem["field"]) == (400, field), problem
    assert reason in f"{problem['detail']} {problem.get('hint', '')}"
    assert http.get("/v1/namespaces/none").status_code == 404


def test_records_without_vectors(http: Client, notes: str) -> None:
    """They are written, read, listed, counted, grouped, patched and deleted, and no answer shows a vector."""
    records = [
        {"id": "a", "metadata": {"body": "Of the desert.", "year": 1965}},
        {"id": "b", "metadata": {"body": ["Of", "villages"], "year": 1815}},
        {"id": "c", "metadata": {"year": 1969, "splade": {"indices": [3, 7], "values": [0.5, 2]}}},
    ]
    written = http.post(f"{notes}/vectors", {"vectors": records})
    assert written.status_code == 200
    after = {"version": written.json()["version"]}
    one = http.get(f"{notes}/vectors/a").json()
    assert "vector" not in one
    assert one["metadata"] == records[0]["metadata"]
    fetched = http.post(f"{notes}/vectors/fetch", {"ids": ["a", "b", "x"]}).json()
    assert [sorted(record) for record in fetched["records"]] == [["id", "metadata", "version"]] * 2
    listing = {"order_by": {"field": "year"}, "include_vectors": True, **after}
    listed = http.post(f"{notes}/vectors/list", listing).json()["records"]
    assert [record["id"] for record in listed] == ["b", "a", "c"]
    assert not any("vector" in record for record in listed)
    assert http.get(f"{notes}/vectors").json()["ids"] == ["a", "b", "c"]
    old = {"filter": {"year": {"$lt": 1900}}}
    assert http.post(f"{notes}/vectors/count", old).json()["count"] == 1
    newest = {"aggregates": {"newest": {"kind": "max", "field": "year"}}}
    assert http.post(f"{notes}/aggregate", newest).json()["groups"][0]["aggregates"] == {"newest": 1969}
    assert http.get(f"{notes}/schema").json()["fields"]
    patch = http.post(f"{notes}/vectors/patch", {"patches": [{"id": "a", "set": {"body": "Arrakis"}}]})
    assert patch.status_code == 200
    assert http.get(f"{notes}/vectors/a").json()["metadata"]["body"] == "Arrakis"
    assert http.post(f"{notes}/vectors/delete", old).json()["deleted"] == 1
    assert http.get(notes).json()["stats"]["records"] == 2


def test_vectors_are_refused_where_there_are_none(http: Client, notes: str) -> None:
    """In a record and in a query; and a record without one is refused where there are."""
    given = http.post(f"{notes}/vectors", {"vectors": [{"id": "a", "vector": [1, 2]}]})
    assert (given.status_code, given.json()["code"], given.json()["field"]) == (
        400,
        "invalid_vector",
        "vectors[0].vector",
    )
    assert http.post(f"{notes}/query", {"vector": [1, 2]}).status_code == 400
    http.post(f"{notes}/vectors", {"vectors": [{"id": "a"}]})
    asked = http.post(f"{notes}/query", {"id": "a"})
    assert (asked.status_code, "created without a dimension" in asked.json()["detail"]) == (400, True)
    assert http.post("/v1/namespaces", {"name": "three", "dimension": 3}).status_code == 201
    missing = http.post("/v1/namespaces/three/vectors", {"vectors": [{"id": "a"}]})
    assert (missing.status_code, missing.json()["detail"]) == (400, "The vector is missing.")


def test_a_namespace_with_neither_holds_no_records(http: Client) -> None:
    """Key-values only, as ever."""
    assert http.post("/v1/namespaces", {"name": "keys"}).status_code == 201
    refused = http.post("/v1/namespaces/keys/vectors", {"vectors": [{"id": "a"}]})
    assert (refused.status_code, "key-values only" in refused.json()["detail"]) == (400, True)


def sparse(indices: object, values: object) -> dict[str, object]:
    return {"splade": {"indices": indices, "values": values}}


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"body": 7}, "body"),
        ({"body": {"en": "text"}}, "body"),
        ({"body": ["text", 7]}, "body[1]"),
        ({"splade": [1, 2]}, "splade"),
        ({"splade": {"indices": [1]}}, "splade"),
        ({"splade": {"indices": [1], "values": [1], "more": 1}}, "splade"),
        (sparse(3, [1]), "splade.indices"),
        (sparse([1, 2], [1]), "splade"),
        (sparse([1, 1], [1, 2]), "splade.indices"),
        (sparse([1, -1], [1, 2]), "splade.indices[1]"),
        (sparse([2**32], [1]), "splade.indices[0]"),
        (sparse([1.0], [1]), "splade.indices[0]"),
        (sparse([True], [1]), "splade.indices[0]"),
        (sparse([1], ["x"]), "splade.values[0]"),
        (sparse([1], [1e39]), "splade.values[0]"),
        (sparse(list(range(SPARSE_ENTRIES_MAX + 1)), [1] * (SPARSE_ENTRIES_MAX + 1)), "splade"),
    ],
)
def test_what_declared_fields_cannot_hold(
    http: Client, notes: str, metadata: dict[str, Any], field: str
) -> None:
    """Refused in a record, in a patch and in a patch by filter alike; nothing is written."""
    written = http.post(f"{notes}/vectors", {"vectors": [{"id": "a", "metadata": metadata}]})
    assert (written.status_code, written.json()["field"]) == (400, f"vectors[0].metadata.{field}")
    assert http.get(f"{notes}/vectors/a").status_code == 404
    http.post(f"{notes}/vectors", {"vectors": [{"id": "a"}]})
    patched = http.post(f"{notes}/vectors/patch", {"patches": [{"id": "a", "set": metadata}]})
    assert (patched.status_code, patched.json()["field"]) == (400, f"patches[0].set.{field}")
    everywhere = {"filter": {"year": {"$exists": False}}, "set": metadata}
    by_filter = http.post(f"{notes}/vectors/patch", everywhere)
    assert (by_filter.status_code, by_filter.json()["field"]) == (400, f"set.{field}")
    assert http.get(f"{notes}/vectors/a").json()["metadata"] == {}


def test_null_is_nothing(http: Client, notes: str) -> None:
    """A declared field may be null, or hold an empty vector."""
    metadata: dict[str, Any] = {"body": None, "splade": {"indices": [], "values": []}}
    assert http.post(f"{notes}/vectors", {"vectors": [{"id": "a", "metadata": metadata}]}).status_code == 200
