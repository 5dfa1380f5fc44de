"""A database at rest keeps one copy of its records: what is kept in case of damage goes once the rest proved whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.namespace import Namespace
from quartzdb.maintenance.merge_policy import all_segments
from quartzdb.maintenance.policy import EMBEDDED_THRESHOLDS
from quartzdb.maintenance.sweep import sweep
from quartzdb.storage.snapshot.manifest import Manifest
from quartzdb.wiring.embedded import Database
from tests.embedded import Embedded, embedded, fill, fold, write

ROWS = 300


@pytest.fixture
def site(tmp_path: Path) -> Embedded:
    """An empty directory."""
    return embedded(tmp_path / "data")


def current(database: Database, namespace: Namespace) -> Manifest:
    """The manifest that is published."""
    pointer = database.store.pointer(namespace.partition)
    assert pointer is not None
    return database.store.manifest(pointer.current)


def merged(site: Embedded) -> tuple[Database, Namespace]:
    """Two segments made into one; the two and the log are kept beside it."""
    database = site.open()
    namespace = fill(database, site.clock, ROWS)
    write(database, namespace, range(ROWS, 2 * ROWS))
    fold(database, site.clock, namespace)
    assert database.indexer.compact(namespace, all_segments).published
    return database, namespace


def copies(site: Embedded) -> int:
    """How many segments lie in the directory."""
    return len(list(site.directory.rglob("segments/*/vectors")))


def test_what_was_merged_goes_once_the_result_has_stood_for_a_while(site: Embedded) -> None:
    """An hour of maintenance later one segment is left and the log is empty; the records are all there."""
    database, namespace = merged(site)
    assert copies(site) == 3
    for _ in range(3):
        database.maintenance.run_once()
        site.clock.seconds += EMBEDDED_THRESHOLDS.release_previous_after_ms / 3_000
    assert copies(site) == 3, "the hour has only just passed"
    for _ in range(4):
        database.maintenance.run_once()
        site.clock.seconds += 61
    assert copies(site) == 1
    assert not database.log.read(namespace.partition, database.log.read(namespace.partition, 0).floor).entries
    previous_released = current(database, namespace)
    assert previous_released.previous_released
    for _ in range(3):
        database.maintenance.run_once()
        site.clock.seconds += EMBEDDED_THRESHOLDS.release_previous_after_ms / 1_000
    assert current(database, namespace) == previous_released, "once is enough"
    assert site.open().records.count(namespace) == 2 * ROWS


def test_a_later_write_is_kept_as_before(site: Embedded) -> None:
    """The next manifest keeps what was before it, although that one did not."""
    database, namespace = merged(site)
    assert database.indexer.release_previous(namespace.partition)
    assert not database.indexer.release_previous(namespace.partition)
    write(database, namespace, range(10))
    fold(database, site.clock, namespace)
    assert not current(database, namespace).previous_released
    assert site.open().records.count(namespace) == 2 * ROWS


def test_nothing_is_let_go_while_the_new_files_are_damaged(site: Embedded) -> None:
    """What would repair them is what is kept."""
    database, namespace = merged(site)
    (segment,) = current(database, namespace).segments
    (damaged,) = site.directory.rglob(f"{segment.name}/vectors")
    content = bytearray(damaged.read_bytes())
    content[100] ^= 1
    damaged.chmod(0o644)
    damaged.write_bytes(content)
    with pytest.raises(Corrupted):
        site.open().indexer.release_previous(namespace.partition)
    sweep(database.store, site.clock, namespace.partition, superseded_ms=0)
    assert site.open().records.count(namespace) == 2 * ROWS
