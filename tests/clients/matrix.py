"""Tries the Python client on each version of Python that it is for, and writes what came of it: `make clients-matrix`.

Its own tests and all scenarios, blocking and asynchronous, each in an environment with what the client needs there, and
against one server of this version of Python. A version that is not found on the machine is said to be missing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clients.conformance.proxy import FaultyProxy
from tests.clients.conftest import Served
from tests.server_process import ServerProcess

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "clients.md"
ALONE = "tests/clients/python_alone"
VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
_TABLE = re.compile(r"(?<=<!-- matrix -->\n).*?(?=<!-- end -->)", re.DOTALL)
_IMPORTS = 7
_IMPORT = (
    "import time; t = time.process_time(); import quartzdb_client; print((time.process_time() - t) * 1e3)"
)


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one version: milliseconds of the processor that the import takes, and what failed."""

    version: str
    import_ms: float
    tests: str
    scenarios: dict[str, int]
    problems: list[str]

    def row(self) -> str:
        """In the table."""
        ran = " | ".join(f"{count} ✓" if count else "✗" for count in self.scenarios.values())
        return f"| {self.version} | {self.import_ms:.0f} ms | {self.tests} | {ran} |"


def interpreter(version: str) -> Path | None:
    """A Python of this version: of pyenv, of uv, or on the path."""
    places = [*Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}")]
    places += Path.home().glob(f".local/share/uv/python/cpython-{version}.*/bin/python{version}")
    on_path = shutil.which(f"python{version}")
    # A shim of pyenv is there for every version that it has, and works for the one that is chosen.
    places += [Path(on_path)] if on_path is not None and "shims" not in on_path else []
    return max(places, default=None)


def tried(python: Path, version: str, place: Path, wheel: Path, served: Served) -> Tried:
    """Make an environment, and run all in it."""
    subprocess.run([python, "-m", "venv", "--without-pip", place], check=True)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "--python",
        str(place),
        "install",
    ]
    locked = ["--only-binary", ":all:", "--require-hashes", "-r", str(ROOT / "requirements-clients.txt")]
    for what in (locked, ["--no-deps", str(wheel)]):
        subprocess.run([*pip, *what], check=True)
    own = place / "bin" / "python"
    release = _run(own, "-c", "import platform; print(platform.python_version())").stdout.strip()
    imports = [float(_run(own, "-c", _IMPORT).stdout) for _ in range(_IMPORTS)]
    # What other tests need is not there: no conftest of theirs.
    ran = _run(
        own,
        "-W",
        "error",
        "-m",
        "pytest",
        "-q",
        "--noconftest",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        ALONE,
    )
    counted = re.search(r"(\d+) passed", ran.stdout)
    tests = f"{counted[1]} ✓" if counted and ran.returncode == 0 else "✗"
    problems = [] if ran.returncode == 0 else [ran.stdout + ran.stderr]
    scenarios = {}
    for kind, options in (("blocking", ()), ("asynchronous", ("--async",))):
        done = _run(own, "-m", "clients.conformance.python_runner", *options, served=served)
        results = [json.loads(line) for line in done.stdout.splitlines()]
        scenarios[kind] = 0 if done.returncode else len(results)
        problems += [f"{kind}: {one}" for one in results if one["problems"]]
        problems += [done.stderr] if done.stderr else []
    return Tried(release, min(imports), tests, scenarios, [f"Python {version}: {one}" for one in problems])


def table(rows: Iterator[Tried | str]) -> str:
    """Of what was tried; a version alone was not found."""
    lines = ["| Python | import | its own tests | scenarios | asynchronous |", "|---|--:|--:|--:|--:|"]
    lines += [
        one.row() if isinstance(one, Tried) else f"| {one} | not found on that machine | | | |"
        for one in rows
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Try all and write. Gives the exit status: 1 where something does not pass."""
    problems: list[str] = []

    def rows(place: Path, served: Served) -> Iterator[Tried | str]:
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place / "built"],
            cwd=ROOT / "clients" / "python",
            check=True,
            capture_output=True,
        )
        [wheel] = (place / "built").glob("*.whl")
        for version in VERSIONS:
            python = interpreter(version)
            if python is None:
                sys.stderr.write(f"Python {version}: not found\n")
                yield version
                continue
            one = tried(python, version, place / version, wheel, served)
            sys.stderr.write(f"{one.row()}\n")
            problems.extend(one.problems)
            yield one

    with (
        tempfile.TemporaryDirectory() as place,
        ServerProcess(Path(place) / "data") as server,
        FaultyProxy(server.url) as proxy,
    ):
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        written = table(rows(Path(place), Served(proxy.url, server.url, server.key)))
        proxy.shutdown()
    PAGE.write_text(_TABLE.sub(lambda _: written, PAGE.read_text()))
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


def _run(*command: str | Path, served: Served | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    if served is not None:
        environment |= {"QUARTZDB_URL": served.proxy, "QUARTZDB_API_KEY": served.api_key}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
