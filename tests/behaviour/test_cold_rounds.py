"""How often a cold reader on S3 has to wait, what it makes do with, and what it can still read."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from quartzdb.domain.filter import parse
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings
from quartzdb.domain.vector import Vector
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.search import QueryRequest
from quartzdb.storage.index.executor import Immediate
from quartzdb.storage.index.segments.partial_file import BLOCK_BYTES
from quartzdb.storage.ports import BlobStore, LogPage
from quartzdb.wiring.aws import aws_adapters
from quartzdb.wiring.embedded import Database, assemble
from tests.aws_deployment import DIMENSION, Deployment
from tests.aws_emulators import Emulators

ROWS = 4_500
"""Fewer are all scored, without an index."""
FEW = 600
QUIET_SECONDS = 0.4


def vector_of(number: int) -> Vector:
    """One of some groups of vectors that are alike, so that an index needs to propose few."""
    group = np.random.default_rng(number % 50).standard_normal(DIMENSION)
    return (group + 0.4 * np.random.default_rng(1_000 + number).standard_normal(DIMENSION)).astype(np.float32)


def write(database: Database, namespace: Namespace, numbers: range) -> None:
    """Records by number."""
    records = [NewRecord(f"r{n}", vector_of(n), {"n": n, "even": n % 2 == 0}) for n in numbers]
    database.records.upsert(namespace, records)


def nearest(database: Database, namespace: Namespace, number: int) -> str:
    """The record that a search for that one finds."""
    answer = database.search.query(namespace, QueryRequest(vector=vector_of(number), top_k=3))
    return answer.matches[0].id


class HeldBack:
    """Blobs whose answers all wait until nobody asks any more: so each wave of requests is one that needed the last."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._lock = threading.Lock()
        self._waiting: list[threading.Event] = []
        self._asked = 0
        self.rounds: list[list[str]] = []
        self._current: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._let_go, daemon=True)
        self._thread.start()

    def __getattr__(self, name: str) -> object:
        return getattr(self._blobs, name)

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes | bytearray]:
        """Held back."""
        self._wait(key)
        return self._blobs.read_ranges(key, ranges)

    def get(self, key: str) -> bytes:
        """Held back."""
        self._wait(key)
        return self._blobs.get(key)

    def local_file(self, key: str) -> Path:
        """Held back."""
        self._wait(key)
        return self._blobs.local_file(key)

    def read_pointer(self, key: str) -> tuple[bytes, str] | None:
        """Held back."""
        self._wait(key)
        return self._blobs.read_pointer(key)

    def end(self) -> None:
        """Let everything pass."""
        self._ended.set()
        self._thread.join()

    def _wait(self, key: str) -> None:
        event = threading.Event()
        with self._lock:
            self._asked += 1
            self._current.append(key.rpartition("/")[2])
            self._waiting.append(event)
        event.wait()

    def _let_go(self) -> None:
        seen = -1
        while not self._ended.wait(QUIET_SECONDS):
            with self._lock:
                if self._waiting and self._asked == seen:
                    self.rounds.append(sorted(self._current))
                    for event in self._waiting:
                        event.set()
                    self._waiting, self._current = [], []
                seen = self._asked


@pytest.fixture(scope="module")
def filled(aws: Emulators, tmp_path_factory: pytest.TempPathFactory) -> tuple[Deployment, Namespace]:
    """A namespace whose records lie in one segment, but for a few new ones."""
    emulator = aws.get("ministack")
    directory = tmp_path_factory.mktemp("rounds")
    deployment = Deployment("ministack", emulator.endpoint_url, emulator.new_place(), directory)
    writer = deployment.open()
    namespace, _ = writer.namespaces.create("t", "n", NamespaceSettings(DIMENSION, engine=EngineChoice.IVF))
    for start in range(0, ROWS, 500):
        write(writer, namespace, range(start, start + 500))
    deployment.clock.seconds += 40
    assert writer.indexer.fold(namespace).published
    write(writer, namespace, range(ROWS, ROWS + 5))
    return deployment, namespace


@pytest.fixture(scope="module")
def few(filled: tuple[Deployment, Namespace]) -> Namespace:
    """A namespace beside it with one small segment."""
    deployment, _ = filled
    writer = deployment.open()
    namespace, _ = writer.namespaces.create("t", "few", NamespaceSettings(DIMENSION, engine=EngineChoice.IVF))
    write(writer, namespace, range(FEW))
    deployment.clock.seconds += 40
    assert writer.indexer.fold(namespace).published
    return namespace


