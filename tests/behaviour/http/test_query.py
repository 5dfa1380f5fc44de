"""Queries find the nearest records by each metric, among those that a filter accepts, and say how they were found."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

from tests.behaviour.http.client import Client, refused

RECORDS: list[dict[str, Any]] = [
    {"id": "east", "vector": [1, 0, 0], "metadata": {"side": "right", "rank": 1}},
    {"id": "north", "vector": [0, 2, 0], "metadata": {"side": "top", "rank": 2}},
    {"id": "northeast", "vector": [3, 3, 0], "metadata": {"side": "top", "rank": 3, "tags": ["a", "b"]}},
    {"id": "up", "vector": [0, 0, 1]},
]


def namespace(http: Client, metric: str) -> str:
    path = f"/v1/namespaces/{metric}"
    assert http.post("/v1/namespaces", {"name": metric, "dimension": 3, "metric": metric}).status_code == 201
    assert http.post(f"{path}/vectors", {"vectors": RECORDS}).status_code == 200
    return path


@pytest.fixture
def compass(http: Client) -> str:
    return namespace(http, "cosine")


@pytest.mark.parametrize(
    ("metric", "ids", "score", "distance"),
    [
        ("cosine", ["east", "northeast", "north", "up"], 1.0, 0.0),
        ("dot", ["northeast", "east", "north", "up"], 6.0, -6.0),
        ("euclidean", ["east", "up", "north", "northeast"], -1.0, 1.0),
    ],
)
def test_the_nearest_come_first(
    http: Client, metric: str, ids: list[str], score: float, distance: float
) -> None:
    """By the metric of the namespace; equal ones by id."""
    answer = http.post(f"{namespace(http, metric)}/query", {"vector": [2, 0, 0]}).json()
    assert [match["id"] for match in answer["matches"]] == ids
    best = answer["matches"][0]
    assert (best["score"], best["distance"]) == (pytest.approx(score), pytest.approx(distance))
    assert best["metadata"] == next(record for record in RECORDS if record["id"] == ids[0])["metadata"]
    assert best["version"]
    assert "vector" not in best


def test_an_answer_says_what_it_took(http: Client, compass: str) -> None:
    """Exact, because everything is in the tail."""
    answer = http.post(f"{compass}/query", {"vector": [2, 0, 0], "top_k": 2}).json()
    assert answer["usage"] == {
        "records_matched": 4, "records_scored": 4, "records_returned": 2, "read_units": 1, "write_units": 0,
    }  # fmt: skip
    performance = answer["performance"]
    assert performance.pop("milliseconds") > 0
    assert performance == {"mode": "exact", "segments": 0, "rows_scored": 4, "tail_rows": 4}


def test_a_record_can_be_the_question(http: Client, compass: str) -> None:
    """By its id; it is its own nearest."""
    matches = http.post(f"{compass}/query", {"id": "north", "top_k": 2}).json()["matches"]
    assert [match["id"] for match in matches] == ["north", "northeast"]
    refused(http.post(f"{compass}/query", {"id": "nobody"}), 404, "record_not_found", "id")


def test_vectors_and_metadata_come_as_asked_for(http: Client, compass: str) -> None:
    """As numbers, as base64, or not at all."""
    ask = {"id": "northeast", "top_k": 1}
    match = http.post(f"{compass}/query", {**ask, "include_vectors": True}).json()["matches"][0]
    assert match["vector"] == [3, 3, 0]
    match = http.post(f"{compass}/query", {**ask, "include_vectors": "base64"}).json()["matches"][0]
    assert struct.unpack("<3f", base64.b64decode(match["vector"])) == (3, 3, 0)
    match = http.post(f"{compass}/query", {**ask, "include_metadata": False}).json()["matches"][0]
    assert set(match) == {"id", "score", "distance", "version"}


def test_a_question_in_base64_is_the_same_question(http: Client, compass: str) -> None:
    """With the same answer."""
    text = base64.b64encode(struct.pack("<3f", 0.5, 2, 0)).decode()
    one = http.post(f"{compass}/query", {"vector": text}).json()["matches"]
    assert one == http.post(f"{compass}/query", {"vector": [0.5, 2, 0]}).json()["matches"]


@pytest.mark.parametrize(
    ("filter", "ids"),
    [
        ({}, ["east", "northeast", "north", "up"]),
        ({"side": "top"}, ["northeast", "north"]),
        ({"rank": {"$gt": 1, "$lt": 3}}, ["north"]),
        ({"$or": [{"rank": 1}, {"tags": {"$contains": "b"}}]}, ["east", "northeast"]),
        ({"side": {"$prefix": "ri"}}, ["east"]),
        ({"$not": {"side": {"$in": ["top", "right"]}}}, ["up"]),
        ({"side": {"$exists": False}}, ["up"]),
        ({"side": {"$nin": ["top"]}}, ["east", "up"]),
        ({"rank": {"$ne": 1}}, ["northeast", "north", "up"]),
        ({"rank": 99}, []),
        (None, ["east", "northeast", "north", "up"]),
    ],
)
def test_a_filter_chooses_what_is_searched(
    http: Client, compass: str, filter: object, ids: list[str]
) -> None:
    """Before the search, so that all matches are found."""
    answer = http.post(f"{compass}/query", {"vector": [2, 0, 0], "filter": filter}).json()
    assert [match["id"] for match in answer["matches"]] == ids
    assert answer["usage"]["records_matched"] == len(ids)
    count = http.post(f"{compass}/vectors/count", {"filter": filter}).json()
    assert count["count"] == len(ids)


@pytest.mark.parametrize(
    ("filter", "field"),
    [
        ({"side": {"$like": "x"}}, "filter.side.$like"),
        ({"$xor": []}, "filter.$xor"),
        ({"rank": {"$gt": True}}, "filter.rank.$gt"),
        ({"rank": {"$gt": [1]}}, "filter.rank.$gt"),
        ({"rank": {"$in": 3}}, "filter.rank.$in"),
        ({"rank": {"$in": []}}, "filter.rank.$in"),
        ({"rank": {"$exists": 1}}, "filter.rank.$exists"),
        ({"side": {"$prefix": 1}}, "filter.side.$prefix"),
        ({"side": ["top"]}, "filter.side"),
        ({"side": {}}, "filter.side"),
        ({"$and": {"a": 1}}, "filter.$and"),
        ({"$and": []}, "filter.$and"),
        ({"$or": [{"a": 1}, 3]}, "filter.$or[1]"),
        ([], "filter"),
        ("side = top", "filter"),
        (7, "filter"),
    ],
)
def test_a_bad_filter_is_refused_with_its_place(
    http: Client, compass: str, filter: object, field: str
) -> None:
    """On every route that takes one."""
    refused(
        http.post(f"{compass}/query", {"vector": [1, 0, 0], "filter": filter}), 400, "invalid_filter", field
    )
    refused(http.post(f"{compass}/vectors/count", {"filter": filter}), 400, "invalid_filter", field)
    refused(http.post(f"{compass}/vectors/delete", {"filter": filter}), 400, "invalid_filter", field)


def test_a_deep_filter_is_refused(http: Client, compass: str) -> None:
    """And does not end in the interpreter's stack; far deeper, it is not even parsed."""
    for levels, status, code in ((30, 400, "invalid_filter"), (300, 400, "invalid_json")):
        deep: object = {"a": 1}
        for _ in range(levels):
            deep = {"$not": deep}
        refused(http.post(f"{compass}/query", {"vector": [1, 0, 0], "filter": deep}), status, code)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"vector": [1, 0, 0], "top_k": 0}, "top_k"),
        ({"vector": [1, 0, 0], "top_k": -5}, "top_k"),
        ({"vector": [1, 0, 0], "top_k": 1001}, "top_k"),
        ({"vector": [1, 0, 0], "top_k": 10**15}, "top_k"),
        ({"vector": [1, 0, 0], "top_k": 2.5}, "top_k"),
        ({"vector": [1, 0, 0], "top_k": "10"}, "top_k"),
        ({"vector": [1, 0, 0], "top_k": True}, "top_k"),
        ({"vector": [1, 0, 0], "top_k": None}, "top_k"),
        ({"vector": [1, 0, 0], "recall": 0.49}, "recall"),
        ({"vector": [1, 0, 0], "recall": 1.01}, "recall"),
        ({"vector": [1, 0, 0], "recall": 98}, "recall"),
        ({"vector": [1, 0, 0], "recall": "0.9"}, "recall"),
        ({"vector": [1, 0, 0], "recall": True}, "recall"),
        ({"vector": [1, 0, 0], "min_recall": 0.49}, "min_recall"),
        ({"vector": [1, 0, 0], "min_recall": 1.01}, "min_recall"),
        ({"vector": [1, 0, 0], "min_recall": "0.9"}, "min_recall"),
        ({"vector": [1, 0, 0], "min_recall": 0.9, "recall": 0.9}, "min_recall"),
        ({"vector": [1, 0, 0], "k": 3}, "k"),
        ({}, "vector"),
        ({"vector": [1, 0, 0], "id": "east"}, "vector"),
        ({"vector": [1, 0, 0], "include_vectors": "yes"}, "include_vectors"),
        ({"vector": [1, 0, 0], "include_vectors": 1}, "include_vectors"),
        ({"vector": [1, 0, 0], "include_metadata": "true"}, "include_metadata"),
        ({"vector": [1, 0, 0], "page": 1}, "page"),
        ({"vector": [1, 0, 0], "group_by": "side"}, "group_by"),
        ({"vector": [1, 0, 0], "group_by": {}}, "group_by.field"),
        ({"vector": [1, 0, 0], "group_by": {"field": ""}}, "group_by.field"),
        ({"vector": [1, 0, 0], "group_by": {"field": "side", "groups": 0}}, "group_by.groups"),
        ({"vector": [1, 0, 0], "group_by": {"field": "side", "groups": 201}}, "group_by.groups"),
        ({"vector": [1, 0, 0], "group_by": {"field": "side", "per_group": 0}}, "group_by.per_group"),
        ({"vector": [1, 0, 0], "group_by": {"field": "side", "per_group": 101}}, "group_by.per_group"),
        (
            {"vector": [1, 0, 0], "group_by": {"field": "side", "per_group": 100, "groups": 11}},
            "group_by.groups",
        ),
        ({"vector": [1, 0, 0], "group_by": {"field": "side"}, "distinct": "side"}, "distinct"),
        ({"vector": [1, 0, 0], "distinct": ""}, "distinct"),
        ({"vector": [1, 0, 0], "distinct": ["side"]}, "distinct"),
        ({"vector": [1, 0, 0], "cursor": 7}, "cursor"),
    ],
)
def test_bad_questions_are_refused(http: Client, compass: str, body: object, field: str) -> None:
    """With the field at fault."""
    refused(http.post(f"{compass}/query", body), 400, "invalid_argument", field)


