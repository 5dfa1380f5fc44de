"""Who is one client to the edge, and what a mark gives away."""

from __future__ import annotations

import pytest

from quartzdb.routing.decision.client_counts import ClientCounts
from quartzdb.routing.decision.client_marks import Client, ClientMarks
from quartzdb.routing.decision.state import Origin

NOON = 1_790_000_000.0 // 86_400 * 86_400 + 43_200
KEY = "Bearer qdb_live_0123456789abcdef"


def marks(secret: str = "the origin's secret") -> ClientMarks:
    made = ClientMarks()
    made.learn(secret)
    return made


def of(address: str, key: str = KEY, at: float = NOON, by: ClientMarks | None = None) -> Client:
    client = (by or marks()).mark(address, key, at)
    assert client is not None
    return client


def test_a_client_has_the_same_marks_everywhere_for_a_day() -> None:
    """So that what two locations report of it is of one client."""
    assert of("203.0.113.9") == of("203.0.113.9", at=NOON + 43_000)
    assert of("203.0.113.9").key == of("203.0.113.10").key
    assert of("203.0.113.9").address != of("203.0.113.10").address
    assert of("203.0.113.9").key != of("203.0.113.9", "another").key


def test_marks_are_others_on_another_day_and_under_another_secret() -> None:
    """Nobody follows a client by them, or finds out its address by trying all."""
    for other in (of("203.0.113.9", at=NOON + 86_400), of("203.0.113.9", by=marks("another secret"))):
        assert not {*of("203.0.113.9")} & {*other}
    assert of("same", "same").address != of("same", "same").key
    learned = marks()
    assert learned.mark("203.0.113.9", KEY, NOON) == of("203.0.113.9")
    learned.learn("another secret")
    assert learned.mark("203.0.113.9", KEY, NOON) == of("203.0.113.9", by=marks("another secret"))


def test_without_a_secret_there_are_no_marks() -> None:
    """And an event that says none takes the one that is known away from nobody."""
    assert marks("").mark("203.0.113.9", KEY, NOON) is None
    learned = marks()
    learned.learn("")
    assert learned.mark("203.0.113.9", KEY, NOON) == of("203.0.113.9")


@pytest.mark.parametrize("other", ["2001:db8:1::1", "2001:0db8:0001:ffff::2", "2001:db8:1:8000::"])
def test_a_network_of_ipv6_is_one_address(other: str) -> None:
    """Who is given a /48 may take any address in it."""
    assert of("2001:db8:1:2::3").address == of(other).address
    assert of("2001:db8:2:2::3").address != of(other).address


@pytest.mark.parametrize("odd", ["", "no:address", "\udcff:", "unknown"])
def test_an_address_that_is_none_is_somebody_all_the_same(odd: str) -> None:
    """Never an error: it is a request like any other."""
    assert of(odd) == of(odd)


def test_what_an_instance_counts_is_bounded() -> None:
    """Keys that somebody makes up take no memory without end; their requests are counted."""
    clients, by = ClientCounts(), marks()
    for number in range(3_000):
        clients.note(of("203.0.113.9", f"key {number}", by=by), "status 500", NOON)
    told = clients.report(Origin.AWS, "0" * 16, NOON)
    assert told is not None
    assert told.requests == told.failures == 3_000
    assert told.others.addresses == 0
    assert told.others.keys < 1_000


def test_a_clock_that_was_set_back_forgets_what_is_to_come() -> None:
    """What it counts afterwards is of now."""
    clients = ClientCounts()
    clients.note(of("203.0.113.9"), "status 500", NOON + 3_600)
    assert not clients.failing(NOON)
    clients.note(of("203.0.113.9"), None, NOON)
    told = clients.report(Origin.AWS, "0" * 16, NOON)
    assert told is not None
    assert (told.requests, told.failures, told.reason) == (1, 0, "")
