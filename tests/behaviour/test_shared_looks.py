"""Reads that waited for their turn share a look at the log that began after they had come, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from quartzdb.api import brief_reads
from quartzdb.api.app import create_app
from quartzdb.api.freshness import consistency_of
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.replication.ports import Behind
from quartzdb.services.consistency import Consistency
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.search import QueryRequest
from quartzdb.wiring.embedded import Database, EmbeddedSettings, assemble, embedded_adapters
from tests.behaviour.http.client import Client
from tests.counted_log import CountedLog
from tests.manual_clock import ManualClock

VECTOR = np.array([1, 0, 0], np.float32)
TOGETHER = 8


class TickingClock(ManualClock):
    """Each look at it is a little later than the one before."""

    def monotonic(self) -> float:
        self.seconds += 1e-6
        return self.seconds


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def log(tmp_path: Path, clock: ManualClock) -> CountedLog:
    return CountedLog(embedded_adapters(EmbeddedSettings(tmp_path / "data"), clock).log)


@pytest.fixture
def database(tmp_path: Path, log: CountedLog, clock: ManualClock) -> Database:
    return opened(tmp_path, log, clock)


def opened(directory: Path, log: CountedLog, clock: ManualClock) -> Database:
    adapters = embedded_adapters(EmbeddedSettings(directory / "data"), clock)
    return assemble(replace(adapters, log=log), writer="local.1", workspace=directory / "work")


@pytest.fixture
def namespace(database: Database) -> Namespace:
    made, _ = database.namespaces.create("t", "n", NamespaceSettings(3))
    write(database, made, "first")
    return made


def write(database: Database, namespace: Namespace, record_id: str) -> None:
    database.records.upsert(namespace, [NewRecord(record_id, VECTOR, {})])


def found(database: Database, namespace: Namespace, asked_at: float | None) -> set[str]:
    request = QueryRequest(VECTOR, consistency=Consistency(asked_at=asked_at))
    return {match.id for match in database.search.query(namespace, request).matches}


def test_a_look_that_began_later_is_shared(
    database: Database, namespace: Namespace, clock: ManualClock, log: CountedLog
) -> None:
    """By all that had come before it began."""
    came = clock.seconds
    clock.seconds += 1
    assert found(database, namespace, came) == {"first"}
    before = log.reads
    assert found(database, namespace, came) == found(database, namespace, came + 0.5) == {"first"}
    assert log.reads == before


def test_a_look_that_began_before_or_just_then_is_not(
    database: Database, namespace: Namespace, clock: ManualClock
) -> None:
    """What was acknowledged between it and the question must be in the answer."""
    assert found(database, namespace, clock.seconds - 1) == {"first"}
    write(database, namespace, "second")
    assert found(database, namespace, clock.seconds) == {"first", "second"}
    clock.seconds += 1
    write(database, namespace, "third")
    assert found(database, namespace, clock.seconds) == {"first", "second", "third"}


def test_who_does_not_say_when_has_a_look_of_its_own(
    database: Database, namespace: Namespace, clock: ManualClock, log: CountedLog
) -> None:
    """As every read has that decides a write."""
    clock.seconds += 1
    assert found(database, namespace, None) == {"first"}
    before = log.reads
    assert found(database, namespace, None) == {"first"}
    assert log.reads == before + 1


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """A server that knows its questions to be brief, whatever they take of this machine."""
    monkeypatch.setattr(brief_reads, "thread_time", lambda: 0.0)
    clock = TickingClock()
    log = CountedLog(embedded_adapters(EmbeddedSettings(tmp_path / "data"), clock).log)
    database = opened(tmp_path, log, clock)
    namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(3))
    with Client(create_app(database), database.api_keys.create("t", "k", ("read",))[1]) as http:
        asked = Asked(database, namespace, log, http)
        for _ in range(TOGETHER):
            asked.together(1)
        yield asked


@dataclass
class Asked:
    """Questions over HTTP."""

    database: Database
    namespace: Namespace
    log: CountedLog
    http: Client

    def together(self, count: int) -> tuple[int, list[int]]:
        """How often the log was read for so many, and how many records each found."""
        before = self.log.reads
        query = ("POST", "/v1/namespaces/n/query", {"json": {"vector": [1, 0, 0]}})
        answers = self.http.together(*[query] * count)
        return self.log.reads - before, [len(answer.json()["matches"]) for answer in answers]


def test_requests_that_wait_for_each_other_share_looks(asked: Asked) -> None:
    """While the first is answered the others come, and the look of the second is late enough for all of them."""
    write(asked.database, asked.namespace, "first")
    assert asked.together(TOGETHER) == (2, [1] * TOGETHER)
    write(asked.database, asked.namespace, "second")
    assert asked.together(TOGETHER) == (2, [2] * TOGETHER)


@pytest.mark.parametrize(
    ("version", "behind", "asked_at"),
    [(None, None, 5.0), ("000000000000000a.local", None, None), (None, Behind("east", 1, None), None)],
    ids=["usual", "waits for a version", "tells how far behind it is"],
)
def test_what_may_share_a_look(version: str | None, behind: Behind | None, asked_at: float | None) -> None:
    """Not what is asked again until a version has come, nor what says how far behind this site is just now."""
    call: Any = SimpleNamespace(asked_at=5.0, behind=behind, services=SimpleNamespace(replication=None))
    request: Any = SimpleNamespace(version=version, consistency="strong")
    assert consistency_of(call, request).asked_at == asked_at
