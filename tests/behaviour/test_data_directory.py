"""A data directory whose files do not belong together is refused, with what to do, and never served as an empty one."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from quartzdb.adapters.embedded import data_directory
from quartzdb.adapters.embedded.database_document import DatabaseDocument, write_document
from quartzdb.domain.errors import Corrupted, KeyNotFound, NamespaceNotFound, Unavailable
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.record_rules import NewRecord
from quartzdb.wiring.embedded import DATABASE_FILES, EmbeddedSettings, embedded_adapters, open_embedded
from tests.cli.invoke import answer, run
from tests.embedded import embedded, vector_of
from tests.server_process import ServerProcess


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = embedded(tmp_path_factory.mktemp("whole") / "data")
    database = site.open()
    namespace, _ = database.namespaces.create("default", "n", NamespaceSettings(2))
    database.records.upsert(namespace, [NewRecord("a", vector_of(1, 2), {})])
    del database
    gc.collect()
    return site.directory


@pytest.fixture
def data(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "data")


def count(data: Path) -> int:
    database = open_embedded(EmbeddedSettings(data))
    return database.records.count(database.namespaces.get("default", "n"))


@pytest.mark.parametrize("name", [*DATABASE_FILES, "database.json"])
@pytest.mark.parametrize("harm", ["missing", "empty", "foreign"])
def test_a_file_that_is_missing_empty_or_foreign(data: Path, tmp_path: Path, name: str, harm: str) -> None:
    """Opening and verifying say which and what to do; once it is back, all is as it was."""
    kept = (data / name).read_bytes()
    for log in data.glob(f"{name}-*"):
        log.unlink()
    if harm == "missing":
        (data / name).unlink()
    elif harm == "empty":
        os.truncate(data / name, 0)
    else:
        open_embedded(EmbeddedSettings(tmp_path / "other"))
        shutil.copy(tmp_path / "other" / name, data / name)
    for _ in range(2):
        with pytest.raises(Corrupted, match=r"\.db|\.json") as refused:
            count(data)
        assert refused.value.hint
    verified = run(data, "verify", "--json")
    assert verified.exit_code == 1
    (data / name).write_bytes(kept)
    with pytest.raises(NamespaceNotFound):
        open_embedded(EmbeddedSettings(data)).namespaces.get("default", "none")


def test_a_first_start_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    """Until all files are there, a missing one is made."""
    data = tmp_path / "data"
    embedded_adapters(EmbeddedSettings(data))
    begun = (data / "database.json").read_bytes()
    embedded_adapters(EmbeddedSettings(data))
    assert (data / "database.json").read_bytes() == begun
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    (fresh / "log.db").mkdir()
    with pytest.raises(Unavailable):
        embedded_adapters(EmbeddedSettings(fresh))
    (fresh / "log.db").rmdir()
    embedded_adapters(EmbeddedSettings(fresh))
    assert {*DATABASE_FILES, "database.json"} <= {file.name for file in fresh.iterdir()}


def test_what_a_scrub_left_that_was_killed_is_no_damage(data: Path) -> None:
    """Its table of zeros is not one of ours, and is dropped by the next."""
    with closing(sqlite3.connect(data / "log.db")) as connection:
        connection.execute("CREATE TABLE zeros (pages BLOB)")
    assert count(data) == 1
    assert answer(data, "verify")["ok"]


def test_an_older_copy_of_the_log_is_found(tmp_path: Path) -> None:
    """Segments cover more than it has ever had."""
    data = tmp_path / "data"
    site = embedded(data)
    database = site.open()
    namespace, _ = database.namespaces.create("default", "n", NamespaceSettings(2))
    database.records.upsert(namespace, [NewRecord("a", vector_of(1, 2), {})])
    database.log.trim(namespace.partition, 0)
    del database
    gc.collect()  # closes its files, so that the write-ahead logs are in them
    shutil.copy(data / "log.db", tmp_path / "older")
    database = site.open()
    database.records.upsert(namespace, [NewRecord("b", vector_of(2, 2), {})])
    site.clock.seconds += 5
    assert database.indexer.fold(namespace).published
    del database
    gc.collect()  # closes its files, so that the write-ahead logs are in them
    assert answer(data, "verify")["ok"]
    shutil.copy(tmp_path / "older", data / "log.db")
    verified = run(data, "verify", "--json")
    assert verified.exit_code == 1
    assert "older copy" in verified.stdout


def test_an_older_copy_of_one_file_is_refused(data: Path, tmp_path: Path) -> None:
    """After any start since; it says which, and what to do. All of the older files together are how it was."""
    open_embedded(EmbeddedSettings(data))
    gc.collect()
    older = shutil.copytree(data, tmp_path / "older")
    open_embedded(EmbeddedSettings(data))
    gc.collect()
    newer = shutil.copytree(data, tmp_path / "newer")
    for name in [*DATABASE_FILES, "database.json"]:
        shutil.copy(older / name, data / name)
        for read_only in (False, True):
            with pytest.raises(Corrupted, match=f"{name} is not as old as ") as refused:
                embedded_adapters(EmbeddedSettings(data, read_only=read_only))
            assert "quartzdb adopt" in str(refused.value.hint)
        verified = run(data, "verify", "--json")
        assert verified.exit_code == 1
        assert f"{name} is not as old as" in verified.stdout
        assert run(data, "backup", "create", str(tmp_path / "backups")).exit_code == 1
        shutil.copy(newer / name, data / name)
    for name in [*DATABASE_FILES, "database.json"]:
        shutil.copy(older / name, data / name)
    assert count(data) == 1


def test_going_on_with_an_older_copy(data: Path, tmp_path: Path) -> None:
    """Only when told so, and killed in between it is told so again. Nothing else that is wrong is taken over."""
    database = open_embedded(EmbeddedSettings(data))
    namespace = database.namespaces.get("default", "n")
    database.key_values.put(namespace, NewItem("early", b"1"))
    del database
    gc.collect()
    shutil.copy(data / "keyvalue.db", tmp_path / "older")
    database = open_embedded(EmbeddedSettings(data))
    database.key_values.put(namespace, NewItem("late", b"2"))
    del database
    gc.collect()
    assert answer(data, "adopt", "--yes") == {"adopted": False, "problem": None}
    shutil.copy(tmp_path / "older", data / "keyvalue.db")
    assert run(data, "adopt", stdin=b"n\n").exit_code == 1
    with pytest.raises(Corrupted):
        count(data)
    told = answer(data, "adopt", "--yes")
    assert told["adopted"]
    assert "keyvalue.db is not as old as the other files" in told["problem"]
    database = open_embedded(EmbeddedSettings(data))
    assert database.key_values.get(namespace, "early") is not None
    with pytest.raises(KeyNotFound):
        database.key_values.get(namespace, "late")
    del database
    gc.collect()
    (data / "log.db").unlink()
    missing = run(data, "adopt", "--yes")
    assert missing.exit_code == 1
    assert "is missing" in missing.stderr


def test_files_of_a_backup_belong_together_and_to_nothing_else(data: Path, tmp_path: Path) -> None:
    """Not to the directory that it is of, nor to another backup of it that was taken in the same run of a server."""
    database = open_embedded(EmbeddedSettings(data))
    restored = []
    for number in range(2):
        assert run(data, "backup", "create", str(tmp_path / "backups")).exit_code == 0
        target = tmp_path / f"restored-{number}"
        assert run(target, "backup", "restore", str(tmp_path / "backups")).exit_code == 0
        restored.append(target)
    del database
    gc.collect()
    one, other = restored
    for name in DATABASE_FILES:
        for place in (data, other):
            whole = (place / name).read_bytes()
            shutil.copy(one / name, place / name)
            with pytest.raises(Corrupted, match=f"{name} is not as old"):
                embedded_adapters(EmbeddedSettings(place))
            (place / name).write_bytes(whole)
    assert count(data) == count(one) == count(other) == 1


def test_a_full_disk_keeps_the_mark(
    data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever it has come to: the directory is opened now, and later."""
    room = 0

    def fill(directory: Path, document: DatabaseDocument) -> None:
        nonlocal room
        room -= 1
        if room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_document(directory, document)

    monkeypatch.setattr(data_directory, "write_document", fill)
    for room in (0, 1, 2):
        caplog.clear()
        assert count(data) == 1
        assert ("is full" in caplog.text) == (room < 0)
        gc.collect()


def test_a_server_that_stops_changes_the_mark(data: Path, tmp_path: Path) -> None:
    """So a copy from while it was served is older than what it left."""
    with ServerProcess(data) as server:
        with server.client() as client:
            assert client.get("/health").status_code == 200
        for name in DATABASE_FILES:
            with (
                closing(sqlite3.connect(data / name)) as source,
                closing(sqlite3.connect(tmp_path / name)) as copy,
            ):
                source.backup(copy)
        assert server.terminate() == 0
    assert count(shutil.copytree(data, tmp_path / "whole")) == 1
    for name in DATABASE_FILES:
        whole = (data / name).read_bytes()
        shutil.copy(tmp_path / name, data / name)
        with pytest.raises(Corrupted, match=f"{name} is not as old"):
            embedded_adapters(EmbeddedSettings(data))
        (data / name).write_bytes(whole)
