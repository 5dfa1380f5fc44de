"""What backups need of a data directory and of where they go, as Protocols."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from quartzdb.domain.namespace import Partition
from quartzdb.maintenance.backup.document import BackedUpFile, Backup

Check = Callable[[Path], None]
"""Raises Corrupted where a file is not what it must be."""


class BackupSource(Protocol):
    """The data directory. Others read and write it meanwhile."""

    def require_one_age(self) -> None:
        """Raises Corrupted where one file is an older copy of what belongs there."""
        ...

    def copy_pointers(self, target: Path) -> Mapping[Partition, Path]:
        """Copy the pointer of each partition, each as it is at one moment. Returns the copies."""
        ...

    def blob(self, key: str) -> Path:
        """The file of a blob."""
        ...

    def copy_log(self, target: Path) -> Mapping[Partition, int]:
        """Copy the log as it is at one moment. Returns the floor of each partition in the copy that is not sealed."""
        ...

    def copy_keyvalues(self, target: Path) -> None:
        """Copy the key-values as they are at one moment."""
        ...

    def copy_identity(self, target: Path) -> None:
        """Copy what says which files belong together: those of this backup."""
        ...

    def copy_journal(self, name: str, target: Path) -> bool:
        """Copy a journal of numbered lines, as it is at one moment; False where none of that name is kept.

        Numbers of lines that are added to the copy are far beyond those that it could have had when it was made.
        """
        ...

    def copy_platform(self, target: Path) -> bool:
        """Copy the platform's documents, as they are at one moment; False where there is no platform."""
        ...

    def answers(self) -> Sequence[tuple[str, str]]:
        """(tenant, key) of each answer that is remembered for an idempotency key."""
        ...

    def copy_catalog(self, target: Path, answers: Sequence[tuple[str, str]]) -> None:
        """Copy the catalog as it is at one moment, with no answers but these, and no leases."""
        ...


class BackupDestination(Protocol):
    """A directory with backups that share the segment files."""

    def alone(self) -> AbstractContextManager[None]:
        """Keep other backups into it out, and clear what interrupted ones left."""
        ...

    def backups(self) -> Sequence[Backup]:
        """The finished ones, oldest first. Raises Corrupted."""
        ...

    def begin(self) -> Path:
        """A new directory for the files of one backup alone."""
        ...

    def keep(self, source: Path, key: str, check: Check) -> tuple[BackedUpFile, bool]:
        """Have a segment file for good: link or copy it, unless it is there. Returns whether it was not.

        Raises FileNotFoundError where the source has gone, and whatever `check` does.
        """
        ...

    def own_file(self, path: Path, name: str, restored_to: str) -> BackedUpFile:
        """Describe a file of the backup `name` that is under way."""
        ...

    def finish(self, unfinished: Path, backup: Backup) -> None:
        """Make it a backup; durable."""
        ...
