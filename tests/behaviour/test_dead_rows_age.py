"""What was deleted or replaced leaves the files of a namespace at an age, however little it is and if nobody writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.maintenance.policy import DAY_MS
from quartzdb.services.record_rules import NewRecord
from quartzdb.storage.snapshot.manifest import Manifest
from quartzdb.wiring.embedded import Database
from tests.aws_emulators import Emulators
from tests.embedded import embedded
from tests.maintenance_deployment import deployed
from tests.manual_clock import ManualClock
from tests.stream_driver import LambdaContext

MARKER = "p3rs0nal-data"
DAYS = 3


def prepare(database: Database) -> Namespace:
    """A hundred records; one is deleted and one replaced, which is far from a quarter."""
    settings = NamespaceSettings(8, purge_after_days=DAYS)
    namespace, _ = database.namespaces.create("t", "n", settings)
    kept = [NewRecord(f"r{n}", np.full(8, n + 1, np.float32), {}) for n in range(100)]
    gone = [NewRecord(f"{MARKER}-{n}", np.ones(8, np.float32), {"name": MARKER}) for n in range(2)]
    database.records.upsert(namespace, [*kept, *gone])
    return namespace


def delete(database: Database, namespace: Namespace) -> None:
    database.records.delete(namespace, [f"{MARKER}-0", f"{MARKER}-1"])


def manifest_of(database: Database, namespace: Namespace) -> Manifest:
    pointer = database.store.pointer(namespace.partition)
    assert pointer is not None
    return database.store.manifest(pointer.current)


def test_in_a_directory_they_leave_segments_at_that_age(tmp_path: Path) -> None:
    """In a namespace at rest, whose maintenance looks at nothing that is settled; the living rows stay."""
    site = embedded(tmp_path / "data")
    database = site.open()
    namespace = prepare(database)
    settle(database, site.clock)
    delete(database, namespace)
    settle(database, site.clock)
    deleted_at = site.clock.seconds
    segments = [one.name for one in manifest_of(database, namespace).segments]
    assert manifest_of(database, namespace).segments[0].dead_rows == 2
    site.clock.seconds = deleted_at + DAYS * DAY_MS / 1_000 - 3_600
    settle(database, site.clock)
    assert [one.name for one in manifest_of(database, namespace).segments] == segments
    site.clock.seconds += 3_600
    settle(database, site.clock)
    (segment,) = manifest_of(database, namespace).segments
    assert (segment.dead_rows, segment.tombstones, segment.dead_since_ms) == (0, 0, None)
    site.clock.seconds += 3_600  # what was kept beside it in case of damage
    settle(database, site.clock)
    found = [path for path in (site.directory / "blobs").rglob("*") if path.is_file()]
    assert [path for path in found if MARKER.encode() in path.read_bytes()] == []
    assert database.records.count(namespace) == 100


def settle(database: Database, clock: ManualClock) -> None:
    for _ in range(6):
        database.maintenance.run_once()
        clock.seconds += 61


def test_scheduled_runs_rewrite_them_at_that_age(aws: Emulators, tmp_path: Path) -> None:
    """Runs that remember nothing do it when they look there; in a log without order the last tombstones go, too."""
    with deployed(aws.get("ministack"), tmp_path) as site:
        database = site.database()
        namespace = prepare(database)
        site.adapters().pending_work.note(namespace.partition, site.clock.unix_ms())
        run = site.compactor()

        def minutes(count: int) -> None:
            for _ in range(count):
                site.clock.seconds += 61
                run({"action": "maintain"}, LambdaContext())

        minutes(2)
        delete(database, namespace)
        site.adapters().pending_work.note(namespace.partition, site.clock.unix_ms())
        minutes(2)
        manifest = site.manifest(namespace)
        assert manifest is not None
        assert sum(one.dead_rows for one in manifest.segments) == 2
        site.clock.seconds += DAYS * DAY_MS / 1_000
        site.adapters().pending_work.note(namespace.partition, site.clock.unix_ms())  # else within the hour
        minutes(2)
        manifest = site.manifest(namespace)
        assert manifest is not None
        assert [(one.live_rows, one.dead_rows, one.tombstones) for one in manifest.segments] == [(100, 0, 0)]


@pytest.mark.parametrize("days", [0, 3_651])
def test_the_setting_has_limits(days: int) -> None:
    """Refused with what it may be."""
    with pytest.raises(Exception, match="1 to 3650 days"):
        NamespaceSettings(8, purge_after_days=days)
