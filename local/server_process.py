"""A server process on this machine: `quartzdb serve`, started, stopped or killed."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.failure import LocalDeploymentFailed

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0


class ServerProcess:
    """`quartzdb serve --json` on a free port. `key` is the first API key, or the one given."""

    def __init__(
        self,
        data_dir: Path,
        *options: str,
        key: str | None = None,
        log: Path | None = None,
        before: Sequence[str] = (),
    ) -> None:
        """`before` is put before the command, as `nice` is."""
        command = [sys.executable, "-m", "quartzdb.cli", "serve", "--json", "--data-dir", str(data_dir)]
        if "--port" not in options:
            command += ["--port", "0"]
        self._log = (log or data_dir.with_name(f"{data_dir.name}.log")).open("ab")
        # A session of its own, so that all its processes can be killed at once.
        self.process = subprocess.Popen(
            [*before, *command, *options],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )
        try:
            self.ready: dict[str, Any] = json.loads(self._line())
        except BaseException:
            self.kill()
            raise
        self.url: str = self.ready["url"]
        self.key = key or self.ready["key"]

    def terminate(self) -> int:
        """Ask it to stop, and give its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS_MAX)
        finally:
            self._close()

    def kill(self) -> None:
        """kill -9 of all its processes, as a crash would."""
        with contextlib.suppress(ProcessLookupError):  # it is gone already
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS_MAX)
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()

    def _line(self) -> str:
        """The first line of stdout, once it serves."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            readable, _, _ = select.select([self.process.stdout], [], [], 1.0)
            if readable:
                line = self.process.stdout.readline()
                if line:
                    return line
                break
        log = Path(str(self._log.name)).read_text()
        raise LocalDeploymentFailed(f"The server did not start (exit status {self.process.poll()}):\n{log}")

    def _close(self) -> None:
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()
