"""Names are looked up with a deadline, together, and what is known from before is fallen back on."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from quartzdb.net.hard_deadline import Deadline
from quartzdb.net.http_client import HttpClient, Unanswered
from quartzdb.net.resolver import GIVEN_UP_SECONDS, NameNotFound, Resolver
from tests.behaviour.net.sending import send
from tests.contracts.adapters import in_threads
from tests.manual_clock import ManualClock


def test_names_are_looked_up_once_in_a_while_and_remembered_when_they_fail() -> None:
    """A resolver that fails or hangs does not take an origin away that was there a moment ago."""
    clock = ManualClock()
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]
    calls: list[str] = []
    hangs, hang = threading.Event(), threading.Event()

    def look_up(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        calls.append(host)
        if len(calls) == 2:
            raise socket.gaierror("no such name")
        if len(calls) == 3:
            hangs.set()
            hang.wait()
        return list(found)

    names = Resolver(look_up, clock.monotonic)
    assert names.addresses("a", 1, Deadline(10)) == found
    clock.sleep(29)
    assert names.addresses("a", 1, Deadline(10)) == found
    assert len(calls) == 1
    clock.sleep(2)
    assert names.addresses("a", 1, Deadline(10)) == found
    assert names.addresses("a", 1, Deadline(0.1)) == found
    assert hangs.wait(20)
    assert len(calls) == 3
    hang.set()


def test_a_name_that_leads_nowhere_is_an_error_in_time() -> None:
    """As for any other failure of an origin."""
    hang = threading.Event()

    def hangs(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        hang.wait()
        return []

    def fails(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        raise socket.gaierror("no such name")

    for look_up, why, seconds in ((hangs, "in time", 0.1), (fails, "no such name", 60)):
        with pytest.raises(NameNotFound, match=why):
            Resolver(look_up).addresses("a", 1, Deadline(seconds))
        with pytest.raises(Unanswered) as raised:
            send(HttpClient(names=Resolver(look_up)), seconds=seconds)
        assert not raised.value.sent
    hang.set()


def test_those_who_ask_at_once_share_a_look_up() -> None:
    """One that hangs holds a thread, not one for each request; after a while it is given up for another."""
    clock = ManualClock()
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]
    calls: list[str] = []
    begun, hang = threading.Event(), threading.Event()

    def look_up(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        calls.append(host)
        if len(calls) == 1:
            begun.set()
            hang.wait()
        return found

    names = Resolver(look_up, clock.monotonic)

    def ask(_: int) -> None:
        with pytest.raises(NameNotFound, match="in time"):
            names.addresses("a", 1, Deadline(0.2))

    in_threads(4, ask)
    assert begun.wait(20)
    assert len(calls) == 1
    clock.sleep(GIVEN_UP_SECONDS)
    assert names.addresses("a", 1, Deadline(10)) == found
    hang.set()


@pytest.mark.parametrize("name", ["a..b", "a" * 70 + ".example"])
def test_what_cannot_be_a_name_is_not_found(name: str) -> None:
    """Python refuses it before anybody is asked."""
    with pytest.raises(NameNotFound):
        Resolver().addresses(name, 80, Deadline(10))


def test_no_look_up_is_waited_for_once_the_time_is_over() -> None:
    """Which is the same error as one that hangs."""
    hang = threading.Event()
    with pytest.raises(NameNotFound, match="in time"):
        Resolver(lambda *_, **__: [(hang.wait(),)]).addresses("a", 1, Deadline(0))
    hang.set()
