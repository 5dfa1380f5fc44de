"""Searches on the event loop: only those whose kind has been brief, never for long, and in turns."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from quartzdb.api import brief_reads
from quartzdb.api.app import create_app
from quartzdb.api.brief_reads import BRIEF_BODY_BYTES_MAX
from quartzdb.api.fair_turns import FairTurns
from quartzdb.api.pace import (
    BRIEF_SECONDS,
    REMEMBERED_SECONDS,
    SLOW_EVERY,
    SLOW_SECONDS,
    STOPPED_SECONDS,
    TIMES_MIN,
    Pace,
)
from quartzdb.api.routes.query import BRIEF_TOP_K_MAX
from quartzdb.api.settings import ApiSettings
from quartzdb.domain.deadline import ReadDeadline, check_deadline, within
from quartzdb.domain.errors import DeadlineExceeded, Unavailable
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.domain.vector import parse_vector
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.search import QueryAnswer
from quartzdb.wiring.embedded import Database, EmbeddedSettings, assemble, embedded_adapters
from tests.behaviour.http.client import Client
from tests.manual_clock import ManualClock

QUERY = "/v1/namespaces/n/query"
SEVERAL = TIMES_MIN + 2


def record(record_id: str, vector: list[float]) -> NewRecord:
    return NewRecord(record_id, parse_vector(vector))


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, clock: ManualClock) -> Database:
    folder = tmp_path_factory.mktemp("database")
    adapters = embedded_adapters(EmbeddedSettings(folder / "data"), clock)
    opened = assemble(adapters, writer="local.here", workspace=folder / "building")
    for name, shards in (("n", 1), ("sharded", 2)):
        namespace, _ = opened.namespaces.create("t", name, NamespaceSettings(3, shards=shards))
        opened.records.upsert(namespace, [record(f"r{number}", [number, 1, 0]) for number in range(5)])
    return opened


class Searches:
    """Where each search was done; what is asked of it happens in the midst of one."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.on_loop: list[bool] = []
        self._loop_thread = threading.current_thread()
        search = database.search.query

        def query(*given: Any) -> QueryAnswer:
            self.on_loop.append(threading.current_thread() is self._loop_thread)
            self.in_the_midst()
            return search(*given)

        monkeypatch.setattr(database.search, "query", query)

    def in_the_midst(self) -> None:
        """Nothing."""


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What a look at a thread's processor time adds to it, in seconds."""
    step, used = [0.0], [0.0]

    def thread_time() -> float:
        used[0] += step[0]
        return used[0]

    monkeypatch.setattr(brief_reads, "thread_time", thread_time)
    return step


@pytest.fixture
def searches(database: Database, processor: list[float], monkeypatch: pytest.MonkeyPatch) -> Searches:
    assert processor == [0]
    return Searches(database, monkeypatch)


@pytest.fixture
def http(database: Database) -> Iterator[Client]:
    with Client(create_app(database), database.api_keys.create("t", "k", ("read",))[1]) as client:
        yield client


def ask(http: Client, times: int = SEVERAL, path: str = QUERY, **more: Any) -> list[Any]:
    answers = [http.post(path, {"vector": [1, 0, 0], **more}) for _ in range(times)]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json()["matches"] for answer in answers]


def test_what_has_been_brief_is_done_at_once(http: Client, searches: Searches) -> None:
    """After it was measured in threads; the answers are the same."""
    answers = ask(http)
    assert searches.on_loop == [False] * TIMES_MIN + [True] * 2
    assert all(answer == answers[0] for answer in answers)
    assert len(answers[0]) == 5


@pytest.mark.parametrize(
    "more",
    [{"top_k": BRIEF_TOP_K_MAX + 1}, {"page": True}],
    ids=["many matches", "a field of which nothing is known"],
)
def test_what_may_take_any_time_has_a_thread(http: Client, searches: Searches, more: dict[str, Any]) -> None:
    """However brief it has been."""
    ask(http, **more)
    assert searches.on_loop == [False] * SEVERAL


def test_a_large_body_is_not_looked_at_on_the_loop(http: Client, searches: Searches) -> None:
    """Not even to see what it asks for."""
    body = b'{"vector": [1, 0, 0]}' + b" " * BRIEF_BODY_BYTES_MAX
    headers = {"Content-Type": "application/json"}
    for _ in range(SEVERAL):
        assert http.post(QUERY, content=body, headers=headers).status_code == 200
    assert searches.on_loop == [False] * SEVERAL


def test_what_takes_longer_has_a_thread(http: Client, searches: Searches, processor: list[float]) -> None:
    """Of the processor: what waits for one is no slower here than there."""
    processor[0] = BRIEF_SECONDS * 1.1
    ask(http)
    assert searches.on_loop == [False] * SEVERAL


def test_each_kind_is_measured_by_itself(http: Client, searches: Searches) -> None:
    """A filter, another recall, vectors in the answer: each may take longer."""
    ask(http)
    for more in ({"filter": {"n": 1}}, {"recall": 1}, {"include_vectors": True}, {"top_k": 60}):
        searches.on_loop.clear()
        ask(http, 1, **more)
        assert searches.on_loop == [False]


def test_a_server_may_have_nothing_done_on_the_loop(database: Database, searches: Searches) -> None:
    """As where the log is asked over a network."""
    app = create_app(database, ApiSettings(brief_on_loop=False))
    with Client(app, database.api_keys.create("t", "k", ("read",))[1]) as http:
        ask(http)
    assert searches.on_loop == [False] * SEVERAL


