"""Search: the same matches, in the same order, on every deployment."""

from __future__ import annotations

import pytest

from tests.behaviour.http.client import refused_as_cloudflare
from tests.contracts.http.deployments import Asking
from tests.contracts.http.records import insert, vector


def test_search_answers_in_cosine_distance(http: Asking) -> None:
    """Nearest first; the question may be called `query`."""
    insert(http, "east", 1, 0, metadata={"side": "right"})
    insert(http, "north", 0, 2)
    insert(http, "west", -3, 0)
    answer = http.post("/api/vector/search", {"vector": vector(2, 0)}).json()
    assert set(answer) == {"success", "results", "count", "algorithm"}
    assert (answer["success"], answer["count"]) == (True, 3)
    assert [result["id"] for result in answer["results"]] == ["east", "north", "west"]
    assert answer["results"][0] == {
        "id": "east",
        "distance": pytest.approx(0),
        "score": pytest.approx(1),
        "metadata": {"side": "right"},
    }
    assert answer["results"][1]["metadata"] == {}
    assert answer["results"][2]["distance"] == pytest.approx(2)
    assert answer["results"][2]["score"] == pytest.approx(-1)
    assert isinstance(answer["algorithm"], str)
    assert http.post("/api/vector/search", {"query": vector(2, 0)}).json() == answer
    assert len(http.post("/api/vector/search", {"vector": vector(2), "k": 2}).json()["results"]) == 2


def test_at_most_100_results_come_back(http: Asking) -> None:
    """Though k may be 1,000; without it there are 10."""
    for first in (0, 100):
        http.post(
            "/api/vector/batch-insert",
            {"vectors": [{"id": f"v{n}", "vector": vector(1, n)} for n in range(first, first + 100)]},
        )
    assert http.post("/api/vector/search", {"vector": vector(1), "k": 1000}).json()["count"] == 100
    assert http.post("/api/vector/search", {"vector": vector(1)}).json()["count"] == 10


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"k": 3},
        {"vector": []},
        {"vector": [1, 2]},
        {"vector": "x"},
        {"query": [1, 2]},
        {"vector": vector(1), "k": 0},
        {"vector": vector(1), "k": -1},
        {"vector": vector(1), "k": 1001},
        {"vector": vector(1), "k": 1.5},
        {"vector": vector(1), "k": "10"},
        {"vector": vector(1), "k": None},
    ],
)
def test_a_bad_search_is_400(http: Asking, body: object) -> None:
    """Whatever is wrong with it."""
    refused_as_cloudflare(http.post("/api/vector/search", body), 400)
