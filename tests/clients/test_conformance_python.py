"""The Python client does what every client does, blocking and asynchronous."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from clients.conformance.python_runner import problems_of
from clients.conformance.scenario import Pattern, Request, Scenario, Sent, Versions, scenarios
from tests.clients.conftest import Served

KINDS = [pytest.param(False, id="blocking"), pytest.param(True, id="asynchronous")]


@pytest.mark.parametrize("asynchronous", KINDS)
@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario.name)
def test_a_scenario(served: Served, scenario: Scenario, asynchronous: bool) -> None:
    """Nothing is wrong with what was answered, nor with what was sent."""
    assert problems_of(scenario, served.proxy, served.api_key, asynchronous=asynchronous) == []


WRONG = [
    ("expect", {"upserted": 2}, "upserted is 1"),
    ("fails", {"kind": "conflict"}, "did not fail"),
    ("expect", {"version": {"$count": 3}}, "items, expected 3"),
    ("takes_at_least_seconds", 30, "took"),
]


@pytest.mark.parametrize(("name", "value", "problem"), WRONG)
def test_a_runner_finds_what_is_wrong(served: Served, name: str, value: object, problem: str) -> None:
    """Else a green table would mean nothing."""
    some = next(one for one in scenarios() if one.area == "failures")
    document = json.loads(json.dumps(some.document))
    document["steps"][1] |= {name: value}
    problems = problems_of(replace(some, document=document), served.proxy, served.api_key, asynchronous=False)
    assert any(problem in one for one in problems), problems


def test_the_proxy_finds_what_is_wrong_with_what_was_sent() -> None:
    """How often, with which headers, with a version or without."""
    here = Pattern.of("POST /v1/*/vectors")
    requests = [
        Request("POST", "/v1/a/vectors?version=1", {"idempotency-key": "1", "user-agent": "other"}),
        Request("POST", "/v1/a/vectors", {"idempotency-key": "2"}),
        Request("GET", "/v1/a/vectors", {}),
    ]

    def problems(*sent: Sent, versions: tuple[Versions, ...] = ()) -> list[str]:
        return Scenario("s", "a", {}, [], sent, versions).problems(requests)

    assert problems(Sent(here, count=2, different=["Idempotency-Key"])) == []
    assert problems(Sent(here, count=3)) == ["POST /v1/*/vectors: sent 2 times, expected 3"]
    assert "must be the same" in problems(Sent(here, same=["Idempotency-Key"]))[0]
    assert "must be another" in problems(Sent(Pattern.of("* /v1/*"), different=["Idempotency-Key"]))[0]
    assert len(problems(Sent(here, headers={"User-Agent": "quartzdb-*"}))) == 2
    assert problems(Sent(here, absent=["Idempotency-Key"])) == [
        "POST /v1/*/vectors: Idempotency-Key must not be sent"
    ]
    assert problems(versions=(Versions(here, [True, False]),)) == []
    assert problems(versions=(Versions(here, [False, False]),)) != []
