"""Merges too large for one run: planned, built in shards and published by runs of their own, while writes go on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from quartzdb.adapters.aws.step_functions_merges import StepFunctionsMerges
from quartzdb.domain.errors import InvalidArgument, Unavailable
from quartzdb.domain.namespace import EngineChoice, Namespace
from quartzdb.maintenance.merge_notice import MERGE_MS_MAX
from quartzdb.maintenance.merge_policy import MergeLimits, all_segments
from quartzdb.maintenance.sweep import ORPHANED_MS
from quartzdb.services.record_rules import MetadataPatch
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints
from tests.aws_emulators import NAMES, REGION, Emulators
from tests.maintenance_deployment import MaintenanceDeployment, create, deployed, nearest, write
from tests.stream_driver import LambdaContext

MB = 1024 * 1024
SCHEDULED = {"action": "maintain"}
ROWS = 400


@pytest.fixture
def site(aws: Emulators, tmp_path: Path) -> Iterator[MaintenanceDeployment]:
    """One run merges 100 rows, and one builder 250."""
    with deployed(aws.get("moto"), tmp_path) as site:
        site.run_limits = MergeLimits(shard_rows=100, shard_bytes=MB, sources_bytes=MB)
        site.shard_limits = MergeLimits(shard_rows=250, shard_bytes=100 * MB, sources_bytes=100 * MB)
        yield site


def filled(site: MaintenanceDeployment) -> Namespace:
    """A namespace of four segments, a full tier, all of which a scheduled run finds due."""
    database = site.database()
    namespace = create(database, engine=EngineChoice.EXACT)
    for start in range(0, ROWS, 100):
        write(database, namespace, range(start, start + 100))
        site.clock.seconds += 5
        assert database.indexer.fold(namespace).published
    site.adapters().pending_work.note(namespace.partition, site.clock.unix_ms())
    return namespace


def started(site: MaintenanceDeployment) -> Mapping[str, Any]:
    """The input of the only execution that there is."""
    (document,) = site.merges.documents.values()
    return json.loads(json.dumps(document))  # type: ignore[no-any-return]


def built(site: MaintenanceDeployment, document: Mapping[str, Any]) -> list[Any]:
    """The results of the workflow's first state: each shard in an instance of its own."""
    return [
        site.compactor()({"action": "build_shard", "plan": document["plan"], **shard}, LambdaContext())
        for shard in document["shards"]
    ]


def published(site: MaintenanceDeployment, document: Mapping[str, Any], results: list[Any]) -> Any:
    """What the workflow's last state answers."""
    event = {"action": "publish_merge", "plan": document["plan"], "segments": results}
    return site.compactor()(json.loads(json.dumps(event)), LambdaContext())


def test_a_merge_in_shards_while_writes_go_on(site: MaintenanceDeployment) -> None:
    """What is written, changed and deleted before, between and after the steps is as it should be in the end."""
    namespace = filled(site)
    assert site.compactor()(SCHEDULED, LambdaContext())["failed"] == []
    document = started(site)
    assert len(document["shards"]) == 2
    assert len(json.dumps(document)) < 2_000
    database = site.database()
    results = []
    for shard in document["shards"]:
        database.records.delete(namespace, [f"r{shard['shard']}", f"r{200 + shard['shard']}"])
        write(database, namespace, range(ROWS + shard["shard"], ROWS + 10))
        database.records.patch(namespace, [MetadataPatch("r50", {"n": -1 - shard["shard"]})])
        site.clock.seconds += 5
        assert database.indexer.fold(namespace).published
        event = {"action": "build_shard", "plan": document["plan"], **shard}
        results.append(site.compactor()(event, LambdaContext()))
    database.records.delete(namespace, ["r100", "r101", "r102"])
    site.clock.seconds += 5
    assert database.indexer.fold(namespace).published
    database.records.delete(namespace, ["r300"])

    assert published(site, document, results) == {"published": True}
    manifest = site.manifest(namespace)
    assert manifest is not None
    names = {ref.name for ref in manifest.segments}
    assert not names & set(document["plan"]["segments"])
    assert sum(ref.shape.rows for ref in manifest.segments if ref.shape.rows > 100) >= ROWS - 10

    gone = {"r0", "r1", "r200", "r201", "r100", "r101", "r102", "r300"}
    expected = {f"r{number}" for number in range(ROWS + 10)} - gone
    for instance in (database, site.database()):
        found = instance.records.fetch(namespace, sorted(expected | gone))
        assert found.keys() == expected
        assert found["r50"].metadata == {"n": -2}
        assert nearest(instance, namespace, 399) == "r399"
        assert instance.records.count(namespace) == len(expected)


