"""Queries by words, by sparse vectors and by several parts, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.behaviour.http.client import Client


@pytest.fixture
def shelf(http: Client) -> str:
    """The path of a namespace of three books in two shards."""
    declared = {"text": {"title": {}, "body": {}}, "sparse": ["splade"]}
    assert http.post("/v1/namespaces", {"name": "shelf", "dimension": 3, "shards": 2, **declared}).is_success
    records = [
        {
            "id": "dune",
            "vector": [1, 0, 0],
            "metadata": {
                "title": "Dune",
                "body": "A desert planet, and its giant worms.",
                "year": 1965,
                "splade": {"indices": [1, 2], "values": [2.0, 1.0]},
            },
        },
        {
            "id": "emma",
            "vector": [0, 1, 0],
            "metadata": {"title": "Emma", "body": "Of matchmaking in a village.", "year": 1815},
        },
        {
            "id": "mars",
            "vector": [0.8, 0.6, 0],
            "metadata": {
                "title": "Red planet",
                "body": ["Mars is a planet.", "A desert."],
                "year": 1949,
                "splade": {"indices": [2], "values": [3.0]},
            },
        },
    ]
    assert http.post("/v1/namespaces/shelf/vectors", {"vectors": records}).is_success
    return "/v1/namespaces/shelf"


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [match["id"] for match in answer.json()["matches"]]


def test_by_words(http: Client, shelf: str) -> None:
    """Scores without distances; what does not match is not there; metadata, filters and receipts as ever."""
    answer = http.post(f"{shelf}/query", {"text": {"query": "planets"}})
    assert ids(answer) == ["mars", "dune"]
    document = answer.json()
    assert all(sorted(match) == ["id", "metadata", "score", "version"] for match in document["matches"])
    assert document["performance"]["mode"] == "exact"
    assert document["usage"]["read_units"] == 1
    assert document["usage"]["records_returned"] == 2
    old = {"text": {"query": "planets"}, "filter": {"year": {"$lt": 1950}}, "include_vectors": True}
    assert http.post(f"{shelf}/query", old).json()["matches"][0]["vector"] == pytest.approx([0.8, 0.6, 0])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ({"query": '"desert planet"'}, ["dune"]),
        ({"query": "matchmak*"}, ["emma"]),
        ({"query": "planet", "fields": {"title": 1}}, ["mars"]),
        ({"query": "planet", "must": ["worm*"]}, ["dune"]),
        ({"query": "planet", "must_not": ["mars"]}, ["dune"]),
        ({"must": ["village"], "should": ["nobody"]}, ["emma"]),
        ({"query": "nobody"}, []),
    ],
)
def test_clauses(http: Client, shelf: str, text: dict[str, Any], wanted: list[str]) -> None:
    """Phrases, prefixes, fields, and what must and must not be there."""
    assert ids(http.post(f"{shelf}/query", {"text": text})) == wanted


def test_by_sparse_vector(http: Client, shelf: str) -> None:
    """The field need not be named where there is one."""
    sparse = {"indices": [2, 9], "values": [1.0, 5.0]}
    for asked in (sparse, {**sparse, "field": "splade"}):
        answer = http.post(f"{shelf}/query", {"sparse": asked})
        assert ids(answer) == ["mars", "dune"]
        assert [match["score"] for match in answer.json()["matches"]] == [3.0, 1.0]


def test_by_several_parts(http: Client, shelf: str) -> None:
    """By reciprocal rank, or by weights; `explain` says where each match stands in each part."""
    asked = {"vector": [1, 0, 0], "text": {"query": "village"}, "explain": True}
    answer = http.post(f"{shelf}/query", asked)
    assert ids(answer) == ["emma", "dune", "mars"]
    emma = answer.json()["matches"][0]
    assert emma["score"] == pytest.approx(1 / 61 + 1 / 63)
    assert emma["explain"]["vector"] == {"rank": 3, "score": 0.0}
    assert emma["explain"]["text"]["rank"] == 1
    assert "text" not in answer.json()["matches"][1]["explain"]
    weighted = {**asked, "fusion": {"method": "weighted", "vector": 0.9, "text": 0.1}}
    answer = http.post(f"{shelf}/query", weighted)
    assert ids(answer) == ["dune", "mars", "emma"]
    assert answer.json()["matches"][0]["score"] == pytest.approx(0.9)
    by_id = {"id": "emma", "text": {"query": "worms"}, "top_k": 2, "fusion": {"k": 1}}
    assert ids(http.post(f"{shelf}/query", by_id)) == ["dune", "emma"]
    good = {**asked, "min_score": 0.02}
    assert ids(http.post(f"{shelf}/query", good)) == ["emma"]


def test_explaining_one_part(http: Client, shelf: str) -> None:
    """Is the place in the answer."""
    for part, question in (("vector", [1, 0, 0]), ("text", {"query": "planet"})):
        found = http.post(f"{shelf}/query", {part: question, "explain": True}).json()["matches"]
        assert [match["explain"][part]["rank"] for match in found] == list(range(1, len(found) + 1))
        assert [match["explain"][part]["score"] for match in found] == [match["score"] for match in found]


def test_in_batches_and_pages(http: Client, shelf: str) -> None:
    """As queries by vector."""
    queries = [
        {"text": {"query": "village"}},
        {"vector": [1, 0, 0], "top_k": 1},
        {"id": "dune", "text": {"query": "mars"}},
    ]
    batch = http.post(f"{shelf}/query/batch", {"queries": queries}).json()
    assert [answer["matches"][0]["id"] for answer in batch["answers"]] == ["emma", "dune", "mars"]
    assert "distance" in batch["answers"][1]["matches"][0]
    assert batch["usage"]["read_units"] == 3
    first = http.post(f"{shelf}/query", {"text": {"query": "planet"}, "top_k": 1, "page": True}).json()
    more = {"text": {"query": "planet"}, "top_k": 1, "cursor": first["cursor"]}
    second = http.post(f"{shelf}/query", more).json()
    assert [first["matches"][0]["id"], second["matches"][0]["id"]] == ["mars", "dune"]
    assert second["cursor"] is None
    other = http.post(f"{shelf}/query", {**more, "text": {"query": "desert"}})
    assert (other.status_code, other.json()["code"]) == (400, "invalid_cursor")


def test_what_was_written_is_found_at_once(http: Client, shelf: str) -> None:
    """By strong reads, and with the write's version by eventual ones; a quote searches nothing new."""
    record = {"id": "ubik", "vector": [0, 0, 1], "metadata": {"body": "zeppelin"}}
    version = http.post(f"{shelf}/vectors", {"vectors": [record]}).json()["version"]
    asked: dict[str, Any] = {"text": {"query": "zeppelins"}}
    assert ids(http.post(f"{shelf}/query", asked)) == ["ubik"]
    assert ids(http.post(f"{shelf}/query", {**asked, "consistency": "eventual", "version": version})) == [
        "ubik"
    ]
    quoted = http.post(f"{shelf}/query", {**asked, "dry_run": True}).json()
    assert quoted["usage"]["read_units"] == 1
    assert http.request("DELETE", f"{shelf}/vectors/ubik").is_success
    assert ids(http.post(f"{shelf}/query", asked)) == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "vector"),
        ({"vector": [1, 0, 0], "id": "dune", "text": {"query": "a"}}, "vector"),
        ({"text": "words"}, "text"),
        ({"text": {}}, "text.query"),
        ({"text": {"query": 7}}, "text.query"),
        ({"text": {"query": " "}}, "text.query"),
        ({"text": {"query": "a", "fuzzy": 1}}, "text.fuzzy"),
        ({"text": {"query": "a", "must": "b"}}, "text.must"),
        ({"text": {"query": "a", "must": [1]}}, "text.must[0]"),
        ({"text": {"query": "a", "fields": {"year": 1}}}, "text.fields"),
        ({"text": {"query": "a", "fields": {"body": -1}}}, "text.fields.body"),
        ({"text": {"query": "a", "fields": {"body": "1"}}}, "text.fields.body"),
        ({"text": {"query": "a", "fields": {"body": 0}}}, "text.fields"),
        ({"text": {"query": "a " * 5_000}}, "text.query"),
        ({"sparse": [1]}, "sparse"),
        ({"sparse": {"indices": [1], "values": [1, 2]}}, "sparse.indices"),
        ({"sparse": {"indices": [], "values": []}}, "sparse.indices"),
        ({"sparse": {"indices": [1, 1], "values": [1, 2]}}, "sparse.indices"),
        ({"sparse": {"indices": [2**32], "values": [1]}}, "sparse.indices[0]"),
        ({"sparse": {"indices": [1], "values": ["1"]}}, "sparse.values[0]"),
        ({"sparse": {"indices": [1], "values": [1e39]}}, "sparse.values[0]"),
        ({"sparse": {"field": "body", "indices": [1], "values": [1]}}, "sparse.field"),
        ({"text": {"query": "a"}, "fusion": {"method": "rrf"}}, "fusion"),
        ({"vector": [1, 0, 0], "text": {"query": "a"}, "fusion": {"method": "max"}}, "fusion.method"),
        ({"vector": [1, 0, 0], "text": {"query": "a"}, "fusion": {"k": 0}}, "fusion.k"),
        ({"vector": [1, 0, 0], "text": {"query": "a"}, "fusion": {"k": 1.5}}, "fusion.k"),
        ({"vector": [1, 0, 0], "text": {"query": "a"}, "fusion": {"text": 1}}, "fusion.text"),
        (
            {"vector": [1, 0, 0], "text": {"query": "a"}, "fusion": {"method": "weighted", "text": 1}},
            "fusion.vector",
        ),
        (
            {"vector": [1, 0, 0], "text": {"query": "a"}, "fusion": {"method": "weighted", "vector": 0, "text": 0}},
            "fusion",
        ),
        (
            {"vector": [1, 0, 0], "text": {"query": "a"}, "fusion": {"method": "weighted", "vector": 1e9, "text": 1}},
            "fusion.vector",
        ),
        ({"id": "none", "text": {"query": "a"}}, "id"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked(http: Client, shelf: str, query: dict[str, Any], field: str) -> None:
    """An error that names the place, alone and in a batch."""
    alone = http.post(f"{shelf}/query", query)
    assert alone.status_code in (400, 404), alone.text
    assert alone.json()["field"] == field
    batch = http.post(f"{shelf}/query/batch", {"queries": [{"vector": [1, 0, 0]}, query]})
    assert (batch.status_code, batch.json()["field"]) == (alone.status_code, f"queries[1].{field}")


def test_where_nothing_is_declared(http: Client, books: str) -> None:
    """It is said how to declare it."""
    for query in ({"text": {"query": "a"}}, {"sparse": {"indices": [1], "values": [1]}}):
        refused = http.post(f"{books}/query", query)
        assert (refused.status_code, "declared when a namespace is created" in refused.json()["hint"]) == (
            400,
            True,
        )


def test_without_dimension(http: Client) -> None:
    """Words alone are enough."""
    assert http.post("/v1/namespaces", {"name": "notes", "text": {"body": {"language": "german"}}}).is_success
    records = [{"id": "a", "metadata": {"body": "Die Häuser am Meer"}}, {"id": "b"}]
    assert http.post("/v1/namespaces/notes/vectors", {"vectors": records}).is_success
    asked = {"text": {"query": "haus"}, "include_vectors": True}
    answer = http.post("/v1/namespaces/notes/query", asked)
    assert ids(answer) == ["a"]
    assert "vector" not in answer.json()["matches"][0]
    both = http.post("/v1/namespaces/notes/query", {**asked, "vector": [1]})
    assert (both.status_code, both.json()["field"]) == (400, "namespace")


@pytest.mark.parametrize(
    "query",
    [
        {"text": {"query": "desert planet"}},
        {"sparse": {"field": "splade", "indices": [1, 2], "values": [1, 1]}},
        {"vector": [1, 0, 0], "text": {"query": "desert planet"}},
    ],
)
def test_in_groups(http: Client, shelf: str, query: dict[str, Any]) -> None:
    """As by vector: scores without distances, a page after the other, and the best of each value."""
    by_year = {
        **query,
        "group_by": {"field": "year", "per_group": 2, "groups": 1},
        "page": True,
        "explain": True,
    }
    answer = http.post(f"{shelf}/query", by_year)
    assert answer.status_code == 200, answer.text
    first = answer.json()
    assert first["matches"] == []
    assert len(first["groups"]) == 1
    best = first["groups"][0]["matches"][0]
    assert "distance" not in best
    assert set(best["explain"]) == ({"vector", "text"} if "vector" in query else set())
    second = http.post(f"{shelf}/query", {**by_year, "cursor": first["cursor"]}).json()
    years = {first["groups"][0]["value"], second["groups"][0]["value"]}
    assert years == {1965, 1949}
    distinct = http.post(f"{shelf}/query", {**query, "distinct": "year", "filter": {"year": {"$gt": 1900}}})
    assert set(ids(distinct)) == {"dune", "mars"}
    batch = http.post(
        f"{shelf}/query/batch", {"queries": [by_year, {"vector": [1, 0, 0], "top_k": 1, "page": True}]}
    ).json()["answers"]
    assert batch[0]["groups"] == first["groups"]
    assert [match["id"] for match in batch[1]["matches"]] == ["dune"]
    assert "distance" in batch[1]["matches"][0]
    assert batch[1]["cursor"] is not None
