"""What users of other libraries and databases expect of filters, on their own cases: where this differs is said in
docs/filters.md, and shown here.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.behaviour.http.client import Client, refused

PEOPLE: dict[str, dict[str, Any]] = {
    "1": {
        "name": "adam", "date": "2021-01-01", "count": 1, "is_active": True, "tags": ["a", "b"],
        "location": [1.0, 2.0], "id": 1, "height": 10.0, "happiness": 0.9, "sadness": 0.1,
    },
    "2": {
        "name": "bob", "date": "2021-01-02", "count": 2, "is_active": False, "tags": ["b", "c"],
        "location": [2.0, 3.0], "id": 2, "height": 5.7, "happiness": 0.8, "sadness": 0.1,
    },
    "3": {
        "name": "jane", "date": "2021-01-01", "count": 3, "is_active": True, "tags": ["b", "d"],
        "location": [3.0, 4.0], "id": 3, "height": 2.4, "happiness": None,
    },
}  # fmt: skip
"""The records of the cases that stores of LangChain share; "sadness" is missing once, "happiness" is null once."""

ALIKE: list[tuple[dict[str, Any], str]] = [
    ({}, "123"),
    ({"id": 1}, "1"),
    ({"name": "adam"}, "1"),
    ({"name": ""}, ""),
    ({"is_active": True}, "13"),
    ({"is_active": False}, "2"),
    ({"id": 1, "is_active": True}, "1"),
    ({"id": 1, "is_active": False}, ""),
    ({"id": {"$ne": 1}}, "23"),
    ({"id": {"$gt": 1}}, "23"),
    ({"id": {"$gte": 1}}, "123"),
    ({"id": {"$lt": 1}}, ""),
    ({"id": {"$lte": 1}}, "1"),
    ({"name": {"$eq": "adam"}}, "1"),
    ({"name": {"$ne": "adam"}}, "23"),
    ({"name": {"$gt": "jane"}}, ""),
    ({"name": {"$gte": "jane"}}, "3"),
    ({"name": {"$lt": "jane"}}, "12"),
    ({"name": {"$lte": "jane"}}, "123"),
    ({"is_active": {"$eq": True}}, "13"),
    ({"is_active": {"$ne": True}}, "2"),
    ({"height": {"$gt": 5.0}}, "12"),
    ({"height": {"$gte": 5.0}}, "12"),
    ({"height": {"$lt": 5.0}}, "3"),
    ({"height": {"$lte": 5.8}}, "23"),
    ({"$or": [{"id": 1}, {"id": 2}]}, "12"),
    ({"$or": [{"id": 1}, {"name": "bob"}]}, "12"),
    ({"$and": [{"id": 1}, {"id": 2}]}, ""),
    ({"$or": [{"id": 1}, {"id": 2}, {"id": 3}]}, "123"),
    ({"$not": {"id": 1}}, "23"),
    ({"$not": [{"id": 1}]}, "23"),
    ({"$not": {"name": "adam"}}, "23"),
    ({"$not": [{"is_active": True}]}, "2"),
    ({"$not": {"height": {"$gt": 5.0}}}, "3"),
    ({"$not": [{"height": {"$gt": 5.0}}]}, "3"),
    ({"$not": [{"id": 1}, {"id": 2}]}, "3"),
    ({"name": {"$in": ["adam", "bob"]}}, "12"),
    ({"id": {"$in": [1, 2]}}, "12"),
    ({"name": {"$nin": ["adam", "bob"]}}, "3"),
    ({"id": {"$nin": [1, 2]}}, "3"),
    ({"happiness": {"$exists": False}}, ""),
    ({"happiness": {"$exists": True}}, "123"),
    ({"sadness": {"$exists": False}}, "3"),
    ({"sadness": {"$exists": True}}, "12"),
    ({"happiness": None}, "3"),
    # Haystack's: what is missing or null is none of these numbers, and no greater or less than any.
    ({"sadness": {"$ne": 0.1}}, "3"),
    ({"happiness": {"$nin": [0.9, 0.8]}}, "3"),
    ({"sadness": {"$gt": 0}}, "12"),
    ({"happiness": {"$lte": 0.85}}, "2"),
    ({"date": {"$gt": "2021-01-01"}}, "2"),
    ({"date": {"$lte": "2021-01-01T00:00:00"}}, "13"),
]
DIFFERENT: list[tuple[dict[str, Any], str, dict[str, Any], str]] = [
    ({"sadness": None}, "", {"$or": [{"sadness": None}, {"sadness": {"$exists": False}}]}, "3"),
    ({"happiness": {"$ne": 0.9}}, "23", {"happiness": {"$exists": True, "$nin": [0.9, None]}}, "2"),
    ({"sadness": {"$nin": [0.5]}}, "123", {"sadness": {"$exists": True, "$nin": [0.5]}}, "12"),
    ({"location": 1.0}, "1", {"location": {"$contains": 1.0}}, "1"),
]
"""A filter, what it selects, and the filter that selects what others' does."""

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": {"$like": "a%"}}, "filter.name.$like"),
    ({"happiness": {"$gt": None}}, "filter.happiness.$gt"),
    ({"id": {"$gt": [1]}}, "filter.id.$gt"),
    ({"id": {"$in": 9}}, "filter.id.$in"),
    ({"id": {"$between": [1, 2]}}, "filter.id.$between"),
    ({"$not": []}, "filter.$not"),
    ({"$not": [{"id": 1}, 3]}, "filter.$not[1]"),
    ({"$nor": [{"id": 1}]}, "filter.$nor"),
]


@pytest.fixture
def people(http: Client, books: str) -> str:
    records = [{"id": one, "vector": [1, 0, 0], "metadata": metadata} for one, metadata in PEOPLE.items()]
    assert http.post(f"{books}/vectors", {"vectors": records}).status_code == 200
    return books


def selected(http: Client, path: str, document: dict[str, Any]) -> str:
    answer = http.post(f"{path}/vectors/list", {"filter": document, "include_metadata": False})
    assert answer.status_code == 200, (document, answer.text)
    return "".join(record["id"] for record in answer.json()["records"])


def test_filters_select_what_others_select(http: Client, people: str) -> None:
    """Case by case."""
    assert [(one, selected(http, people, one)) for one, _ in ALIKE] == ALIKE


def test_where_it_differs_another_filter_says_it(http: Client, people: str) -> None:
    """What is missing is not null, and what is not equal may be missing."""
    for document, ids, instead, expected in DIFFERENT:
        assert selected(http, people, document) == ids
        assert selected(http, people, instead) == expected


def test_what_there_is_not_is_refused(http: Client, people: str) -> None:
    """With its place."""
    for document, field in REFUSED:
        answer = http.post(f"{people}/vectors/list", {"filter": document})
        refused(answer, 400, "invalid_filter", field)
