"""Functions under Lambda's emulator: the built layers, Lambda's runtime on its version of Python, real processes."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from layers.build.bytecode import compile_tree
from layers.build.interpreter import find_interpreter
from layers.build.plan import API, ARCHITECTURES, ENGINES, PLATFORM
from local.layers import PACKAGES

REPOSITORY = Path(__file__).parents[2]
_RIE = REPOSITORY / ".venv-rie" / "bin"
_ANSWERS_WITHIN_SECONDS = 60
_INIT = re.compile(r"INIT REPORT\(durationMs: ([0-9.]+)")


def unpacked_layers(opt: Path) -> Path:
    """What /opt/python would hold: dependencies from the built layers, the packages as they are now."""
    if not (_RIE / "aws-lambda-rie").exists():
        pytest.skip(
            "Lambda's emulator is not in .venv-rie: `make test-deployment` installs it where there is a CPython 3.13"
        )
    name = next(each.name for each in ARCHITECTURES if each.machine == platform.machine())
    for layer in (API, ENGINES, PLATFORM):
        archive = REPOSITORY / "build" / "layers" / name / f"{layer}.zip"
        if not archive.exists():
            pytest.skip(f"{archive.relative_to(REPOSITORY)} is not built: `make layers`")
        with zipfile.ZipFile(archive) as file:
            file.extractall(opt)
    fresh = opt / "fresh" / "python"
    fresh.mkdir(parents=True)
    for layer, package in PACKAGES.items():
        shutil.rmtree(opt / "python" / package, ignore_errors=True)
        shutil.copytree(
            REPOSITORY / "layers" / layer / "python" / package,
            fresh / package,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    compile_tree(fresh.parent, find_interpreter(_RIE / "python", home=Path.home()))
    for package in PACKAGES.values():
        shutil.move(fresh / package, opt / "python" / package)
    return opt / "python"


@dataclass(frozen=True)
class Instance:
    """One instance of a function, running."""

    address: str
    output: Path

    def invoke(self, event: Any) -> Any:
        """What the handler answers; the first one waits for init."""
        request = urllib.request.Request(
            f"http://{self.address}/2015-03-31/functions/function/invocations",
            data=json.dumps(event).encode(),
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_ANSWERS_WITHIN_SECONDS) as answer:
            return json.loads(answer.read())

    @property
    def log(self) -> str:
        """All that the function and the emulator wrote."""
        return self.output.read_text(errors="replace")

    def metrics(self) -> dict[str, float]:
        """Sums of the metrics that it wrote, by name."""
        found: dict[str, float] = {}
        for line in self.log.splitlines():
            if line.startswith('{"_aws"'):
                document = json.loads(line)
                for metric in document["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                    found[metric["Name"]] = found.get(metric["Name"], 0) + sum(document[metric["Name"]])
        return found

    @property
    def init_ms(self) -> float:
        """How long init took."""
        found = _INIT.search(self.log)
        assert found, self.log
        return float(found[1])


@contextmanager
def running(function: str, layers: Path, environment: Mapping[str, str]) -> Iterator[Instance]:
    """A new instance of functions/<function>."""
    with _running(function, REPOSITORY / "functions" / function, str(layers), environment) as instance:
        yield instance


@contextmanager
def running_bundle(bundle: Path) -> Iterator[Instance]:
    """A new instance of a function that is all in one folder, as those at the edge are."""
    if not (_RIE / "aws-lambda-rie").exists():
        pytest.skip(
            "Lambda's emulator is not in .venv-rie: `make test-deployment` installs it where there is a CPython 3.13"
        )
    with _running(bundle.name, bundle, "", {}) as instance:
        yield instance


@contextmanager
def _running(function: str, code: Path, layers: str, environment: Mapping[str, str]) -> Iterator[Instance]:
    with tempfile.TemporaryDirectory(prefix="quartzdb-function-") as scratch:
        address, runtime = f"127.0.0.1:{_free_port()}", f"127.0.0.1:{_free_port()}"
        output = Path(scratch, "output")
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": scratch,
            "LAMBDA_TASK_ROOT": str(code),
            "PYTHONPATH": f"{code}:{layers}" if layers else str(code),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "POWERTOOLS_SERVICE_NAME": f"quartzdb-{function}",
            **environment,
        }
        command = [
            *(str(_RIE / "aws-lambda-rie"), "--runtime-interface-emulator-address", address),
            *(
                "--runtime-api-address",
                runtime,
                str(_RIE / "python"),
                "-m",
                "awslambdaric",
                "handler.handler",
            ),
        ]
        with output.open("wb") as file:
            process = subprocess.Popen(command, cwd=code, env=variables, stdout=file, stderr=file)
        try:
            _wait(process, address, output)
            yield Instance(address, output)
        finally:
            process.terminate()
            process.wait(20)


def _wait(process: subprocess.Popen[bytes], address: str, output: Path) -> None:
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + _ANSWERS_WITHIN_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the emulator did not start:\n{output.read_text(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
