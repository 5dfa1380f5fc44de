"""Verifying: whole data are found whole, and every kind of damage is found."""

from __future__ import annotations

import gc
import itertools
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quartzdb.adapters.embedded.sqlite_row_sums import add_sums
from tests.cli.invoke import answer, books, run, write_jsonl


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a compacted segment, dead rows in it, and a tail. Nobody changes it."""
    location = tmp_path_factory.mktemp("whole")
    source = write_jsonl(location / "a.jsonl", books(50))
    directory = location / "data"
    answer(directory, "import", source, "--namespace", "n", "--create")
    answer(directory, "compact")
    answer(directory, "import", write_jsonl(location / "b.jsonl", books(5)), "--namespace", "n")
    gc.collect()  # what the commands opened is closed, so that the write-ahead logs are in the files
    assert not list(directory.glob("*.db-wal"))
    return directory


@pytest.fixture
def data(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return shutil.copytree(whole, tmp_path / "data")


def damages(data: Path) -> list[dict[str, Any]]:
    """What verify finds; it exits with 1 exactly if it finds something."""
    result = run(data, "verify", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == (0 if document["ok"] else 1)
    assert document["ok"] is (not document["damages"])
    found: list[dict[str, Any]] = document["damages"]
    return found


def test_whole_data_are_whole(data: Path) -> None:
    """Nothing is found, and what was read is counted."""
    document = answer(data, "verify")
    assert document["damages"] == []
    assert (document["namespaces"], document["segments"], document["rows"]) == (1, 1, 50)
    assert document["log_entries"] >= 1
    assert "All is well." in run(data, "verify").stdout


@pytest.mark.parametrize("name", ["vectors", "norms", "records.sqlite", "rows"])
@pytest.mark.parametrize("harm", ["flipped", "cut", "gone"])
def test_each_segment_file_is_checked(data: Path, name: str, harm: str) -> None:
    """One flipped bit, a missing end or a missing file are told with the file's key."""
    (file,) = data.glob(f"segments/blobs/**/{name}")
    spoil(file, harm)
    assert any(damage["where"].endswith(f"/{name}") for damage in damages(data))


def test_a_damaged_manifest_is_found(data: Path) -> None:
    """A manifest's own name has its checksum."""
    for manifest in data.glob("segments/blobs/**/manifests/*.json"):
        manifest.write_bytes(manifest.read_bytes().replace(b'"dead_rows":0', b'"dead_rows":1'))
    assert any("manifests" in damage["where"] for damage in damages(data))


def test_a_damaged_pointer_is_found(data: Path) -> None:
    """Without it nothing would be served."""
    (pointer,) = data.glob("segments/pointers/**/CURRENT")
    spoil(pointer, "flipped")
    assert [damage["where"].rsplit("/", 1)[1] for damage in damages(data)] == ["CURRENT"]


def test_a_damaged_log_entry_is_found(data: Path) -> None:
    """Every entry is decoded."""
    with sqlite3.connect(data / "log.db") as connection:
        add_sums(connection)
        connection.execute("UPDATE log SET body = CAST(x'00' || substr(body, 2) AS BLOB)")
    connection.close()
    found = damages(data)
    assert found
    assert all("/log/" in damage["where"] and "cannot be decoded" in damage["problem"] for damage in found)


def zeroed_page(file: Path) -> None:
    """Overwrite the second page, which is some table's root."""
    content = bytearray(file.read_bytes())
    content[4096:8192] = bytes(4096)
    file.write_bytes(content)


def replaced(file: Path) -> None:
    """Something else entirely."""
    file.write_bytes(b"not a database" * 1000)


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        *itertools.product(("log.db", "keyvalue.db", "catalog.db"), (zeroed_page, replaced)),
        # Without a catalog there would be no database to verify, which is told as such.
        *itertools.product(("log.db", "keyvalue.db"), (Path.unlink,)),
    ],
)
def test_each_sqlite_file_is_checked(data: Path, name: str, harm: Callable[[Path], None]) -> None:
    """SQLite's own check runs first, and its findings are told without opening the database."""
    harm(data / name)
    assert {damage["where"] for damage in damages(data)} == {str(data / name)}


def spoil(file: Path, harm: str) -> None:
    """Damage a file."""
    if harm == "gone":
        file.unlink()
        return
    content = bytearray(file.read_bytes())
    if harm == "cut":
        del content[-1:]
    else:
        content[len(content) // 2] ^= 1
    file.write_bytes(content)
