"""Compiles the database's own kernel for either processor, with Zig's compiler, as Annoy is (annoy_extension.py).

It runs on any processor of its architecture: a function that uses more is called only where the processor says that it
has it. So what is checked is which functions use what: those that are named for AVX-512 have it, and no others.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hatch_build import FLAGS, IN_WHEEL
from layers.build.elf import functions_of
from layers.build.failure import BuildFailed
from layers.build.instructions import too_new
from layers.build.plan import GLIBC_TARGET, Architecture
from layers.build.run import run

WIDE_SUFFIX = "_avx512"
"""How the names of functions end that are called only where there is AVX-512."""


def compile_kernel(
    folder: Path, architecture: Architecture, python: Path, *, workspace: Path, cache: Path
) -> Path:
    """Put the library where the package looks for it, in `python`, and return it. Raises BuildFailed."""
    made = workspace / "kernel.so"
    run(
        [
            *(sys.executable, "-m", "ziglang", "cc"),
            *("-target", f"{architecture.machine}-linux-gnu.{GLIBC_TARGET}", "-mcpu=baseline"),
            # Zig's default traps on undefined behaviour, at the cost of speed. The tests look for that.
            *(*FLAGS, "-fno-sanitize=all"),
            # Names of files only: a path could end up in the library and make it differ from machine to machine.
            *(path.name for path in sorted(folder.glob("*.c"))),
            *("-o", made, "-lm"),
        ],
        cwd=folder,
        env={"ZIG_GLOBAL_CACHE_DIR": str(cache / "zig"), "ZIG_LOCAL_CACHE_DIR": str(workspace / "zig")},
    )
    content = made.read_bytes()
    wide = [span for name, span in functions_of(content).items() if name.endswith(WIDE_SUFFIX)]
    wrong = too_new(content, but=wide)
    if wrong:
        raise BuildFailed(f"{made.name} has instructions that some hosts lack:\n" + "\n".join(wrong))
    target = python / IN_WHEEL
    target.write_bytes(content)
    return target
