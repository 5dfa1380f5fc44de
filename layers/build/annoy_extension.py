"""Compiles Annoy for either processor, with Zig's compiler: it needs no sysroot, and links against an old glibc.

Annoy comes as source only, and its own setup compiles for the machine that it runs on: built on a host with AVX-512, it
dies of an illegal instruction on a host without. What is compiled here is checked for that (instructions.py).
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tarfile
from pathlib import Path

from layers.build.failure import BuildFailed
from layers.build.interpreter import Interpreter
from layers.build.lock import Locked
from layers.build.plan import ABI, GLIBC_TARGET, Architecture
from layers.build.run import run

_FLAGS = (
    "-shared",
    "-fPIC",
    "-std=c++14",
    "-O3",
    # Annoy's own choice of arithmetic …
    "-ffast-math",
    "-fno-associative-math",
    # … but for this: it orders its candidates with infinities, which fast-math lets Clang assume never occur.
    "-fno-finite-math-only",
    "-DNDEBUG",
    "-DANNOYLIB_MULTITHREADED_BUILD",
    # Zig's default traps on undefined behaviour, at the cost of speed.
    "-fno-sanitize=all",
    "-s",
    # Its warnings are not ours to act on.
    "-w",
)


def fetch_source(locked: Locked, cache: Path, *, workspace: Path) -> Path:
    """The source archive that the lock names, from the cache or from the package index. Raises BuildFailed."""
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / f"{locked.name}-{locked.version}.tar.gz"
    if not _is_locked(archive, locked):
        wanted = workspace / "requirements-source.txt"
        wanted.write_text(locked.block)
        run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"),
                # Asking an archive for its name runs its setup: with the setuptools that is locked.
                *("--no-build-isolation", "--require-hashes", "--requirement", wanted, "--dest", cache),
            ]
        )
    if not _is_locked(archive, locked):
        raise BuildFailed(f"{archive} is not what the lock file names. Delete it and build again.")
    return archive


def compile_annoy(
    archive: Path,
    architecture: Architecture,
    interpreter: Interpreter,
    target: Path,
    *,
    workspace: Path,
    cache: Path,
) -> Path:
    """Put the package `annoy` into `target` and return its compiled module. Raises BuildFailed."""
    with tarfile.open(archive) as source:
        source.extractall(workspace, filter="data")
    root = workspace / archive.name.removesuffix(".tar.gz")
    package = target / "annoy"
    package.mkdir(parents=True)
    module = package / f"annoylib.cpython-{ABI}-{architecture.machine}-linux-gnu.so"
    # Relative names only: an absolute one could end up in the file and make it differ from machine to machine.
    shutil.copytree(interpreter.include, root / "include")
    # Debian's pyconfig.h is a switch that knows only the processors whose headers are installed. The one of this
    # machine does for both: each is 64 bits and little endian.
    shutil.copyfile(interpreter.config, root / "include" / "pyconfig.h")
    run(
        [
            *(sys.executable, "-m", "ziglang", "c++"),
            *("-target", f"{architecture.machine}-linux-gnu.{GLIBC_TARGET}", f"-mcpu={architecture.cpu}"),
            *_FLAGS,
            *("-Iinclude", "-Isrc", "src/annoymodule.cc", "-o", "annoylib.so"),
        ],
        cwd=root,
        # Zig compiles its C++ library once for each target and keeps it.
        env={"ZIG_GLOBAL_CACHE_DIR": str(cache / "zig"), "ZIG_LOCAL_CACHE_DIR": str(workspace / "zig")},
    )
    shutil.copyfile(root / "annoylib.so", module)
    shutil.copyfile(root / "annoy" / "__init__.py", package / "__init__.py")
    info = target / f"{root.name}.dist-info"
    info.mkdir()
    shutil.copyfile(root / "PKG-INFO", info / "METADATA")
    shutil.copyfile(root / "LICENSE", info / "LICENSE")
    return module


def _is_locked(archive: Path, locked: Locked) -> bool:
    return archive.is_file() and hashlib.sha256(archive.read_bytes()).hexdigest() in locked.hashes
