"""`quartzdb backup`: what it says, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from quartzdb.cli.main import cli
from tests.cli.invoke import answer, books, refusal, run, write_jsonl


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A database with segments, recent writes, a key and an API key."""
    source = write_jsonl(tmp_path / "books.jsonl", books(30))
    answer(tmp_path / "data", "import", source, "--namespace", "n", "--create", "--shards", "2")
    answer(tmp_path / "data", "compact")
    answer(tmp_path / "data", "records", "put", "late", "--namespace", "n", "--vector", "[1, 2, 3, 4]")
    answer(tmp_path / "data", "kv", "put", "k", "--value", "v", "--namespace", "n")
    answer(tmp_path / "data", "keys", "create", "--name", "ci")
    return tmp_path / "data"


def _invoke(*arguments: str | Path) -> Result:
    """A command that takes no data directory."""
    return CliRunner().invoke(cli, [*map(str, arguments)], prog_name="quartzdb")


def _answer(*arguments: str | Path) -> Any:
    result = _invoke(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_there_and_back(data: Path, tmp_path: Path) -> None:
    """What is restored is the same database, and sound."""
    to = tmp_path / "backups"
    made = answer(data, "backup", "create", to)
    assert made["bytes"] >= made["copied_bytes"] > 0
    back = answer(tmp_path / "restored", "backup", "restore", to)
    assert back["name"] == made["name"]
    assert answer(tmp_path / "restored", "verify")["ok"] is True
    for command in (
        ["export", "--namespace", "n"],
        ["kv", "get", "k", "--namespace", "n"],
        ["keys", "list"],
        ["namespaces", "list"],
    ):
        assert run(tmp_path / "restored", *command).stdout == run(data, *command).stdout
    assert not (tmp_path / "restored" / ".unfinished-restore").exists()


def test_several_backups(data: Path, tmp_path: Path) -> None:
    """Each can be restored by its name; the latest is the default; verify reads them all; prune keeps the latest."""
    to = tmp_path / "backups"
    names = []
    for number in range(3):
        answer(data, "kv", "put", "k", "--value", str(number), "--namespace", "n")
        names.append(answer(data, "backup", "create", to)["name"])
    assert names == sorted(set(names))
    listed = _answer("backup", "list", to)["backups"]
    assert [one["name"] for one in listed] == names
    assert listed[1]["copied_bytes"] < listed[1]["bytes"]
    assert _answer("backup", "verify", to) == {"ok": True, "backups": names, "damages": []}
    answer(tmp_path / "first", "backup", "restore", to, "--name", names[0])
    assert run(tmp_path / "first", "kv", "get", "k", "--namespace", "n").stdout == "0"
    pruned = _answer("backup", "prune", to, "--keep", "1")
    assert (pruned["removed"], pruned["freed_bytes"] > 0) == (names[:2], True)
    assert _answer("backup", "verify", to)["backups"] == names[2:]
    answer(tmp_path / "last", "backup", "restore", to)
    assert run(tmp_path / "last", "kv", "get", "k", "--namespace", "n").stdout == "2"


def test_a_damaged_backup(data: Path, tmp_path: Path) -> None:
    """Verify names the file; restoring it fails and leaves nothing that looks like a database."""
    to = tmp_path / "backups"
    answer(data, "backup", "create", to, "--copy")
    for damage in ("changed", "cut", "missing"):
        file = next((to / "segments").rglob("vectors"))
        good = file.read_bytes()
        if damage == "missing":
            file.unlink()
        else:
            file.write_bytes(b"x" + good[1:] if damage == "changed" else good[:-1])
        ran = _invoke("backup", "verify", to, "--json")
        found = json.loads(ran.stdout)
        assert (ran.exit_code, found["ok"], len(found["damages"])) == (1, False, 1)
        assert found["damages"][0]["path"] == str(file.relative_to(to))
        said = refusal(tmp_path / "restored", "backup", "restore", to)
        assert "of the backup is damaged" in said
        assert list((tmp_path / "restored").iterdir()) == []
        file.write_bytes(good)
    answer(tmp_path / "restored", "backup", "restore", to)


def test_where_it_may_not_go(data: Path, tmp_path: Path) -> None:
    """Not into the data directory, nor among other files; and it is restored into nothing but an empty directory."""
    assert "must not lie in one another" in refusal(data, "backup", "create", data / "backups", exit_code=2)
    assert "must not lie in one another" in refusal(data, "backup", "create", tmp_path, exit_code=2)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    assert "something else in it" in refusal(data, "backup", "create", tmp_path / "photos", exit_code=4)
    assert "There is no database" in refusal(tmp_path / "none", "backup", "create", tmp_path / "backups")
    answer(data, "backup", "create", tmp_path / "backups")
    assert "is not empty" in refusal(data, "backup", "restore", tmp_path / "backups", exit_code=4)
    said = refusal(tmp_path / "x", "backup", "restore", tmp_path / "backups", "--name", "2020", exit_code=3)
    assert "The latest are: " in said
    assert not (tmp_path / "x").exists()
    for command in (["list"], ["verify"], ["prune", "--keep", "1"]):
        ran = _invoke("backup", command[0], tmp_path / "photos", *command[1:])
        assert (ran.exit_code, "no backups in" in ran.stderr) == (3, True)
