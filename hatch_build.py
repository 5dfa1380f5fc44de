"""Compiles the kernel (layers/quartzdb/native) while the package is installed, where there is a C compiler.

Without one nothing is built and the package is pure Python: faiss does the kernel's work. CC names a compiler, and
QUARTZDB_KERNEL_BUILD=require makes it an error that there is none, or that it fails.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = Path("layers/quartzdb/native")
LIBRARY = Path("layers/quartzdb/python/quartzdb/storage/index/engines/_kernel.so")
IN_WHEEL = "quartzdb/storage/index/engines/_kernel.so"
# Each step of arithmetic is rounded by itself, so that every processor finds the same rows.
FLAGS = ("-std=c11", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-ffp-contract=off", "-fno-math-errno")


class KernelBuild(BuildHookInterface[Any]):
    """Before the package is put together, also where it is installed to be edited."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del version
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        if not compiled(root):
            return
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        # It has nothing of Python's in it, so any version of Python loads it.
        build_data["tag"] = f"py3-none-{platform}"
        build_data["force_include"][str(root / LIBRARY)] = IN_WHEEL


def compiled(root: Path) -> bool:
    """Whether the library is there, made of the sources of now."""
    required = os.environ.get("QUARTZDB_KERNEL_BUILD") == "require"
    target = root / LIBRARY
    # HAZARD: a process may have the old one mapped, and must not see it change: so it is replaced.
    made = target.with_name(f"{target.name}.{os.getpid()}")
    said = "no C compiler was found"
    for command in compilers():
        arguments = [
            *command,
            *FLAGS,
            *map(str, sorted((root / SOURCES).glob("*.c"))),
            "-o",
            str(made),
            "-lm",
        ]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            made.replace(target)
            return True
        made.unlink(missing_ok=True)
        said = f"{shlex.join(command)} failed:\n{done.stderr}"
    target.unlink(missing_ok=True)
    if required:
        raise RuntimeError(f"The kernel could not be built: {said}")
    sys.stderr.write(f"Searching without the kernel: {said}\n")
    return False


def compilers() -> list[list[str]]:
    """Commands that may compile C, the one that was asked for alone or else what there is."""
    if asked := os.environ.get("CC"):
        return [shlex.split(asked)]
    return [[found] for name in ("cc", "gcc", "clang") if (found := shutil.which(name))]
