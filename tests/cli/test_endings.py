"""How commands end when something outside of them goes wrong: one message, a status, and never a traceback."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.cli.invoke import answer, books, run, write_jsonl

QUARTZDB = [sys.executable, "-m", "quartzdb.cli"]
FULL = Path("/dev/full")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with more in it than a pipe holds."""
    made = tmp_path_factory.mktemp("endings") / "data"
    source = write_jsonl(made.with_name("books.jsonl"), books(2_000))
    answer(made, "import", source, "--namespace", "n", "--create")
    return made


def _shell(command: str, data: Path) -> subprocess.CompletedProcess[str]:
    """A pipeline in bash; `Q` is the command, and its own status is printed last."""
    quartzdb = " ".join(QUARTZDB)
    environment = {**os.environ, "QUARTZDB_DATA_DIR": str(data)}
    script = f'Q() {{ {quartzdb} "$@"; }}; {command}'
    ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, env=environment)
    assert "Traceback" not in ran.stderr
    assert "Exception ignored" not in ran.stderr
    return ran


@pytest.mark.parametrize("command", ["export --namespace n", "records list --namespace n --all"])
def test_a_reader_that_has_enough(data: Path, command: str) -> None:
    """`head` goes away: nothing is said, and the status is that of a closed pipe."""
    ran = _shell(f"Q {command} | head -1 > /dev/null; echo ${{PIPESTATUS[0]}}", data)
    assert (ran.stdout, ran.stderr) == ("141\n", "")


@pytest.mark.skipif(not FULL.is_char_device(), reason="there is no device that is always full")
@pytest.mark.parametrize("command", ["export --namespace n", "stats", "stats --json", "--help", "--version"])
def test_a_full_disk_behind_stdout(data: Path, command: str) -> None:
    """Said as that, with what to do."""
    ran = _shell(f"Q {command} > /dev/full", data)
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: No space left on device.\nhint: Free some space")


def test_a_closed_stdout(data: Path) -> None:
    """Nobody wants the answer: the command does its work."""
    assert _shell("Q stats >&-; echo $?", data).stdout == "0\n"


def test_an_output_that_is_a_pipe_stays_one(data: Path, tmp_path: Path) -> None:
    """A pipe or a device is written to; only a file is replaced, and a link stays a link."""
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    assert run(data, "export", "--namespace", "n", "--output", pipe).exit_code == 0
    reader.join()
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert read[0].count(b"\n") == 2_001
    (tmp_path / "file").write_text("before")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert run(data, "export", "--namespace", "n", "--output", tmp_path / "link").exit_code == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == read[0]


def test_an_interrupted_import(tmp_path: Path) -> None:
    """Ctrl-C: how much is written, and whether it can be gone on with; the status is a shell's."""
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    data = tmp_path / "data"
    command = [*QUARTZDB, "import", str(pipe), "--namespace", "n", "--create", "--data-dir", str(data)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    with pipe.open("w") as writing:  # waits for the reader
        for book in books(2_000):
            writing.write(json.dumps(book) + "\n")
        writing.flush()
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in said
    assert said.startswith("error: Interrupted")


def test_an_interrupted_command(tmp_path: Path, data: Path) -> None:
    """Any other says no more than that."""
    pipe = tmp_path / "value"
    os.mkfifo(pipe)
    command = [*QUARTZDB, "kv", "put", "k", "--file", str(pipe), "--namespace", "n", "--data-dir", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with pipe.open("w"):
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out, said) == (130, "", "error: Interrupted.\n")


_SMALL = 'mount -t tmpfs -o size=6m small "$0" && cd "$0" && exec "$@"'


def test_a_full_disk_under_the_database(tmp_path: Path) -> None:
    """An import, an export and a backup that do not fit: said as that, and what was written stays."""
    small = tmp_path / "small"
    small.mkdir()
    wide = [{"id": f"r{at}", "vector": [float(at + 1)] * 512} for at in range(4_000)]
    source = write_jsonl(tmp_path / "wide.jsonl", wide)
    data = tmp_path / "data"
    answer(data, "import", source, "--namespace", "n", "--create")
    quartzdb = " ".join(QUARTZDB)
    script = f"""
        {quartzdb} import {source} --namespace n --create --data-dir d --batch 100; echo $?
        {quartzdb} records count --namespace n --data-dir d; rm -rf d
        {quartzdb} export --namespace n --data-dir {data} --output out.jsonl; echo $?; ls -A | wc -l
        {quartzdb} backup create b --data-dir {data}; echo $?; {quartzdb} backup list b
    """
    mounted = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _SMALL, str(small)]
    ran = subprocess.run([*mounted, "bash", "-c", script], capture_output=True, text=True, check=False)
    if "mount" in ran.stderr:
        pytest.skip(f"nothing can be mounted here: {ran.stderr}")
    assert "Traceback" not in ran.stderr
    imported, count, exported, left, backed_up, *listed = ran.stdout.split("\n")
    assert (imported, exported, left, backed_up) == ("1", "1", "0", "1"), ran.stderr
    assert 0 < int(count) < 4_000
    assert len([line for line in listed if line]) == 1  # the heading
    said = [line for line in ran.stderr.splitlines() if line.startswith("error: ")]
    assert len(said) == 3
    assert "the disk is full" in said[0]
    assert all("No space left" in line or "disk is full" in line for line in said[1:])
