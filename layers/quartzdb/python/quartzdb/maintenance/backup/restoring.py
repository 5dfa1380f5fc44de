"""Use cases of finished backups: checking every byte, and making a data directory of one.

Every file is compared with its size and checksum as it is copied, and nothing looks like a database before all are
there.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from quartzdb.domain.errors import Conflict, Corrupted, NotFound
from quartzdb.domain.values import dataclass
from quartzdb.maintenance.backup.document import BackedUpFile, Backup

_CHUNK_BYTES = 1024 * 1024
_UNFINISHED = ".unfinished-restore"
_CATALOG = "catalog.db"

Tick = Callable[[int], None]
Sync = Callable[[Path], None]
"""Makes a file, or the names in a directory, durable."""


@dataclass(frozen=True, slots=True)
class DamagedBackupFile:
    """What is wrong with one file of a backup."""

    backup: str
    path: str
    problem: str


def choose(backups: Sequence[Backup], name: str | None) -> Backup:
    """The backup of a name, or the latest. Raises NotFound."""
    if not backups:
        raise NotFound("There are no backups there.", hint="Take one: quartzdb backup create DIRECTORY")
    if name is None:
        return backups[-1]
    for backup in backups:
        if backup.name == name:
            return backup
    known = ", ".join(backup.name for backup in backups[-5:])
    raise NotFound(f"There is no backup {name!r}.", hint=f"The latest are: {known}.")


def damaged_files(
    root: Path, backups: Sequence[Backup], tick: Tick = lambda _: None
) -> Iterator[DamagedBackupFile]:
    """Read every file of the backups in `root` once, and say which are not what they were."""
    problems: dict[BackedUpFile, str | None] = {}
    for backup in backups:
        for file in backup.files:
            if file not in problems:
                problems[file] = _problem(root / file.path, file)
                tick(len(problems))
            problem = problems[file]
            if problem is not None:
                yield DamagedBackupFile(backup.name, file.path, problem)


def restore(
    root: Path,
    backup: Backup,
    target: Path,
    sync: Sync,
    tick: Tick = lambda _: None,
    *,
    prepare: Callable[[Path], None] = lambda _: None,
) -> None:
    """Make the directory `target` what the backup is of. It must be empty, or not there.

    `prepare` is given the whole database before it is in its place, and leaves its files closed and durable.
    Raises Conflict where there is something, Corrupted where the backup is damaged, OSError.
    """
    target.mkdir(parents=True, exist_ok=True)
    unfinished = target / _UNFINISHED
    others = [entry.name for entry in target.iterdir() if entry != unfinished]
    if others:
        raise Conflict(
            f"The directory {target} is not empty: it has {sorted(others)[0]!r}.",
            hint="Restore into an empty directory, and serve that one when it is whole.",
        )
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        for number, file in enumerate(backup.files, start=1):
            _copy(root / file.path, unfinished / file.restored_to, file)
            sync(unfinished / file.restored_to)
            tick(number)
        prepare(unfinished)
        for directory in sorted((path for path in unfinished.rglob("*") if path.is_dir()), reverse=True):
            sync(directory)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    # The catalog is what makes a directory a database: it comes last.
    for entry in sorted(unfinished.iterdir(), key=lambda one: one.name == _CATALOG):
        entry.replace(target / entry.name)
        sync(target)
    unfinished.rmdir()
    sync(target)


def _copy(source: Path, target: Path, file: BackedUpFile) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    try:
        with source.open("rb") as reading, target.open("wb") as writing:
            while chunk := reading.read(_CHUNK_BYTES):
                writing.write(chunk)
                digest.update(chunk)
                size += len(chunk)
    except FileNotFoundError as error:
        raise _damaged(file, "it is missing") from error
    if (size, digest.hexdigest()) != (file.size, file.sha256):
        raise _damaged(file, "it is not what was backed up")


def _damaged(file: BackedUpFile, problem: str) -> Corrupted:
    return Corrupted(
        f"The file {file.path} of the backup is damaged: {problem}.",
        hint="Nothing was restored. Another backup may not have the file: quartzdb backup verify DIRECTORY",
    )


def _problem(path: Path, file: BackedUpFile) -> str | None:
    digest = hashlib.sha256()
    try:
        size = path.stat().st_size
        if size != file.size:
            return f"it has {size:,} bytes, not {file.size:,}"
        with path.open("rb") as opened:
            while chunk := opened.read(_CHUNK_BYTES):
                digest.update(chunk)
    except FileNotFoundError:
        return "it is missing"
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    return None if digest.hexdigest() == file.sha256 else "its checksum is another one"
