"""Listing the files below a directory by key, where a key is a path with slashes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path


def files_below(root: Path, prefix: str) -> Iterator[tuple[str, int, int]]:
    """(key, size in bytes, modification in unix ms) of each file below `root` whose key begins with the prefix.

    Only directories that can have such keys are looked into. A file that comes or goes meanwhile may or may not be
    there. Raises OSError.
    """
    yield from _walk(root, prefix.rpartition("/")[0], prefix)


def _walk(root: Path, place: str, prefix: str) -> Iterator[tuple[str, int, int]]:
    for entry in _entries(root / place):
        key = f"{place}/{entry.name}" if place else entry.name
        if not key.startswith(prefix):
            continue
        if entry.is_dir():
            yield from _walk(root, key, prefix)
            continue
        try:
            found = entry.stat()
        except FileNotFoundError:
            continue
        yield key, found.st_size, found.st_mtime_ns // 1_000_000


def _entries(directory: Path) -> Sequence[os.DirEntry[str]]:
    try:
        return list(os.scandir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return ()
