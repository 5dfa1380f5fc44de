"""Finds the CPython that the bytecode is made with: the same minor version as Lambda's, with its headers.

Registries have no interpreter, so this is the one thing that the machine has to bring.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from layers.build.failure import BuildFailed
from layers.build.plan import PYTHON
from layers.build.run import run

_VERSION = ".".join(map(str, PYTHON))
_PROBE = """
import json, platform, sys, sysconfig
print(json.dumps({
    "version": list(sys.version_info[:3]),
    "cpython": platform.python_implementation() == "CPython",
    "machine": platform.machine(),
    "system": platform.system(),
    "include": sysconfig.get_path("include"),
    "config": sysconfig.get_config_h_filename(),
}))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A CPython of the right version. `include` holds Python.h, `config` is the pyconfig.h of this machine."""

    path: Path
    version: tuple[int, int, int]
    machine: str
    include: Path
    config: Path


def find_interpreter(named: Path | None, *, home: Path) -> Interpreter:
    """The interpreter that was named, or the first that is found where they usually are. Raises BuildFailed."""
    if named is not None:
        found = probe(named)
        if found is None:
            raise BuildFailed(f"{named} is not a CPython {_VERSION} for Linux.")
        return _with_headers(found)
    for candidate in _candidates(home):
        found = probe(candidate)
        if found is not None:
            return _with_headers(found)
    raise BuildFailed(
        f"The layers hold bytecode of Lambda's Python, so building them needs CPython {_VERSION} on this machine, and"
        f" none was found. Install it (Debian 13: apt install python{_VERSION}-dev; pyenv install {_VERSION};"
        f" uv python install {_VERSION}) or name it: make layers LAYER_PYTHON=/path/to/python{_VERSION}"
    )


def probe(path: Path) -> Interpreter | None:
    """What is at the path, if it is the right interpreter. A pyenv shim may exist and still refuse to run."""
    try:
        said = json.loads(run([path, "-I", "-c", _PROBE]))
    except (BuildFailed, OSError, ValueError):
        return None
    if tuple(said["version"][:2]) != PYTHON or not said["cpython"] or said["system"] != "Linux":
        return None
    major, minor, micro = said["version"]
    return Interpreter(
        path, (major, minor, micro), said["machine"], Path(said["include"]), Path(said["config"])
    )


def _candidates(home: Path) -> Iterator[Path]:
    for name in (f"python{_VERSION}", "python3"):
        found = shutil.which(name)
        if found:
            yield Path(found)
    for pattern in (f".pyenv/versions/{_VERSION}*", f".local/share/uv/python/cpython-{_VERSION}*"):
        # The newest patch first. Their length sorts 3.13.10 behind 3.13.9.
        for folder in sorted(home.glob(pattern), key=lambda path: (len(path.name), path.name), reverse=True):
            yield folder / "bin" / f"python{_VERSION}"


def _with_headers(found: Interpreter) -> Interpreter:
    if not (found.include / "Python.h").is_file() or not found.config.is_file():
        raise BuildFailed(
            f"{found.path} has no headers ({found.include}/Python.h), and Annoy is compiled with them. On Debian:"
            f" apt install python{_VERSION}-dev"
        )
    return found


def main(arguments: Sequence[str]) -> int:
    """`python -m layers.build.interpreter [PYTHON]` prints where it is."""
    try:
        found = find_interpreter(Path(arguments[0]) if arguments else None, home=Path.home())
    except BuildFailed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    sys.stdout.write(f"{found.path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
