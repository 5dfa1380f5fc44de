"""Use case: one backup of a data directory while servers read and write it.

A backup has to be a state that the database was in, and to have every write that was acknowledged before it began. Its
parts are copied one after the other, each as it is at one moment: a SQLite file by a read transaction, a pointer
because it is only ever replaced as a whole, segments because they never change. What matters is the order.

1. The pointers, and the manifests and segments that they name. A segment may be swept before it is linked: then its
   pointer has moved on, and this step begins again.
2. The log, after them. State = segments up to a manifest's watermark, and the log behind it. Each watermark is of
   before, so the copy of the log goes beyond all of them, and what is restored is the log's moment: for all namespaces
   and all shards the same one, a write to several shards whole or not there. With the log first, a shard that is folded
   in between would be ahead of another one, and the restored log's head behind what segments have, so that a new write
   could be given an earlier place than they cover, where nobody would read it.
   HAZARD: between the two the log may be trimmed beyond a watermark: after two more folds, or an hour of rest. Entries
   in between would be nowhere. So the floors in the copy are compared with the watermarks, and where one is higher both
   steps are repeated; by then most segments are there already, so it takes moments.
3. The key-values. Each is an item of its own, with no order to the records.
4. The catalog, last. A namespace is taken out of it before its log is sealed and its data are purged, so one that is
   still in it had not been when they were copied. The answers that it remembers for idempotency keys are kept only
   if they were there before step 2: a later one would promise a write that is not in the backup.
5. What lies beside the database, if anything: journals of what was done, and then the platform's documents. Whoever
   applies a journal notes among the documents up to which number, and then takes the lines out: with the documents
   first, a line taken out in between would be in neither. What was noted in between is of lines that the copy does not
   have, so its next ones begin beyond any such number. Both come after the catalog, so that no key in it is one that
   the documents have yet to hear of.

Nothing of it is a backup before its document is there, which comes by one rename of the whole directory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Unavailable
from quartzdb.domain.namespace import Partition
from quartzdb.domain.values import dataclass
from quartzdb.maintenance.backup.document import BackedUpFile, Backup
from quartzdb.maintenance.backup.ports import BackupDestination, BackupSource
from quartzdb.storage.ports import BlobMissing
from quartzdb.storage.snapshot.manifest import FileRef, Manifest
from quartzdb.storage.snapshot.store import SnapshotStore, decode_pointer

_ATTEMPTS_MAX = 20

CATALOG, KEYVALUES, LOG, IDENTITY = "catalog.db", "keyvalue.db", "log.db", "database.json"
JOURNALS, PLATFORM = ("usage.db", "platform-audit.db"), "platform.db"


@dataclass(slots=True)
class _Parts:
    """What has been copied so far. `new` counts what the destination did not have."""

    watermarks: dict[Partition, int] = field(default_factory=dict)
    pointers: dict[Partition, Path] = field(default_factory=dict)
    segments: dict[str, BackedUpFile] = field(default_factory=dict)
    new: dict[str, int] = field(default_factory=dict)


class TakeBackup:
    """`store` is of the source, and reads manifests; `tick` is told how many files there are so far."""

    def __init__(
        self,
        source: BackupSource,
        destination: BackupDestination,
        store: SnapshotStore,
        clock: Clock,
        *,
        release: str,
        tick: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._source = source
        self._destination = destination
        self._store = store
        self._clock = clock
        self._release = release
        self._tick = tick

    def run(self) -> Backup:
        """Take one. Raises Unavailable where the log is trimmed faster than segments are copied, Corrupted, OSError."""
        with self._destination.alone():
            self._source.require_one_age()
            begun_at_ms = self._clock.unix_ms()
            taken = {backup.name for backup in self._destination.backups()}
            name = _name(begun_at_ms, taken)
            unfinished = self._destination.begin()
            parts, answers = self._records(unfinished)
            self._source.copy_keyvalues(unfinished / KEYVALUES)
            self._source.copy_catalog(unfinished / CATALOG, answers)
            self._source.copy_identity(unfinished / IDENTITY)
            beside = [one for one in JOURNALS if self._source.copy_journal(one, unfinished / one)]
            beside += [PLATFORM] if self._source.copy_platform(unfinished / PLATFORM) else []
            own = [
                self._destination.own_file(unfinished / database, name, database)
                for database in (IDENTITY, LOG, KEYVALUES, CATALOG, *beside)
            ]
            own += [
                self._destination.own_file(path, name, f"segments/pointers/{partition}/CURRENT")
                for partition, path in parts.pointers.items()
            ]
            backup = Backup(
                name=name,
                begun_at_ms=begun_at_ms,
                finished_at_ms=self._clock.unix_ms(),
                release=self._release,
                files=[*own, *parts.segments.values()],
                copied_files=len(own) + len(parts.new),
                copied_bytes=sum(file.size for file in own) + sum(parts.new.values()),
            )
            self._destination.finish(unfinished, backup)
            return backup

    def _records(self, unfinished: Path) -> tuple[_Parts, list[tuple[str, str]]]:
        """Steps 1 and 2, until they fit together."""
        parts = _Parts()
        for _ in range(_ATTEMPTS_MAX):
            if not self._segments(unfinished, parts):
                continue
            answers = list(self._source.answers())
            floors = self._source.copy_log(unfinished / LOG)
            if not _gaps(floors, parts.watermarks):
                return parts, answers
        raise Unavailable(
            "The log was trimmed faster than the segments could be copied, again and again.",
            hint="Take the backup when fewer writes come in. Earlier backups are as they were.",
        )

    def _segments(self, unfinished: Path, parts: _Parts) -> bool:
        """Step 1. False where something that a pointer names was swept meanwhile."""
        parts.pointers = dict(self._source.copy_pointers(unfinished / "pointers"))
        parts.watermarks, parts.segments = {}, {}
        for partition, path in parts.pointers.items():
            pointer = decode_pointer(partition, path.read_bytes().partition(b"\n")[2])
            try:
                for key in filter(None, (pointer.current, pointer.previous)):
                    manifest = self._store.manifest(key)
                    self._keep(parts, key, None)
                    for file in _files(manifest):
                        self._keep(parts, file.key, file)
                    if key == pointer.current:
                        parts.watermarks[partition] = manifest.watermark
            except (BlobMissing, FileNotFoundError):
                return False
        return True

    def _keep(self, parts: _Parts, key: str, file: FileRef | None) -> None:
        def check(path: Path) -> None:
            # The name of a manifest has its checksum, which was compared when it was read.
            if file is not None:
                self._store.verify(path, file)

        if key in parts.segments:
            return
        kept, is_new = self._destination.keep(self._source.blob(key), key, check)
        parts.segments[key] = kept
        if is_new:
            parts.new[key] = kept.size
        self._tick(len(parts.segments))


def _files(manifest: Manifest) -> list[FileRef]:
    of_segments = [
        file
        for segment in manifest.segments
        for file in (*segment.files.values(), *filter(None, [segment.dead]))
    ]
    return of_segments + [one.file for one in manifest.expired]


def _gaps(floors: Mapping[Partition, int], watermarks: Mapping[Partition, int]) -> bool:
    """Whether entries were trimmed that no manifest in the backup covers."""
    return any(floor > watermarks.get(partition, 0) for partition, floor in floors.items())


def _name(at_ms: int, taken: set[str]) -> str:
    """The moment, for people; later ones sort later, those of one second among each other, too."""
    moment = f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H-%M-%SZ}"
    name, number = moment, 1
    while name in taken:
        number += 1
        name = f"{moment}-{number:03}"
    return name