def test_the_largest_top_k_is_accepted(http: Client, compass: str) -> None:
    """And answered with what there is."""
    assert len(http.post(f"{compass}/query", {"vector": [1, 0, 0], "top_k": 1000}).json()["matches"]) == 4


@pytest.mark.parametrize("recall", [0.5, 0.9, 0.999, 1, 1.0, None])
def test_any_recall_finds_what_is_in_the_tail(http: Client, compass: str, recall: float | None) -> None:
    """Recent writes are always scored, all of them."""
    answer = http.post(f"{compass}/query", {"vector": [2, 0, 0], "top_k": 2, "recall": recall}).json()
    assert [match["id"] for match in answer["matches"]] == ["east", "northeast"]
    assert answer["performance"]["mode"] == "exact"


@pytest.mark.parametrize("asked", [{"recall": 0.9}, {"min_recall": 0.9}, {"min_recall": 1}])
def test_who_asks_for_a_recall_is_told_what_is_promised(
    http: Client, compass: str, asked: dict[str, float]
) -> None:
    """What is exact is all of it; who asks for nothing is told nothing. In a batch each by itself."""
    question = {"vector": [2, 0, 0], "top_k": 2}
    answer = http.post(f"{compass}/query", {**question, **asked}).json()
    assert answer["performance"]["promised_recall"] == 1
    assert "promised_recall" not in http.post(f"{compass}/query", question).json()["performance"]
    batch = http.post(f"{compass}/query/batch", {"queries": [question, {**question, **asked}]}).json()
    assert ["promised_recall" in one["performance"] for one in batch["answers"]] == [False, True]


