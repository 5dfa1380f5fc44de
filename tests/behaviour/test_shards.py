"""A namespace in shards: a write is whole in all of them, each is maintained alone, and deletion reaches every one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from quartzdb.domain.change import OWN, Upsert
from quartzdb.domain.errors import Corrupted, NamespaceNotFound, RecordNotFound, Unavailable
from quartzdb.domain.hlc import HybridClock
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings
from quartzdb.maintenance.policy import EMBEDDED_THRESHOLDS
from quartzdb.maintenance.verification import Verification
from quartzdb.services.consistency import STRONG, Consistency
from quartzdb.services.record_rules import MetadataPatch, NewRecord
from quartzdb.services.search import QueryRequest
from quartzdb.services.shard_reads import ShardReads
from quartzdb.storage.log.append import LogWriter
from quartzdb.wiring.embedded import Database
from tests.embedded import Embedded, embedded, vector_of, write

SHARDS = 4
DIMENSION = 8


@pytest.fixture
def site(tmp_path: Path) -> Embedded:
    return embedded(tmp_path / "data")


def sharded(database: Database, shards: int = SHARDS, name: str = "n") -> Namespace:
    settings = NamespaceSettings(DIMENSION, engine=EngineChoice.EXACT, shards=shards)
    return database.namespaces.create("t", name, settings)[0]


def rows_of(database: Database, namespace: Namespace) -> list[int]:
    """Rows in the segments of each shard."""
    found = []
    for partition in namespace.partitions:
        pointer = database.store.pointer(partition)
        found.append(database.store.manifest(pointer.current).live_rows if pointer else 0)
    return found


def test_a_write_has_one_version_and_shows_in_every_process_at_once(site: Embedded) -> None:
    """Its parts lie in several logs under one key, and a reader that was warm before finds all of them."""
    one, other = site.open(), site.open()
    namespace = sharded(one)
    assert other.records.count(namespace) == 0
    write(one, namespace, range(40))
    keys = [[key for key, _ in one.log.read(partition, 0).entries] for partition in namespace.partitions]
    assert all(len(some) == 1 for some in keys)
    assert len({key for some in keys for key in some}) == 1
    assert other.records.count(namespace) == 40


def test_a_write_of_one_record_is_one_entry(site: Embedded) -> None:
    """The other shards' logs hear nothing of it."""
    database = site.open()
    namespace = sharded(database)
    write(database, namespace, range(1))
    home = namespace.partition_of("r0")
    for partition in namespace.partitions:
        assert len(database.log.read(partition, 0).entries) == (partition == home)


def test_a_batch_that_cannot_be_whole_is_not_there(site: Embedded) -> None:
    """A shard whose entry cannot be stored takes the others' with it."""
    database = site.open()
    namespace = sharded(database)
    write(database, namespace, range(40))
    database.log.seal(namespace.partitions[2])
    with pytest.raises(NamespaceNotFound):
        write(database, namespace, range(40, 80))
    for number in (0, 1, 3):
        assert len(database.log.read(namespace.partitions[number], 0).entries) == 1


def test_a_patch_is_refused_whole(site: Embedded) -> None:
    """Where one of its records does not exist, in whatever shard, no record of any shard changes."""
    database = site.open()
    namespace = sharded(database)
    write(database, namespace, range(10))
    patches = [MetadataPatch(f"r{number}", {"n": -1}) for number in (*range(10), 99)]
    with pytest.raises(RecordNotFound):
        database.records.patch(namespace, patches)
    found = database.records.fetch(namespace, [f"r{number}" for number in range(10)])
    assert sorted(record.metadata["n"] for record in found.values()) == list(range(10))


def test_each_shard_is_folded_by_itself(site: Embedded) -> None:
    """One indexer's work is one shard, and what is folded in one is searched beside what waits in another."""
    database = site.open()
    namespace = sharded(database)
    write(database, namespace, range(80))
    site.clock.seconds += 5
    assert database.indexer.fold(namespace.each_shard[1]).published
    rows = rows_of(database, namespace)
    assert rows[1] > 0
    assert sum(rows) == rows[1]
    answer = database.search.query(namespace, QueryRequest(vector=vector_of(7, DIMENSION), top_k=80))
    assert len(answer.matches) == 80
    assert (answer.work.exact, answer.work.segments) == (True, 1)
    assert answer.work.tail_rows == 80 - rows[1]


def test_maintenance_brings_every_shard_to_rest(site: Embedded) -> None:
    """What a server's background work does once the entries have waited long enough."""
    database = site.open()
    namespace = sharded(database)
    write(database, namespace, range(80))
    database.maintenance.run_once()
    site.clock.seconds += EMBEDDED_THRESHOLDS.fold_after_ms / 1000 + 1
    assert database.maintenance.run_once()
    rows = rows_of(database, namespace)
    assert sum(rows) == 80
    assert min(rows) > 0
    stats = database.namespaces.stats(namespace)
    assert (stats.records, stats.tail_rows) == (80, 0)
    assert sorted(segment.shard for segment in stats.segments) == list(range(SHARDS))


