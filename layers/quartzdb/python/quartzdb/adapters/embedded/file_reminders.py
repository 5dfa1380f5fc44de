"""Reminders of erasures as files below a directory, which is made with the first. Beside a database, or its backups."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quartzdb.adapters.blob_key import check_blob_key
from quartzdb.adapters.embedded.disk_reserve import FULL, DiskReserve
from quartzdb.adapters.embedded.durable_file import prune_empty_directories, sync_directory, write_durably
from quartzdb.adapters.embedded.files_below import files_below
from quartzdb.domain.errors import StorageFull, Unavailable

DIRECTORY = "erasures"
_TEMPORARY = "temporary"


class FileReminders:
    """ReminderStore over a directory. Safe between processes of one machine. Methods raise Unavailable."""

    def __init__(self, root: Path, *, reserve: DiskReserve | None = None) -> None:
        """`reserve` is for what frees space on a full disk."""
        self._root = root
        self._reserve = reserve

    def put(self, name: str, data: bytes) -> None:
        """Store it durably."""
        target = self._root / check_blob_key(name)

        def write() -> None:
            temporary = self._root / _TEMPORARY
            temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(target, data, temporary=temporary, root=self._root, unix_ms=0)
            sync_directory(self._root.parent)

        try:
            if self._reserve is None:
                write()
            else:
                self._reserve.writing(write)
        except OSError as error:
            raise self._unavailable(error) from error

    def get(self, name: str) -> bytes | None:
        """What a name has."""
        try:
            return (self._root / check_blob_key(name)).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unavailable(error) from error

    def names(self, prefix: str) -> Sequence[str]:
        """The names with the prefix."""
        try:
            found = [name for name, _, _ in files_below(self._root, prefix)]
        except OSError as error:
            raise self._unavailable(error) from error
        return [name for name in found if not name.startswith(f"{_TEMPORARY}/")]

    def remove(self, names: Sequence[str]) -> None:
        """Remove them, and directories that are empty then."""
        try:
            for name in names:
                path = self._root / check_blob_key(name)
                path.unlink(missing_ok=True)
                prune_empty_directories(path.parent, root=self._root)
        except OSError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: OSError) -> Unavailable:
        if error.errno in FULL:
            return StorageFull("The disk is full.", hint="Free space on it, then send the erasure again.")
        return Unavailable(
            f"Reminders of erasures could not be read or written: {error.strerror or error}.",
            hint="Check the data directory: free space, permissions, the state of its disk.",
        )
