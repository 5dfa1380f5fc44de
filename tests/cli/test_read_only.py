"""A data directory where nothing can be written: everything that reads works, and what writes says why it does not.

The directory is mounted read-only in a namespace of the command's own, so that writing fails for root, too.
"""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cli.invoke import answer, books, run, write_jsonl
from tests.server_process import ServerProcess

_MOUNT = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
READING = [
    ["verify"],
    ["stats"],
    ["namespaces", "list"],
    ["namespaces", "describe", "n"],
    ["query", "--namespace", "n", "--vector", "[1, 2, 3, 4]"],
    ["records", "get", "b7", "late", "--vectors", "--namespace", "n"],
    ["records", "list", "--namespace", "n"],
    ["kv", "get", "k", "--namespace", "n"],
    ["kv", "list", "--namespace", "n"],
    ["keys", "list"],
]
WRITING = [
    ["records", "put", "x", "--vector", "[1, 2, 3, 4]", "--namespace", "n"],
    ["kv", "put", "x", "--value", "v", "--namespace", "n"],
    ["namespaces", "create", "m"],
    ["namespaces", "delete", "n", "--yes"],
    ["keys", "create", "--name", "x"],
    ["compact"],
]


def _there(data: Path, *command: str) -> subprocess.CompletedProcess[bytes]:
    """A command with the directory mounted read-only."""
    mounted = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _MOUNT, str(data)]
    return subprocess.run([*mounted, *command], capture_output=True, check=False)


def _quartzdb(data: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return _there(data, sys.executable, "-m", "quartzdb.cli", *arguments, "--data-dir", str(data))


_EACH = """
import json, sys
from pathlib import Path
from tests.cli.invoke import run
ran = [run(Path(sys.argv[1]), *command) for command in json.loads(sys.argv[2])]
print(json.dumps([(one.exit_code, one.stdout, one.stderr) for one in ran]))
"""


def _each(data: Path, commands: Sequence[Sequence[str]]) -> list[tuple[int, str, str]]:
    """The status of each command, and what it printed; all in one process there, since starting one takes a second."""
    ran = _there(data, sys.executable, "-c", _EACH, str(data), json.dumps(commands))
    assert ran.returncode == 0, ran.stderr.decode()
    return [(status, out, said) for status, out, said in json.loads(ran.stdout)]


@pytest.fixture(scope="module", params=["closed", "killed"])
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with segments and recent writes, left by a server that was stopped, or by one that was killed."""
    made = tmp_path_factory.mktemp(request.param) / "data"
    source = write_jsonl(made.with_name("books.jsonl"), books(30))
    answer(made, "import", source, "--namespace", "n", "--create")
    answer(made, "compact")
    gc.collect()  # what this process had open is closed, so that the files are as the server leaves them
    with ServerProcess(made) as server:
        with server.client() as client:
            late = {"vectors": [{"id": "late", "vector": [4, 3, 2, 1]}]}
            assert client.post("/namespaces/n/vectors", json=late).status_code == 200
            assert client.put("/namespaces/n/kv/k", content=b"value").status_code == 200
        if request.param == "closed":
            server.terminate()
        else:
            server.kill()
    left = {path.suffix for path in made.glob("log.db*")}
    assert left == ({".db", ".lock"} if request.param == "closed" else {".db", ".lock", ".db-shm", ".db-wal"})
    probe = _there(made, "sh", "-c", 'touch "$1"/x; echo $?', "sh", str(made))
    if probe.stdout.strip() != b"1":
        pytest.skip(f"nothing can be mounted read-only here: {probe.stderr.decode()}")
    return made


def _document(out: str) -> Any:
    document = json.loads(out)
    for name in ("milliseconds", "data_dir"):
        document.pop(name, None)
    return document


def test_everything_that_reads_works(data: Path, tmp_path: Path) -> None:
    """It answers what it answers where it may write, the latest writes included."""
    ran = _each(data, [[*command, "--json"] for command in READING])
    for command, (status, out, said) in zip(READING, ran, strict=True):
        assert status == 0, (command, said)
        found = _document(out)
        if command == ["verify"]:
            assert (found["ok"], found["damages"]) == (True, [])
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        shutil.copytree(data, tmp_path / "copy")
        assert found == _document(json.dumps(answer(tmp_path / "copy", *command)))
    assert _quartzdb(data, "kv", "get", "k", "--namespace", "n").stdout == b"value"
    exported = _quartzdb(data, "export", "--namespace", "n", "--output", str(tmp_path / "out.jsonl"))
    assert exported.returncode == 0, exported.stderr.decode()
    assert (tmp_path / "out.jsonl").read_text() == run(tmp_path / "copy", "export", "--namespace", "n").stdout


def test_what_writes_says_why_it_does_not(data: Path) -> None:
    """One message, no traceback, and the files are as they were."""
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    for command, (status, _, said) in zip(WRITING, _each(data, WRITING), strict=True):
        assert status == 1, (command, said)
        assert said.startswith("error: "), said
        assert "Traceback" not in said
        assert "hint: " in said
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before


def test_writes_that_cannot_be_read_are_not_left_out(data: Path, tmp_path: Path) -> None:
    """A -wal file without its -shm has writes that only a copy can show: reading without them would lose them."""
    shutil.copytree(data, tmp_path / "copy")
    if not (data / "log.db-wal").is_file():
        (tmp_path / "copy" / "log.db-wal").write_bytes(b"what a server has not copied back yet")
    (tmp_path / "copy" / "log.db-shm").unlink(missing_ok=True)
    for command in ("stats", "verify"):
        ran = _quartzdb(tmp_path / "copy", command)
        assert ran.returncode == 1
        assert b"writes that cannot be read where nothing can be written" in ran.stdout + ran.stderr
