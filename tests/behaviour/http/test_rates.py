"""Rates of a tenant's grant, over HTTP: per key and per project, told in every answer, refused with what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quartzdb.adapters.aws.dynamodb_rate_slices import DynamoRateSlices
from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.api.app import create_app
from quartzdb.api.limits import Undecided
from quartzdb.api.settings import ApiSettings
from quartzdb.api.slice_limiter import OPEN_SECONDS, SliceLimiter, threads_beside
from quartzdb.domain.errors import Unavailable
from quartzdb.domain.gcra import Leased, Rate
from quartzdb.domain.grant import GrantLimits, TenantGrant
from quartzdb.services.keys import Principal
from quartzdb.services.ports import RateSlices
from quartzdb.wiring.aws import AwsSettings, open_aws
from quartzdb.wiring.aws_clients import AwsEndpoints
from quartzdb.wiring.embedded import Database
from tests.aws_emulators import REGION, Emulators
from tests.behaviour.http.client import Client, refused, refused_as_cloudflare
from tests.doubles.counted_capacity import CountedCapacity
from tests.doubles.memory_rate_slices import MemoryRateSlices
from tests.embedded import embedded
from tests.manual_clock import ManualClock

PLAN_URL = "https://console.example.com/plan"


@dataclass
class Served:
    """A database with a clock that is moved, and a client with a key of the tenant `t`."""

    database: Database
    clock: ManualClock
    client: Client
    directory: Path

    def grant(self, limits: GrantLimits) -> None:
        present = self.database.tenants.grant("t")
        assert self.database.tenants.put(
            TenantGrant("t", present.revision + 1, plan="free", limits=limits, raise_at=PLAN_URL)
        )
        self.clock.seconds += 10  # the key is looked up again


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    site = embedded(tmp_path)
    database = site.open()
    key = database.api_keys.create("t", "k", ["read", "write", "admin"])[1]
    with Client(create_app(database), key) as client:
        yield Served(database, site.clock, client, tmp_path)


def test_a_rate_is_told_and_its_end_is_429(served: Served) -> None:
    """With which limit it is, when to come back, and where more can be had; then it is admitted."""
    served.grant(GrantLimits(key_requests_per_second=2, key_burst=3))
    answers = [served.client.get("/v1/namespaces") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[0].headers["ratelimit-policy"] == '"key";q=3;w=2'
    assert [answer.headers["ratelimit"] for answer in answers] == [f'"key";r={n};t=1' for n in (2, 1, 0)]
    answer = served.client.get("/v1/namespaces")
    problem = refused(answer, 429, "rate_limited")
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["ratelimit"] == '"key";r=0;t=1'
    names = ("limit", "used", "allowed", "unit", "raise_at")
    assert [problem[name] for name in names] == [
        "key_requests_per_second",
        2,
        2,
        "requests a second",
        PLAN_URL,
    ]
    assert problem["resets_at"].endswith("Z")
    assert problem["detail"] == "Too many requests: this key has 2 requests a second."
    assert PLAN_URL in problem["hint"]
    refused_as_cloudflare(served.client.get("/api/get/k"), 429, "rate_limited")
    served.clock.seconds += 1
    assert served.client.get("/v1/namespaces").status_code == 200


def test_all_keys_of_a_project_share_its_rate(served: Served) -> None:
    """And another tenant has its own."""
    served.grant(GrantLimits(requests_per_second=1, burst=2))
    other = served.database.api_keys.create("t", "other", ["read"])[1]
    stranger = served.database.api_keys.create("someone", "k", ["read"])[1]
    assert served.client.get("/v1/namespaces").status_code == 200
    assert served.client.get("/v1/namespaces", key=other).headers["ratelimit-policy"] == '"project";q=2;w=2'
    problem = refused(served.client.get("/v1/namespaces", key=other), 429, "rate_limited")
    assert problem["limit"] == "requests_per_second"
    assert "this project" in problem["detail"]
    answer = served.client.get("/v1/namespaces", key=stranger)
    assert answer.status_code == 200
    assert "ratelimit" not in answer.headers


def test_queries_of_a_batch_count_each(served: Served) -> None:
    """As far as the burst goes."""
    served.client.post("/v1/namespaces", {"name": "books", "dimension": 2})
    served.grant(GrantLimits(requests_per_second=10, burst=20))
    batch = {"queries": [{"vector": [1, 0]}] * 15}
    answer = served.client.post("/v1/namespaces/books/query/batch", batch)
    assert (answer.status_code, answer.headers["ratelimit"]) == (200, '"project";r=5;t=1')
    refused(served.client.post("/v1/namespaces/books/query/batch", batch), 429, "rate_limited")


def test_a_tenant_without_rates_touches_no_store(served: Served) -> None:
    """Nothing is made for it, and nothing is told."""
    served.grant(GrantLimits(namespaces=5))
    assert "ratelimit" not in served.client.get("/v1/namespaces").headers
    assert not (served.directory / "rates.db").exists()
    served.grant(GrantLimits(requests_per_second=5))
    assert "ratelimit" in served.client.get("/v1/namespaces").headers
    assert (served.directory / "rates.db").exists()


class Broken:
    """A store that cannot be asked; `wait`: or that does not answer until then."""

    def __init__(self, wait: threading.Event | None = None) -> None:
        self.asked = 0
        self.wait = wait

    def lease(self, name: str, rate: Rate, least: int, most: int, now_ms: int) -> Leased:
        self.asked += 1
        if self.wait is not None:
            assert self.wait.wait(30)
        raise Unavailable("The table is away.")


@pytest.mark.parametrize("slow", [False, True])
def test_a_store_in_trouble_lets_everybody_in_and_says_so(
    served: Served, caplog: pytest.LogCaptureFixture, slow: bool
) -> None:
    """For some seconds at a time, in which it is not asked; once it is there, the limit holds."""
    served.grant(GrantLimits(requests_per_second=1, burst=1))
    answering, told = threading.Event(), list[int]()
    broken = Broken(answering if slow else None)
    limiter = SliceLimiter(broken, served.clock, ahead=None, on_trouble=lambda: told.append(1))
    app = create_app(served.database, ApiSettings(rate_seconds_max=0.05), rate_limiter=limiter)
    with Client(app, served.client.key) as client:
        for _ in range(5):
            answer = client.get("/v1/namespaces")
            assert (answer.status_code, "ratelimit" in answer.headers) == (200, False)
        assert (broken.asked, len(told)) == (1, 1)
        assert "rate limits are open for 5 s" in caplog.text
        answering.set()
        served.clock.seconds += OPEN_SECONDS
        assert client.get("/v1/namespaces").status_code == 200
        assert len(told) == 2
    # A file of another program in the place of the right one is the same trouble.
    (served.directory / "rates.db").write_bytes(b"not a database " * 1_000)
    with Client(create_app(served.database), served.client.key) as client:
        assert [client.get("/v1/namespaces").status_code for _ in range(3)] == [200] * 3
    (served.directory / "rates.db").unlink()
    with Client(create_app(served.database), served.client.key) as client:
        assert sorted(client.get("/v1/namespaces").status_code for _ in range(3)) == [200, 429, 429]


def test_a_warm_request_asks_dynamodb_for_nothing_more(aws: Emulators, tmp_path: Path) -> None:
    """One that finds a slice in hand: what its key and its rates cost was asked for by one before it."""
    emulator = aws.get("ministack")
    place = emulator.new_place()
    meter = CountedCapacity()
    endpoints = AwsEndpoints.at(emulator.endpoint_url)
    database = open_aws(
        AwsSettings(place.table, place.bucket, region=REGION, work_dir=tmp_path, endpoints=endpoints),
        meter=meter,
    )
    key = database.api_keys.create("t", "k", ["read"])[1]
    assert database.tenants.put(TenantGrant("t", 1, limits=GrantLimits(100, 200, 100, 200)))
    clock = ManualClock()
    limiter = SliceLimiter(database.rate_slices, clock, ahead=None)
    patient = ApiSettings(rate_seconds_max=60)
    with Client(create_app(database, patient, rate_limiter=limiter), key) as client:
        meter.reset()
        client.get("/v1/namespaces")
        assert meter.requests == {"GetItem": 2, "UpdateItem": 2, "Query": 1}
        client.get("/v1/namespaces")  # leases two: one for itself, and one more
        for _ in range(2):
            meter.reset()
            assert client.get("/v1/namespaces").status_code == 200
            assert set(meter.requests) <= {"Query", "UpdateItem"}
        meter.reset()
        counts = []
        for _ in range(8):
            meter.reset()
            assert client.get("/v1/namespaces").status_code == 200
            counts.append(meter.requests.get("UpdateItem", 0))
        assert counts.count(0) >= 5


class Meeting:
    """A store that answers a lease when another is asked for at the same time."""

    def __init__(self, slices: RateSlices) -> None:
        self._slices = slices
        self._both = threading.Barrier(2, timeout=20)

    def lease(self, name: str, rate: Rate, least: int, most: int, now_ms: int) -> Leased:
        self._both.wait()
        return self._slices.lease(name, rate, least, most, now_ms)


def test_the_rates_of_a_request_after_silence_are_leased_side_by_side(served: Served) -> None:
    """It waits for one answer of the store, not for one after the other."""
    served.grant(GrantLimits(2, 2, 100, 100))
    meeting = Meeting(served.database.rate_slices)
    limiter = SliceLimiter(meeting, served.clock, ahead=None, beside=threads_beside())
    app = create_app(served.database, ApiSettings(rate_seconds_max=60), rate_limiter=limiter)
    with Client(app, served.client.key) as client:
        assert client.get("/v1/namespaces").status_code == 200


def test_many_instances_on_dynamodb_admit_no_more_than_the_limit(aws: Emulators) -> None:
    """24 of them, each with a limiter and a table of its own, in threads of their own."""
    emulator = aws.get("ministack")
    place = emulator.new_place()
    clock = ManualClock()
    rate, grants = Rate(50, 60), TenantGrant("t", 1, limits=GrantLimits(50, 60))
    principal = Principal("t", "k", frozenset(), grant=grants)
    limiters = [
        SliceLimiter(DynamoRateSlices(DynamoTable(emulator.dynamodb, place.table, clock)), clock, ahead=None)
        for _ in range(24)
    ]

    def requests(limiter: SliceLimiter) -> int:
        admitted = 0
        for _ in range(8):
            quota: Any = limiter.admit(principal, "query")
            if isinstance(quota, Undecided):
                quota = limiter.decide(principal, "query")
            admitted += quota.admitted
        return admitted

    with ThreadPoolExecutor(24) as threads:
        counts = []
        for pause in (0.0, 0.4, 1.0):
            clock.seconds += pause
            counts.append(sum(threads.map(requests, limiters)))
    # What is leased and not used is lost, so that there may be a little less than there could be; never more.
    assert sum(counts) <= rate.burst + rate.per_second * 1.4
    assert 50 <= counts[0] <= rate.burst
    assert all(count <= most for count, most in zip(counts[1:], (20 + 10, 50 + 10), strict=True))


def test_leasing_ahead_is_done_beside_requests() -> None:
    """By whom it is given to: a request that finds enough in hand waits for nobody."""
    store, clock, later = MemoryRateSlices(), ManualClock(), list[Callable[[], None]]()
    limiter = SliceLimiter(store, clock, ahead=later.append)
    principal = Principal("t", "k", frozenset(), grant=TenantGrant("t", 1, limits=GrantLimits(100, 100)))
    undecided = 0
    for _ in range(60):
        if isinstance(limiter.admit(principal, "query"), Undecided):
            undecided += 1
            limiter.decide(principal, "query")
        while later:
            later.pop()()
        clock.seconds += 0.01
    assert undecided <= 3, "only until it is known that requests keep coming"
    assert store.asked <= 12