@pytest.fixture
def held_back(filled: tuple[Deployment, Namespace]) -> Iterator[tuple[Database, HeldBack]]:
    """A cold instance that is there to search."""
    deployment, _ = filled
    settings = deployment.settings(searches=True)
    adapters = aws_adapters(settings)
    blobs = HeldBack(adapters.blobs)
    database = assemble(
        replace(adapters, clock=deployment.clock, blobs=blobs),  # type: ignore[arg-type]
        writer="aws.held-back",
        workspace=settings.work_dir / "building",
        searches=True,
        execute=Immediate,
    )
    yield database, blobs
    blobs.end()


def test_a_cold_search_waits_twice(
    filled: tuple[Deployment, Namespace], held_back: tuple[Database, HeldBack]
) -> None:
    """Once for what is known beforehand, once for the rows and records that the index proposes. DynamoDB apart."""
    _, namespace = filled
    database, blobs = held_back
    assert nearest(database, namespace, 1234) == "r1234"
    assert blobs.rounds == [["ivf.codes", "opening"], ["rows", "vectors"]]


def test_the_log_is_asked_while_segments_are_on_their_way(
    filled: tuple[Deployment, Namespace],
    held_back: tuple[Database, HeldBack],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once, as soon as the manifest says from where on."""
    _, namespace = filled
    database, blobs = held_back
    log = database.readers.of(namespace)._log
    read, waited = log.read, list[int]()

    def noted(*given: Any, **named: Any) -> LogPage:
        waited.append(len(blobs.rounds))
        return read(*given, **named)

    monkeypatch.setattr(log, "read", noted)
    assert nearest(database, namespace, ROWS + 2) == f"r{ROWS + 2}"
    assert waited == [0]


def test_a_cold_search_of_few_records_waits_once(
    few: Namespace, held_back: tuple[Database, HeldBack]
) -> None:
    """All of their vectors are scored, and their records come with what a reader begins with."""
    database, blobs = held_back
    assert nearest(database, few, 123) == "r123"
    assert blobs.rounds == [["norms", "opening", "vectors"]]


def test_a_cold_read_by_id_waits_twice(
    filled: tuple[Deployment, Namespace], held_back: tuple[Database, HeldBack]
) -> None:
    """For what it begins with, and for record and vector; for strangers hardly ever. Among many rows it waits again,
    for where the id is.
    """
    _, namespace = filled
    database, blobs = held_back
    assert database.records.fetch_one(namespace, "r77").metadata["n"] == 77
    assert blobs.rounds == [["ivf.codes", "opening"], ["rows", "vectors"]]
    assert database.records.fetch(namespace, ["stranger-1", "stranger-2"]) == {}
    assert len(blobs.rounds) == 2


def answers(database: Database, namespace: Namespace) -> list[list[tuple[str, float]]]:
    """Of some searches, with and without a filter."""
    found = []
    for number in range(0, ROWS, 211):
        for condition in (None, parse({"even": True}), parse({"n": {"$lt": 900}})):
            request = QueryRequest(vector=vector_of(number), top_k=10, condition=condition)
            matches = database.search.query(namespace, request).matches
            found.append([(match.id, match.score) for match in matches])
    return found


def test_lists_come_on_demand_where_codes_do_not_fit(filled: tuple[Deployment, Namespace]) -> None:
    """The answers are the same, bit for bit, and all that is held stays below what may be held."""
    deployment, namespace = filled
    resident = deployment.open(searches=True)
    poor = deployment.open(searches=True, fetched_bytes_max=8 * BLOCK_BYTES)
    assert answers(poor, namespace) == answers(resident, namespace)
    (part,) = poor.readers.of(namespace).view().parts
    codes = part.segment._files.partial("ivf.codes")
    assert codes is not None
    assert codes.size > codes.memory_bytes_max // 2
    assert codes.held_bytes <= codes.memory_bytes_max < codes.size


def test_a_late_note_of_the_pointer_costs_a_look_at_it(filled: tuple[Deployment, Namespace]) -> None:
    """What DynamoDB knows of the pointer may name what is gone, nothing, or rubbish: S3 has the last word."""
    deployment, namespace = filled
    adapters = aws_adapters(deployment.settings())
    key = f"{namespace.partition}/CURRENT"
    there = adapters.blobs.read_pointer(key)
    assert there is not None
    table = adapters.blobs._pointers._recent  # type: ignore[attr-defined]
    gone = orjson.dumps(
        {"manifest": f"{namespace.partition}/manifests/000000000009-gone.json", "previous": None}
    )
    for noted in (gone, b"rubbish", b"{}", b"[]"):
        table.note(key, noted)
        assert nearest(deployment.open(), namespace, 7) == "r7"
    table.forget(key)
    assert nearest(deployment.open(), namespace, 8) == "r8"
    table.note(key, there[0])
