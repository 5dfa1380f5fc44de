"""How long the log keeps what change feeds tell: as long as it is set to, and not a moment after an erasure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from quartzdb.domain.errors import ChangesGone
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.services.change_cursor import ChangePlaces
from quartzdb.services.change_origin import FROM_NOW
from quartzdb.services.record_changes import RecordEvent
from quartzdb.wiring.embedded import Database, EmbeddedSettings, assemble, embedded_adapters, open_embedded
from quartzdb.wiring.settings import DEFAULT_TENANT
from tests.aws_emulators import Emulators
from tests.behaviour.test_erasure import IDS, settle, status_of, with_neighbours
from tests.behaviour.test_nothing_left import with_marker, write_marked
from tests.cli.invoke import answer, books, write_jsonl
from tests.embedded import Embedded, fold, write
from tests.maintenance_deployment import create, deployed
from tests.manual_clock import ManualClock
from tests.stream_driver import LambdaContext

DAY = 86_400
KEPT_MS = 7 * DAY * 1_000


def told(database: Database, namespace: Namespace, places: ChangePlaces) -> list[str]:
    found: list[str] = []

    def take(event: RecordEvent) -> bool:
        found.append(event.change.id)
        return True

    database.record_changes.page(namespace, places, take, 10_000)
    return found


def begun(database: Database, namespace: Namespace) -> ChangePlaces:
    return database.record_changes.begin(namespace, FROM_NOW)


def entries(database: Database, namespace: Namespace) -> int:
    return len(database.log.read(namespace.partition, 0).entries)


def test_entries_stay_for_the_retention_and_go_then_though_nothing_is_written(tmp_path: Path) -> None:
    """Segments have them long before. Who has read everything is never told of a gap."""
    site = Embedded(tmp_path / "data", ManualClock(), changes_kept_ms=KEPT_MS)
    database = site.open()
    namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(8))
    start = begun(database, namespace)
    for turn in range(3):
        write(database, namespace, range(turn * 10, turn * 10 + 10))
        fold(database, site.clock, namespace)
    for _ in range(6):
        site.clock.seconds += DAY
        settle(database, site.clock, 2)
    assert entries(database, namespace) == 3
    assert len(told(database, namespace, start)) == 30
    at_end = begun(database, namespace)
    site.clock.seconds += DAY
    settle(database, site.clock, 2)
    assert entries(database, namespace) == 0
    with pytest.raises(ChangesGone):
        told(database, namespace, start)
    assert told(database, namespace, at_end) == []
    assert database.records.count(namespace) == 30


def test_writes_let_old_entries_go_in_passing(tmp_path: Path) -> None:
    """So the log of a busy namespace has no more than the retention."""
    site = Embedded(tmp_path / "data", ManualClock(), changes_kept_ms=2 * DAY * 1_000)
    database = site.open()
    namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(8))
    held = []
    for day in range(6):
        write(database, namespace, range(day, day + 1))
        fold(database, site.clock, namespace)
        held.append(entries(database, namespace))
        site.clock.seconds += DAY
    assert held == [1, 2, 2, 2, 2, 2]


def test_an_erasure_ends_the_history_at_once(tmp_path: Path) -> None:
    """What was erased is in no file, whatever the retention; who had read everything goes on."""
    site = Embedded(tmp_path / "data", ManualClock(), changes_kept_ms=KEPT_MS)
    database = site.open()
    namespace = with_neighbours(database, NamespaceSettings(8))
    start = begun(database, namespace)
    write_marked(database, namespace, "a")
    settle(database, site.clock)
    site.clock.seconds += 2 * 3_600
    settle(database, site.clock)
    erasure = database.erasures.of_ids(namespace, IDS).erasure.id
    at_end = begun(database, namespace)
    settle(database, site.clock)
    assert status_of(database.erasures.report(namespace, erasure))["log"]
    assert {name.partition("-")[0] for name in with_marker(site.directory)} <= {"keyvalue.db"}
    with pytest.raises(ChangesGone):
        told(database, namespace, start)
    assert told(database, namespace, at_end) == []
    write(database, namespace, range(1))
    assert told(database, namespace, at_end) == ["r0"]


def test_a_full_disk_takes_the_history(tmp_path: Path) -> None:
    """Nothing is kept then that is not needed."""
    short = False
    clock = ManualClock()
    adapters = replace(embedded_adapters(EmbeddedSettings(tmp_path), clock), short=lambda: short)
    database = assemble(adapters, writer="local.1", workspace=tmp_path / "building", changes_kept_ms=KEPT_MS)
    namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(8))
    write(database, namespace, range(10))
    fold(database, clock, namespace)
    clock.seconds += 2 * 3_600
    settle(database, clock)
    assert entries(database, namespace) == 1
    short = True
    database.maintenance.run_once()
    assert entries(database, namespace) == 0
    assert database.records.count(namespace) == 10


def test_a_command_leaves_the_history_unless_it_reclaims(tmp_path: Path) -> None:
    """Only the server knows how long it is kept."""
    answer(tmp_path, "import", write_jsonl(tmp_path / "a.jsonl", books(4)), "--namespace", "n", "--create")
    (tmp_path / "a.jsonl").unlink()

    def held() -> int:
        database = open_embedded(EmbeddedSettings(tmp_path))
        return entries(database, database.namespaces.get(DEFAULT_TENANT, "n"))

    answer(tmp_path, "compact")
    answer(tmp_path, "compact")
    assert held() == 1
    answer(tmp_path, "compact", "--reclaim")
    assert held() == 0


def test_on_aws_scheduled_runs_drop_what_is_too_old(aws: Emulators, tmp_path: Path) -> None:
    """Also of a namespace at rest, within an hour of its turn."""
    with deployed(aws.get("moto"), tmp_path) as site:
        site.changes_kept_ms = KEPT_MS
        database = site.database()
        namespace = create(database)
        start = begun(database, namespace)
        write(database, namespace, range(5))
        run = site.compactor()
        site.adapters().pending_work.note(namespace.partition, site.clock.unix_ms())
        for seconds in (61, 61, 2 * 3_600, 61, DAY):
            site.clock.seconds += seconds
            site.adapters().pending_work.note(namespace.partition, site.clock.unix_ms())
            run({"action": "maintain"}, LambdaContext())
        assert entries(database, namespace) == 1
        assert len(told(database, namespace, start)) == 5
        site.clock.seconds += 7 * DAY
        site.adapters().pending_work.note(namespace.partition, site.clock.unix_ms())
        run({"action": "maintain"}, LambdaContext())
        assert entries(database, namespace) == 0
        with pytest.raises(ChangesGone):
            told(database, namespace, start)