def test_one_shards_trouble_is_told_and_does_not_stop_the_others(
    site: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The namespace counts as damaged until all of its shards are well again."""
    database = site.open()
    namespace = sharded(database)
    write(database, namespace, range(80))
    database.maintenance.run_once()
    site.clock.seconds += EMBEDDED_THRESHOLDS.fold_after_ms / 1000 + 1
    fold = database.indexer.fold

    def failing(shard: Namespace) -> object:
        if shard.shard == 1:
            raise Corrupted("its segment is damaged")
        return fold(shard)

    monkeypatch.setattr(database.indexer, "fold", failing)
    database.maintenance.run_once()
    assert list(database.maintenance.damaged) == ["t/n"]
    rows = rows_of(database, namespace)
    assert (rows[1], min(rows[0], rows[2], rows[3]) > 0) == (0, True)
    monkeypatch.undo()
    site.clock.seconds += 1
    database.maintenance.run_once()
    assert database.maintenance.damaged == {}
    assert sum(rows_of(database, namespace)) == 80


def test_deletion_reaches_every_shard(site: Embedded) -> None:
    """At once for readers, in the background for the data; the same name then begins empty."""
    database, other = site.open(), site.open()
    namespace = sharded(database)
    write(database, namespace, range(80))
    for shard in namespace.each_shard:
        database.indexer.fold(shard)
    write(database, namespace, range(80, 120))
    assert other.records.count(namespace) == 120
    database.namespaces.delete("t", "n")
    with pytest.raises(NamespaceNotFound):
        other.records.count(namespace)
    with pytest.raises(NamespaceNotFound):
        other.records.fetch(namespace, ["r1"])
    database.maintenance.run_once()
    site.clock.seconds += EMBEDDED_THRESHOLDS.drop_after_ms / 1000 + 1
    database.maintenance.run_once()
    assert database.catalog.pending_deletion() == []
    assert list(database.store.blobs.list("t/")) == []
    assert not set(namespace.partitions) & set(database.log.partitions())
    assert database.records.count(sharded(database)) == 0


def test_a_token_is_honoured_by_shards_that_the_write_did_not_touch(site: Embedded) -> None:
    """An eventual read with the version of a write sees it, wherever it went, and everything before it."""
    database, other = site.open(), site.open()
    namespace = sharded(database)
    eventual = Consistency(strong=False)
    assert other.records.count(namespace, consistency=eventual) == 0
    for number in range(12):
        version = database.records.upsert(namespace, [NewRecord(f"r{number}", vector_of(number, DIMENSION))])
        token = Consistency(strong=False, at_least=version)
        assert other.records.count(namespace, consistency=token) == number + 1


def test_verification_reads_every_shard(site: Embedded) -> None:
    """And says where a record lies in a shard in which nobody would look for it."""
    database = site.open()
    namespace = sharded(database)
    write(database, namespace, range(80))
    verification = Verification(database.log, database.store)
    site.clock.seconds += 5
    for shard in namespace.each_shard:
        database.indexer.fold(shard)
    verified = verification.of(namespace)
    assert (verified.segments, verified.rows, verified.damages) == (SHARDS, 80, [])
    wrong = next(shard for shard in namespace.each_shard if shard != namespace.shard_of("stray"))
    LogWriter(database.log, database.versions, database.clock).append(
        wrong.partition, [Upsert("stray", OWN, vector_of(1, DIMENSION), {})]
    )
    assert "'stray'" in verification.of(namespace).damages[0].problem
    site.clock.seconds += 5
    database.indexer.fold(wrong)
    assert any("'stray'" in damage.problem for damage in verification.of(namespace).damages)


@pytest.mark.parametrize("threads", [1, 2, 9])
def test_shards_are_read_by_as_many_threads_as_there_are(site: Embedded, threads: int) -> None:
    """The answer is the same, in the order of the shards; an error is that of the first shard that failed."""
    database = site.open()
    namespace = sharded(database)
    write(database, namespace, range(80))
    versions = HybridClock(site.clock.unix_ms, "here.1", ahead_ms_max=500)
    reads = ShardReads(database.readers, versions, threads)
    for _ in range(20):
        counts = reads.each(namespace.each_shard, lambda shard, view: (shard.shard, view.count), STRONG)
        assert [shard for shard, _ in counts] == list(range(SHARDS))
        assert sum(count for _, count in counts) == 80

    def fails(shard: Namespace, view: object) -> int:
        if shard.shard in (1, 3):
            raise Unavailable(f"shard {shard.shard}")
        return 1

    with pytest.raises(Unavailable, match="shard 1"):
        reads.each(namespace.each_shard, fails, STRONG)


def test_one_shard_is_read_by_the_callers_thread(site: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace without shards pays nothing for those that have some."""

    def no_pool(*_: object, **__: object) -> None:
        raise AssertionError("a thread was wanted")

    monkeypatch.setattr("quartzdb.services.shard_reads.ThreadPoolExecutor", no_pool)
    database = site.open()
    namespace = sharded(database, shards=1)
    write(database, namespace, range(10))
    uses: Sequence[Callable[[], object]] = [
        lambda: database.search.query(namespace, QueryRequest(id="r1")),
        lambda: database.records.count(namespace),
        lambda: database.records.delete(namespace, ["r1", "r2"]),
    ]
    for use in uses:
        use()
