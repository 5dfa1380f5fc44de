"""The processes in which the emulator runs functions: one for each concurrent invocation."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from local.work_directory import WorkDirectory

_ENDS_WITHIN_SECONDS = 10


def kill(work: WorkDirectory, function: str) -> int:
    """Kill every process of a function at once, as a crash would; the next invocation is a cold start. How many."""
    killed = 0
    for pid in _processes(work, function):
        with suppress(ProcessLookupError):  # it may have ended by itself
            os.kill(pid, signal.SIGKILL)
            killed += 1
            _await_end(pid)
    return killed


def _await_end(pid: int) -> None:
    """Until its parent can see that it is dead, which takes all of its threads to end."""
    deadline = time.monotonic() + _ENDS_WITHIN_SECONDS
    with suppress(FileNotFoundError, ProcessLookupError):
        while time.monotonic() < deadline:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "Z" and len(list(Path(f"/proc/{pid}/task").iterdir())) == 1:
                return
            time.sleep(0.01)


def _processes(work: WorkDirectory, function: str) -> Iterator[int]:
    # The emulator runs `python <TMPDIR>/ministack-lambda-<function>-<random>/_worker.py`, below this TMPDIR.
    prefix = f"{work.scratch}/ministack-lambda-{function}-".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(FileNotFoundError, ProcessLookupError):
                if any(word.startswith(prefix) for word in (entry / "cmdline").read_bytes().split(b"\0")):
                    yield int(entry.name)