def test_starting_and_publishing_twice_is_harmless(site: MaintenanceDeployment) -> None:
    """The same merge has the same name; what was published is not published again."""
    namespace = filled(site)
    for _ in range(2):
        site.compactor()(SCHEDULED, LambdaContext())
        site.clock.seconds += 30
    document = started(site)
    results = built(site, document)
    assert published(site, document, results) == {"published": True}
    manifest = site.manifest(namespace)
    assert published(site, document, results) == {"published": True}
    assert site.manifest(namespace) == manifest
    again = built(site, document)
    assert [result["void"] for result in again] == [True, True]
    assert published(site, document, again) == {"published": False}
    assert site.manifest(namespace) == manifest


def test_a_merge_whose_segments_were_replaced_is_void(site: MaintenanceDeployment) -> None:
    """By hand, or by whoever did not know of it: the work is thrown away, and nothing else."""
    namespace = filled(site)
    site.compactor()(SCHEDULED, LambdaContext())
    document = started(site)
    results = built(site, document)
    database = site.database()
    assert database.indexer.compact(namespace, all_segments).published
    manifest = site.manifest(namespace)
    assert published(site, document, results) == {"published": False}
    assert site.manifest(namespace) == manifest
    assert site.database().records.count(namespace) == ROWS


def test_a_merge_of_a_deleted_namespace_is_void(site: MaintenanceDeployment) -> None:
    """Whichever step finds out."""
    filled(site)
    site.compactor()(SCHEDULED, LambdaContext())
    document = started(site)
    site.database().namespaces.delete("t", "n")
    results = built(site, document)
    assert results == [{"shard": 0, "void": True}, {"shard": 1, "void": True}]
    assert published(site, document, results) == {"published": False}


def test_what_is_built_is_kept_for_as_long_as_its_merge_may_run(site: MaintenanceDeployment) -> None:
    """Not a minute less; when it has died its files are swept, and the merge is planned anew under another name."""
    namespace = filled(site)
    site.compactor()(SCHEDULED, LambdaContext())
    document = started(site)
    results = built(site, document)
    built_names = {result["segment"]["name"] for result in results}
    site.clock.seconds += MERGE_MS_MAX / 1000 - 60
    site.compactor()(SCHEDULED, LambdaContext())
    assert built_names <= segments_of(site, namespace)
    assert len(site.merges.documents) == 1

    site.clock.seconds += 120
    assert published(site, document, results) == {"published": False}
    site.compactor()(SCHEDULED, LambdaContext())
    assert len(site.merges.documents) == 2
    site.clock.seconds += (ORPHANED_MS - MERGE_MS_MAX) / 1000
    site.compactor()(SCHEDULED, LambdaContext())
    assert not built_names & segments_of(site, namespace)
    assert site.database().records.count(namespace) == ROWS


def test_small_merges_go_on_beside_a_large_one(site: MaintenanceDeployment) -> None:
    """They leave its segments alone, and it is published all the same."""
    namespace = filled(site)
    site.compactor()(SCHEDULED, LambdaContext())
    document = started(site)
    database = site.database()
    for start in range(1_000, 1_040, 10):
        write(database, namespace, range(start, start + 10))
        site.clock.seconds += 5
        assert database.indexer.fold(namespace).published
    site.compactor()(SCHEDULED, LambdaContext())
    manifest = site.manifest(namespace)
    assert manifest is not None
    assert sorted(ref.live_rows for ref in manifest.segments) == [40, 100, 100, 100, 100]
    assert published(site, document, built(site, document)) == {"published": True}
    manifest = site.manifest(namespace)
    assert manifest is not None
    assert len(manifest.segments) == 3
    assert site.database().records.count(namespace) == ROWS + 40


