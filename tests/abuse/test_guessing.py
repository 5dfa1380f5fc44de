"""Guessing keys: slowed down by address and by the key that is named, and never at its holder's cost."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from quartzdb.api.app import create_app
from quartzdb.api.edge import Edge
from quartzdb.api.failed_keys import FailedKeys
from quartzdb.api.refusals import TooManyFailures
from quartzdb.api.settings import ApiSettings
from quartzdb.services.keys import ApiKeys, Principal, key_text
from quartzdb.wiring.embedded import Database, EmbeddedSettings, assemble, embedded_adapters
from tests.behaviour.http.client import BASE, Client, refused, refused_as_cloudflare
from tests.manual_clock import ManualClock

BURST = 5
HERE, THERE = "192.0.2.7", "198.51.100.9"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def database(tmp_path: Path, clock: ManualClock) -> Database:
    adapters = embedded_adapters(EmbeddedSettings(tmp_path / "data"), clock)
    return assemble(adapters, writer="local.1", workspace=tmp_path / "building")


@pytest.fixture
def app(database: Database) -> Edge:
    return create_app(database, ApiSettings(failures_burst=BURST, failure_seconds=10, key_cache_seconds=5))


class From(Client):
    """A client at an address."""

    def __init__(self, app: Edge, address: str, key: str | None = None) -> None:
        super().__init__(app, key)
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, client=(address, 1)), base_url=BASE
        )


@pytest.fixture
def attacker(app: Edge) -> Iterator[Client]:
    with From(app, HERE) as client:
        yield client


def guess(number: int, key_id: bytes = b"target") -> str:
    """A well-formed key of this id, with some secret."""
    return key_text(key_id, number.to_bytes(32)).text


def test_an_address_that_fails_has_to_wait(attacker: Client, clock: ManualClock) -> None:
    """429 with how long; then one more for every ten seconds. On both surfaces."""
    for number in range(BURST):
        refused(attacker.get("/v1/namespaces", key=guess(number)), 401, "unauthenticated")
    answer = attacker.get("/v1/namespaces", key=guess(99))
    refused(answer, 429, "too_many_failures")
    assert answer.headers["retry-after"] == "10"
    refused_as_cloudflare(attacker.get("/api/get/k", key=guess(99)), 429, "too_many_failures")
    refused(attacker.get("/v1/replication/namespaces", key=guess(99)), 429, "too_many_failures")
    clock.seconds += 10
    refused(attacker.get("/v1/namespaces", key=guess(100)), 401, "unauthenticated")
    refused(attacker.get("/v1/namespaces", key=guess(101)), 429, "too_many_failures")


def test_no_key_at_all_is_no_guess(attacker: Client) -> None:
    """A browser or a probe that sends none learns to send one, however often."""
    for _ in range(3 * BURST):
        refused(attacker.get("/v1/namespaces"), 401, "unauthenticated")


def test_a_refused_guess_is_not_looked_up(
    attacker: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that guessing costs the table nothing either."""
    asked: list[str | None] = []
    authenticate = database.api_keys.authenticate

    def counted(_: ApiKeys, key: str | None) -> Principal:
        asked.append(key)
        return authenticate(key)

    monkeypatch.setattr(ApiKeys, "authenticate", counted)
    for number in range(10 * BURST):
        attacker.get("/v1/namespaces", key=guess(number))
    assert len(asked) == BURST


def test_a_holder_is_heard_from_elsewhere(app: Edge, database: Database, attacker: Client) -> None:
    """Many addresses that guess at one key do not lock it."""
    key, text = database.api_keys.create("t", "holder", ("admin",))
    for address in range(20):
        with From(app, f"203.0.113.{address}") as other:
            for number in range(BURST):
                other.get("/v1/namespaces", key=key_text(bytes.fromhex(key.id), number.to_bytes(32)).text)
    with From(app, THERE, text) as holder:
        assert holder.get("/v1/keys").status_code == 200


def test_a_key_that_worked_works_on_from_the_same_address(
    app: Edge, database: Database, attacker: Client, clock: ManualClock
) -> None:
    """Behind a proxy all have one address: whoever was let in before is not shut out by who is not."""
    holder = database.api_keys.create("t", "holder", ("admin",))[1]
    assert attacker.get("/v1/keys", key=holder).status_code == 200
    clock.seconds += 6  # it is looked up anew
    for number in range(3 * BURST):
        attacker.get("/v1/namespaces", key=guess(number))
    assert attacker.get("/v1/keys", key=holder).status_code == 200


def test_one_that_failed_before_waits_for_a_key_that_many_guess_at(clock: ManualClock) -> None:
    """Each address is within its own bounds, but all of them are after one key."""
    failed = FailedKeys(clock, burst=2, seconds=10)
    for address in range(20):
        failed.check(f"203.0.113.{address}", guess(1))
        failed.count(f"203.0.113.{address}", guess(1))
    with pytest.raises(TooManyFailures):
        failed.check("203.0.113.1", guess(2))
    failed.check("203.0.113.1", guess(2, b"others"))
    failed.check(THERE, guess(2))


def test_an_ipv6_customer_is_one_address(clock: ManualClock) -> None:
    """He has 2^64 of them."""
    failed = FailedKeys(clock, burst=2, seconds=10)
    for number in range(2):
        failed.count(f"2001:db8:0:1::{number:x}", "k")
    with pytest.raises(TooManyFailures):
        failed.check("[2001:db8:0:1:ffff::1]", "k")
    failed.check("2001:db8:0:2::1", "k")
    failed.check("no address", "k")


def test_who_failed_is_remembered_within_bounds(clock: ManualClock) -> None:
    """A hundred thousand addresses take no more than ten thousand."""
    failed = FailedKeys(clock, burst=2, seconds=10)
    begins = guess(0)[:9]
    tracemalloc.start()
    try:
        for number in range(100_000):
            failed.count(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", f"{begins}{number:012x}_")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000
