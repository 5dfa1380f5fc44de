"""The Worker of `cloudflare/` on bare workerd: a process of its own on the loopback address, with its state on disk.

Owns how that process is configured, started and ended. It installs nothing: `make test` does.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from local.failure import LocalDeploymentFailed
from local.work_directory import REPOSITORY

WORKER = REPOSITORY / "cloudflare"
COMPATIBILITY_DATE = "2026-11-01"
"""As in cloudflare/wrangler.jsonc."""
_ENTRY = "worker.js"
_STARTS_WITHIN_SECONDS = 30.0
_STOPS_WITHIN_SECONDS = 5.0
DURABLE_OBJECTS = {"TENANT": "Tenant", "DIRECTORY": "Directory"}
_PACKAGES = {
    ("Linux", "x86_64"): "workerd-linux-64",
    ("Linux", "aarch64"): "workerd-linux-arm64",
    ("Darwin", "x86_64"): "workerd-darwin-64",
    ("Darwin", "arm64"): "workerd-darwin-arm64",
}


def binary() -> Path | None:
    """The workerd that `npm ci` put into cloudflare/node_modules; None where it is not installed."""
    package = _PACKAGES.get((platform.system(), platform.machine()))
    if package is None:
        return None
    found = WORKER / "node_modules" / "@cloudflare" / package / "bin" / "workerd"
    return found if found.exists() else None


def free_port() -> int:
    """A port of the loopback address that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Workerd:
    """One site. `start` it, or use it as a context; what it stored is there again when it is started again.

    `folder` has its configuration, state and log. `bindings` are the Worker's texts: SITE, REPLICATION_SECRET and what
    else cloudflare/README.md names. They include secrets: the folder must be nobody else's.
    """

    folder: Path
    port: int = field(default_factory=free_port)
    bindings: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What it and the Worker wrote."""
        return self.folder / "workerd.log"

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> Self:
        """Start it, unless it runs, and wait until it answers. Raises LocalDeploymentFailed."""
        if self.pid is not None:
            return self
        program = binary()
        if program is None:
            raise LocalDeploymentFailed(
                "workerd is not installed: run `npm ci --ignore-scripts --prefix cloudflare`."
            )
        (self.folder / "state").mkdir(parents=True, exist_ok=True)
        config = self.folder / "config.capnp"
        config.touch(mode=0o600)
        config.write_text(self._config())
        with self.log.open("ab") as log:
            process = self._process = subprocess.Popen(
                [program, "serve", f"--import-path={WORKER / 'src'}", str(config)],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if _answers(self.url):
                return self
            time.sleep(0.02)
        self.kill()
        raise LocalDeploymentFailed(f"workerd did not start: see {self.log}.")

    def stop(self) -> None:
        """End it in good order; nothing happens where it does not run."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOPS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """kill -9, as a crash would."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):  # it is gone already
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(_STOPS_WITHIN_SECONDS)
        self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _config(self) -> str:
        """As a text that workerd reads. Module and file names are the Worker's own, every other text is quoted."""
        source = WORKER / "src"
        names = sorted(str(path.relative_to(source)) for path in source.rglob("*.js"))
        names.sort(key=lambda name: name != _ENTRY)  # the first one is where requests come in
        modules = [f"(name = {_text(name)}, esModule = embed {_text('/' + name)})" for name in names]
        bindings = [f"(name = {_text(name)}, text = {_text(value)})" for name, value in self.bindings.items()]
        bindings += [
            f"(name = {_text(name)}, durableObjectNamespace = {_text(kind)})"
            for name, kind in DURABLE_OBJECTS.items()
        ]
        objects = [
            f"(className = {_text(kind)}, uniqueKey = {_text(f'quartzdb-{kind}')}, enableSql = true)"
            for kind in DURABLE_OBJECTS.values()
        ]
        return f"""using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "state", disk = (path = {_text(str(self.folder / "state"))}, writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:{self.port}", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [{_lines(modules)}],
  compatibilityDate = {_text(COMPATIBILITY_DATE)},
  bindings = [{_lines(bindings)}],
  durableObjectNamespaces = [{_lines(objects)}],
  durableObjectStorage = (localDisk = "state"),
);
"""


def _lines(items: list[str]) -> str:
    return "".join(f"\n    {item}," for item in items) + "\n  "


def _text(text: str) -> str:
    """Quoted as Cap'n Proto has it, which is as JSON has it for what is printable ASCII."""
    if not text.isascii() or not text.isprintable():
        raise LocalDeploymentFailed("A binding or path of workerd is not printable ASCII.")
    return json.dumps(text)


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
