"""Shards on AWS: the stream names each by itself, the schedule finds all of them, a large merge stays in its own, and
so on to the garbage collection of every one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings
from quartzdb.maintenance.merge_policy import MergeLimits
from quartzdb.maintenance.policy import SCHEDULED_THRESHOLDS
from quartzdb.maintenance.restoration import Restoration
from quartzdb.storage.erasure_reminders import ErasedAgain
from tests.aws_emulators import NAMES, Emulators
from tests.maintenance_deployment import DIMENSION, MaintenanceDeployment, create, deployed, nearest, write
from tests.stream_driver import LambdaContext, StreamDriver

SCHEDULED = {"action": "maintain"}
SHARDS = 3
WINDOW_S = 25
MB = 1024 * 1024


@pytest.fixture
def site(aws: Emulators, tmp_path: Path) -> Iterator[MaintenanceDeployment]:
    with deployed(aws.get("moto"), tmp_path) as site:
        yield site


@pytest.fixture(params=NAMES)
def either_site(
    request: pytest.FixtureRequest, aws: Emulators, tmp_path: Path
) -> Iterator[MaintenanceDeployment]:
    with deployed(aws.get(request.param), tmp_path) as site:
        yield site


def sharded(site: MaintenanceDeployment, name: str = "n") -> Namespace:
    settings = NamespaceSettings(DIMENSION, engine=EngineChoice.EXACT, shards=SHARDS)
    return site.database().namespaces.create("t", name, settings)[0]


def rows(site: MaintenanceDeployment, namespace: Namespace) -> list[int]:
    return [site.rows(shard) for shard in namespace.each_shard]


def test_the_stream_wakes_each_shard_that_was_written_to(either_site: MaintenanceDeployment) -> None:
    """One write of several shards is a record for each, and each is folded once; what is cold finds all of it."""
    site = either_site
    database, namespace = site.database(), sharded(site)
    write(database, namespace, range(30))
    write(database, namespace, range(30, 60))
    site.clock.seconds += WINDOW_S
    driver = StreamDriver(site.indexer(), shards=2)
    driver.deliver(site.stream.news())
    assert driver.dead_letters == []
    assert sum(rows(site, namespace)) == 60
    assert min(rows(site, namespace)) > 0
    cold = site.database()
    assert cold.records.count(namespace) == 60
    assert nearest(cold, namespace, 17) == "r17"
    assert all(cold.readers.of(shard).tail_rows == 0 for shard in namespace.each_shard)


def test_the_schedule_maintains_every_shard(site: MaintenanceDeployment) -> None:
    """Each is noted by itself while it is too young, settled when it is done, and forgotten by no run."""
    database, namespace = site.database(), sharded(site)
    write(database, namespace, range(30))
    StreamDriver(site.indexer()).deliver(site.stream.news())
    assert rows(site, namespace) == [0] * SHARDS
    noted = {one.partition for one in site.adapters().pending_work.all_pending()}
    assert noted == set(namespace.partitions)
    for _ in range(6):
        site.clock.seconds += 60
        assert site.compactor()(SCHEDULED, LambdaContext()) == {"failed": [], "not_reached": 0}
    assert sum(rows(site, namespace)) == 30
    assert site.adapters().pending_work.all_pending() == []


def test_what_is_deleted_is_collected_in_every_shard(site: MaintenanceDeployment) -> None:
    """Also what a stream that comes late would have woken somebody for."""
    database, namespace = site.database(), sharded(site)
    write(database, namespace, range(30))
    site.clock.seconds += WINDOW_S
    news = site.stream.news()
    StreamDriver(site.indexer()).deliver(news)
    write(database, namespace, range(30, 200))
    database.namespaces.delete("t", "n")
    StreamDriver(site.indexer()).deliver(news)
    for _ in range(3):
        assert site.compactor()(SCHEDULED, LambdaContext())["failed"] == []
        site.clock.seconds += SCHEDULED_THRESHOLDS.drop_after_ms / 1000 + 1
    store = site.database().store
    assert [key for key, _, _ in store.blobs.list("t/")] == []
    assert not set(namespace.partitions) & set(site.adapters().log.partitions())


def test_a_large_merge_is_one_shards(site: MaintenanceDeployment) -> None:
    """It is planned, built and published within that shard, while the others stay as they are."""
    site.run_limits = MergeLimits(shard_rows=20, shard_bytes=MB, sources_bytes=MB)
    site.shard_limits = MergeLimits(shard_rows=1_000, shard_bytes=100 * MB, sources_bytes=100 * MB)
    database, namespace = site.database(), sharded(site)
    first = namespace.each_shard[1]
    for start in range(0, 120, 30):
        write(database, namespace, range(start, start + 30))
        site.clock.seconds += 5
        assert database.indexer.fold(first).published
    site.adapters().pending_work.note(first.partition, site.clock.unix_ms())
    assert site.compactor()(SCHEDULED, LambdaContext())["failed"] == []
    (document,) = site.merges.documents.values()
    document = json.loads(json.dumps(document))
    assert document["plan"]["partition"] == str(first.partition)
    results = [
        site.compactor()({"action": "build_shard", "plan": document["plan"], **one}, LambdaContext())
        for one in document["shards"]
    ]
    event = {"action": "publish_merge", "plan": document["plan"], "segments": results}
    assert site.compactor()(json.loads(json.dumps(event)), LambdaContext())["published"]
    manifest = site.manifest(first)
    assert manifest is not None
    assert len(manifest.segments) == len(document["shards"])
    assert rows(site, namespace)[::2] == [0, 0]
    assert site.database().records.count(namespace) == 120


def test_a_restoration_looks_at_every_shard(site: MaintenanceDeployment) -> None:
    """At what each would miss, and for writes from after the moment in each."""
    database, namespace = site.database(), sharded(site)
    write(database, namespace, range(30))
    site.clock.seconds += 5
    for shard in namespace.each_shard:
        assert database.indexer.fold(shard).published
    adapters = site.adapters()
    restoration = Restoration(
        history=None,  # type: ignore[arg-type]  # nothing is taken back here
        catalog=adapters.catalog,
        log=adapters.log,
        store=database.store,
        clock=site.clock,
        erase_again=lambda _: ErasedAgain(),
        drop_unnamed=lambda _: 0,
    )
    assert restoration.incomplete() == []
    lost = namespace.partitions[2]
    store = database.store
    store.blobs.delete([key for key, _, _ in store.blobs.list(f"{lost}/segments/")])
    assert {line.split()[1].split("/")[3] for line in restoration.incomplete()} == {"2"}


def test_unsharded_namespaces_lie_where_they_did(site: MaintenanceDeployment) -> None:
    """Beside sharded ones: one log, one manifest, in the partition of number 0."""
    database = site.database()
    namespace = create(database, "plain")
    write(database, namespace, range(10))
    assert [partition.shard for partition in site.adapters().log.partitions()] == [0]
