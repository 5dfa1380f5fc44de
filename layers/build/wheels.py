"""Installs locked wheels for a processor that need not be this machine's. Never compiles and never resolves."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from layers.build.lock import Locked
from layers.build.plan import PYTHON, WHEEL_PLATFORM, Architecture
from layers.build.run import run


def install_wheels(
    packages: Iterable[Locked], architecture: Architecture, target: Path, *, workspace: Path
) -> None:
    """Put the packages into `target`, with the hashes of the lock. Raises BuildFailed where one has no wheel."""
    wanted = workspace / "requirements.txt"
    wanted.write_text("".join(package.block for package in packages))
    run(
        [
            # The machine's certificates, as pip takes them: many a network has an authority of its own.
            *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-config", "--system-certs"),
            *("--require-hashes", "--no-deps", "--only-binary", ":all:"),
            *("--python-version", ".".join(map(str, PYTHON))),
            *("--python-platform", f"{architecture.machine}-{WHEEL_PLATFORM}"),
            # A copy, because the files are changed afterwards and uv's cache must not be.
            *("--link-mode", "copy"),
            *("--target", target),
            *("--requirement", wanted),
        ]
    )
