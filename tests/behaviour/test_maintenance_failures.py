"""Maintenance of one shard or deleted generation that fails is told, left alone for a while, and delays nobody else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from quartzdb.adapters.embedded.filesystem_blobs import FilesystemBlobs
from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.embedded.sqlite_keyvalue import SqliteKeyValue
from quartzdb.adapters.embedded.sqlite_log import SqliteChangeLog
from quartzdb.domain.hlc import Version, stamp_at
from quartzdb.domain.namespace import Namespace, NamespaceSettings, Partition
from quartzdb.maintenance.policy import EMBEDDED_THRESHOLDS
from quartzdb.storage.log.protocol import OVERLAP_MS
from quartzdb.storage.ports import Item, KeyValueTable
from quartzdb.wiring.embedded import Database, EmbeddedSettings, assemble, embedded_adapters
from tests.embedded import write
from tests.manual_clock import ManualClock


@dataclass
class Trouble:
    """What happens to one name's data when its generation is dropped."""

    with_name: str
    raised: Exception
    over: bool = True
    attempts: int = 0

    def meet(self, text: str) -> None:
        if f"/{self.with_name}/" in text and not self.over:
            self.attempts += 1
            raise self.raised


class UndeletableBlobs(FilesystemBlobs):
    """A directory of which some cannot be removed."""

    trouble: Trouble

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.trouble.meet(key)
        super().delete(keys)


class UnsealableLog(SqliteChangeLog):
    """A log that cannot be sealed."""

    trouble: Trouble

    def seal(self, partition: Partition) -> None:
        self.trouble.meet(f"{partition}")
        super().seal(partition)


class UndroppableTable(SqliteKeyValue):
    """A table that cannot be dropped."""

    trouble: Trouble

    def drop(self, partition: Partition) -> None:
        self.trouble.meet(f"{partition}")
        super().drop(partition)


@dataclass
class Site:
    """A database in a directory, one of whose adapters is replaced."""

    database: Database
    table: KeyValueTable
    clock: ManualClock
    trouble: Trouble
    namespaces: dict[str, Namespace] = field(default_factory=dict)

    def create(self, name: str) -> Namespace:
        namespace, _ = self.database.namespaces.create("t", name, NamespaceSettings(8))
        self.namespaces[name] = namespace
        return namespace

    def passes(self) -> int:
        """Passes until there is nothing to do."""
        count = 1
        while self.database.maintenance.run_once():
            count += 1
        return count


OpenSite = Callable[[str, Exception], Site]


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[OpenSite]:
    closing = ExitStack()

    def opened(part: str, error: Exception) -> Site:
        clock = ManualClock()
        adapters = embedded_adapters(EmbeddedSettings(tmp_path), clock)
        trouble = Trouble("bad", error)
        adapter: Any
        if part == "blobs":
            adapter = UndeletableBlobs(tmp_path / "segments", clock)
        elif part == "log":
            adapter = UnsealableLog(closing.enter_context(SqliteDatabase(tmp_path / "log.db")), behind_max=-1)
        else:
            adapter = UndroppableTable(closing.enter_context(SqliteDatabase(tmp_path / "keyvalue.db")))
        adapter.trouble = trouble
        adapters = replace(adapters, **{part: adapter})
        database = assemble(adapters, writer="local.1", workspace=tmp_path / "building")
        return Site(database, adapters.table, clock, trouble)

    with closing:
        yield opened


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ("blobs", PermissionError("not yours")),
        ("log", sqlite3.DatabaseError("malformed")),
        ("table", RuntimeError("out of order")),
    ],
)
def test_a_generation_that_cannot_be_dropped_delays_nobody(
    open_site: OpenSite, part: str, error: Exception
) -> None:
    """Whatever is raised: the others are dropped and folded in the same pass, and the pass does not fail."""
    site = open_site(part, error)
    database = site.database
    bad, gone, kept = (site.create(name) for name in ("bad", "gone", "kept"))
    for namespace in (bad, gone, kept):
        write(database, namespace, range(20))
        database.indexer.fold(namespace)
    for namespace in (bad, gone):
        database.namespaces.delete("t", namespace.name)
    write(database, kept, range(20, 40))
    site.trouble.over = False
    site.passes()
    site.clock.seconds += EMBEDDED_THRESHOLDS.drop_after_ms / 1000 + 1
    site.passes()
    assert database.catalog.pending_deletion() == [bad]
    assert database.readers.of(kept).tail_rows == 0
    assert list(database.store.blobs.list(f"{gone.partition}/")) == []
    assert database.maintenance.failed == {bad.partition: str(error)}
    assert database.maintenance.damaged == {}, "no namespace that is there is any worse for it"

    for _ in range(50):
        database.maintenance.run_once()
    assert site.trouble.attempts == 1, "it is not tried in every pass"
    for _ in range(20):
        site.clock.seconds += 60
        database.maintenance.run_once()
    assert 10 <= site.trouble.attempts <= 21, "nor given up"

    site.trouble.over = True
    site.clock.seconds += EMBEDDED_THRESHOLDS.retry_ms_max / 1000
    database.maintenance.run_once()
    assert database.maintenance.failed == {}
    assert database.catalog.pending_deletion() == []
    assert list(database.store.blobs.list("t/bad/")) == []


def test_what_a_deleted_namespace_left_does_not_hide_a_new_one(open_site: OpenSite) -> None:
    """The same name may be created again, and is maintained, while the old generation cannot be dropped."""
    site = open_site("table", RuntimeError("out of order"))
    old = site.create("bad")
    site.database.namespaces.delete("t", "bad")
    fresh = site.create("bad")
    site.trouble.over = False
    site.passes()
    write(site.database, fresh, range(20))
    site.passes()
    site.clock.seconds += EMBEDDED_THRESHOLDS.drop_after_ms / 1000 + 1
    site.passes()
    assert list(site.database.maintenance.failed) == [old.partition]
    assert site.database.maintenance.damaged == {}
    assert site.database.readers.of(fresh).tail_rows == 0


def test_all_that_expired_is_purged_at_once(open_site: OpenSite) -> None:
    """However many they are, some in each pass: not a thousand a minute, which writes may outrun."""
    site = open_site("table", RuntimeError("never met"))
    namespace, at_ms = site.create("n"), site.clock.unix_ms()
    for number in range(2_500):
        version = Version(stamp_at(at_ms) + number, "local.1")
        item = Item(f"k{number}", version, version.stamp, b"", expires_at_ms=at_ms + 1)
        site.table.put(namespace.partition, item)
    site.clock.seconds += 2 + OVERLAP_MS / 1000
    assert site.passes() == 3
    assert list(site.table.all_items(namespace.partition)) == []
