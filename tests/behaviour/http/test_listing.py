"""Records are listed by filter, in the order of their ids or of a metadata field, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from tests.behaviour.http.client import Client, refused

YEARS = {"dune": 1965, "emma": 1815, "ubik": 1969, "solaris": 1961, "more": None}


@pytest.fixture
def shelf(http: Client, books: str) -> str:
    records = [
        {
            "id": name,
            "vector": [1.0, 0.5, 0.25],
            "metadata": {"by": {"name": name[::-1], "born": 1}, **({} if year is None else {"year": year})},
        }
        for name, year in YEARS.items()
    ]
    assert http.post(f"{books}/vectors", {"vectors": records}).status_code == 200
    return books


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [record["id"] for record in answer.json()["records"]]


def test_all_of_them_come_by_id(http: Client, shelf: str) -> None:
    """Nothing need be said; vectors are left out."""
    answer = http.post(f"{shelf}/vectors/list")
    assert ids(answer) == sorted(YEARS)
    assert answer.json()["cursor"] is None
    first = answer.json()["records"][0]
    assert set(first) == {"id", "version", "metadata"}
    assert first["metadata"] == {"by": {"name": "enud", "born": 1}, "year": 1965}
    assert answer.json()["usage"]["read_units"] == 1


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"field": "year"}, ["emma", "solaris", "dune", "ubik", "more"]),
        ({"field": "year", "direction": "desc"}, ["ubik", "dune", "solaris", "emma", "more"]),
        ({"field": "by.name"}, ["emma", "dune", "more", "ubik", "solaris"]),
        ({"field": "by"}, sorted(YEARS)),
        ({"direction": "desc"}, sorted(YEARS, reverse=True)),
        ({}, sorted(YEARS)),
        (None, sorted(YEARS)),
    ],
)
def test_an_order_is_by_a_field_or_by_id(
    http: Client, shelf: str, order: object, expected: list[str]
) -> None:
    """What has no value there comes last, both ways."""
    assert ids(http.post(f"{shelf}/vectors/list", {"order_by": order})) == expected


def test_a_filter_and_pages_of_an_order(http: Client, shelf: str) -> None:
    """The cursor goes on where the page ended, and belongs to this filter and order."""
    body: dict[str, Any] = {
        "filter": {"year": {"$gt": 1900}},
        "order_by": {"field": "year", "direction": "desc"},
        "limit": 2,
    }
    first = http.post(f"{shelf}/vectors/list", body)
    assert ids(first) == ["ubik", "dune"]
    cursor = first.json()["cursor"]
    last = http.post(f"{shelf}/vectors/list", {**body, "cursor": cursor, "include_metadata": False})
    assert ids(last) == ["solaris"]
    assert last.json()["cursor"] is None
    assert "metadata" not in last.json()["records"][0]
    for change in ({"order_by": {"field": "year"}}, {"filter": {"year": {"$gt": 1}}}, {"order_by": None}):
        answer = http.post(f"{shelf}/vectors/list", {**body, "cursor": cursor, **change})
        refused(answer, 400, "invalid_cursor", "cursor")


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        (["year"], {"year": 1965}),
        (["by.name", "none", "by.none.at_all"], {"by": {"name": "enud"}}),
        (["by.name", "by"], {"by": {"name": "enud", "born": 1}}),
        (["by", "by.name"], {"by": {"name": "enud", "born": 1}}),
        (["by.name", "by.born"], {"by": {"name": "enud", "born": 1}}),
        (["nothing"], {}),
    ],
)
def test_fields_are_chosen(http: Client, shelf: str, chosen: list[str], shown: object) -> None:
    """With the objects around them; one that is not there adds nothing."""
    answer = http.post(f"{shelf}/vectors/list", {"limit": 1, "include_metadata": chosen})
    assert answer.json()["records"][0]["metadata"] == shown
    assert (
        http.post(f"{shelf}/vectors/list", {"limit": 1}).json()["records"][0]["metadata"]["by"]["born"] == 1
    )


def test_a_field_whose_name_has_a_dot_is_chosen_as_filters_name_it(http: Client, books: str) -> None:
    metadata = {"a.b": 1, "a": {"b": 2, "c": 3}}
    http.post(f"{books}/vectors", {"vectors": [{"id": "x", "vector": [1, 2, 3], "metadata": metadata}]})
    answer = http.post(f"{books}/vectors/list", {"include_metadata": ["a.b"]})
    assert answer.json()["records"][0]["metadata"] == {"a.b": 1, "a": {"b": 2}}


def test_vectors_come_where_they_are_asked_for(http: Client, shelf: str) -> None:
    answer = http.post(f"{shelf}/vectors/list", {"include_vectors": True, "limit": 1}).json()
    assert answer["records"][0]["vector"] == [1.0, 0.5, 0.25]
    packed = http.post(f"{shelf}/vectors/list", {"include_vectors": "base64", "limit": 1}).json()
    assert packed["records"][0]["vector"] == "AACAPwAAAD8AAIA+"


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"limit": 0}, 400, "invalid_argument", "limit"),
        ({"limit": 1001}, 400, "invalid_argument", "limit"),
        ({"order_by": {"field": ""}}, 400, "invalid_argument", "order_by.field"),
        ({"order_by": {"field": "x" * 513}}, 400, "invalid_argument", "order_by.field"),
        ({"order_by": {"direction": "up"}}, 400, "invalid_argument", "order_by.direction"),
        ({"order_by": "year"}, 400, "invalid_argument", "order_by"),
        ({"include_metadata": "year"}, 400, "invalid_argument", "include_metadata"),
        ({"include_metadata": ["x"] * 101}, 400, "too_large", "include_metadata"),
        ({"cursor": "bm9uZQ"}, 400, "invalid_cursor", "cursor"),
        ({"filter": {"a": {"$near": 1}}}, 400, "invalid_filter", "filter.a.$near"),
    ],
)
def test_what_is_no_listing_is_refused(
    http: Client, shelf: str, body: object, status: int, code: str, field: str
) -> None:
    refused(http.post(f"{shelf}/vectors/list", body), status, code, field)
