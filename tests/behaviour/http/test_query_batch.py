"""Queries sent together are answered together, in order, and count as many."""

from __future__ import annotations

from typing import Any

import pytest

from quartzdb.api.app import create_app
from quartzdb.domain.limits import QUERIES_MAX
from quartzdb.wiring.embedded import Database
from tests.behaviour.http.client import Client, refused
from tests.behaviour.http.test_limits import Counted
from tests.behaviour.http.test_query import RECORDS

PATH = "/v1/namespaces/compass"


@pytest.fixture
def filled(http: Client) -> Client:
    assert http.post("/v1/namespaces", {"name": "compass", "dimension": 3}).status_code == 201
    assert http.post(f"{PATH}/vectors", {"vectors": RECORDS}).status_code == 200
    return http


def test_answers_come_in_the_order_of_the_queries(filled: Client) -> None:
    """Each as it would be alone, with what each wants to be told."""
    queries: list[dict[str, Any]] = [
        {"vector": [2, 0, 0], "top_k": 2},
        {"id": "north", "include_vectors": True, "include_metadata": False},
        {"vector": "AACAPwAAAAAAAAAA", "filter": {"side": "top"}, "include_vectors": "base64"},
        {"vector": [0, 0, 1], "recall": 1},
    ]
    answer = filled.post(f"{PATH}/query/batch", {"queries": queries})
    assert answer.status_code == 200, answer.text
    together = answer.json()["answers"]
    alone = [filled.post(f"{PATH}/query", query).json() for query in queries]
    for one in [*together, *alone]:
        assert one["performance"].pop("milliseconds") > 0
    for one in alone:
        assert (one["usage"].pop("read_units"), one["usage"].pop("write_units")) == (1, 0)
    assert together == alone
    assert answer.json()["usage"] == {"read_units": 4, "write_units": 0}


def test_its_own_write_is_there(filled: Client) -> None:
    """Strong consistency and a token are of the whole batch."""
    written = filled.post(f"{PATH}/vectors", {"vectors": [{"id": "new", "vector": [0, 0, -1]}]}).json()
    body = {"queries": [{"vector": [0, 0, -1], "top_k": 1}] * 2}
    for further in ({}, {"consistency": "eventual", "version": written["version"]}):
        answers = filled.post(f"{PATH}/query/batch", {**body, **further}).json()["answers"]
        assert [one["matches"][0]["id"] for one in answers] == ["new", "new"]


@pytest.mark.parametrize(
    ("queries", "status", "code", "field"),
    [
        ([], 400, "too_large", "queries"),
        ([{"vector": [1, 0, 0]}] * (QUERIES_MAX + 1), 400, "too_large", "queries"),
        ([{"vector": [1, 0, 0]}, {"vector": [1, "a", 0]}], 400, "invalid_vector", "queries[1].vector[1]"),
        ([{"vector": [1, 0, 0]}, {"vector": [1, 0]}], 400, "dimension_mismatch", "queries[1].vector"),
        ([{"vector": [1, 0, 0]}, {"id": "nobody"}], 404, "record_not_found", "queries[1].id"),
        ([{"vector": [1, 0, 0], "filter": {"a": {"$gt": True}}}], 400, "invalid_filter", None),
        ([{"vector": [1, 0, 0], "consistency": "eventual"}], 400, "invalid_argument", "queries[0].consistency"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_one_is_named(
    filled: Client, queries: list[Any], status: int, code: str, field: str | None
) -> None:
    """With its place among them; nothing is answered then."""
    problem = refused(filled.post(f"{PATH}/query/batch", {"queries": queries}), status, code, field)
    assert problem["field"].startswith("queries")


def test_each_query_counts_towards_a_rate_limit(database: Database, make_key: Any, filled: Client) -> None:
    """What is left afterwards is told; a batch that is too much for it is refused."""
    limiter = Counted(5)
    with Client(create_app(database, rate_limiter=limiter), make_key()) as client:
        answer = client.post(f"{PATH}/query/batch", {"queries": [{"vector": [1, 0, 0]}] * 3})
        assert answer.status_code == 200
        assert answer.headers.get_list("ratelimit") == ['"tenant";r=2;t=13']
        over = client.post(f"{PATH}/query/batch", {"queries": [{"vector": [1, 0, 0]}] * 3})
        refused(over, 429, "rate_limited")
        assert over.headers.get_list("ratelimit") == ['"tenant";r=0;t=13']