def test_an_empty_namespace_has_no_matches(http: Client, books: str) -> None:
    """Which is no error."""
    answer = http.post(f"{books}/query", {"vector": [1, 0, 0]})
    assert answer.json()["matches"] == []


def test_only_what_scores_well_enough_is_answered(http: Client, books: str) -> None:
    """Of the best; scores are those of an answer without it, and none at all may be good enough."""
    vectors = {"same": [1, 0, 0], "near": [1, 1, 0], "far": [0, 0, 1], "against": [-1, 0, 0]}
    records = [{"id": name, "vector": vector} for name, vector in vectors.items()]
    http.post(f"{books}/vectors", {"vectors": records})
    question: dict[str, object] = {"vector": [1, 0, 0], "top_k": 10}
    every = http.post(f"{books}/query", question).json()["matches"]
    assert [match["id"] for match in every] == ["same", "near", "far", "against"]
    for least, expected in ((-2, 4), (0, 3), (every[1]["score"], 2), (0.9, 1), (1.5, 0)):
        body = {**question, "min_score": least}
        answer = http.post(f"{books}/query", body).json()
        assert answer["matches"] == every[:expected]
        assert answer["usage"]["records_returned"] == expected
        of_batch = http.post(f"{books}/query/batch", {"queries": [body, question]}).json()["answers"]
        assert [len(one["matches"]) for one in of_batch] == [expected, 4]
    refused(http.post(f"{books}/query", {**question, "min_score": "0"}), 400, "invalid_argument", "min_score")


