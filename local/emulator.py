"""The AWS emulator as a process of its own: TLS on the loopback address, IAM enforced, state on disk."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from local.failure import LocalDeploymentFailed
from local.work_directory import REPOSITORY, WorkDirectory

MINISTACK = REPOSITORY / ".venv-ministack" / "bin" / "ministack"
_STARTS_WITHIN_SECONDS = 90
_STOPS_WITHIN_SECONDS = 5
_started: dict[int, subprocess.Popen[bytes]] = {}
"""Those that this process started and has not stopped: they have to be waited for when they end."""


def interpreter_version() -> tuple[int, int] | None:
    """Of the emulator's Python, on which functions run too; None where it is not installed."""
    python = MINISTACK.with_name("python")
    if not MINISTACK.exists():
        return None
    said = subprocess.run(
        [python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=True
    ).stdout.split()
    return int(said[0]), int(said[1])


def start(work: WorkDirectory) -> None:
    """Start it, unless it runs. It outlives this process. Raises LocalDeploymentFailed."""
    if running(work) is not None:
        return
    for folder in (work.folder / "state", work.folder / "s3", work.scratch):
        folder.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        **work.environment(),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(work.port),
        "USE_SSL": "1",  # policies refuse what does not come by TLS
        "AUTH": "true",
        "IOT_MTLS_ENABLED": "0",  # or it opens a port on every interface
        "PERSIST_STATE": "1",
        "S3_PERSIST": "1",
        "STATE_DIR": str(work.folder / "state"),
        "S3_DATA_DIR": str(work.folder / "s3"),
        "TMPDIR": str(work.scratch),
    }
    environment.pop("PYTHONPATH", None)
    with (work.folder / "emulator.log").open("ab") as log:
        process = subprocess.Popen(
            [MINISTACK], env=environment, cwd=work.folder, stdout=log, stderr=log, start_new_session=True
        )
    work.pid_file.write_text(str(process.pid))
    _started[process.pid] = process
    deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _healthy(work):
            return
        time.sleep(0.1)
    stop(work)
    raise LocalDeploymentFailed(f"The emulator did not start: see {work.folder / 'emulator.log'}.")


def stop(work: WorkDirectory) -> None:
    """End it and the functions that it runs; nothing happens where it does not run."""
    pid = running(work)
    if pid is not None:
        _end(work, pid)
    work.pid_file.unlink(missing_ok=True)


def _end(work: WorkDirectory, pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOPS_WITHIN_SECONDS
    while running(work) is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    if running(work) is not None:
        # It leads a session of its own, so this reaches its functions and nothing else.
        os.killpg(pid, signal.SIGKILL)
    if pid in _started:
        _started.pop(pid).wait()


def remove(work: WorkDirectory) -> None:
    """Stop it and delete all that it has."""
    stop(work)
    shutil.rmtree(work.folder, ignore_errors=True)


def running(work: WorkDirectory) -> int | None:
    """Its process id, if it is this very emulator that has it."""
    try:
        pid = int(work.pid_file.read_text())
        # A process that ended and was not waited for is there, but has no command line.
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if b"ministack" in command else None


def _healthy(work: WorkDirectory) -> bool:
    if not work.certificate.exists():
        return False
    trusted = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=work.certificate))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), trusted)
    try:
        with opener.open(f"{work.endpoint}/_ministack/health", timeout=2):
            return True
    except (OSError, urllib.error.URLError):
        return False
