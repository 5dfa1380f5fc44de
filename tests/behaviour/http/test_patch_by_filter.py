"""Metadata is changed of all records that a filter accepts: at most a thousand at once, and nothing is half done."""

from __future__ import annotations

from typing import Any

import pytest

from quartzdb.services import records as records_service
from tests.behaviour.http.client import Client, refused


@pytest.fixture
def shelf(http: Client, books: str) -> str:
    records = [
        {"id": f"r{number:02d}", "vector": [1, 2, 3], "metadata": {"n": number, "old": True}}
        for number in range(9)
    ]
    assert http.post(f"{books}/vectors", {"vectors": records}).status_code == 200
    return books


def metadata_of(http: Client, shelf: str) -> list[dict[str, Any]]:
    return [record["metadata"] for record in http.post(f"{shelf}/vectors/list").json()["records"]]


def test_what_matches_is_patched_and_nothing_else(http: Client, shelf: str) -> None:
    body = {"filter": {"n": {"$gte": 6}}, "set": {"late": 1}, "unset": ["old"]}
    answer = http.post(f"{shelf}/vectors/patch", body).json()
    assert answer["patched"] == 3
    assert answer["cursor"] is None
    assert answer["usage"]["write_units"] == 3
    assert metadata_of(http, shelf) == [
        {"n": number, "late": 1} if number >= 6 else {"n": number, "old": True} for number in range(9)
    ]
    record = http.get(f"{shelf}/vectors/r08").json()
    assert record["version"] == answer["version"]
    assert record["vector"] == [1, 2, 3]


def test_of_nothing_nothing_is_written(http: Client, shelf: str) -> None:
    answer = http.post(f"{shelf}/vectors/patch", {"filter": {"n": 99}, "set": {"x": 1}}).json()
    assert (answer["patched"], answer["version"], answer["cursor"]) == (0, None, None)


