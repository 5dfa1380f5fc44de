"""Whether every library that the layers' files are linked against is there when a function starts.

The smoke test shows it for this machine's processor; for the other one this is the only look before Lambda's.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from layers.build.elf import is_elf, read_elf
from layers.build.failure import BuildFailed

# What `manylinux` lets a wheel expect of the system, as far as ours do.
OF_THE_RUNTIME = frozenset(
    {
        "ld-linux-aarch64.so.1",
        "ld-linux-x86-64.so.2",
        "libc.so.6",
        "libdl.so.2",
        "libgcc_s.so.1",
        "libm.so.6",
        "libpthread.so.0",
        "librt.so.1",
        "libstdc++.so.6",
        "libutil.so.1",
        "libz.so.1",
    }
)


def check_libraries(layers: Iterable[Path]) -> None:
    """Raise BuildFailed if a file of these zip files needs a library that neither they nor the runtime have."""
    there = set(OF_THE_RUNTIME)
    wanted: dict[str, str] = {}
    for path in layers:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if ".so" not in PurePosixPath(name).suffixes:
                    continue
                there.add(PurePosixPath(name).name)
                content = archive.read(name)
                if is_elf(content):
                    wanted |= dict.fromkeys(read_elf(content).needed, name)
    missing = [f"{library} (for {name})" for library, name in sorted(wanted.items()) if library not in there]
    if missing:
        raise BuildFailed("Libraries that no layer has: " + ", ".join(missing))
