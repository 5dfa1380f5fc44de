"""The contract of Leases."""

from __future__ import annotations

from quartzdb.storage.ports import Leases
from tests.contracts.adapters import in_threads


def test_a_lease_keeps_others_out_until_it_ends(leases: Leases) -> None:
    """To the millisecond."""
    assert leases.acquire("index", "a", now_ms=100, ttl_ms=50)
    assert not leases.acquire("index", "b", now_ms=149, ttl_ms=50)
    assert leases.acquire("index", "b", now_ms=150, ttl_ms=50)
    assert not leases.acquire("index", "a", now_ms=150, ttl_ms=50)


def test_the_owner_renews_it(leases: Leases) -> None:
    """From the time of asking."""
    assert leases.acquire("index", "a", now_ms=100, ttl_ms=50)
    assert leases.acquire("index", "a", now_ms=140, ttl_ms=50)
    assert not leases.acquire("index", "b", now_ms=160, ttl_ms=50)
    assert leases.acquire("index", "b", now_ms=190, ttl_ms=50)


def test_a_released_lease_is_free(leases: Leases) -> None:
    """Only its owner can release it."""
    leases.acquire("index", "a", now_ms=100, ttl_ms=50)
    leases.release("index", "b")
    leases.release("other", "a")
    assert not leases.acquire("index", "b", now_ms=101, ttl_ms=50)
    leases.release("index", "a")
    leases.release("index", "a")
    assert leases.acquire("index", "b", now_ms=101, ttl_ms=50)


def test_leases_have_names(leases: Leases) -> None:
    """Two of them have nothing to do with each other."""
    assert leases.acquire("one", "a", now_ms=100, ttl_ms=50)
    assert leases.acquire("two", "b", now_ms=100, ttl_ms=50)


def test_one_of_many_gets_it(leases: Leases) -> None:
    """However many ask at once."""
    got: list[bool] = []
    in_threads(8, lambda number: got.append(leases.acquire("index", f"h{number}", now_ms=100, ttl_ms=50)))
    assert sorted(got) == [False] * 7 + [True]
