"""A directory for one process's builds in progress. What a process left that was killed goes when the next one starts.

Owns `building/`: a directory and a lock file for each process. Builds are large, and their names never repeat, so
nobody else would ever remove them.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from quartzdb.adapters.embedded.file_lock import exclusive_lock

_SUFFIX = ".owner"


class BuildWorkspace:
    """Claimed for as long as the object is not released; a process that ends, however it does, lets go by itself."""

    def __init__(self, root: Path, name: str) -> None:
        """Claim `root`/`name`, and clear what processes that are gone left under `root`. Raises OSError."""
        root.mkdir(parents=True, exist_ok=True)
        self.directory = root / name
        self._claim = root / f"{name}{_SUFFIX}"
        # Claiming and clearing take turns, so that a claim that is just being made is never taken for an old one.
        with exclusive_lock(root / "claims.lock"):
            self._descriptor = os.open(self._claim, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._clear(root)

    def release(self) -> None:
        """Give it back, with what is in it."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self._claim.unlink(missing_ok=True)
        os.close(self._descriptor)

    def _clear(self, root: Path) -> None:
        for directory in [entry for entry in root.iterdir() if entry.is_dir() and entry != self.directory]:
            if not _owned(root / f"{directory.name}{_SUFFIX}"):
                shutil.rmtree(directory, ignore_errors=True)
        for claim in root.glob(f"*{_SUFFIX}"):
            if claim != self._claim and not _owned(claim):
                claim.unlink(missing_ok=True)


def _owned(claim: Path) -> bool:
    """Whether a running process holds the claim."""
    try:
        descriptor = os.open(claim, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
