"""Where backups go: a directory in which they share the files that never change.

`segments/` has the segment files of all backups, by blob key; `backups/NAME/` what is of one alone, with its document
`backup.json`; `unfinished/` what is being taken. A file in `segments/` that no document names is of one that was broken
off, and is used by the next.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from quartzdb.adapters.blob_key import check_blob_key
from quartzdb.adapters.embedded.durable_file import prune_empty_directories, sync_directory, write_durably
from quartzdb.adapters.embedded.file_lock import exclusive_lock
from quartzdb.domain.errors import Conflict, Corrupted, NotFound
from quartzdb.maintenance.backup.document import BackedUpFile, Backup, decode_backup, encode_backup
from quartzdb.maintenance.backup.ports import Check

_MARK = "QUARTZDB-BACKUPS"
_MARK_TEXT = (
    "Backups of a QuartzDB data directory. See `quartzdb backup --help`; nothing here is to be edited.\n"
)
_DOCUMENT = "backup.json"
_SOURCE = "SOURCE"


class BackupDirectory:
    """BackupDestination. `link`: on one file system, segment files are hard links to those of the data directory."""

    def __init__(self, root: Path, *, link: bool = True) -> None:
        self.root = root
        self._link = link
        self._segments = root / "segments"
        self._backups = root / "backups"
        self._unfinished = root / "unfinished"
        self._known: dict[str, BackedUpFile] = {}

    def create(self) -> None:
        """Make it where there is none. Raises Conflict for a directory that has something else in it, and OSError."""
        self.root.mkdir(parents=True, exist_ok=True)
        mark = self.root / _MARK
        if not mark.is_file():
            if any(self.root.iterdir()):
                raise Conflict(
                    f"The directory {self.root} has something else in it than backups.",
                    hint="Name an empty directory, or one that backups went to before.",
                )
            mark.write_text(_MARK_TEXT)
        for directory in (self._segments, self._backups, self._unfinished):
            directory.mkdir(exist_ok=True)
        sync_directory(self.root)

    def require(self) -> None:
        """Raises NotFound where no backups ever went."""
        if not (self.root / _MARK).is_file():
            raise NotFound(
                f"There are no backups in {self.root}.",
                hint="Name the directory that `quartzdb backup create` was given.",
            )

    def note_source(self, data_dir: Path) -> None:
        """Remember which directory was backed up here; durable."""
        write_durably(
            self.root / _SOURCE,
            os.fsencode(data_dir.resolve()),
            temporary=self.root,
            root=self.root,
            unix_ms=0,
        )

    def source(self) -> Path | None:
        """The directory that was backed up here last, whether or not it is still there; None where nobody noted it."""
        try:
            return Path(os.fsdecode((self.root / _SOURCE).read_bytes()))
        except FileNotFoundError:
            return None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait for others, and clear what interrupted ones left."""
        with exclusive_lock(self.root / "backups.lock"):
            shutil.rmtree(self._unfinished, ignore_errors=True)
            self._unfinished.mkdir(exist_ok=True)
            try:
                yield
            finally:
                shutil.rmtree(self._unfinished, ignore_errors=True)

    def backups(self) -> Sequence[Backup]:
        """The finished ones, oldest first. Raises Corrupted."""
        found = []
        for directory in sorted(self._backups.iterdir()):
            document = directory / _DOCUMENT
            try:
                found.append(decode_backup(document.read_bytes(), str(document)))
            except FileNotFoundError as error:
                raise Corrupted(
                    f"{document} is missing.", hint=f"Remove {directory} if it is of no use."
                ) from error
        self._known = {file.path: file for backup in found for file in backup.files}
        return found

    def begin(self) -> Path:
        """A directory for the files of one backup alone."""
        directory = self._unfinished / "backup"
        directory.mkdir()
        return directory

    def keep(self, source: Path, key: str, check: Check) -> tuple[BackedUpFile, bool]:
        """Link or copy a segment file, unless it is there. Raises FileNotFoundError, and whatever `check` does."""
        target = self._segments / check_blob_key(key)
        path = str(target.relative_to(self.root))
        known = self._known.get(path)
        if known is not None and target.is_file() and target.stat().st_size == known.size:
            return known, False  # its every byte was compared when it came; `verify` does it again
        unfinished = self._unfinished / "segment"
        unfinished.unlink(missing_ok=True)
        if not (self._link and _linked(source, unfinished)):
            shutil.copyfile(source, unfinished)
            _sync_file(unfinished)
        check(unfinished)
        described = BackedUpFile(
            path, f"segments/blobs/{key}", unfinished.stat().st_size, _sha256(unfinished)
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished.replace(target)
        for directory in target.parents:
            sync_directory(directory)
            if directory == self.root:
                break
        self._known[path] = described
        return described, True

    def own_file(self, path: Path, name: str, restored_to: str) -> BackedUpFile:
        """Describe a file of the backup `name`, where it will be when it is finished; durable."""
        _sync_file(path)
        within = path.relative_to(self._unfinished / "backup")
        final = self._backups / name / within
        return BackedUpFile(
            str(final.relative_to(self.root)), restored_to, path.stat().st_size, _sha256(path)
        )

    def finish(self, unfinished: Path, backup: Backup) -> None:
        """Write its document, and give the directory its name."""
        document = unfinished / _DOCUMENT
        document.write_bytes(encode_backup(backup))
        _sync_file(document)
        for directory in sorted((path for path in unfinished.rglob("*") if path.is_dir()), reverse=True):
            sync_directory(directory)
        sync_directory(unfinished)
        unfinished.replace(self._backups / backup.name)
        sync_directory(self._backups)

    def prune(self, keep: int) -> tuple[Sequence[Backup], int]:
        """Remove all but the latest `keep`, and the segments that only those had. Returns them, and the bytes freed."""
        with self.alone():
            backups = self.backups()
            gone, kept = backups[:-keep], backups[-keep:]
            freed = 0
            for backup in gone:
                # Out of the list first: half a backup must never look like one.
                (self._backups / backup.name).replace(self._unfinished / backup.name)
                own = f"{self._backups.name}/{backup.name}/"
                freed += sum(file.size for file in backup.files if file.path.startswith(own))
            sync_directory(self._backups)
            needed = {file.path for backup in kept for file in backup.files}
            for path in [path for path in self._segments.rglob("*") if path.is_file()]:
                if str(path.relative_to(self.root)) not in needed:
                    freed += path.stat().st_size
                    path.unlink()
                    prune_empty_directories(path.parent, root=self._segments)
            return gone, freed


def sync(path: Path) -> None:
    """Make a file, or the names in a directory, durable."""
    if path.is_dir():
        sync_directory(path)
    else:
        _sync_file(path)


def _linked(source: Path, target: Path) -> bool:
    """Whether it could be linked: not across file systems, nor where there are no links."""
    with suppress(OSError):
        os.link(source, target)
        return True
    return False


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
