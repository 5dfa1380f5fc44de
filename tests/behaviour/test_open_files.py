"""Open files: a process has as many as its limit allows, and more namespaces than that are served all the same."""

from __future__ import annotations

import gc
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.domain.errors import Unavailable
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.services.record_rules import NewRecord
from quartzdb.storage.snapshot import segment_room
from quartzdb.wiring.embedded import Database, EmbeddedSettings, assemble, embedded_adapters
from tests.embedded import Embedded, embedded, vector_of
from tests.server_process import ServerProcess

FILES_MAX = 4
LIMIT = 100
NAMESPACES = 150


@pytest.fixture(autouse=True)
def no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is about durability, and a hundred namespaces wait for the disk a thousand times."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    opened_as_it_is = SqliteDatabase._open

    def opened(self: SqliteDatabase) -> sqlite3.Connection:
        connection = opened_as_it_is(self)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    monkeypatch.setattr(SqliteDatabase, "_open", opened)


@pytest.fixture
def site(tmp_path: Path) -> Embedded:
    return embedded(tmp_path / "data")


@pytest.fixture
def nothing_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every segment keeps a file open, as large ones do."""
    monkeypatch.setattr(segment_room, "HELD_FILE_BYTES_MAX", 0)


@pytest.fixture
def no_collector() -> Iterator[None]:
    """What is closed in such a test was closed by whoever let go of it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def opened(site: Embedded) -> Database:
    """A process with few files."""
    adapters = embedded_adapters(EmbeddedSettings(site.directory), site.clock)
    return assemble(
        adapters, writer="local.few", workspace=site.directory / "building", segment_files_max=FILES_MAX
    )


def made(database: Database, site: Embedded, name: str) -> Namespace:
    """A namespace with one segment."""
    namespace, _ = database.namespaces.create(database.tenant, name, NamespaceSettings(2))
    add_segment(database, site, namespace)
    return namespace


def add_segment(database: Database, site: Embedded, namespace: Namespace, number: int = 0) -> None:
    records = [NewRecord(f"r{number}-{n}", vector_of(n, 2), {}) for n in range(8)]
    database.records.upsert(namespace, records)
    site.clock.seconds += 5
    assert database.indexer.fold(namespace).published


def segment_files() -> int:
    """Files of segments that this process has open."""
    links = [Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd")]
    return sum(str(os.readlink(link)).endswith("records.sqlite") for link in links if link.is_symlink())


def count(database: Database, namespace: Namespace) -> int:
    return database.records.count(namespace)


@pytest.mark.usefixtures("nothing_copied", "no_collector")
def test_the_namespace_used_least_recently_gives_way(site: Embedded) -> None:
    """Its files are closed at once, and opened again when it is asked again."""
    builder = site.open()
    namespaces = [made(builder, site, f"n{number}") for number in range(3 * FILES_MAX)]
    del builder
    before = segment_files()
    database = opened(site)
    for _ in range(2):
        for namespace in namespaces:
            assert count(database, namespace) == 8
            assert segment_files() - before <= FILES_MAX
    assert segment_files() - before == FILES_MAX
    database.namespaces.delete(database.tenant, namespaces[-1].name)
    assert segment_files() - before == FILES_MAX - 1


@pytest.mark.usefixtures("nothing_copied", "no_collector")
def test_a_namespace_that_needs_more_files_than_there_may_be(site: Embedded) -> None:
    """Is told so, with what to do; the others are served, and nothing stays open of it."""
    builder = site.open()
    small, large = made(builder, site, "small"), made(builder, site, "large")
    for number in range(1, FILES_MAX + 1):
        add_segment(builder, site, large, number)
    del builder
    before = segment_files()
    database = opened(site)
    for _ in range(2):
        assert count(database, small) == 8
        with pytest.raises(Unavailable, match=r"files that segments may have open") as refused:
            count(database, large)
        assert "ulimit" in (refused.value.hint or "")
        del refused
    assert count(database, small) == 8
    assert segment_files() - before <= FILES_MAX


@pytest.mark.usefixtures("no_collector")
def test_small_segments_have_no_file_open(site: Embedded) -> None:
    """Up to so many bytes together."""
    builder = site.open()
    namespaces = [made(builder, site, f"n{number}") for number in range(2)]
    del builder
    before = segment_files()
    database = opened(site)
    for namespace in namespaces:
        assert count(database, namespace) == 8
    assert segment_files() == before


def test_a_server_with_more_namespaces_than_files(tmp_path: Path) -> None:
    """Answers each of them, stays below its limit, and says that it is well."""
    site = embedded(tmp_path / "data")
    builder = site.open()
    names = [made(builder, site, f"n{number}").name for number in range(NAMESPACES)]
    del builder
    limited = ("sh", "-c", f'ulimit -n {LIMIT}; exec "$@"', "sh")
    with ServerProcess(site.directory, before=limited) as server, server.client() as client:
        for _ in range(2):
            for name in names:
                answer = client.post(f"/namespaces/{name}/query", json={"vector": [1, 0], "top_k": 8})
                assert answer.status_code == 200, answer.text
                assert len(answer.json()["matches"]) == 8
        assert len(os.listdir(f"/proc/{server.process.pid}/fd")) < LIMIT
        assert client.get("/health").status_code == 200
