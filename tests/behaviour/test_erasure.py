"""An erasure ends in nothing left of what was deleted: its bytes are searched for in every file, item and object."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from quartzdb.domain.errors import Conflict
from quartzdb.domain.filter import parse
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.replication.retention import PeerRetention
from quartzdb.replication.site_endpoint import Peering
from quartzdb.replication.wire.limits import FEED_KEPT_MS
from quartzdb.services.erasures import Report
from quartzdb.services.record_rules import NewRecord
from quartzdb.storage.erasure_ledger import LEDGER, ErasureLedger
from quartzdb.wiring.embedded import Database, EmbeddedSettings, assemble, embedded_adapters
from tests.aws_emulators import Emulators
from tests.behaviour.test_nothing_left import MARKER, stored, with_marker, write_marked
from tests.doubles.memory_checkpoints import MemoryCheckpoints
from tests.embedded import embedded
from tests.maintenance_deployment import deployed
from tests.manual_clock import ManualClock
from tests.stream_driver import LambdaContext

IDS = [f"{MARKER}-{part}{n}" for part in "ab" for n in range(4)]
KEYS = [f"{MARKER}-a", "large-a"]


def with_neighbours(database: Database, settings: NamespaceSettings) -> Namespace:
    """A hundred records that stay, beside those that have the marker: far less than a quarter."""
    namespace, _ = database.namespaces.create("t", "n", settings)
    kept = [NewRecord(f"r{n}", np.full(8, n + 1, np.float32), {"n": n}) for n in range(100)]
    database.records.upsert(namespace, kept)
    return namespace


def settle(database: Database, clock: ManualClock, passes: int = 3) -> None:
    for _ in range(passes):
        database.maintenance.run_once()
        clock.seconds += 61


def status_of(report: Report) -> dict[str, bool]:
    return {place.name: place.gone for place in report.places}


def test_in_a_directory_nothing_is_left_in_any_file(tmp_path: Path) -> None:
    """One pass of maintenance after it, of records in segments and in the log; what stays can be read as before."""
    site = embedded(tmp_path / "data")
    database = site.open()
    namespace = with_neighbours(database, NamespaceSettings(8))
    write_marked(database, namespace, "a")
    settle(database, site.clock)
    write_marked(database, namespace, "b")
    assert {name.partition("-")[0] for name in with_marker(site.directory)} >= {"segments", "log.db"}
    begun = database.erasures.of_ids(namespace, IDS)
    assert begun.erasure.records == len(IDS)
    of_keys = database.erasures.of_keys(namespace, [*KEYS, f"{MARKER}-b", "large-b"])
    assert status_of(database.erasures.report(namespace, begun.erasure.id)) == {
        "segments": False, "log": False, "files": False, "idempotent_answers": False
    }  # fmt: skip
    database.maintenance.run_once()
    assert status_of(database.erasures.report(namespace, begun.erasure.id)) == {
        "segments": True, "log": True, "files": True, "idempotent_answers": False
    }  # fmt: skip
    assert {name.partition("-")[0] for name in with_marker(site.directory)} == {"keyvalue.db"}
    files = b"".join(path.read_bytes() for path in site.directory.glob("keyvalue.db*"))
    assert f"{MARKER} ".encode() not in files, "only names of deleted keys are left, no value"
    site.clock.seconds += 8 * 86_400
    settle(database, site.clock)
    assert database.erasures.report(namespace, begun.erasure.id).gone
    assert database.erasures.report(namespace, of_keys.erasure.id).gone
    database.scrub()
    assert with_marker(site.directory) == set()
    assert database.records.count(namespace) == 100


def test_on_aws_nothing_is_left_in_any_item_or_object(aws: Emulators, tmp_path: Path) -> None:
    """Some scheduled runs after it, but for the names of deleted keys; what stays can be read as before."""
    with deployed(aws.get("ministack"), tmp_path) as site:
        database = site.database()
        namespace = with_neighbours(database, NamespaceSettings(8))
        write_marked(database, namespace, "a")
        site.adapters().pending_work.note(namespace.partition, site.clock.unix_ms())
        run = site.compactor()
        site.clock.seconds += 61
        run({"action": "maintain"}, LambdaContext())
        write_marked(database, namespace, "b")
        begun = database.erasures.of_ids(namespace, IDS)
        database.erasures.of_keys(namespace, [*KEYS, f"{MARKER}-b", "large-b"])
        for _ in range(8):
            if status_of(database.erasures.report(namespace, begun.erasure.id))["segments"]:
                break
            site.clock.seconds += 61
            run({"action": "maintain"}, LambdaContext())
        else:
            raise AssertionError("it is not gone after so many runs")
        found = [key for key, data in stored(site) if MARKER.encode() in data]
        assert {key.partition("#")[0] for key in found} <= {"KV"}
        assert not [key for key, data in stored(site) if f"{MARKER} ".encode() in data]
        assert database.records.count(namespace) == 100


def test_every_shard_of_a_namespace_is_looked_after(tmp_path: Path) -> None:
    """An erasure is open until the last one has nothing of it."""
    site = embedded(tmp_path / "data")
    database = site.open()
    namespace = with_neighbours(database, NamespaceSettings(8, shards=3))
    write_marked(database, namespace, "a")
    settle(database, site.clock)
    begun = database.erasures.of_matching(namespace, parse({"text": {"$exists": True}}))
    assert begun.erasure.records == 4
    database.maintenance.run_once()
    assert status_of(database.erasures.report(namespace, begun.erasure.id))["segments"]
    assert {name.partition("-")[0] for name in with_marker(site.directory)} == {"keyvalue.db"}
    assert database.records.count(namespace) == 100


def test_what_was_deleted_before_goes_along(tmp_path: Path) -> None:
    """So that an erasure that was cut off after its deletion is made good by the same request."""
    site = embedded(tmp_path / "data")
    database = site.open()
    namespace = with_neighbours(database, NamespaceSettings(8))
    write_marked(database, namespace, "a")
    settle(database, site.clock)
    database.records.delete(namespace, IDS)
    settle(database, site.clock)
    begun = database.erasures.of_matching(namespace, parse({"text": {"$exists": True}}))
    assert (begun.erasure.records, begun.version) == (0, None)
    database.maintenance.run_once()
    assert status_of(database.erasures.report(namespace, begun.erasure.id))["segments"]
    assert "segments" not in with_marker(site.directory)


def test_deletions_that_go_on_do_not_keep_it_open(tmp_path: Path) -> None:
    """What is deleted later is not waited for; nor are older erasures kept open by newer ones."""
    site = embedded(tmp_path / "data")
    database = site.open()
    namespace = with_neighbours(database, NamespaceSettings(8))
    write_marked(database, namespace, "a")
    settle(database, site.clock)
    begun = database.erasures.of_ids(namespace, IDS)
    later = []
    for number in range(3):
        database.records.delete(namespace, [f"r{number}"])
        later.append(database.erasures.of_ids(namespace, [f"r{number + 10}"]))
        database.maintenance.run_once()
    for one in [begun, *later]:
        assert status_of(database.erasures.report(namespace, one.erasure.id))["segments"]


def test_what_a_peer_may_need_is_not_said_to_be_gone(tmp_path: Path) -> None:
    """Rows go at once, but the log and tombstones are kept for it; nothing is rewritten again and again meanwhile."""
    site = embedded(tmp_path / "data")
    adapters = embedded_adapters(EmbeddedSettings(site.directory), site.clock)
    retention = PeerRetention("local", ["other"], MemoryCheckpoints(), site.clock, shared=lambda _, __: True)
    peering = Peering("local", lambda: ["s"], shared=lambda _, __: True, retention=retention)
    database = assemble(adapters, writer="local.1", workspace=tmp_path / "building", peering=peering)
    namespace = with_neighbours(database, NamespaceSettings(8))
    write_marked(database, namespace, "a")
    settle(database, site.clock)
    begun = database.erasures.of_ids(namespace, IDS)
    settle(database, site.clock)
    pointer = database.store.pointer(namespace.partition)
    assert pointer is not None
    assert sum(one.dead_rows for one in database.store.current(pointer).segments) == 0
    settle(database, site.clock)
    assert database.store.pointer(namespace.partition) == pointer
    assert not status_of(database.erasures.report(namespace, begun.erasure.id))["segments"]
    site.clock.seconds += FEED_KEPT_MS / 1_000
    settle(database, site.clock)
    report = status_of(database.erasures.report(namespace, begun.erasure.id))
    assert (report["segments"], report["log"], report["peer"]) == (True, True, False)
    assert {name.partition("-")[0] for name in with_marker(site.directory)} <= {"keyvalue.db"}


def test_a_reader_in_the_way_puts_the_end_off(tmp_path: Path) -> None:
    """While it holds the write-ahead log, files are not said to be free of it."""
    site = embedded(tmp_path / "data")
    database = site.open()
    namespace = with_neighbours(database, NamespaceSettings(8))
    write_marked(database, namespace, "a")
    with closing(sqlite3.connect(site.directory / "log.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM log").fetchone()
        begun = database.erasures.of_ids(namespace, IDS)
        database.maintenance.run_once()
        assert not status_of(database.erasures.report(namespace, begun.erasure.id))["files"]
        reader.execute("ROLLBACK")
    database.maintenance.run_once()
    assert status_of(database.erasures.report(namespace, begun.erasure.id))["files"]
    assert {name.partition("-")[0] for name in with_marker(site.directory)} == {"keyvalue.db"}


def test_erasures_of_a_deleted_namespace_end_with_it(tmp_path: Path) -> None:
    """Nobody looks after them for ever, and the ledger has nothing of it."""
    site = embedded(tmp_path / "data")
    database = site.open()
    namespace = with_neighbours(database, NamespaceSettings(8))
    database.erasures.of_ids(namespace, ["r1"])
    database.namespaces.delete("t", "n")
    settle(database, site.clock)
    table = embedded_adapters(EmbeddedSettings(site.directory)).table
    assert ErasureLedger(table).open(0) == ([], [])
    assert list(table.all_items(LEDGER)) == []


def test_only_so_many_are_open_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before anything is deleted; room again once maintenance has been there."""
    monkeypatch.setattr("quartzdb.services.erasures.ERASURES_OPEN_MAX", 2)
    database = embedded(tmp_path / "data").open()
    namespace = with_neighbours(database, NamespaceSettings(8))
    for number in range(2):
        database.erasures.of_ids(namespace, [f"r{number}"])
    with pytest.raises(Conflict, match="are open"):
        database.erasures.of_ids(namespace, ["r2"])
    assert database.records.count(namespace) == 98
    database.maintenance.run_once()
    assert database.erasures.of_ids(namespace, ["r2"]).erasure.records == 1
