"""Keeps a data directory to the account that runs the database. Never touches one that is not a database's own."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

_DIRECTORY = 0o700
_FILE = 0o600
_OTHERS = 0o077
_OURS = "catalog.db"


def make_private(directory: Path) -> None:
    """Make the directory, or take an older one's rights from all others: it holds vectors, values and hashes of keys.

    What another account owns is left alone, and so is a directory that others share, as /tmp. Raises OSError.
    """
    directory.mkdir(mode=_DIRECTORY, parents=True, exist_ok=True)
    found = directory.stat()
    names = {entry.name for entry in os.scandir(directory)}
    if found.st_uid != os.geteuid() or found.st_mode & stat.S_ISVTX or (names and _OURS not in names):
        return
    if found.st_mode & _OTHERS:
        directory.chmod(_DIRECTORY)
    for name in names:
        if ".db" in name:
            _tighten(directory / name)


def _tighten(file: Path) -> None:
    # Another process may have just removed a file of its write-ahead log.
    with suppress(FileNotFoundError):
        found = file.lstat()
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_mode & _OTHERS:
            file.chmod(_FILE)
