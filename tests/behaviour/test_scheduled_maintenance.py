"""Scheduled maintenance on AWS: what it costs when nothing happens, who has their turn, and what it removes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quartzdb.domain.namespace import Namespace
from quartzdb.maintenance.policy import SCHEDULED_THRESHOLDS
from quartzdb.maintenance.ports import PendingWork
from tests.aws_emulators import NAMES, Emulators
from tests.aws_fault_proxy import FaultProxy, fault_proxy
from tests.maintenance_deployment import MaintenanceDeployment, create, deployed, nearest, write
from tests.stream_driver import LambdaContext

SCHEDULED = {"action": "maintain"}
S3_METHODS = {"GET", "PUT", "POST", "DELETE", "HEAD"}


@pytest.fixture
def proxy(aws: Emulators) -> Iterator[FaultProxy]:
    with fault_proxy(aws.get("ministack").endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def site(aws: Emulators, proxy: FaultProxy, tmp_path: Path) -> Iterator[MaintenanceDeployment]:
    with deployed(aws.get("ministack"), tmp_path, endpoint_url=proxy.url) as site:
        yield site


def noted(site: MaintenanceDeployment) -> list[PendingWork]:
    return list(site.adapters().pending_work.all_pending())


def note(site: MaintenanceDeployment, *namespaces: Namespace) -> None:
    """As the indexer does when their records arrive."""
    pending_work = site.adapters().pending_work
    for namespace in namespaces:
        pending_work.note(namespace.partition, site.clock.unix_ms())


def test_a_run_costs_next_to_nothing_when_nothing_happened(
    site: MaintenanceDeployment, proxy: FaultProxy
) -> None:
    """It settles what was written, merged into one segment, and then asks five questions of DynamoDB and none of S3."""
    database = site.database()
    namespaces = [create(database, f"n{number}") for number in range(3)]
    for namespace in namespaces:
        write(database, namespace, range(10))
    note(site, *namespaces)
    run_schedule = site.compactor()
    for start in (10, 20):
        site.clock.seconds += 30
        run_schedule(SCHEDULED, LambdaContext())
        for namespace in namespaces:
            write(database, namespace, range(start, start + 10))
    for _ in range(5):
        site.clock.seconds += 60
        run_schedule(SCHEDULED, LambdaContext())
    assert noted(site) == []
    for namespace in namespaces:
        manifest = site.manifest(namespace)
        assert manifest is not None
        assert (manifest.live_rows, len(manifest.segments)) == (30, 1)
        # Nothing but what the two newest manifests need.
        assert len([key for key, _, _ in database.store.blobs.list(f"{namespace.partition}/manifests/")]) == 2
    costs = []
    for _ in range(2):  # at most one of two minutes in a row is a namespace's turn, whichever names they got
        site.clock.seconds += 60
        site.meter.reset()
        proxy.seen.clear()
        run_schedule(SCHEDULED, LambdaContext())
        asked_s3 = sum(request.name in S3_METHODS for request in proxy.seen)
        costs.append((asked_s3, dict(site.meter.requests)))
    assert (0, {"Query": 5}) in costs


def test_one_namespace_in_trouble_does_not_stop_the_others(site: MaintenanceDeployment) -> None:
    """It is reported by name, stays noted, and is well again when its trouble is over."""
    database = site.database()
    namespaces = [create(database, f"n{number}") for number in range(3)]
    for namespace in namespaces:
        write(database, namespace, range(10))
    note(site, *namespaces)
    site.clock.seconds += 30
    pointer = f"pointers/{namespaces[1].partition}/CURRENT"
    site.emulator.s3.put_object(Bucket=site.place.bucket, Key=pointer, Body=b"0" * 16 + b"no JSON")
    assert site.compactor()(SCHEDULED, LambdaContext())["failed"] == [str(namespaces[1].partition)]
    assert [site.rows(namespaces[0]), site.rows(namespaces[2])] == [10, 10]
    site.emulator.s3.delete_object(Bucket=site.place.bucket, Key=pointer)
    assert site.compactor()(SCHEDULED, LambdaContext())["failed"] == []
    assert site.rows(namespaces[1]) == 10


def test_a_damaged_manifest_harms_nothing(site: MaintenanceDeployment) -> None:
    """The pointer has a copy: what it names is kept and maintained, and nothing is lost."""
    database = site.database()
    namespace = create(database)
    for start in (0, 10):
        write(database, namespace, range(start, start + 10))
        note(site, namespace)
        site.clock.seconds += 30
        site.compactor()(SCHEDULED, LambdaContext())
    pointer = database.store.pointer(namespace.partition)
    assert pointer is not None
    site.emulator.s3.put_object(Bucket=site.place.bucket, Key=f"blobs/{pointer.current}", Body=b"{}")
    note(site, namespace)
    site.clock.seconds += 30
    maintenance = site.maintenance()
    assert site.compactor(maintenance)(SCHEDULED, LambdaContext())["failed"] == []
    assert site.rows(namespace) == 20
    cold = site.database()
    assert nearest(cold, namespace, 17) == "r17"
    assert cold.records.count(namespace) == 20


def test_everyone_has_their_turn(site: MaintenanceDeployment) -> None:
    """Where each run has time for one namespace only, all are maintained in the end, and until then lag is reported."""
    database = site.database()
    namespaces = [create(database, f"n{number}") for number in range(3)]
    for namespace in namespaces:
        write(database, namespace, range(10))
    note(site, *namespaces)
    site.clock.seconds += 30
    runs = not_reached = 0
    while any(site.rows(namespace) == 0 for namespace in namespaces):
        # Enough for the first one that is looked at, and for its fold; nothing after that.
        left_ms = iter([60_000, 60_000, 60_000, *[1_000] * 1_000])
        told = site.compactor()(SCHEDULED, LambdaContext(remaining_ms=lambda left=left_ms: next(left)))  # type: ignore[misc]
        assert told["failed"] == []
        not_reached += told["not_reached"]
        site.clock.seconds += 60
        runs += 1
        assert runs < 60, "somebody never has their turn"
    assert runs >= 3
    assert not_reached >= 3


@pytest.mark.parametrize("emulator", NAMES)
def test_a_deleted_namespace_is_collected(aws: Emulators, tmp_path: Path, emulator: str) -> None:
    """Its data goes soon, and once more when nobody can be at work on it any longer: also what came in between."""
    with deployed(aws.get(emulator), tmp_path) as site:
        database = site.database()
        namespace = create(database)
        write(database, namespace, range(10))
        note(site, namespace)
        site.clock.seconds += 30
        run_schedule = site.compactor()
        run_schedule(SCHEDULED, LambdaContext())
        database.namespaces.delete("t", "n")
        for _ in range(4):
            site.clock.seconds += 60
            run_schedule(SCHEDULED, LambdaContext())
        prefix = f"{namespace.partition}/"
        assert list(database.store.blobs.list(prefix)) == []
        assert database.catalog.pending_deletion() == [namespace]
        database.store.blobs.put(f"{prefix}segments/late/vectors", b"from a merge that was under way")
        site.clock.seconds += SCHEDULED_THRESHOLDS.forget_after_ms / 1000
        run_schedule(SCHEDULED, LambdaContext())
        assert list(database.store.blobs.list(prefix)) == []
        assert (database.catalog.pending_deletion(), noted(site)) == ([], [])