def test_what_holds_the_loop_is_broken_off_and_begun_anew(
    http: Client, searches: Searches, clock: ManualClock
) -> None:
    """In a thread, where it ends; after a few of them nothing of its kind is tried on the loop for a while."""
    ask(http)
    searches.on_loop.clear()

    def takes_long() -> None:
        if searches.on_loop[-1]:
            clock.seconds += STOPPED_SECONDS * 1.1
            check_deadline()
            raise AssertionError("it was not broken off")

    searches.in_the_midst = takes_long  # type: ignore[method-assign]  # that is what it is for
    ask(http, SEVERAL)
    assert searches.on_loop == [True, False] * 4 + [False] * (SEVERAL - 4)


def test_what_is_kept_from_the_processor_is_brief_all_the_same(
    http: Client, searches: Searches, clock: ManualClock
) -> None:
    """A thread would have been kept from it, too."""
    ask(http)
    searches.on_loop.clear()

    def waits() -> None:
        clock.seconds += STOPPED_SECONDS * 0.9

    searches.in_the_midst = waits  # type: ignore[method-assign]  # that is what it is for
    ask(http, 20)
    assert searches.on_loop == [True] * 20


def test_shards_are_not_waited_for_on_the_loop(http: Client, searches: Searches) -> None:
    """They are read side by side in threads, for which there may be a queue."""
    ask(http, path="/v1/namespaces/sharded/query")
    assert searches.on_loop == [False] * TIMES_MIN + [True, False, False]


def test_what_is_wrong_is_told_from_the_loop_too(http: Client, searches: Searches) -> None:
    """With the same words."""
    ask(http)
    refused = [http.post(QUERY, {"vector": [1, 0], "top_k": 10}) for _ in range(2)]
    assert [answer.status_code for answer in refused] == [400, 400]
    assert {answer.json()["code"] for answer in refused} == {"dimension_mismatch"}
    assert searches.on_loop[TIMES_MIN:] == [True] * 4


def test_a_pace_is_forgotten() -> None:
    """What was brief half a minute ago may have to be read from a disk by now; it is measured anew."""
    clock = ManualClock()
    pace = Pace(clock.monotonic)
    for _ in range(TIMES_MIN):
        assert not pace.is_brief("kind")
        pace.took("kind", BRIEF_SECONDS)
    assert pace.is_brief("kind")
    assert not pace.is_brief("another")
    clock.seconds += REMEMBERED_SECONDS
    assert not pace.is_brief("kind")
    pace.took("kind", 0)
    assert not pace.is_brief("kind")


def test_what_was_slow_once_is_measured_anew() -> None:
    """All of the last ones have to be brief."""
    pace = Pace(ManualClock().monotonic)
    for seconds in [0.0] * TIMES_MIN + [BRIEF_SECONDS * 2] + [0.0] * (TIMES_MIN - 1):
        pace.took("kind", seconds)
    assert not pace.is_brief("kind")
    pace.took("kind", 0)
    assert pace.is_brief("kind")


def test_what_is_slow_too_often_stays_away_ever_longer() -> None:
    """One in SLOW_EVERY may be."""
    clock = ManualClock()
    pace = Pace(clock.monotonic)

    def measured() -> None:
        for _ in range(TIMES_MIN):
            pace.took("kind", 0)

    measured()
    for _ in range(10):
        pace.held("kind", 1)
        for _ in range(SLOW_EVERY):
            pace.held("kind", BRIEF_SECONDS)
    assert pace.is_brief("kind")
    for pause in (SLOW_SECONDS, 2 * SLOW_SECONDS, 4 * SLOW_SECONDS):
        for _ in range(4):
            pace.held("kind", 1)
        measured()
        clock.seconds += pause - 0.1
        assert not pace.is_brief("kind")
        clock.seconds += 0.1
        assert pace.is_brief("kind")


def test_rounds_of_the_loop_are_taken_in_turns() -> None:
    """Who sends a hundred at once has every other round while somebody else sends one after the other."""

    async def run() -> list[str]:
        rounds, done = FairTurns(1, 1, 1), []

        async def one(tenant: str, name: str) -> None:
            await rounds.take(tenant, "key", None)
            done.append(name)
            asyncio.get_running_loop().call_soon(rounds.give_back, tenant, "key")

        many = [one("t", f"t{number}") for number in range(6)]
        await asyncio.gather(*many, one("u", "u0"), one("u", "u1"))
        return done

    assert asyncio.run(run()) == ["t0", "t1", "u0", "t2", "u1", "t3", "t4", "t5"]


@pytest.fixture
def short() -> ReadDeadline:
    """Some time is left, and stays left."""
    return ReadDeadline(lambda: 0.0, 0.01, 0.01)


def test_who_has_little_time_waits_for_no_lock_and_opens_nothing(
    database: Database, short: ReadDeadline
) -> None:
    """Another thread may be opening a snapshot under it, which takes as long as it takes."""
    reader = database.readers.of(database.namespaces.get("t", "n"))
    assert reader.view().count == 5
    with reader._lock, within(short), pytest.raises(DeadlineExceeded):
        reader.view()
    with within(short):
        assert reader.view().count == 5
    reader.let_go()
    with within(short), pytest.raises(DeadlineExceeded):
        reader.view()
    assert reader.view().count == 5


def test_what_was_read_is_seen_though_the_rest_failed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view that is older than what the reader knows is never given out again."""
    namespace, _ = database.namespaces.create("t", "failing", NamespaceSettings(3))
    reader = database.readers.of(namespace)
    assert reader.view().count == 0
    database.records.upsert(namespace, [record("a", [1, 0, 0])])
    failures = count()

    def looks(_: object) -> bool:
        if next(failures) == 0:
            raise Unavailable("The disk is away.")
        return False

    monkeypatch.setattr(reader, "_should_look_for_newer", looks)
    with pytest.raises(Unavailable):
        reader.view()
    assert reader.view().count == 1
