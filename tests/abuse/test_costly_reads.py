"""Reads that take long: bounded by what they ask for, ended by a deadline, and never all that is done."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from quartzdb.api.app import create_app
from quartzdb.api.fair_threads import FairThreads
from quartzdb.api.settings import ApiSettings
from quartzdb.domain.deadline import ReadDeadline, check_deadline, within
from quartzdb.domain.errors import DeadlineExceeded
from quartzdb.domain.limits import FILTER_CLAUSE_COST, FILTER_COST_MAX
from quartzdb.wiring.embedded import Database, EmbeddedSettings, assemble, embedded_adapters
from tests.behaviour.http.client import Client, refused
from tests.embedded import embedded, fill
from tests.manual_clock import ManualClock

VECTOR = [1.0] * 8


class HurryingClock(ManualClock):
    """Every look at it takes a second, once it is told so."""

    hurries = False

    def monotonic(self) -> float:
        if self.hurries:
            self.seconds += 1
        return self.seconds


@pytest.fixture
def clock() -> HurryingClock:
    return HurryingClock()


@pytest.fixture
def database(tmp_path: Path, clock: HurryingClock) -> Database:
    site = embedded(tmp_path / "data")
    fill(site.open(), site.clock, 500)
    clock.seconds = site.clock.seconds
    adapters = embedded_adapters(EmbeddedSettings(tmp_path / "data"), clock)
    return assemble(adapters, writer="local.reader", workspace=tmp_path / "building")


@pytest.fixture
def http(database: Database) -> Iterator[Client]:
    """With a key that may only read."""
    key = database.api_keys.create("t", "k", ("read",))[1]
    with Client(create_app(database, ApiSettings(read_seconds_max=15)), key) as client:
        yield client


def clauses(count: int) -> dict[str, object]:
    return {"$or": [{"n": number} for number in range(count - 1)]}


def test_the_filters_of_a_request_have_one_budget(http: Client) -> None:
    """Each is legal by itself. The place of the first that is too much is told."""
    path = "/v1/namespaces/n/query/batch"
    within_budget = FILTER_COST_MAX // (FILTER_CLAUSE_COST * 100)
    queries = [{"vector": VECTOR, "filter": clauses(within_budget)}] * 100
    assert http.post(path, {"queries": queries}).status_code == 200
    queries = [{"vector": VECTOR, "filter": clauses(50)}] * 100
    problem = refused(http.post(path, {"queries": queries}), 422, "filter_too_costly")
    assert problem["field"].startswith("queries[20].filter.$or[")
    assert "fewer queries" in problem["hint"]


def test_operands_count_too(http: Client) -> None:
    """Seventeen conditions of a thousand values are one too many."""
    many = list(range(1_000))
    fits = {"$and": [{f"f{n}": {"$in": many}} for n in range(16)]}
    assert http.post("/v1/namespaces/n/vectors/count", {"filter": fits}).json()["count"] == 0
    over = {"$and": [{f"f{n}": {"$nin": many}} for n in range(17)]}
    refused(http.post("/v1/namespaces/n/vectors/count", {"filter": over}), 422, "filter_too_costly")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("query", {"vector": VECTOR, "filter": clauses(250)}),
        ("query/batch", {"queries": [{"vector": VECTOR}] * 100}),
        ("vectors/count", {"filter": clauses(250)}),
        ("aggregate", {"filter": clauses(250), "group_by": ["n"]}),
        ("vectors/list", {"filter": clauses(250), "order_by": {"field": "n"}}),
    ],
)
def test_a_read_that_takes_too_long_ends(
    http: Client, clock: HurryingClock, path: str, body: dict[str, object]
) -> None:
    """Within its work, not after it, so that its thread is free. The clock runs away while it is done."""
    assert http.post(f"/v1/namespaces/n/{path}", body).status_code == 200
    clock.hurries = True
    body = {**body, "consistency": "strong"}
    if "filter" in body:
        body["filter"] = {"$not": body["filter"]}  # what was selected before is remembered
    answer = http.post(f"/v1/namespaces/n/{path}", body)
    clock.hurries = False
    problem = refused(answer, 503, "deadline_exceeded")
    assert "15 s" in problem["detail"]
    assert answer.headers["retry-after"]


def test_a_deadline_is_this_works_alone(clock: HurryingClock) -> None:
    """It begins and ends with the work."""
    check_deadline()
    with within(ReadDeadline(clock.monotonic, clock.seconds - 1, 1)), pytest.raises(DeadlineExceeded):
        check_deadline()
    check_deadline()


class Works:
    """Works that wait until they are let go, and note who began."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.go_on = threading.Event()
        self.some_began = threading.Semaphore(0)

    def one(self, name: str) -> None:
        self.begun.append(name)
        self.some_began.release()
        assert self.go_on.wait(20)


