"""One function in Lambda's own runtime and emulator, as a fresh instance: from the built layers, on CPython 3.13."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import threading
import time
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / ".venv-rie"
LAYERS = ROOT / "build" / "layers" / "x86_64"
_INIT = re.compile(rb"INIT REPORT\(durationMs: ([\d.]+)\)")
_STARTS_WITHIN_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What an invocation gave, and how many milliseconds it took as its caller saw it."""

    payload: Any
    milliseconds: float


def unpacked_layers(target: Path, layers: Path = LAYERS) -> Path:
    """The layers in one directory, as /opt has them; returns its `python` folder."""
    shutil.rmtree(target, ignore_errors=True)
    for archive in sorted(layers.glob("*.zip")):
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(target)
    return target / "python"


def yardstick_milliseconds(python: Path) -> float:
    """How long this machine takes now to import numpy alone: what else it does shows in that as in all else."""
    times = []
    for _ in range(9):
        begun = time.perf_counter()
        subprocess.run(
            [RUNTIME / "bin" / "python", "-c", "import numpy"],
            env={"PYTHONPATH": str(python), "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"},
            check=True,
        )
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


class EmulatedLambda:
    """A context manager: the instance begins with the first invocation and ends with this."""

    def __init__(self, function: str, python: Path, environment: dict[str, str]) -> None:
        self._port = _free_port()
        self._runtime_api = f"127.0.0.1:{_free_port()}"
        self._log: list[bytes] = []
        self._process = subprocess.Popen(
            [
                RUNTIME / "bin" / "aws-lambda-rie",
                *("--log-level", "info"),
                *("--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"),
                *("--runtime-api-address", self._runtime_api),
                RUNTIME / "bin" / "python",
                *("-m", "awslambdaric", "handler.handler"),
            ],
            cwd=ROOT / "functions" / function,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(python),
                "PYTHONDONTWRITEBYTECODE": "1",
                "AWS_LAMBDA_FUNCTION_NAME": function,
                "AWS_LAMBDA_FUNCTION_TIMEOUT": "300",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._collect, daemon=True).start()
        self._await_port()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(RuntimeError):
            os.kill(self.process, signal.SIGKILL)
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def invoke(self, event: dict[str, Any]) -> Answer:
        """One invocation. Raises RuntimeError with the log where the function failed."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=600)
        begun = time.perf_counter()
        connection.request("POST", "/2015-03-31/functions/function/invocations", json.dumps(event))
        payload = json.loads(connection.getresponse().read())
        milliseconds = (time.perf_counter() - begun) * 1000
        connection.close()
        if not isinstance(payload, dict) or "errorMessage" in payload:
            raise RuntimeError(f"{payload}\n{self.log[-4000:]}")
        return Answer(payload, milliseconds)

    @property
    def log(self) -> str:
        """What emulator and function have printed."""
        return b"".join(self._log).decode(errors="replace")

    @property
    def init_milliseconds(self) -> float:
        """How long init took, as the emulator reports it."""
        found = _INIT.search(b"".join(self._log))
        if found is None:
            raise RuntimeError(f"no init report:\n{self.log[-4000:]}")
        return float(found[1])

    @property
    def processor_milliseconds(self) -> float:
        """What the function's process has taken of processors, its threads together."""
        # The clock of another process, as clock_getcpuclockid names it.
        return time.clock_gettime((~self.process << 3) | 2) * 1000

    @property
    def peak_bytes(self) -> int:
        """The most memory that the function's process has had."""
        status = (Path("/proc") / str(self.process) / "status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        if found is None:
            raise RuntimeError("the function's process is gone")
        return int(found[1]) * 1024

    @property
    def process(self) -> int:
        """The process that the emulator started, in a group of its own; known by where it asks for events."""
        wanted = f"AWS_LAMBDA_RUNTIME_API={self._runtime_api}".encode()
        for directory in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if wanted in (directory / "environ").read_bytes().split(b"\0"):
                    return int(directory.name)
        raise RuntimeError(f"the function's process is gone:\n{self.log[-4000:]}")

    def _collect(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._log.append(line)

    def _await_port(self) -> None:
        deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"the emulator did not start:\n{self.log}")


def url_event(method: str, path: str, body: str | None, headers: dict[str, str]) -> dict[str, Any]:
    """A Function URL's event, payload 2.0."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "host": "bench.lambda-url.us-east-1.on.aws",
            "content-type": "application/json",
            **headers,
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "bench",
            "domainName": "bench.lambda-url.us-east-1.on.aws",
            "domainPrefix": "bench",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "bench",
            },
            "requestId": "bench",
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1767225600000,
        },
        "body": body,
        "isBase64Encoded": False,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
