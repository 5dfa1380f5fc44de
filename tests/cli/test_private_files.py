"""What the command writes is for the account that runs it, whatever its shell gives new files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
from tests.cli.invoke import answer


@pytest.fixture(autouse=True)
def _open_to_all() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(directory: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in directory.glob("*.db*")}


def test_a_new_data_directory_is_private(tmp_path: Path) -> None:
    """The directory, and each file in it."""
    directory = tmp_path / "data"
    answer(directory, "keys", "create", "--name", "n")
    assert directory.stat().st_mode & 0o777 == 0o700
    assert modes(directory)
    assert set(modes(directory).values()) == {0o600}


def test_an_older_data_directory_is_tightened(tmp_path: Path) -> None:
    """When it is next opened to be written to."""
    directory = tmp_path / "data"
    open_embedded(EmbeddedSettings(directory))
    directory.chmod(0o755)
    for file in directory.glob("*.db*"):
        file.chmod(0o644)
    open_embedded(EmbeddedSettings(directory))
    assert directory.stat().st_mode & 0o777 == 0o700
    assert set(modes(directory).values()) == {0o600}


def test_a_directory_with_other_things_is_left_as_it_is(tmp_path: Path) -> None:
    """Whoever names one that holds something else must not lock others out of that."""
    directory = tmp_path / "theirs"
    directory.mkdir(mode=0o755)
    (directory / "notes.txt").touch()
    open_embedded(EmbeddedSettings(directory))
    assert directory.stat().st_mode & 0o777 == 0o755


def test_the_first_key_is_not_written_to_a_log(tmp_path: Path) -> None:
    """Where stdout is no terminal, it goes to a file that only this account may read."""
    directory = tmp_path / "data"
    command = [sys.executable, "-m", "quartzdb.cli", "serve", "--data-dir", str(directory), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        said = []
        for line in server.stdout:
            said.append(line)
            if line.startswith("Stop with"):
                break
        server.send_signal(signal.SIGTERM)
    file = directory / "first-api-key"
    assert not any("qdb_live_" in line for line in said)
    assert any(str(file) in line for line in said)
    assert file.stat().st_mode & 0o777 == 0o600
    principal = open_embedded(EmbeddedSettings(directory)).api_keys.authenticate(file.read_text().strip())
    assert principal.scopes == {"read", "write", "admin"}
