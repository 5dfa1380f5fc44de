"""Namespaces without dimension below HTTP: folded, merged, read cold, verified, exported, restored and replicated."""

from __future__ import annotations

from pathlib import Path

import pytest

from quartzdb.domain.errors import NamespaceDiffers
from quartzdb.domain.filter import parse
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings, Precision
from quartzdb.domain.text_fields import TextField
from quartzdb.domain.vector import NO_VECTOR
from quartzdb.maintenance.merge_policy import all_segments
from quartzdb.maintenance.verification import Verification
from quartzdb.replication.ports import Direction, Feed, SharedNamespace
from quartzdb.replication.shared_namespaces import SharedNamespaceLookup, all_namespaces
from quartzdb.replication.streams.pump import PassOutcome, Pump
from quartzdb.replication.wire.change_document import encoded_change, parse_changes
from quartzdb.replication.wire.declared_document import declared_by
from quartzdb.services.record_rules import MetadataPatch, NewRecord
from quartzdb.wiring.embedded import Database
from tests.aws_deployment import Deployment
from tests.aws_emulators import Emulators
from tests.doubles.memory_checkpoints import MemoryCheckpoints
from tests.embedded import embedded
from tests.manual_clock import ManualClock
from tests.replica_sites import memory_site, sqlite_site

SETTINGS = NamespaceSettings(text={"body": TextField()}, shards=2, engine=EngineChoice.HNSW)
ROWS = 300


def write(database: Database, namespace: Namespace, rows: range) -> None:
    records = [NewRecord(f"r{row}", NO_VECTOR, {"body": f"text number {row}", "n": row}) for row in rows]
    database.records.upsert(namespace, records)


def fold(database: Database, namespace: Namespace) -> None:
    for shard in namespace.each_shard:
        assert database.indexer.fold(shard).published
        database.readers.of(shard).reload()


def assert_all_there(database: Database, namespace: Namespace) -> None:
    """Rows 0 to 299 but r7, of which r9 was patched."""
    assert database.records.count(namespace) == ROWS - 1
    found = database.records.fetch(namespace, ["r7", "r8", "r9", "r299"])
    assert sorted(found) == ["r299", "r8", "r9"]
    assert found["r8"].vector.shape == (0,)
    assert found["r9"].metadata == {"body": "patched", "n": 9}
    assert database.records.count(namespace, parse({"n": {"$lt": 10}})) == 9
    assert len(database.records.list(namespace, limit=1000).items) == ROWS - 1


def test_folded_merged_verified_and_opened_anew(tmp_path: Path) -> None:
    """What is in the tail, in segments and in merged ones is the same."""
    place = embedded(tmp_path)
    database = place.open()
    namespace, _ = database.namespaces.create("t", "n", SETTINGS)
    write(database, namespace, range(200))
    place.clock.seconds += 5
    fold(database, namespace)
    write(database, namespace, range(200, ROWS))
    database.records.delete(namespace, ["r7"])
    database.records.patch(namespace, [MetadataPatch("r9", {"body": "patched"})])
    assert_all_there(database, namespace)
    place.clock.seconds += 5
    fold(database, namespace)
    assert_all_there(database, namespace)
    for shard in namespace.each_shard:
        assert database.indexer.compact(shard, all_segments).published
        database.readers.of(shard).reload()
    assert_all_there(database, namespace)
    reopened = place.open()
    assert_all_there(reopened, reopened.namespaces.get("t", "n"))


def test_read_cold_from_object_storage(aws: Emulators, tmp_path: Path) -> None:
    """A reader that has nothing fetches what it needs, and that is no vectors."""
    emulator = aws.get("ministack")
    deployment = Deployment("ministack", emulator.endpoint_url, emulator.new_place(), tmp_path)
    writer = deployment.open()
    settings = NamespaceSettings(text={"body": TextField(stemming=False)}, precision=Precision.F16)
    namespace, _ = writer.namespaces.create("t", "n", settings)
    write(writer, namespace, range(ROWS))
    writer.records.delete(namespace, ["r7"])
    writer.records.patch(namespace, [MetadataPatch("r9", {"body": "patched"})])
    deployment.clock.seconds += 40
    assert writer.indexer.fold(namespace).published
    reader = deployment.open()
    found = reader.namespaces.get("t", "n")
    assert found.settings == settings
    assert_all_there(reader, found)
    assert not Verification(reader.log, reader.store).of(found).damages


def test_changes_travel_without_vectors() -> None:
    """As documents, and back."""
    document = {
        "op": "upsert",
        "id": "a",
        "version": "0197f3c2ab4d0000.local.3f9c2a1b",
        "vector": "",
        "metadata": {},
    }
    (change,) = parse_changes([document], Feed.RECORDS)
    assert encoded_change(change).decode().replace(" ", "").count('"vector":""') == 1


def test_two_sites_share_them(tmp_path: Path) -> None:
    """The second makes the namespace as the first declared it, and has what no client may write in its fields."""
    clock = ManualClock()
    here, there = sqlite_site("here", tmp_path, clock), memory_site("there", tmp_path, clock)
    namespace, _ = here.database.namespaces.create("t", "n", SETTINGS)
    write(here.database, namespace, range(ROWS))
    here.database.records.upsert(namespace, [NewRecord("wrong", NO_VECTOR, {"body": 7})], exported=True)
    here.database.records.delete(namespace, ["r7", "wrong"])
    here.database.records.upsert(
        namespace, [NewRecord("r8", NO_VECTOR, {"body": {"a": 1}, "n": 8})], exported=True
    )
    here.database.records.patch(namespace, [MetadataPatch("r9", {"body": "patched"})])
    clock.seconds += 60
    (shared,) = here.replica.namespaces()
    direction = Direction("here", "there", "t", "n", Feed.RECORDS)
    pump = Pump(direction, shared, here.replica, there.replica, MemoryCheckpoints(), clock, lambda: 0.5)
    while pump.run().outcome is PassOutcome.MOVED:
        pass
    made = there.database.namespaces.get("t", "n")
    assert (made.settings.text, made.settings.dimension) == (SETTINGS.text, None)
    assert_all_there(there.database, made)
    digests = [site.replica.digests(shared, Feed.RECORDS).buckets for site in (here, there)]
    assert digests[0] == digests[1]


def test_a_shared_namespace_is_made_as_the_peer_declares_it(tmp_path: Path) -> None:
    """Dimension or not; declared otherwise here it is refused, and what only one site declares is no difference."""
    database = embedded(tmp_path).open()
    lookup = SharedNamespaceLookup(database.catalog, database.clock, all_namespaces)
    settings = NamespaceSettings(text={"body": TextField()}, sparse=("splade",))
    wanted = SharedNamespace("t", "n", None, Metric.COSINE, declared_by(settings))
    assert lookup.take(wanted).settings == settings
    assert lookup.all_shared() == [wanted]
    other = declared_by(NamespaceSettings(text={"body": TextField(stopwords=False)}))
    with pytest.raises(NamespaceDiffers):
        lookup.take(SharedNamespace("t", "n", None, Metric.COSINE, other))
    assert lookup.take(SharedNamespace("t", "n", None, Metric.COSINE)).settings == settings
