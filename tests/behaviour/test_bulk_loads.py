"""A log that grows faster than it is folded: background work does not hold it in memory for readers nobody uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings
from quartzdb.maintenance.backlog import LOOKED_AT_BYTES
from quartzdb.maintenance.embedded_maintenance import UNUSED_SECONDS
from quartzdb.services.search import QueryRequest
from quartzdb.wiring.embedded import Database
from tests.embedded import Embedded, embedded, vector_of, write

DIMENSION = 1024
ROWS = 4_200


@pytest.fixture
def place(tmp_path: Path) -> Embedded:
    return embedded(tmp_path / "data")


@pytest.fixture
def database(place: Embedded) -> Database:
    return place.open()


@pytest.fixture
def loaded(database: Database) -> Namespace:
    """A namespace whose log has more than is looked at to see that it is long."""
    settings = NamespaceSettings(DIMENSION, engine=EngineChoice.EXACT)
    namespace, _ = database.namespaces.create("t", "n", settings)
    write(database, namespace, range(ROWS))
    assert ROWS * DIMENSION * 4 > LOOKED_AT_BYTES
    return namespace


def count_in_segments(database: Database, namespace: Namespace) -> int:
    pointer = database.store.pointer(namespace.partition)
    segments = database.store.manifest(pointer.current).segments if pointer else ()
    return sum(segment.live_rows for segment in segments)


def test_what_nobody_reads_is_folded_without_being_held(database: Database, loaded: Namespace) -> None:
    """Whoever reads afterwards finds all of it."""
    assert database.maintenance.run_once()
    assert database.readers.of(loaded).snapshot is None
    assert count_in_segments(database, loaded) == ROWS
    answer = database.search.query(loaded, QueryRequest(vector_of(7, DIMENSION), top_k=1))
    assert answer.matches[0].id == "r7"
    assert answer.work.tail_rows == 0


def test_what_is_being_read_stays_at_hand(database: Database, loaded: Namespace) -> None:
    """A reader in use moves to the new segment before its next query."""
    assert database.records.count(loaded) == ROWS
    assert database.maintenance.run_once()
    reader = database.readers.of(loaded)
    assert reader.snapshot is not None
    assert (reader.tail_rows, count_in_segments(database, loaded)) == (0, ROWS)


def test_a_reader_that_was_used_long_ago_is_let_go(
    place: Embedded, database: Database, loaded: Namespace
) -> None:
    """It is opened again by the next query, and misses nothing."""
    assert database.records.count(loaded) == ROWS
    place.clock.sleep(UNUSED_SECONDS + 1)
    write(database, loaded, range(ROWS, 2 * ROWS))
    assert database.maintenance.run_once()
    assert database.readers.of(loaded).snapshot is None
    assert database.records.count(loaded) == 2 * ROWS
