"""A small file system of its own for a test: a tmpfs, mounted where only processes that enter its namespace see it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

_MEBIBYTE = 1024 * 1024


class SmallDisk:
    """`directory` is an empty file system of `mebibytes` for what is run with `enter` before its command."""

    def __init__(self, directory: Path, mebibytes: int) -> None:
        if shutil.which("unshare") is None or shutil.which("nsenter") is None:
            pytest.skip("a file system of a test's own needs unshare and nsenter")
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        mount = f'mount -t tmpfs -o size={mebibytes}m none "$0" && echo mounted && exec cat'
        self._holder = subprocess.Popen(
            ["unshare", "-Urm", "sh", "-c", mount, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "mounted\n":
            self.close()
            pytest.skip("this machine lets nobody mount a file system of their own")
        self.enter = ["nsenter", "--preserve-credentials", "-U", "-m", "-t", str(self._holder.pid)]

    def run(self, *arguments: str | Path, status: int = 0) -> str:
        """The `quartzdb` command there: what it prints. It has to end with the status and show no traceback."""
        command = [*self.enter, sys.executable, "-m", "quartzdb.cli", *map(str, arguments)]
        ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        assert ran.returncode == status, ran.stdout + ran.stderr
        assert "Traceback" not in ran.stderr
        return ran.stdout if status == 0 else ran.stderr

    def answer(self, *arguments: str | Path) -> Any:
        """The JSON that a command prints."""
        return json.loads(self.run(*arguments, "--json"))

    @property
    def free_bytes(self) -> int:
        """What is left on it."""
        # From outside, through the holder: its working directory is not there, but its root is.
        found = os.statvfs(f"/proc/{self._holder.pid}/root{self.directory}")
        return found.f_bavail * found.f_frsize

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Unmount it, with all that is on it."""
        self._holder.kill()
        for stream in (self._holder.stdin, self._holder.stdout, self._holder.stderr):
            if stream is not None:
                stream.close()
        self._holder.wait()
