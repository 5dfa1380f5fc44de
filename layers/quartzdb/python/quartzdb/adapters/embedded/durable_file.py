"""Writing a file so that readers see all of it or nothing, and a power cut after the call cannot take it back."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_ATTEMPTS_MAX = 100
"""Each lost attempt means that somebody removed the directory as empty at that very moment."""


def write_durably(target: Path, data: bytes | Path, *, temporary: Path, root: Path, unix_ms: int) -> None:
    """Give `target`, below `root`, this content and modification time, replacing what is there.

    `temporary` is a directory on the same file system; a crash leaves at most a file there. A Path is copied, not
    linked, so that its owner may go on using it. Raises OSError.
    """
    descriptor, name = tempfile.mkstemp(dir=temporary)
    try:
        with open(descriptor, "wb") as file:
            if isinstance(data, Path):
                with data.open("rb") as source:
                    shutil.copyfileobj(source, file, 1024 * 1024)
            else:
                file.write(data)
            file.flush()
            os.utime(file.fileno(), ns=(unix_ms * 1_000_000, unix_ms * 1_000_000))
            os.fsync(file.fileno())
        _rename_into_place(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    # Every directory up to the root, also those that were there: whoever made one may not have synced it yet.
    for directory in target.parents:
        with suppress(FileNotFoundError):  # the file was deleted meanwhile, and its directory with it
            sync_directory(directory)
        if directory == root:
            break


def prune_empty_directories(directory: Path, *, root: Path) -> None:
    """Remove `directory` and those above it, as long as they are empty and below `root`.

    Safe beside `write_durably`: a directory that has a file cannot be removed, and a writer that finds its directory
    gone makes it again.
    """
    while directory != root:
        try:
            directory.rmdir()
        except OSError:
            return
        directory = directory.parent


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename_into_place(source: str, target: Path) -> None:
    for attempt in range(_ATTEMPTS_MAX):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, target)
            return
        except (FileNotFoundError, FileExistsError):
            # The second is pathlib's: it found the directory made, and gone again when it looked whether it was one.
            if attempt == _ATTEMPTS_MAX - 1:
                raise
