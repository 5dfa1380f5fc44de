"""`python -m clients.generate` writes the OpenAPI document and all that is made of it; `--check` compares."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from clients.generate import python, rust, sync, typescript
from clients.generate.document import DOCUMENT, described, written

CLIENTS = Path(__file__).parents[1]
MADE: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    python.TYPES: python.types,
    typescript.TYPES: typescript.types,
    rust.TYPES: rust.types,
    **{target: sync.made(source) for source, target in sync.PAIRS.items()},
}
"""Files, relative to `clients/`, and how each is made of the document."""


def made(document: Mapping[str, Any]) -> dict[Path, str]:
    """What every made file must have."""
    return {CLIENTS / name: _formatted(name, make(document)) for name, make in MADE.items()}


def _formatted(name: str, text: str) -> str:
    if not name.endswith(".py"):
        return text
    ruff = Path(sys.executable).with_name("ruff")
    for command in (["check", "--fix-only", "--quiet"], ["format", "--quiet"]):
        ran = subprocess.run(  # noqa: S603 - our own command
            [ruff, *command, "--stdin-filename", CLIENTS / name, "-"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode or (not ran.stdout and text):
            raise RuntimeError(f"ruff refuses {name}: {ran.stderr}")
        text = ran.stdout
    return text


def main() -> int:
    """Write, or with --check compare. Gives the exit status."""
    document = described()
    wanted = {DOCUMENT: written(document), **made(document)}
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path} is not what `make clients-types` writes.")  # noqa: T201 - a command
        return bool(stale)
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