def test_a_cursor_goes_on_where_the_bound_was_reached(
    http: Client, shelf: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though what was patched still matches: each record is patched once."""
    monkeypatch.setattr(records_service, "PATCH_BY_FILTER_MAX", 4)
    body: dict[str, Any] = {"filter": {}, "set": {"seen": True}}
    counts = []
    while True:
        answer = http.post(f"{shelf}/vectors/patch", body).json()
        counts.append(answer["patched"])
        if answer["cursor"] is None:
            break
        body["cursor"] = answer["cursor"]
    assert counts == [4, 4, 1]
    assert all(metadata["seen"] for metadata in metadata_of(http, shelf))
    refused(
        http.post(f"{shelf}/vectors/patch", {**body, "filter": {"n": 1}}), 400, "invalid_cursor", "cursor"
    )


def test_one_that_would_be_too_large_leaves_all_as_they_are(http: Client, shelf: str) -> None:
    http.post(f"{shelf}/vectors/patch", {"patches": [{"id": "r04", "set": {"text": "x" * 20_000}}]})
    before = metadata_of(http, shelf)
    answer = http.post(f"{shelf}/vectors/patch", {"filter": {}, "set": {"more": "y" * 20_000}})
    refused(answer, 400, "invalid_metadata", "set")
    assert metadata_of(http, shelf) == before


def test_a_quote_is_what_it_uses(http: Client, shelf: str) -> None:
    body = {"filter": {"n": {"$lt": 5}}, "set": {"text": "x" * 3_000}}
    quote = http.post(f"{shelf}/vectors/patch", {**body, "dry_run": True}).json()
    assert "text" not in metadata_of(http, shelf)[0]
    answer = http.post(f"{shelf}/vectors/patch", body).json()
    assert quote["usage"] == answer["usage"]
    assert answer["usage"]["write_units"] == 5 * 3


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "invalid_argument", "patches"),
        ({"patches": [{"id": "r01", "set": {"a": 1}}], "filter": {}}, "invalid_argument", "patches"),
        ({"patches": [{"id": "r01", "set": {"a": 1}}], "set": {"a": 1}}, "invalid_argument", "set"),
        ({"filter": {}}, "invalid_argument", "set"),
        ({"filter": {}, "set": {"a": 1}, "unset": ["a"]}, "invalid_argument", "unset"),
        ({"filter": {}, "set": [1]}, "invalid_metadata", "set"),
        ({"filter": {"$what": 1}, "set": {"a": 1}}, "invalid_filter", "filter.$what"),
        ({"filter": {}, "set": {"a": 1}, "cursor": "nonsense"}, "invalid_cursor", "cursor"),
    ],
)
def test_what_is_no_patch_is_refused(http: Client, shelf: str, body: object, code: str, field: str) -> None:
    refused(http.post(f"{shelf}/vectors/patch", body), 400, code, field)


def test_a_condition_on_one_record_is_refused(http: Client, shelf: str) -> None:
    answer = http.post(
        f"{shelf}/vectors/patch", {"filter": {}, "set": {"a": 1}}, headers={"If-None-Match": "*"}
    )
    refused(answer, 400, "invalid_argument", "If-None-Match")


# --- upserts with conditions ---


VERSION = "0197f3c2ab4d0000.local.3f9c2a1b"


def record(name: str, **more: object) -> dict[str, object]:
    return {"id": name, "vector": [3, 2, 1], "metadata": {"new": True}, **more}


def test_a_batch_is_written_if_each_record_is_as_it_should_be(http: Client, shelf: str) -> None:
    version = http.get(f"{shelf}/vectors/r01").json()["version"]
    records = [record("r01", if_version=version), record("fresh", if_absent=True), record("r02")]
    assert http.post(f"{shelf}/vectors", {"vectors": records}).status_code == 200
    assert http.get(f"{shelf}/vectors/fresh").json()["metadata"] == {"new": True}


def test_else_nothing_is_and_each_reason_is_told(http: Client, shelf: str) -> None:
    version = http.get(f"{shelf}/vectors/r01").json()["version"]
    http.post(f"{shelf}/vectors/patch", {"patches": [{"id": "r01", "set": {"moved": 1}}]})
    moved = http.get(f"{shelf}/vectors/r01").json()["version"]
    records = [
        record("r01", if_version=version),
        record("r02", if_absent=True),
        record("gone", if_version=version),
        record("fresh", if_absent=True),
        record("r03"),
    ]
    answer = http.post(f"{shelf}/vectors", {"vectors": records})
    assert answer.status_code == 412
    problem = answer.json()
    assert problem["code"] == "precondition_failed"
    there = http.get(f"{shelf}/vectors/r02").json()["version"]
    assert [(one["id"], one["version"]) for one in problem["failures"]] == [
        ("r01", moved),
        ("r02", there),
        ("gone", None),
    ]
    assert "must not exist" in problem["failures"][1]["reason"]
    assert http.get(f"{shelf}/vectors/fresh").status_code == 404
    assert http.get(f"{shelf}/vectors/r03").json()["metadata"] == {"n": 3, "old": True}


@pytest.mark.parametrize(
    ("conditions", "code", "field"),
    [
        ({"if_version": "x"}, "invalid_version", "vectors[0].if_version"),
        (
            {"if_version": "0197f3c2ab4d0000.local.3f9c2a1b", "if_absent": True},
            "invalid_argument",
            "vectors[0].if_absent",
        ),
        ({"if_absent": "yes"}, "invalid_argument", "vectors[0].if_absent"),
    ],
)
def test_what_is_no_condition_is_refused(
    http: Client, shelf: str, conditions: dict[str, object], code: str, field: str
) -> None:
    refused(http.post(f"{shelf}/vectors", {"vectors": [record("a", **conditions)]}), 400, code, field)


def test_conditions_come_by_headers_or_by_records(http: Client, shelf: str) -> None:
    answer = http.post(
        f"{shelf}/vectors", {"vectors": [record("a", if_absent=True)]}, headers={"If-None-Match": "*"}
    )
    refused(answer, 400, "invalid_argument", "If-None-Match")
