"""The soak's clients notice what is not as it was acknowledged, and nothing else."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping

import httpx

from benchmarks.soak import Worker


def answered(records: Mapping[str, int]) -> httpx.Client:
    """A server that has these records, whatever is written."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/fetch"):
            asked = json.loads(request.content)["ids"]
            there = [{"id": one, "metadata": {"n": records[one]}} for one in asked if one in records]
            return httpx.Response(200, json={"records": there})
        return httpx.Response(503)

    return httpx.Client(transport=httpx.MockTransport(answer), base_url="http://soak")


def test_what_is_missing_other_or_too_much_is_noticed() -> None:
    """Each once, by name."""
    worker = Worker(1, random.Random(1), there={"a": 1, "b": 2})
    with answered({"b": 3, "c": 4}) as client:
        worker._read(client, ["a", "b", "c", "d"])
    assert sorted(one.split(":")[0] for one in worker.broken) == ["soak-1/a", "soak-1/b", "soak-1/c"]


def test_what_was_not_acknowledged_may_be_either_way() -> None:
    """A write that was refused, or whose answer was lost, says nothing of its records until it is made again."""
    worker = Worker(1, random.Random(1))
    with answered({"a": 1}) as client:
        worker._write(client, ["a"])
        assert worker.refused == 1
        worker._read(client, ["a"])
    assert worker.broken == []
