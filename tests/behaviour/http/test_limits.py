"""Limits: a tenant that is too fast is told when to come back, and a process that is full refuses at once."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from quartzdb.api.app import create_app
from quartzdb.api.limits import Quota
from quartzdb.api.settings import ApiSettings
from quartzdb.services.keys import Principal
from quartzdb.services.records import Records
from quartzdb.wiring.embedded import Database
from tests.behaviour.http.client import Client, refused, refused_as_cloudflare


class Counted:
    """Admits so many requests of each tenant, ever."""

    def __init__(self, requests: int) -> None:
        self.requests = requests
        self.seen: dict[str, list[str]] = {}

    def admit(self, principal: Principal, operation: str, requests: int = 1) -> Quota:
        seen = self.seen.setdefault(principal.tenant, [])
        seen.extend([operation] * requests)
        left = self.requests - len(seen)
        return Quota("tenant", self.requests, 60, max(0, left), 12.2, admitted=left >= 0)

    decide = admit

    def give_up(self, why: str) -> None:
        raise AssertionError(why)


@pytest.fixture
def limiter() -> Counted:
    return Counted(2)


@pytest.fixture
def limited(database: Database, make_key: Any, limiter: Counted) -> Iterator[Client]:
    with Client(create_app(database, rate_limiter=limiter), make_key()) as client:
        yield client


def test_a_quota_is_told_and_its_end_is_429(limited: Client, make_key: Any) -> None:
    """With the headers of the IETF draft; others' quotas are their own."""
    first = limited.get("/v1/namespaces")
    assert first.headers["ratelimit-policy"] == '"tenant";q=2;w=60'
    assert first.headers["ratelimit"] == '"tenant";r=1;t=13'
    assert limited.get("/v1/namespaces").status_code == 200
    over = limited.get("/v1/namespaces")
    refused(over, 429, "rate_limited")
    assert over.headers["retry-after"] == "13"
    assert over.headers["ratelimit-policy"] == '"tenant";q=2;w=60'
    assert over.headers["ratelimit"] == '"tenant";r=0;t=13'
    refused_as_cloudflare(limited.get("/api/get/k"), 429, "rate_limited")
    assert limited.get("/api/get/k").headers["retry-after"] == "13"
    assert limited.get("/v1/namespaces", key=make_key(of="another")).status_code == 200


def test_a_limiter_is_told_who_does_what(limited: Client, limiter: Counted, tenant: str) -> None:
    """Not for open operations, and not before the key is known to be good."""
    limited.get("/health", key=None)
    limited.get("/v1/namespaces", key=None)
    limited.get("/v1/usage")
    assert limiter.seen == {tenant: ["get_usage"]}


def test_a_body_over_the_rate_is_not_read(limited: Client) -> None:
    """It is refused before."""
    for _ in range(2):
        limited.get("/v1/namespaces")

    taken: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        taken.append(1)
        yield b"{}"

    refused(limited.post("/v1/namespaces", content=body()), 429, "rate_limited")
    assert not taken


def test_without_a_limiter_there_is_no_limit(http: Client) -> None:
    """And no header about one."""
    assert "ratelimit" not in http.get("/v1/namespaces").headers


def test_a_full_process_refuses_at_once(
    database: Database, make_key: Any, books: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with Retry-After, except for health: busy is not broken."""
    started, go_on = threading.Semaphore(0), threading.Event()
    count = Records.count

    def slow(self: Records, *given: Any) -> int:
        started.release()
        assert go_on.wait(10)
        return count(self, *given)

    with Client(create_app(database, ApiSettings(requests_max=2, threads=2)), make_key()) as full:
        busy = full.get("/v1/namespaces").status_code
        assert busy == 200
        monkeypatch.setattr(Records, "count", slow)
        answers: list[Any] = []
        thread = threading.Thread(
            target=lambda: answers.extend(
                full.together(
                    *[("POST", f"{books}/vectors/count", {"json": {}})] * 3, ("GET", "/v1/health", {})
                )
            )
        )
        thread.start()
        for _ in range(2):
            assert started.acquire(timeout=10)
        go_on.set()
        thread.join(10)
    assert sorted(answer.status_code for answer in answers[:3]) == [200, 200, 503]
    refusal = next(answer for answer in answers[:3] if answer.status_code == 503)
    refused(refusal, 503, "overloaded")
    assert refusal.headers["retry-after"]
    assert answers[3].status_code == 200


def test_a_slow_request_does_not_hold_up_others(
    http: Client, books: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocking work is done in threads: here the slow one ends only once the other has been done."""
    go_on = threading.Event()
    monkeypatch.setattr(Records, "count", lambda *_: 1 if go_on.wait(10) else 0)

    listing = Records.list

    def then_release(self: Records, *given: Any, **more: Any) -> Any:
        try:
            return listing(self, *given, **more)
        finally:
            go_on.set()

    monkeypatch.setattr(Records, "list", then_release)
    slow, fast = http.together(
        ("POST", f"{books}/vectors/count", {"json": {}}), ("GET", f"{books}/vectors", {})
    )
    assert slow.json()["count"] == 1
    assert fast.status_code == 200
