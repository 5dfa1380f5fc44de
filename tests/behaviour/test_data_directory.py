"""A data directory whose files do not belong together is refused, with what to do, and never served as an empty one."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from quartzdb.domain.errors import Corrupted, NamespaceNotFound, Unavailable
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.services.record_rules import NewRecord
from quartzdb.wiring.embedded import DATABASE_FILES, EmbeddedSettings, embedded_adapters, open_embedded
from tests.cli.invoke import answer, run
from tests.embedded import embedded, vector_of


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
