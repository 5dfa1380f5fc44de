"""The whole database on DynamoDB and S3: from the tail, through segments, to a reader that has never seen it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from quartzdb.domain.condition import ABSENT, Condition
from quartzdb.domain.errors import KeyNotFound, NamespaceNotFound, PreconditionFailed, TooLarge
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.services.keyvalue import NewItem
from quartzdb.wiring.aws import open_aws
from tests.aws_deployment import DIMENSION, Deployment, nearest, write
from tests.aws_emulators import NAMES, Emulators


@pytest.fixture(params=NAMES)
def deployment(request: pytest.FixtureRequest, aws: Emulators, tmp_path: Path) -> Deployment:
    emulator = aws.get(request.param)
    return Deployment(request.param, emulator.endpoint_url, emulator.new_place(), tmp_path)


def test_from_the_tail_to_segments_to_a_cold_reader(deployment: Deployment) -> None:
    """Every instance finds every write, wherever it is by then: log, log entry in S3, or segment."""
    writer = deployment.open()
    namespace, created = writer.namespaces.create("t", "n", NamespaceSettings(DIMENSION))
    assert created
    write(writer, namespace, range(40))
    write(writer, namespace, range(40, 240))  # some 80 KB: its body goes to S3
    spilled = [key for key, _, _ in writer.store.blobs.list("t/_log/")]
    assert len(spilled) == 1
    assert nearest(writer, namespace, 7) == "r7"

    other = deployment.open()
    assert nearest(other, other.namespaces.get("t", "n"), 207) == "r207"

    deployment.clock.seconds += 5
    folded = writer.indexer.fold(namespace)
    assert folded.published
    assert [key for key, _, _ in writer.store.blobs.list(f"{namespace.partition}/")]

    cold = deployment.open()
    assert nearest(cold, namespace, 133) == "r133"
    reader = cold.readers.of(namespace)
    assert (reader.tail_rows, cold.records.count(namespace)) == (0, 240)

    writer.records.delete(namespace, ["r133"])
    for instance in (writer, other, cold):
        assert nearest(instance, namespace, 133) != "r133"
    deployment.clock.seconds += 5
    assert writer.indexer.fold(namespace).published
    assert nearest(deployment.open(), namespace, 133) != "r133"


def test_a_deleted_namespace_leaves_nothing_behind(deployment: Deployment) -> None:
    """Others learn of it at their next request; maintenance then removes what it had in both stores."""
    writer, other = deployment.open(), deployment.open()
    namespace, _ = writer.namespaces.create("t", "n", NamespaceSettings(DIMENSION))
    write(writer, namespace, range(200))
    writer.key_values.put(namespace, NewItem("large", b"x" * 200_000))
    assert nearest(other, namespace, 1) == "r1"
    deployment.clock.seconds += 5
    writer.indexer.fold(namespace)

    writer.namespaces.delete("t", "n")
    with pytest.raises(NamespaceNotFound):
        nearest(other, namespace, 1)
    with pytest.raises(NamespaceNotFound):
        write(other, namespace, range(1))
    for _ in range(2):
        writer.maintenance.run_once()
        deployment.clock.seconds += 61
    assert [key for key, _, _ in writer.store.blobs.list("")] == []
    assert writer.catalog.pending_deletion() == []


def test_key_values(deployment: Deployment) -> None:
    """Small and large, with compare-and-set, and a batch of no more than one transaction takes."""
    one, two = deployment.open(), deployment.open()
    namespace, _ = one.namespaces.create("t", "n", NamespaceSettings())
    version = one.key_values.put(namespace, NewItem("a/1", b"small"))
    one.key_values.put(namespace, NewItem("a/2", b"x" * 300_000, ttl_seconds=10))
    assert two.key_values.get(namespace, "a/1").value == b"small"
    assert two.key_values.get(namespace, "a/2").value == b"x" * 300_000
    with pytest.raises(PreconditionFailed):
        two.key_values.put(namespace, NewItem("a/1", b"late"), match=ABSENT)
    two.key_values.put(namespace, NewItem("a/1", b"now large " * 20_000), match=Condition.at(version))
    assert one.key_values.get(namespace, "a/1").value == b"now large " * 20_000
    assert [item.key for item in one.key_values.list(namespace, prefix="a/").items] == ["a/1", "a/2"]
    deployment.clock.seconds += 15
    with pytest.raises(KeyNotFound):
        one.key_values.get(namespace, "a/2")
    one.key_values.delete(namespace, "a/1")
    one.maintenance.run_once()
    assert [key for key, _, _ in one.store.blobs.list("t/_kv/")] == []
    with pytest.raises(TooLarge, match="1 to 100 entries"):
        one.key_values.put_many(namespace, [NewItem(f"k{n}", b"") for n in range(101)])


def test_what_each_operation_costs(deployment: Deployment) -> None:
    """As docs/costs-per-operation.md says it. The units only on ministack: moto's are not those of AWS."""
    database, meter = deployment.open(), deployment.meter
    namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(DIMENSION))
    write(database, namespace, range(10))
    nearest(database, namespace, 1)
    meter.reset()
    costs: dict[str, tuple[str, str]] = {}

    def cost(operation: str) -> None:
        units = {name: units for name, units in meter.units.items() if units}
        costs[operation] = (_told(meter.requests), _told(units))
        meter.reset()

    nearest(database, namespace, 1)
    cost("warm search, small tail")
    database.namespaces.search("t", lambda found: nearest(database, found, 1), "n")
    meter.reset()
    database.namespaces.search("t", lambda found: nearest(database, found, 1), "n")
    cost("warm search, its namespace looked up")
    deployment.clock.seconds += 5
    write(database, namespace, range(10, 20))
    cost("upsert of 10 records")
    deployment.clock.seconds += 5
    write(database, namespace, range(20, 200))
    cost("upsert of 180 records")
    nearest(database, namespace, 1)
    meter.reset()
    nearest(deployment.open(), namespace, 1)
    cost("cold search")
    deployment.clock.seconds += 5
    database.records.delete(namespace, ["r1", "r2"])
    cost("delete of 2 records")

    spread, _ = database.namespaces.create("t", "s", NamespaceSettings(DIMENSION, shards=4))
    write(database, spread, range(10))
    nearest(database, spread, 1)
    deployment.clock.seconds += 5
    meter.reset()
    nearest(database, spread, 1)
    cost("warm search, 4 shards")
    deployment.clock.seconds += 5
    write(database, spread, range(10, 20))
    cost("upsert of 10 records, 4 shards")
    write(database, spread, range(1))
    cost("upsert of 1 record, 4 shards")

    values = database.key_values
    version = values.put(namespace, NewItem("k", b"v"))
    cost("key-value put, new key")
    values.put(namespace, NewItem("k", b"v2"), match=Condition.at(version))
    cost("key-value put, compare-and-set")
    values.get(namespace, "k")
    cost("key-value get")
    values.delete(namespace, "k")
    cost("key-value delete")
    values.list(namespace, limit=100)
    cost("key-value list, a page")
    values.put_many(namespace, [NewItem(f"k{n}", b"v") for n in range(100)])
    cost("key-value put of 100 together")
    noted, _ = database.namespaces.create("t", "noted", NamespaceSettings(key_history=True))
    meter.reset()
    values.put(noted, NewItem("k", b"v"))
    cost("key-value put with history, new key")
    values.put(noted, NewItem("k", b"v2", ttl_seconds=60))
    cost("key-value put with history, that expires")
    values.put(noted, NewItem("k", b"v3"))
    cost("key-value put with history, of one that would expire")
    database.namespaces.get("t", "n")
    cost("namespace look-up")
    database.idempotency.begin("t", "key", b"print", 1_000, 100, 1_000)
    cost("claim of an idempotency key")

    documented = _documented_costs()
    assert {name: told[0] for name, told in costs.items()} == {
        name: told[0] for name, told in documented.items()
    }
    if deployment.emulator == "ministack":
        assert costs == documented


def _told(counted: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {count:g}" for name, count in sorted(counted.items()))


def _documented_costs() -> dict[str, tuple[str, str]]:
    page = (Path(__file__).parents[2] / "docs" / "costs-per-operation.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith("|")
    ]
    return {operation: (requests, units) for operation, requests, units, _ in rows[2:]}


def test_an_instance_opens_with_its_own_clock_and_name(deployment: Deployment) -> None:
    """As a function opens it."""
    database = open_aws(deployment.settings())
    namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(DIMENSION))
    write(database, namespace, range(3))
    assert nearest(database, namespace, 2) == "r2"
    assert database.versions.writer.startswith("aws.")


def test_an_embedded_database_never_imports_boto3() -> None:
    """It would take longer than everything else together."""
    code = "import sys, quartzdb.wiring.embedded, quartzdb.cli.main; print({'boto3', 'botocore'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"
