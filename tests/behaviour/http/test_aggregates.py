"""Facets, statistics and fields over HTTP: what is answered, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.behaviour.http.client import Client, refused

BOOKS = {
    "dune": {"year": 1965, "tags": ["desert", "spice"], "language": "en"},
    "ubik": {"year": 1969, "tags": ["spice"], "language": "en"},
    "solaris": {"year": 1961, "tags": [], "language": "pl", "title": "S" * 300},
    "none": {},
}


@pytest.fixture
def shelf(http: Client, books: str) -> str:
    records = [{"id": one, "vector": [1, 2, 3], "metadata": metadata} for one, metadata in BOOKS.items()]
    assert http.post(f"{books}/vectors", {"vectors": records}).status_code == 200
    return books


def aggregated(http: Client, shelf: str, body: object = None) -> dict[str, Any]:
    answer = http.post(f"{shelf}/aggregate", body)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    assert document.pop("usage")["read_units"] == 1
    return document


def test_facets_count_the_elements_of_arrays(http: Client, shelf: str) -> None:
    answer = aggregated(http, shelf, {"aggregates": {"tags": {"kind": "top", "field": "tags"}}})
    top = [{"value": "spice", "count": 2}, {"value": "desert", "count": 1}]
    assert answer == {
        "records": 4,
        "missing": 0,
        "groups": [{"values": {}, "records": 4, "aggregates": {"tags": top}}],
        "more": False,
    }


def test_statistics_by_group(http: Client, shelf: str) -> None:
    """The largest first; who has no value of the field is counted apart."""
    answer = aggregated(
        http,
        shelf,
        {
            "group_by": ["language"],
            "aggregates": {
                "first": {"kind": "min", "field": "year"},
                "mean": {"kind": "average", "field": "year"},
                "half": {"kind": "percentiles", "field": "year", "percentiles": [50, 99.9]},
                "tags": {"kind": "distinct", "field": "tags"},
            },
        },
    )
    assert answer["missing"] == 1
    assert answer["groups"] == [
        {
            "values": {"language": "en"},
            "records": 2,
            "aggregates": {"first": 1965, "mean": 1967.0, "half": {"50": 1965, "99.9": 1969}, "tags": 2},
        },
        {
            "values": {"language": "pl"},
            "records": 1,
            "aggregates": {"first": 1961, "mean": 1961.0, "half": {"50": 1961, "99.9": 1961}, "tags": 0},
        },
    ]
    shortened = aggregated(http, shelf, {"group_by": ["language"], "limit": 1})
    assert (len(shortened["groups"]), shortened["more"]) == (1, True)


def test_of_nothing_there_is_an_answer_too(http: Client, shelf: str) -> None:
    kinds: dict[str, Any] = {
        "count": 0,
        "distinct": 0,
        "min": None,
        "max": None,
        "sum": 0,
        "average": None,
        "top": [],
    }
    body = {"filter": {"year": 1}, "aggregates": {kind: {"kind": kind, "field": "year"} for kind in kinds}}
    answer = aggregated(http, shelf, body)
    assert answer["groups"] == [{"values": {}, "records": 0, "aggregates": kinds}]
    assert aggregated(http, shelf, {**body, "group_by": ["language"]})["groups"] == []
    assert aggregated(http, shelf)["groups"] == [{"values": {}, "records": 4, "aggregates": {}}]


def test_a_long_text_is_shown_by_its_beginning(http: Client, shelf: str) -> None:
    answer = aggregated(http, shelf, {"aggregates": {"titles": {"kind": "top", "field": "title"}}})
    assert answer["groups"][0]["aggregates"]["titles"] == [{"value": "S" * 256, "count": 1}]


def test_fields_are_described(http: Client, shelf: str) -> None:
    answer = http.get(f"{shelf}/schema").json()
    fields = {one.pop("field"): one for one in answer["fields"]}
    assert list(fields) == ["language", "tags", "title", "year"]
    years = {"type": "number", "count": 3, "min": 1961, "max": 1969}
    assert fields["year"] == {"records": 3, "values": [years]}
    assert fields["tags"]["records"] == 3
    assert fields["tags"]["values"][0]["count"] == 3
    assert answer["more"] is False
    http.post(f"{shelf}/vectors/delete", {"ids": ["solaris", "dune", "none"]})
    left = {one["field"]: one["records"] for one in http.get(f"{shelf}/schema").json()["fields"]}
    assert left == {"language": 1, "tags": 1, "year": 1}


def one(**changes: object) -> dict[str, object]:
    return {"aggregates": {"x": {"kind": "top", "field": "year", **changes}}}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"group_by": ["a", "b", "c"]}, "invalid_argument", "group_by"),
        ({"group_by": ["a", "a"]}, "invalid_argument", "group_by"),
        ({"group_by": [""]}, "invalid_argument", "group_by[0]"),
        ({"limit": 0}, "invalid_argument", "limit"),
        ({"limit": 1001}, "invalid_argument", "limit"),
        (one(kind="median"), "invalid_argument", "aggregates.x.kind"),
        (one(field=""), "invalid_argument", "aggregates.x.field"),
        (one(limit=0), "invalid_argument", "aggregates.x.limit"),
        (one(percentiles=[50]), "invalid_argument", "aggregates.x.percentiles"),
        (one(kind="percentiles"), "invalid_argument", "aggregates.x.percentiles"),
        (one(kind="percentiles", percentiles=[101]), "invalid_argument", "aggregates.x.percentiles"),
        (one(kind="percentiles", percentiles=[1] * 17), "invalid_argument", "aggregates.x.percentiles"),
        (
            {"aggregates": {str(n): {"kind": "count", "field": "a"} for n in range(17)}},
            "too_large",
            "aggregates",
        ),
    ],
)
def test_what_cannot_be_aggregated_is_refused(
    http: Client, shelf: str, body: object, code: str, field: str
) -> None:
    refused(http.post(f"{shelf}/aggregate", body), 400, code, field)
