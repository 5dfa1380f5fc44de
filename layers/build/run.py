"""Runs other programs, and turns their failure into ours."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from layers.build.failure import BuildFailed


def run(
    command: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """What the command wrote to its standard output. `env` is added to this process's. Raises BuildFailed."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BuildFailed(
            f"{' '.join(words)[:300]}\nended with {done.returncode}:\n{done.stderr.strip()[-3000:]}"
        )
    return done.stdout
