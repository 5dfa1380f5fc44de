"""A damaged segment is noticed before it is used, reported, and never served; nothing acknowledged is lost by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.namespace import EngineChoice, Namespace
from quartzdb.maintenance.merge_policy import all_segments
from quartzdb.maintenance.sweep import sweep
from quartzdb.services.search import QueryRequest
from quartzdb.storage.snapshot.store import SnapshotStore
from tests.embedded import Embedded, embedded, fill, fold, vector_of, write

ROWS = 300


@pytest.fixture
def site(tmp_path: Path) -> Embedded:
    """An empty directory."""
    return embedded(tmp_path / "data")


def file_of(site: Embedded, key: str) -> Path:
    """Where a blob lies on disk."""
    (found,) = [path for path in site.directory.rglob(Path(key).name) if key in str(path)]
    return found


def newest_segment_files(site: Embedded, namespace: Namespace) -> dict[str, Path]:
    """The files of the last segment in the current manifest."""
    store: SnapshotStore = site.open().store
    pointer = store.pointer(namespace.partition)
    assert pointer is not None
    segment = store.manifest(pointer.current).segments[-1]
    return {name: file_of(site, ref.key) for name, ref in segment.files.items()}


def flip_a_bit(path: Path) -> None:
    """One bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def truncate(path: Path) -> None:
    """The last bytes are gone."""
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-7])


@pytest.mark.parametrize("harm", [flip_a_bit, truncate, Path.unlink])
@pytest.mark.parametrize("name", ["vectors", "norms", "records.sqlite", "rows"])
def test_the_snapshot_before_serves_when_the_newest_segment_is_damaged(
    site: Embedded, name: str, harm: object
) -> None:
    """The log reaches back far enough that nothing is missing; the next fold heals the namespace."""
    database = site.open()
    namespace = fill(database, site.clock, ROWS)
    write(database, namespace, range(ROWS, ROWS + 50))
    fold(database, site.clock, namespace)
    harm(newest_segment_files(site, namespace)[name])  # type: ignore[operator]

    after = site.open()
    assert after.records.count(namespace) == ROWS + 50
    answer = after.search.query(namespace, QueryRequest(vector=vector_of(ROWS + 7, 8), top_k=1))
    assert answer.matches[0].id == f"r{ROWS + 7}"
    assert after.namespaces.stats(namespace).degraded is not None

    after.maintenance.run_once()
    healed = site.open()
    assert healed.namespaces.stats(namespace).degraded is None
    assert healed.records.count(namespace) == ROWS + 50


@pytest.mark.parametrize("harm", [flip_a_bit, truncate])
def test_what_no_snapshot_can_serve_is_refused(site: Embedded, harm: object) -> None:
    """Damage in a segment that the snapshot before also needs: an error that names the file, never a partial answer."""
    database = site.open()
    namespace = fill(database, site.clock, ROWS)
    damaged = newest_segment_files(site, namespace)["vectors"]
    write(database, namespace, range(ROWS, ROWS + 50))
    fold(database, site.clock, namespace)
    harm(damaged)  # type: ignore[operator]

    after = site.open()
    with pytest.raises(Corrupted) as caught:
        after.search.query(namespace, QueryRequest(vector=vector_of(1, 8)))
    assert "vectors" in caught.value.message
    assert caught.value.hint
    with pytest.raises(Corrupted):
        after.records.count(namespace)
    after.maintenance.run_once()
    assert list(after.maintenance.damaged) == ["t/n"]


def test_a_damaged_manifest_falls_back_to_the_one_before(site: Embedded) -> None:
    """Its name carries its checksum."""
    database = site.open()
    namespace = fill(database, site.clock, ROWS)
    write(database, namespace, range(ROWS, ROWS + 50))
    fold(database, site.clock, namespace)
    pointer = database.store.pointer(namespace.partition)
    assert pointer is not None
    flip_a_bit(file_of(site, pointer.current))
    assert site.open().records.count(namespace) == ROWS + 50


def test_a_damaged_list_of_dead_rows_is_not_trusted(site: Embedded) -> None:
    """Else a deleted record could come back."""
    database = site.open()
    namespace = fill(database, site.clock, ROWS)
    database.records.delete(namespace, ["r3"])
    fold(database, site.clock, namespace)
    pointer = database.store.pointer(namespace.partition)
    assert pointer is not None
    dead = database.store.manifest(pointer.current).segments[0].dead
    assert dead is not None
    flip_a_bit(file_of(site, dead.key))
    after = site.open()
    assert "r3" not in after.records.fetch(namespace, ["r3", "r4"])
    assert after.namespaces.stats(namespace).degraded is not None


def test_a_reader_whose_segment_was_swept_before_its_first_search_moves_on(site: Embedded) -> None:
    """It had only read by id, so its index was not open yet; another process merged and swept meanwhile."""
    database, other = site.open(), site.open()
    namespace = fill(database, site.clock, 6_000, engine=EngineChoice.ANNOY)
    assert "r1" in other.records.fetch(namespace, ["r1"])
    write(database, namespace, range(6_000, 6_100))
    for _ in range(3):
        fold(database, site.clock, namespace)
        database.indexer.compact(namespace, all_segments)
        write(database, namespace, range(6_000, 6_100))
    site.clock.seconds += 4_000
    assert sweep(database.store, site.clock, namespace.partition)
    answer = other.search.query(namespace, QueryRequest(vector=vector_of(7, 8), top_k=1))
    assert answer.matches[0].id == "r7"


def test_deletes_of_unknown_ids_are_folded_too(site: Embedded) -> None:
    """They leave no row in the tail, but they are in the log."""
    database = site.open()
    namespace = fill(database, site.clock, ROWS)
    database.records.delete(namespace, ["never-there"])
    database.maintenance.run_once()
    site.clock.seconds += 60
    assert database.maintenance.run_once()
    assert database.readers.of(namespace).tail_rows == 0
