"""A reader that is shown the version of a write has that write, however late it landed and whatever came before it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from quartzdb.domain.change import Upsert
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings, Partition
from quartzdb.maintenance.indexer import Indexer
from quartzdb.storage.log.codec import encode_entry
from quartzdb.storage.log.protocol import OVERLAP
from quartzdb.storage.ports import LogPage
from quartzdb.storage.snapshot.cache import SegmentCache
from quartzdb.storage.snapshot.reader import EVENTUAL_SECONDS_MAX, NamespaceReader
from quartzdb.storage.snapshot.store import SnapshotStore
from tests.doubles.memory_blobs import MemoryBlobs
from tests.doubles.memory_log import MemoryChangeLog
from tests.embedded import vector_of
from tests.manual_clock import ManualClock

NAMESPACE = Namespace("t", "n", "g", NamespaceSettings(3, engine=EngineChoice.EXACT), 0)


class CountedLog(MemoryChangeLog):
    """Counts what is read of it. Ordered by clocks."""

    def __init__(self) -> None:
        super().__init__(behind_max=OVERLAP)
        self.reads = 0

    def read(
        self,
        partition: Partition,
        after: int,
        known: Collection[Version] = (),
        *,
        bytes_max: int | None = None,
        entries_max: int | None = None,
    ) -> LogPage:
        """As the port says."""
        self.reads += 1
        return super().read(partition, after, known, bytes_max=bytes_max, entries_max=entries_max)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def log() -> CountedLog:
    return CountedLog()


@pytest.fixture
def store(clock: ManualClock) -> SnapshotStore:
    return SnapshotStore(MemoryBlobs(clock))


@pytest.fixture
def reader(log: CountedLog, store: SnapshotStore, clock: ManualClock) -> NamespaceReader:
    return NamespaceReader(NAMESPACE, log, store, SegmentCache(store), clock)


def stamped(clock: ManualClock, ms: int, writer: str) -> Version:
    return Version((clock.unix_ms() + ms) << 16, writer)


def append(log: CountedLog, key: Version) -> None:
    log.append(NAMESPACE.partition, key, encode_entry([Upsert(key.writer, key, vector_of(1, 3), {})]))


def seen(reader: NamespaceReader, token: Version) -> set[str]:
    return set(reader.view(strong=False, at_least=token).list_ids("", None, 100))


def test_an_entry_that_lands_behind_one_that_was_seen(
    log: CountedLog, reader: NamespaceReader, clock: ManualClock
) -> None:
    """Its writer was slow, but in time. A stamp that lies below the highest seen does not say that it was seen, too."""
    slow, quick = stamped(clock, 0, "slow"), stamped(clock, 5, "quick")
    append(log, quick)
    assert set(reader.view().list_ids("", None, 100)) == {"quick"}
    append(log, slow)
    assert seen(reader, slow) == {"quick", "slow"}
    assert seen(reader, quick) == {"quick", "slow"}


def test_one_read_of_the_log_honours_a_token(
    log: CountedLog, reader: NamespaceReader, clock: ManualClock
) -> None:
    """Also one that was written elsewhere, as in another shard: it is asked for once, not with every read."""
    append(log, stamped(clock, 0, "here"))
    reader.view()
    elsewhere = stamped(clock, 10, "elsewhere")
    assert seen(reader, elsewhere) == {"here"}
    reads = log.reads
    for _ in range(3):
        assert seen(reader, elsewhere) == {"here"}
    assert log.reads == reads
    append(log, stamped(clock, 20, "later"))
    assert seen(reader, elsewhere) == {"here"}
    clock.seconds += EVENTUAL_SECONDS_MAX
    assert seen(reader, elsewhere) == {"here", "later"}


def test_what_is_known_costs_no_read(
    log: CountedLog, reader: NamespaceReader, store: SnapshotStore, clock: ManualClock, tmp_path: Path
) -> None:
    """The write itself, one that is older by more than the overlap, and one that is in a segment."""
    first = stamped(clock, 0, "first")
    append(log, first)
    clock.seconds += 5
    indexer = Indexer(log, store, SegmentCache(store), clock, tmp_path)
    assert indexer.fold(NAMESPACE).published
    second = stamped(clock, 0, "second")
    append(log, second)
    assert len(reader.view().list_ids("", None, 100)) == 2
    reads = log.reads
    assert seen(reader, second) == seen(reader, first) == {"first", "second"}
    assert log.reads == reads
