"""Writes on AWS become segments: through the table's stream, and through the schedule for what no record wakes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws_emulators import NAMES, Emulators
from tests.maintenance_deployment import MaintenanceDeployment, create, deployed, nearest, write
from tests.stream_driver import LambdaContext, StreamDriver

SCHEDULED = {"action": "maintain"}
WINDOW_S = 25


@pytest.fixture(params=NAMES)
def site(request: pytest.FixtureRequest, aws: Emulators, tmp_path: Path) -> Iterator[MaintenanceDeployment]:
    with deployed(aws.get(request.param), tmp_path) as site:
        yield site


def test_what_is_written_becomes_segments(site: MaintenanceDeployment) -> None:
    """Each log that a batch names is folded once, and a reader that was never there before finds all of it."""
    database = site.database()
    one, two = create(database, "one"), create(database, "two")
    for start in range(0, 30, 10):
        write(database, one, range(start, start + 10))
    write(database, two, range(5))
    site.clock.seconds += WINDOW_S
    driver = StreamDriver(site.indexer(), shards=2)
    driver.deliver(site.stream.news())
    assert driver.dead_letters == []
    assert (site.rows(one), site.rows(two)) == (30, 5)
    manifest = site.manifest(one)
    assert manifest is not None
    assert len(manifest.segments) == 1
    cold = site.database()
    assert nearest(cold, one, 17) == "r17"
    assert cold.readers.of(one).tail_rows == 0


def test_what_is_too_young_waits_for_the_schedule(site: MaintenanceDeployment) -> None:
    """No record of the stream will come for it any more, but it is noted, and the next scheduled run folds it."""
    database = site.database()
    namespace = create(database)
    write(database, namespace, range(10))
    StreamDriver(site.indexer()).deliver(site.stream.news())
    assert site.rows(namespace) == 0
    assert nearest(database, namespace, 3) == "r3"
    site.clock.seconds += 60
    assert site.compactor()(SCHEDULED, LambdaContext()) == {"failed": [], "not_reached": 0}
    assert site.rows(namespace) == 10


def test_a_replayed_stream_changes_nothing(site: MaintenanceDeployment) -> None:
    """From its beginning, while namespaces that it speaks of were deleted, or created again under the same name."""
    database = site.database()
    kept, gone, again = create(database, "kept"), create(database, "gone"), create(database, "again")
    for namespace in (kept, gone, again):
        write(database, namespace, range(10))
        site.clock.seconds += 1
        write(database, namespace, range(5, 12))
    site.clock.seconds += WINDOW_S
    driver = StreamDriver(site.indexer(), batch_size=2)
    driver.deliver(site.stream.everything())
    database.namespaces.delete("t", "gone")
    database.namespaces.delete("t", "again")
    anew = create(database, "again")
    before = site.manifest(kept)
    site.clock.seconds += 40
    replay = StreamDriver(site.indexer(), batch_size=4)
    replay.deliver(site.stream.everything())
    assert sum(map(len, replay.invocations)) >= 6
    assert replay.dead_letters == driver.dead_letters == []
    assert site.manifest(kept) == before
    assert site.rows(kept) == 12
    assert (site.manifest(anew), site.database().records.count(anew)) == (None, 0)