def test_an_incomplete_result_is_refused(site: MaintenanceDeployment) -> None:
    """A shard that is missing is never taken for an empty one."""
    filled(site)
    site.compactor()(SCHEDULED, LambdaContext())
    document = started(site)
    results = built(site, document)
    with pytest.raises(InvalidArgument, match="2 shards"):
        published(site, document, results[:1])
    with pytest.raises(InvalidArgument, match="no merge plan"):
        site.compactor()({"action": "build_shard", "plan": {"segments": []}, "shard": 0}, LambdaContext())
    with pytest.raises(InvalidArgument, match="no action"):
        site.compactor()({"action": "rest"}, LambdaContext())


@pytest.mark.parametrize("name", NAMES)
def test_a_machine_that_is_not_there_is_told(aws: Emulators, name: str) -> None:
    """The merge is planned again: tests/contracts/test_merge_runs.py has what a machine must do."""
    url = aws.get(name).endpoint_url
    client: Any = AwsClients(REGION, AwsEndpoints.at(url)).step_functions
    definition = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
    machine = client.create_state_machine(
        name=f"merge-{name}",
        definition=json.dumps(definition),
        roleArn="arn:aws:iam::123456789012:role/merge",
    )["stateMachineArn"]
    client.delete_state_machine(stateMachineArn=machine)
    with pytest.raises(Unavailable):
        StepFunctionsMerges(client, machine).start("a1b2", {})
    client.close()


def segments_of(site: MaintenanceDeployment, namespace: Namespace) -> set[str]:
    """Names of all segments of which there is a file, published or not."""
    prefix = f"{namespace.partition}/segments/"
    blobs = site.database().store.blobs.list(prefix)
    return {key.removeprefix(prefix).partition("/")[0] for key, _, _ in blobs}


def test_what_expires_in_a_large_merge_is_left_out(site: MaintenanceDeployment) -> None:
    """By each builder as of its own moment, where it was noted; what was prolonged while it was built lives on."""
    database = site.database()
    namespace = create(database, engine=EngineChoice.EXACT)
    moment = site.clock.unix_ms() + 60_000
    for start in range(0, ROWS, 100):
        write(database, namespace, range(start, start + 100))
        site.clock.seconds += 5
        ids = [f"r{number}" for number in range(start, start + 100, 10)]
        database.records.patch(namespace, [MetadataPatch(one, expires_at_ms=moment) for one in ids])
        site.clock.seconds += 5
        assert database.indexer.fold(namespace).published
    site.adapters().pending_work.note(namespace.partition, site.clock.unix_ms())
    assert site.compactor()(SCHEDULED, LambdaContext())["failed"] == []
    database.records.patch(namespace, [MetadataPatch("r0", keeps=True), MetadataPatch("r390", keeps=True)])
    site.clock.seconds += 5
    assert database.indexer.fold(namespace).published
    site.clock.seconds += 200
    document = started(site)
    # What has expired may go once it is noted for who follows changes, as the next publication does.
    database.records.patch(namespace, [MetadataPatch("r1", set={"seen": True})])
    site.clock.seconds += 5
    assert database.indexer.fold(namespace).published
    results = built(site, document)
    assert any("purged" in result for result in results)
    assert published(site, document, results)["published"] is True
    fresh = site.database()
    assert fresh.records.count(namespace) == ROWS - 40 + 2
    assert set(fresh.records.fetch(namespace, ["r0", "r10", "r390"])) == {"r0", "r390"}
    pointer = fresh.store.pointer(namespace.partition)
    assert pointer is not None
    merged = fresh.store.manifest(pointer.current).segments
    assert sum(one.shape.rows for one in merged) == ROWS - 40 + 2
    assert [one.expiring for one in merged] == [()] * len(merged)