def test_the_answer_to_a_query_comes_in_pages(http: Client, compass: str) -> None:
    """Where it is asked for: by `page` at the beginning, and then by each answer's cursor, until there is none."""
    question = {"vector": [2, 0, 0], "top_k": 3}
    assert "cursor" not in http.post(f"{compass}/query", question).json()
    first = http.post(f"{compass}/query", {**question, "page": True}).json()
    assert [match["id"] for match in first["matches"]] == ["east", "northeast", "north"]
    assert first["usage"]["records_returned"] == 3
    following = {**question, "cursor": first["cursor"]}
    last = http.post(f"{compass}/query", following).json()
    assert ([match["id"] for match in last["matches"]], last["cursor"]) == (["up"], None)
    batch = http.post(f"{compass}/query/batch", {"queries": [following, question]}).json()["answers"]
    assert [match["id"] for match in batch[0]["matches"]] == ["up"]
    assert (batch[0]["cursor"], "cursor" in batch[1]) == (None, False)


def test_a_cursor_of_another_question_is_refused(http: Client, compass: str) -> None:
    """Or one that nobody was given."""
    question = {"vector": [2, 0, 0], "top_k": 1}
    cursor = http.post(f"{compass}/query", {**question, "page": True}).json()["cursor"]
    for body in (
        {**question, "vector": [0, 1, 0], "cursor": cursor},
        {**question, "filter": {"rank": 1}, "cursor": cursor},
        {**question, "cursor": "AAAA"},
        {**question, "cursor": ""},
    ):
        refused(http.post(f"{compass}/query", body), 400, "invalid_cursor", "cursor")
    queries = [question, {**question, "id": "up", "vector": None, "cursor": cursor}]
    answer = http.post(f"{compass}/query/batch", {"queries": queries})
    refused(answer, 400, "invalid_cursor", "queries[1].cursor")


def test_matches_come_in_groups(http: Client, compass: str) -> None:
    """By a field, the group with the best match first, as many of each as are asked for; who lacks it is in none."""
    question = {"vector": [2, 0, 0], "include_metadata": False}
    by_side = {**question, "group_by": {"field": "side", "per_group": 2, "groups": 1}, "page": True}
    first = http.post(f"{compass}/query", by_side).json()
    assert (first["matches"], first["usage"]["records_returned"]) == ([], 1)
    assert [(group["value"], len(group["matches"])) for group in first["groups"]] == [("right", 1)]
    assert set(first["groups"][0]["matches"][0]) == {"id", "score", "distance", "version"}
    last = http.post(f"{compass}/query", {**by_side, "cursor": first["cursor"]}).json()
    ids = {group["value"]: [match["id"] for match in group["matches"]] for group in last["groups"]}
    assert (ids, last["cursor"]) == ({"top": ["northeast", "north"]}, None)
    by_tag = {**question, "group_by": {"field": "tags", "per_group": 5}}
    batch = http.post(f"{compass}/query/batch", {"queries": [by_tag, by_side]}).json()["answers"]
    assert [group["value"] for group in batch[0]["groups"]] == ["a", "b"]
    assert batch[1]["groups"] == first["groups"]
    filtered = {**by_side, "filter": {"rank": {"$gt": 1}}, "min_score": 0.5}
    groups = http.post(f"{compass}/query", filtered).json()["groups"]
    assert [[match["id"] for match in group["matches"]] for group in groups] == [["northeast"]]


def test_one_match_for_each_value(http: Client, compass: str) -> None:
    """The best of each, as plain matches."""
    question = {"vector": [2, 0, 0], "distinct": "side"}
    answer = http.post(f"{compass}/query", question).json()
    assert [match["id"] for match in answer["matches"]] == ["east", "northeast"]
    assert "groups" not in answer
    pages = {**question, "top_k": 1, "page": True}
    cursor = http.post(f"{compass}/query", pages).json()["cursor"]
    answer = http.post(f"{compass}/query", {**pages, "cursor": cursor}).json()
    assert ([match["id"] for match in answer["matches"]], answer["cursor"]) == (["northeast"], None)
