"""What could not be opened leaves nothing behind: no lock, no memory, no failure that outlives its cause."""

from __future__ import annotations

import gc
import traceback
import weakref
from collections.abc import Sequence
from pathlib import Path

import pytest

from quartzdb.domain.errors import Corrupted, NamespaceNotFound, Unavailable
from quartzdb.storage.index.executor import Immediate
from quartzdb.storage.index.segments.partial_file import FetchedMemory
from quartzdb.storage.ports import BlobMissing, NoRoomForCopy
from quartzdb.storage.snapshot.cache import DAMAGED_SECONDS, SegmentCache
from quartzdb.storage.snapshot.fetched_files import FetchedFiles
from quartzdb.storage.snapshot.manifest import FileRef, SegmentRef, checksum
from quartzdb.storage.snapshot.store import SnapshotStore
from quartzdb.wiring.embedded import Database
from tests.contracts.adapters import in_threads
from tests.doubles.memory_blobs import MemoryBlobs
from tests.embedded import Embedded, embedded, fill
from tests.manual_clock import ManualClock

CONTENT = b"an engine's file, too large for the header " * 20_000


@pytest.fixture
def site(tmp_path: Path) -> Embedded:
    return embedded(tmp_path / "data")


class OutOfReach(MemoryBlobs):
    """Elsewhere, and sometimes not to be reached; there may be no room for copies."""

    remote = True
    reachable = True
    room = True

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        if not self.reachable:
            raise Unavailable("nobody answers")
        return super().read_ranges(key, ranges)

    def local_file(self, key: str) -> Path:
        if not self.room:
            raise NoRoomForCopy("the disk is full")
        if not self.reachable:
            raise Unavailable("nobody answers")
        return super().local_file(key)


def segments(database: Database) -> tuple[SegmentRef, ...]:
    (namespace,) = database.catalog.all_namespaces()
    pointer = database.store.pointer(namespace.partition)
    assert pointer is not None
    return database.store.current(pointer).segments


def file_in(blobs: MemoryBlobs) -> FileRef:
    blobs.put("t/n/g/0/segments/s/index", CONTENT)
    return FileRef("t/n/g/0/segments/s/index", len(CONTENT), checksum(CONTENT))


def memory_files() -> int:
    links = [entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return sum("memfd:t/n/g" in str(entry.readlink()) for entry in links)


def test_a_segment_that_cannot_be_opened_leaves_nothing_in_the_cache(site: Embedded) -> None:
    """However many threads ask for it at once, and however often."""
    database = site.open()
    fill(database, site.clock, 50)
    (ref,) = segments(database)
    (damaged,) = site.directory.rglob(f"{ref.name}/vectors")
    damaged.unlink()
    cache = SegmentCache(database.store, monotonic=site.clock.monotonic)

    def ask(_: int) -> None:
        for _ in range(20):
            with pytest.raises(BlobMissing):
                cache.open(ref)

    in_threads(4, ask)
    assert cache.held == set()


def test_damage_is_remembered_for_a_while_and_then_forgotten(site: Embedded) -> None:
    """Also that of a segment that nobody asks for again; and refusing it a hundred times keeps nothing."""
    database = site.open()
    fill(database, site.clock, 50)
    (ref,) = segments(database)
    cache = SegmentCache(database.store, monotonic=site.clock.monotonic)
    segment = cache.open(ref)
    segment._files.damage = Corrupted("found while it was read")  # type: ignore[misc]  # as reading it would
    cache.mark_damaged(segment)
    depths = set()
    for _ in range(100):
        with pytest.raises(Corrupted) as caught:
            cache.open(ref)
        depths.add(len(traceback.extract_tb(caught.value.__traceback__)))
    assert len(depths) == 1
    site.clock.seconds += DAMAGED_SECONDS
    gone = SegmentRef("superseded", ref.shape, 0, {"records.sqlite": FileRef("t/n/g/0/none", 1, "0")})
    with pytest.raises(BlobMissing):
        cache.open(gone)
    assert cache.held == set()


def test_a_deleted_generation_is_let_go_at_its_next_request(site: Embedded) -> None:
    """By a process that did not delete it itself: its segments are closed, not kept with the reader."""
    database, other = site.open(), site.open()
    namespace = fill(database, site.clock, 50)
    assert other.records.count(namespace) == 50
    reader = other.readers.of(namespace)
    assert reader.snapshot is not None
    segment = weakref.ref(reader.snapshot.segments[0])
    database.namespaces.delete("t", "n")
    with pytest.raises(NamespaceNotFound):
        other.records.count(namespace)
    gc.collect()
    assert segment() is None


def test_a_file_that_could_not_be_brought_is_brought_again() -> None:
    """An index that was out of reach for a moment is not so for as long as its segment is open."""
    blobs = OutOfReach(ManualClock())
    files = FetchedFiles(
        SnapshotStore(blobs), {"index": file_in(blobs)}, FetchedMemory(1 << 20), {}, Immediate
    )
    blobs.reachable = False
    files.bring(["index"])
    with pytest.raises(Unavailable):
        files.engine_file("index")
    blobs.reachable = True
    assert files.engine_file("index").read_bytes() == CONTENT


def test_copies_in_memory_that_failed_are_given_back() -> None:
    """Each attempt takes memory of its own; one that succeeds keeps it for as long as its segment is open."""
    blobs = OutOfReach(ManualClock())
    files = FetchedFiles(
        SnapshotStore(blobs), {"index": file_in(blobs)}, FetchedMemory(1 << 20), {}, Immediate
    )
    blobs.room = blobs.reachable = False
    for _ in range(5):
        with pytest.raises(Unavailable):
            files.whole("index")
    assert memory_files() == 0
    blobs.reachable = True
    assert files.whole("index").read_bytes() == CONTENT
    assert memory_files() == 1
    del files
    gc.collect()
    assert memory_files() == 0
