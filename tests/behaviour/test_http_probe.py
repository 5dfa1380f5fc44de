"""A probe looks deep, ends in time whatever an origin does, and says what was wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from quartzdb.adapters.http.http_probe import HttpProbe, ProbedOrigin
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.errors import Unavailable
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.decision.window import Reason
from quartzdb.routing.probe.canary import CANARY_TENANT, ID_PREFIX, canary_key
from quartzdb.services.keys import ApiKeys, Scope
from tests.contract_origin import KEY, SECRET, ContractOrigin, closed_port, contract_origin
from tests.doubles.memory_api_keys import MemoryApiKeys

PATIENT_MS = 20_000
"""Longer than any machine takes: only what hangs ends at its deadline."""
SHORT_MS = 400


@pytest.fixture
def origin() -> Iterator[ContractOrigin]:
    with contract_origin() as running:
        yield running


def _at(url: str, **others: object) -> ProbedOrigin:
    return replace(ProbedOrigin(Origin.AWS, url, lambda: KEY, lambda: SECRET), **others)  # type: ignore[arg-type]


def _probe(probed: ProbedOrigin, deadline_ms: int = PATIENT_MS) -> HttpProbe:
    return HttpProbe(probed, SystemClock(), deadline_ms=deadline_ms)


def test_an_origin_that_is_well(origin: ContractOrigin) -> None:
    """Health, a write, its reading and its search; the next probe takes another record."""
    probe = _probe(_at(origin.url))
    assert [probe.probe().reason for _ in range(4)] == [None] * 4
    assert origin.requests[:4] == [
        ("GET", "/health"),
        ("POST", "/api/vector/insert"),
        ("GET", "/api/vector/get/quartzdb-canary-aws-1"),
        ("POST", "/api/vector/search"),
    ]
    assert sorted(origin.records) == ["quartzdb-canary-aws-0", "quartzdb-canary-aws-1"]


def test_searches_may_be_answered_elsewhere(origin: ContractOrigin) -> None:
    """By a function of their own, with the same data."""
    with contract_origin() as searching:
        searching.records = origin.records
        assert _probe(_at(origin.url, search_url=searching.url)).probe().ok
        assert searching.requests == [("POST", "/api/vector/search")]


@pytest.mark.parametrize("path", ["/health", "/api/vector/insert", "/api/vector/get/", "/api/vector/search"])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("reset", Reason.RESET),
        ("hang up", Reason.RESET),
        ("cut", Reason.TRUNCATED),
        ("500", Reason.STATUS),
        ("503", Reason.STATUS),
        ("429", Reason.STATUS),
        ("404", Reason.STATUS),
        ("302", Reason.STATUS),
        ("401", Reason.NOT_ADMITTED),
        ("not json", Reason.WRONG_ANSWER),
        ("a list", Reason.WRONG_ANSWER),
        ("deep", Reason.WRONG_ANSWER),
        ("huge", Reason.WRONG_ANSWER),
        ("garbage", Reason.WRONG_ANSWER),
    ],
)
def test_what_is_wrong_is_told(origin: ContractOrigin, fault: str, reason: Reason, path: str) -> None:
    """At whichever step it happens."""
    origin.fault, origin.fault_from = fault, path
    assert _probe(_at(origin.url)).probe().reason is reason


@pytest.mark.parametrize("fault", ["hang", "drip"])
@pytest.mark.parametrize("path", ["/health", "/api/vector/search"])
def test_an_origin_that_does_not_answer_in_time(origin: ContractOrigin, fault: str, path: str) -> None:
    """Not at all, or a byte at a time: the deadline is of the whole probe."""
    assert _probe(_at(origin.url)).probe().ok
    origin.fault, origin.fault_from = fault, path
    probe = _probe(_at(origin.url), SHORT_MS).probe()
    assert probe.reason is Reason.TIMEOUT
    assert probe.latency_ms >= SHORT_MS


def test_nobody_answers_at_the_port() -> None:
    """The connection is refused."""
    assert _probe(_at(f"http://127.0.0.1:{closed_port()}")).probe().reason is Reason.REFUSED


def test_a_name_that_leads_nowhere() -> None:
    """`.invalid` never does."""
    assert _probe(_at("http://quartzdb.invalid")).probe().reason is Reason.DNS


def test_an_origin_that_does_not_speak_tls(origin: ContractOrigin) -> None:
    """Whatever it says instead is not listened to."""
    secure = origin.url.replace("http://", "https://")
    assert _probe(_at(secure)).probe().reason is Reason.TLS
    assert origin.requests == []


@pytest.mark.parametrize("fault", ["degraded", "loses writes", "finds nothing", "finds another"])
def test_a_wrong_answer_is_noticed(origin: ContractOrigin, fault: str) -> None:
    """Also where everything is 200: a lost write, a stale read, a search that does not see it."""
    probe = _probe(_at(origin.url))
    assert probe.probe().ok
    assert probe.probe().ok
    origin.fault = fault
    assert probe.probe().reason is Reason.WRONG_ANSWER


def test_a_probe_carries_its_key_and_the_origin_secret(origin: ContractOrigin) -> None:
    """Without either it is not admitted, which is no outage by itself."""
    for wrong in ({"key": lambda: "other"}, {"secret": lambda: ""}):
        assert _probe(_at(origin.url, **wrong)).probe().reason is Reason.NOT_ADMITTED


def test_a_secret_that_is_not_to_be_had_is_nobodys_failure(origin: ContractOrigin) -> None:
    """The origin was not asked, so nothing is known of it."""

    def unreadable() -> str:
        raise Unavailable("The secret could not be read.")

    with pytest.raises(Unavailable):
        _probe(_at(origin.url, secret=unreadable)).probe()
    assert origin.requests == []


@pytest.mark.parametrize("wrong", ["hush\n", "hush\u20ac"])
@pytest.mark.parametrize("which", ["key", "secret"])
def test_a_secret_that_cannot_be_sent_is_nobodys_failure_either(
    origin: ContractOrigin, which: str, wrong: str
) -> None:
    """An origin must not be left because a file of ours ends with a line break; and the error does not tell it."""
    with pytest.raises(Unavailable) as raised:
        _probe(_at(origin.url, **{which: lambda: wrong})).probe()
    assert "hush" not in f"{raised.value} {raised.value.__cause__} {raised.value.__context__}"
    assert origin.requests == []


def test_the_canarys_key_follows_from_its_secret() -> None:
    """It is made once, and is good for the canary's tenant and nothing else."""
    table, clock, secret = MemoryApiKeys(), SystemClock(), "s" * 32
    text = canary_key(table, clock, secret)
    assert canary_key(table, clock, secret) == text
    principal = ApiKeys(table, clock).authenticate(text)
    assert (principal.tenant, set(principal.scopes)) == (CANARY_TENANT, {Scope.READ, Scope.WRITE})
    assert principal.key_id.startswith(ID_PREFIX)
    assert len(table.list(CANARY_TENANT)) == 1
    other = canary_key(table, clock, "t" * 32)
    assert other != text
    assert ApiKeys(table, clock).authenticate(other).tenant == CANARY_TENANT
    with pytest.raises(Unavailable, match="fewer"):
        canary_key(table, clock, "short")
