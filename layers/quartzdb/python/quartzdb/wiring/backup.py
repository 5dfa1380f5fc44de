"""Composition of backups: a data directory and a directory that backups go to, wired to the use cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from quartzdb import __version__
from quartzdb.adapters.embedded.backup_directory import BackupDirectory, sync
from quartzdb.adapters.embedded.backup_source import EmbeddedBackupSource
from quartzdb.adapters.embedded.file_reminders import DIRECTORY, FileReminders
from quartzdb.adapters.embedded.filesystem_blobs import FilesystemBlobs
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.clock import Clock
from quartzdb.domain.values import dataclass
from quartzdb.maintenance.backup import restoring
from quartzdb.maintenance.backup.document import Backup
from quartzdb.maintenance.backup.taking import TakeBackup
from quartzdb.storage.erasure_reminders import AROUND_MS, ErasedAgain, ErasureReminders
from quartzdb.storage.snapshot.store import SnapshotStore
from quartzdb.wiring.erasure_replay import erase_again

Tick = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup that became a data directory, and what was erased in it again. `unknown`: the directory that was backed
    up, where it is not there any more: what was erased in it since its last backup is known to nobody.
    """

    backup: Backup
    erased_again: ErasedAgain
    unknown: Path | None


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
    made = TakeBackup(source, directory, store, clock, release=__version__, tick=tick).run()
    directory.note_source(data_dir)
    _reminders(destination).take_over(FileReminders(data_dir / DIRECTORY))
    return made


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
    destination: Path,
    name: str | None,
    data_dir: Path,
    tick: Tick = lambda _: None,
    *,
    erasures_of: Sequence[Path] = (),
    clock: Clock | None = None,
) -> Restored:
    """Make a data directory of a backup, the latest without a name, and erase in it again what was erased since.

    That is known from the backups, the directory that they are of where it is still there, and those of `erasures_of`.
    Nothing is a database before it is erased. Raises NotFound, Conflict, Corrupted, OSError.
    """
    directory = _directory(destination)
    backup = restoring.choose(directory.backups(), name)
    source = directory.source()
    there = source is not None and source.is_dir()
    remembering = [destination, *erasures_of, *([source] if source is not None and there else [])]
    again = ErasedAgain()

    def erase(unfinished: Path) -> None:
        nonlocal again
        again = erase_again(unfinished, backup.begun_at_ms, remembering, clock or SystemClock())

    restoring.restore(destination, backup, data_dir, sync, tick, prepare=erase)
    return Restored(backup, again, None if there or erasures_of else source)


def prune_backups(destination: Path, keep: int) -> tuple[Sequence[Backup], int]:
    """Remove all but the latest `keep`. Returns those that went, and the bytes freed. Raises NotFound, Corrupted."""
    directory = _directory(destination)
    gone, freed = directory.prune(keep)
    oldest = directory.backups()[:1]
    if oldest:
        # Whatever is restored from here has been erased before it was backed up.
        _reminders(destination).end(oldest[0].begun_at_ms - AROUND_MS)
    return gone, freed


def _reminders(destination: Path) -> ErasureReminders:
    return ErasureReminders(FileReminders(destination / DIRECTORY))


def _directory(destination: Path) -> BackupDirectory:
    directory = BackupDirectory(destination)
    directory.require()
    return directory
