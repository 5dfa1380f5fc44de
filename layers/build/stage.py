"""Puts one layer's files into a folder as they will lie in /opt: installed, pruned, stripped, checked, compiled."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from layers.build.annoy_extension import compile_annoy, fetch_source
from layers.build.aws_descriptions import shorten
from layers.build.bytecode import compile_tree
from layers.build.elf import is_elf, read_elf, strip_unloaded
from layers.build.failure import BuildFailed
from layers.build.instructions import too_new
from layers.build.interpreter import Interpreter
from layers.build.kernel_library import compile_kernel
from layers.build.lock import Locked
from layers.build.plan import (
    API,
    BILLING,
    BILLING_PACKAGES,
    COMPILED_HERE,
    ENGINE_PACKAGES,
    ENGINES,
    GLIBC_MINOR_MAX,
    PLATFORM,
    QUARTZDB,
    SIGNING,
    SIGNING_PACKAGES,
    Architecture,
)
from layers.build.prune import is_needed
from layers.build.wheels import install_wheels


@dataclass(frozen=True, slots=True)
class Sources:
    """Where everything comes from. `cache` outlives a build, so that the next one fetches and compiles less."""

    lock: dict[str, Locked]
    platform_lock: dict[str, Locked]  # with what is in the first one
    kernel: Path  # layers/quartzdb/native, or a copy
    packages: Mapping[str, Path]  # layer → layers/<layer>/python, or a copy
    interpreter: Interpreter
    cache: Path


def stage_layer(
    layer: str, architecture: Architecture, sources: Sources, root: Path, *, workspace: Path
) -> None:
    """Fill `root`/python. Raises BuildFailed."""
    python = root / "python"
    python.mkdir(parents=True)
    if layer == API:
        wheels = [package for name, package in sources.lock.items() if name not in ENGINE_PACKAGES]
        install_wheels(wheels, architecture, python, workspace=workspace)
    elif layer == ENGINES:
        wheels = [sources.lock[name] for name in sorted(ENGINE_PACKAGES - {COMPILED_HERE})]
        install_wheels(wheels, architecture, python, workspace=workspace)
        _stage_annoy(architecture, sources, python, workspace)
    elif layer == PLATFORM:
        beyond = sources.platform_lock.keys() - sources.lock.keys() - BILLING_PACKAGES
        wheels = [sources.platform_lock[name] for name in sorted(beyond)]
        if wheels:
            install_wheels(wheels, architecture, python, workspace=workspace)
    elif layer == SIGNING:
        wheels = [sources.platform_lock[name] for name in sorted(SIGNING_PACKAGES)]
        install_wheels(wheels, architecture, python, workspace=workspace)
    elif layer == BILLING:
        wheels = [sources.platform_lock[name] for name in sorted(BILLING_PACKAGES)]
        install_wheels(wheels, architecture, python, workspace=workspace)
    if layer in sources.packages:
        # Nor the kernel that was compiled for this machine.
        unwanted = shutil.ignore_patterns("__pycache__", "_kernel.so*")
        shutil.copytree(sources.packages[layer], python, dirs_exist_ok=True, ignore=unwanted)
    if layer == QUARTZDB:
        compile_kernel(sources.kernel, architecture, python, workspace=workspace, cache=sources.cache)
    prune(python)
    shorten(python)
    _finish_binaries(python, architecture)
    compile_tree(root, sources.interpreter)


def prune(python: Path) -> None:
    """Delete what a function has no use for."""
    for path in sorted(python.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif not is_needed(PurePosixPath(path.relative_to(python).as_posix())):
            path.unlink()


def _stage_annoy(architecture: Architecture, sources: Sources, python: Path, workspace: Path) -> None:
    archive = fetch_source(sources.lock[COMPILED_HERE], sources.cache, workspace=workspace)
    module = compile_annoy(
        archive, architecture, sources.interpreter, python, workspace=workspace, cache=sources.cache
    )
    wrong = too_new(module.read_bytes())
    if wrong:
        raise BuildFailed(f"{module.name} has instructions that some hosts lack:\n" + "\n".join(wrong))


def _finish_binaries(python: Path, architecture: Architecture) -> None:
    for path in sorted(python.rglob("*.so*")):
        content = path.read_bytes()
        if not is_elf(content):
            continue
        elf = read_elf(content)
        if elf.machine != architecture.elf_machine:
            raise BuildFailed(f"{path.name} is not for {architecture.name}.")
        if elf.glibc_minor > GLIBC_MINOR_MAX:
            raise BuildFailed(
                f"{path.name} needs glibc 2.{elf.glibc_minor}; Lambda has 2.{GLIBC_MINOR_MAX}. Lock another version."
            )
        path.write_bytes(strip_unloaded(content))
