"""Composition of backups: a data directory and a directory that backups go to, wired to the use cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from quartzdb import __version__
from quartzdb.adapters.embedded.backup_directory import BackupDirectory, sync
from quartzdb.adapters.embedded.backup_source import EmbeddedBackupSource
from quartzdb.adapters.embedded.filesystem_blobs import FilesystemBlobs
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.clock import Clock
from quartzdb.maintenance.backup import restoring
from quartzdb.maintenance.backup.document import Backup
from quartzdb.maintenance.backup.taking import TakeBackup
from quartzdb.storage.snapshot.store import SnapshotStore

Tick = Callable[[int], None]


def take_backup(
    data_dir: Path,
    destination: Path,
    *,
    link: bool,
    read_only: bool,
    tick: Tick = lambda _: None,
    clock: Clock | None = None,
) -> Backup:
    """Back a data directory up. Raises Conflict, Unavailable, Corrupted, OSError."""
    clock = clock or SystemClock()
    directory = BackupDirectory(destination, link=link)
    directory.create()
    # Read-only in any case: a backup changes nothing, and clears nothing.
    store = SnapshotStore(FilesystemBlobs(data_dir / "segments", clock, read_only=True))
    source = EmbeddedBackupSource(data_dir, read_only=read_only)
    return TakeBackup(source, directory, store, clock, release=__version__, tick=tick).run()


def backups_in(destination: Path) -> Sequence[Backup]:
    """The finished backups, oldest first. Raises NotFound, Corrupted."""
    return _directory(destination).backups()


def damaged_files(
    destination: Path, name: str | None, tick: Tick = lambda _: None
) -> tuple[Sequence[Backup], list[restoring.DamagedBackupFile]]:
    """The backup of a name, or all of them, and what is wrong with them. Raises NotFound, Corrupted."""
    backups = backups_in(destination)
    latest = restoring.choose(backups, name)
    chosen = backups if name is None else [latest]
    return chosen, list(restoring.damaged_files(destination, chosen, tick))


def restore_backup(
    destination: Path, name: str | None, data_dir: Path, tick: Tick = lambda _: None
) -> Backup:
    """Make a data directory of a backup, the latest without a name. Raises NotFound, Conflict, Corrupted, OSError."""
    backup = restoring.choose(backups_in(destination), name)
    restoring.restore(destination, backup, data_dir, sync, tick)
    return backup


def prune_backups(destination: Path, keep: int) -> tuple[Sequence[Backup], int]:
    """Remove all but the latest `keep`. Returns those that went, and the bytes freed. Raises NotFound, Corrupted."""
    return _directory(destination).prune(keep)


def _directory(destination: Path) -> BackupDirectory:
    directory = BackupDirectory(destination)
    directory.require()
    return directory
