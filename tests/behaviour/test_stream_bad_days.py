"""What becomes of a stream's records on bad days: nothing is lost, nothing is half done, the rest goes on."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quartzdb.adapters.aws.patience import Patience
from quartzdb.domain.hlc import Version, stamp_at
from quartzdb.domain.namespace import Namespace
from quartzdb.maintenance.sweep import ORPHANED_MS
from quartzdb.wiring.aws import AwsSettings
from quartzdb.wiring.maintenance import open_maintenance
from tests.aws_emulators import REGION, Emulators
from tests.aws_fault_proxy import Fault, FaultProxy, Request, dynamodb_error, fault_proxy, s3_error
from tests.maintenance_deployment import MaintenanceDeployment, create, deployed, nearest, write
from tests.stream_driver import LambdaContext, StreamDriver

ATTEMPTS = 2
SCHEDULED = {"action": "maintain"}
WINDOW_S = 25


@pytest.fixture
def proxy(aws: Emulators) -> Iterator[FaultProxy]:
    with fault_proxy(aws.get("ministack").endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def site(aws: Emulators, proxy: FaultProxy, tmp_path: Path) -> Iterator[MaintenanceDeployment]:
    """Functions reach AWS through the proxy, and lose patience soon; those who write reach it directly."""
    with deployed(aws.get("ministack"), tmp_path, endpoint_url=proxy.url) as site:
        site.patience = Patience(connect_seconds=2, read_seconds=20, attempts_max=ATTEMPTS)
        yield site


def written(site: MaintenanceDeployment, name: str = "n", rows: int = 10) -> Namespace:
    """A namespace with records old enough to be folded."""
    database = site.database()
    namespace = create(database, name)
    for start in range(0, rows, 1_000):
        write(database, namespace, range(start, min(rows, start + 1_000)))
    site.clock.seconds += WINDOW_S
    return namespace


FAULTS = {
    "S3 is busy when a file is stored": ("PUT", "segments/", s3_error("SlowDown", 503)),
    "S3 fails when a manifest is stored": ("PUT", "manifests/", s3_error("InternalError", 500)),
    "S3 breaks off when the pointer is read": ("GET", "CURRENT", Fault("reset")),
    "DynamoDB throttles reads": ("Query", "", dynamodb_error("ProvisionedThroughputExceededException")),
    "DynamoDB throttles writes": ("PutItem", "", dynamodb_error("ThrottlingException")),
    "DynamoDB fails": ("GetItem", "", dynamodb_error("InternalServerError", 500)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_failed_is_tried_again(site: MaintenanceDeployment, proxy: FaultProxy, fault: str) -> None:
    """The records come back until it works; what was done by halves is no hindrance."""
    namespace = written(site)
    name, path, broken = FAULTS[fault]
    # What a shorter way reads first is asked of the client then.
    shorter = name in {"GetItem", "Query"}
    proxy.fail(name, broken, times=ATTEMPTS + shorter, path=path)
    driver = StreamDriver(site.indexer())
    driver.deliver(site.stream.news())
    assert len(driver.invocations) == 2
    assert driver.dead_letters == []
    assert site.rows(namespace) == 10


def test_what_was_given_up_is_folded_by_the_schedule(site: MaintenanceDeployment, proxy: FaultProxy) -> None:
    """The queue is told of it, but nobody has to send it again: the entry is in the log, and noted."""
    namespace = written(site)
    proxy.fail("PUT", s3_error("SlowDown", 503), path="segments/")
    driver = StreamDriver(site.indexer(), retries=1)
    driver.deliver(site.stream.news())
    assert len(driver.dead_letters) == 1
    report = site.compactor()(SCHEDULED, LambdaContext())
    assert report["failed"] == [str(namespace.partition)]
    proxy.heal()
    assert site.compactor()(SCHEDULED, LambdaContext())["failed"] == []
    assert site.rows(namespace) == 10


def test_a_slow_store_only_takes_longer(site: MaintenanceDeployment, proxy: FaultProxy) -> None:
    """Every answer of S3 comes late, but it comes."""
    namespace = written(site)
    proxy.plan = lambda request: Fault("late", seconds=0.2) if request.name in {"GET", "PUT"} else None
    driver = StreamDriver(site.indexer())
    driver.deliver(site.stream.news())
    assert len(driver.invocations) == 1
    assert site.rows(namespace) == 10


@pytest.mark.parametrize("halving", [True, False])
def test_a_poisoned_record_ends_in_the_queue(site: MaintenanceDeployment, halving: bool) -> None:
    """One whose key is none, and one whose body cannot be decoded; every other log is folded, before and after them."""
    database = site.database()
    good, bad, later = (create(database, name) for name in ("good", "bad", "later"))
    write(database, good, range(10))
    table = site.place.table
    site.emulator.dynamodb.put_item(
        TableName=table, Item={"pk": {"S": "LOG#t#nonsense"}, "sk": {"S": "0"}, "body": {"B": b""}}
    )
    partition = bad.partition
    junk = {
        "pk": {"S": f"LOG#t#bad#{partition.generation}#0"},
        "sk": {"S": str(Version(stamp_at(site.clock.unix_ms()), "aws.other"))},
    }
    site.emulator.dynamodb.put_item(TableName=table, Item={**junk, "body": {"B": b"junk"}})
    write(database, bad, range(10))
    write(database, later, range(10))
    site.clock.seconds += WINDOW_S
    records = site.stream.news()
    driver = StreamDriver(site.indexer(), halving=halving, batch_size=4, retries=4)
    driver.deliver(records)
    lost = {number for letter in driver.dead_letters for number in letter}
    poisoned = {
        record["dynamodb"]["SequenceNumber"]
        for record in records
        if "nonsense" in record["dynamodb"]["Keys"]["pk"]["S"] or record["dynamodb"]["Keys"] == junk
    }
    assert len(poisoned) == 2
    assert poisoned <= lost
    assert (site.rows(good), site.rows(bad), site.rows(later)) == (10, 0, 10)

    site.emulator.dynamodb.delete_item(TableName=table, Key=junk)
    assert site.compactor()(SCHEDULED, LambdaContext())["failed"] == []
    assert site.rows(bad) == 10


def test_two_indexers_at_once(site: MaintenanceDeployment) -> None:
    """Each log is folded by one of them."""
    namespaces = [written(site, f"n{number}") for number in range(3)]
    records = site.stream.news()
    drivers = [StreamDriver(site.indexer()) for _ in range(2)]
    threads = [threading.Thread(target=driver.deliver, args=(records,)) for driver in drivers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [driver.dead_letters for driver in drivers] == [[], []]
    for namespace in namespaces:
        manifest = site.manifest(namespace)
        assert manifest is not None
        assert (manifest.live_rows, len(manifest.segments)) == (10, 1)


def test_a_lost_race_for_the_manifest(site: MaintenanceDeployment, proxy: FaultProxy) -> None:
    """Another indexer publishes between the build and the swap of the pointer: its result stands, and nothing fails."""
    namespace = written(site)
    database = site.database()
    write(database, namespace, range(10, 12))
    others: list[bool] = []

    def plan(request: Request) -> Fault | None:
        if not others and request.name == "PUT" and request.path.endswith("/CURRENT"):
            others.append(False)  # before it, because it must not come here again
            others.append(database.indexer.fold(namespace).published)
        return None

    proxy.plan = plan
    driver = StreamDriver(site.indexer())
    driver.deliver(site.stream.news())
    assert others == [False, True]
    assert driver.dead_letters == []
    manifest = site.manifest(namespace)
    assert manifest is not None
    assert (manifest.live_rows, manifest.sequence) == (10, 1)


FUNCTION = """
import json, os, sys
from dataclasses import replace
from pathlib import Path
from quartzdb.aws_lambda.indexer_function import indexer_function
from quartzdb.aws_lambda.settings import read_settings
from tests.stream_driver import LambdaContext
handler = indexer_function(replace(read_settings(), work_dir=Path(sys.argv[1])))
handler(json.load(sys.stdin), LambdaContext())
"""


def test_an_indexer_killed_in_the_middle_of_a_build(
    site: MaintenanceDeployment, proxy: FaultProxy, tmp_path: Path
) -> None:
    """Nothing of it shows; the next one folds the same entries, and what the first one left is swept."""
    site.clock.seconds = time.time() - 60
    namespace = written(site)
    building = threading.Event()

    def plan(request: Request) -> Fault | None:
        if request.name == "PUT" and "segments/" in request.path:
            building.set()
            return Fault("late", seconds=30)
        return None

    proxy.plan = plan
    records = site.stream.news()
    environment = {
        **os.environ,
        "QUARTZDB_TABLE": site.place.table,
        "QUARTZDB_BUCKET": site.place.bucket,
        "AWS_ENDPOINT_URL": proxy.url,
        "AWS_REGION": REGION,
        "POWERTOOLS_TRACE_DISABLED": "true",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]),
    }
    with subprocess.Popen(
        [sys.executable, "-c", FUNCTION, str(tmp_path / "killed")], env=environment, stdin=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps({"Records": records}).encode())
        process.stdin.close()
        assert building.wait(60)
        process.kill()
    proxy.heal()
    assert list((tmp_path / "killed" / "building").iterdir())
    assert site.manifest(namespace) is None
    assert nearest(site.database(), namespace, 3) == "r3"

    site.clock.seconds = time.time() + 20  # the lease of the dead one has lapsed
    driver = StreamDriver(site.indexer())
    driver.deliver(records)
    assert driver.dead_letters == []
    assert site.rows(namespace) == 10
    orphaned = len(segments_of(site, namespace))
    site.clock.seconds += ORPHANED_MS / 1000 + 60
    site.compactor()(SCHEDULED, LambdaContext())
    assert len(segments_of(site, namespace)) == orphaned - 1

    open_maintenance(
        AwsSettings(site.place.table, site.place.bucket, region=REGION, work_dir=tmp_path / "killed")
    )
    assert not (tmp_path / "killed" / "building").exists()


def segments_of(site: MaintenanceDeployment, namespace: Namespace) -> set[str]:
    """Names of all segments of which there is a file, published or not."""
    prefix = f"{namespace.partition}/segments/"
    blobs = site.database().store.blobs.list(prefix)
    return {key.removeprefix(prefix).partition("/")[0] for key, _, _ in blobs}


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a full disk, a file grows no further."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk(site: MaintenanceDeployment) -> None:
    """The build that does not fit fails, and leaves its room to the next; what fits is folded."""
    large, small = written(site, "large", rows=3_000), written(site, "small", rows=5)
    driver = StreamDriver(site.indexer(), retries=1)
    work_dir = site.work_dir
    records = site.stream.news()
    with files_of_at_most(100_000):
        driver.deliver(records)
    assert driver.dead_letters
    assert (site.rows(large), site.rows(small)) == (0, 5)
    assert list((work_dir / "building").iterdir()) == []
    assert site.compactor()(SCHEDULED, LambdaContext())["failed"] == []
    assert site.rows(large) == 3_000


def test_the_end_of_a_run_is_near(site: MaintenanceDeployment) -> None:
    """No fold is begun that might not end. What was not begun is no failure: it is noted, and maintained."""
    namespaces = [written(site, f"n{number}") for number in range(3)]
    left_ms = iter([60_000, 60_000, *[12_000] * 1_000])
    driver = StreamDriver(site.indexer(), LambdaContext(remaining_ms=lambda: next(left_ms)))
    driver.deliver(site.stream.news())
    assert len(driver.invocations) == 1
    assert sorted(site.rows(namespace) for namespace in namespaces) == [0, 0, 10]
    assert site.compactor()(SCHEDULED, LambdaContext()) == {"failed": [], "not_reached": 0}
    assert [site.rows(namespace) for namespace in namespaces] == [10, 10, 10]