def test_another_key_and_another_tenant_begin_at_once() -> None:
    """However much one has sent: it has all threads but those that are spared."""

    async def run() -> list[str]:
        threads, works = FairThreads(2, 2, "test"), Works()
        tasks = [asyncio.create_task(threads.run("t", "a", None, works.one, f"a{n}")) for n in range(50)]
        for _ in range(2):
            await asyncio.to_thread(works.some_began.acquire)
        tasks += [asyncio.create_task(threads.run("t", "b", None, works.one, f"b{n}")) for n in range(50)]
        await asyncio.to_thread(works.some_began.acquire)
        tasks.append(asyncio.create_task(threads.run("u", "a", None, works.one, "another tenant's")))
        await asyncio.to_thread(works.some_began.acquire)
        begun = list(works.begun)
        works.go_on.set()
        await asyncio.gather(*tasks)
        assert len(works.begun) == 101
        return begun

    assert asyncio.run(run()) == ["a0", "a1", "b0", "another tenant's"]


def test_those_who_wait_take_turns_by_tenant_and_key() -> None:
    """Not in the order in which they came, and not oftener for having more keys."""

    async def run() -> list[str]:
        threads, works = FairThreads(1, 0, "test"), Works()
        works.go_on.set()
        names = [("t", "a", f"a{n}") for n in range(4)] + [
            ("t", "b", "b0"),
            ("t", "c", "c0"),
            ("u", "a", "u0"),
            ("u", "a", "u1"),
        ]
        await asyncio.gather(
            *(threads.run(tenant, key, None, works.one, name) for tenant, key, name in names)
        )
        return works.begun

    assert asyncio.run(run()) == ["a0", "a1", "u0", "b0", "u1", "c0", "a2", "a3"]


def test_a_turn_that_does_not_come_in_time_is_given_up(clock: HurryingClock) -> None:
    """And nobody's place is lost by that, nor by one that is cancelled."""

    async def run() -> None:
        threads, works = FairThreads(1, 0, "test"), Works()
        busy = asyncio.create_task(threads.run("t", "a", None, works.one, "a0"))
        await asyncio.to_thread(works.some_began.acquire)
        with pytest.raises(DeadlineExceeded):
            await threads.run("t", "b", ReadDeadline(clock.monotonic, clock.seconds, 1), works.one, "late")
        gone = asyncio.create_task(threads.run("t", "b", None, works.one, "gone"))
        await asyncio.sleep(0)
        gone.cancel()
        busy.cancel()
        for task in (gone, busy):
            with pytest.raises(asyncio.CancelledError):
                await task
        after = asyncio.create_task(threads.run("t", "c", None, works.one, "c0"))
        works.go_on.set()
        await after
        assert works.begun == ["a0", "c0"]

    asyncio.run(run())


def test_what_fails_leaves_its_place() -> None:
    """As often as it does."""

    async def run() -> None:
        threads = FairThreads(1, 0, "test")
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await threads.run("t", "a", None, lambda: 1 // 0)

    asyncio.run(run())
