"""Use case of verification: reads back everything that a namespace consists of and says what is damaged.

Changes nothing, and is safe beside running servers: what they replace in the meantime is read again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import field
from itertools import islice

import numpy as np

from quartzdb.domain.change import Upsert
from quartzdb.domain.errors import Corrupted, QuartzError
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask, norms_of
from quartzdb.storage.index.segments.segment import Segment
from quartzdb.storage.index.segments.segment_files import NORMS_FILE, RECORDS_FILE, VECTORS_FILE, LocalFiles
from quartzdb.storage.log.codec import decode_entry
from quartzdb.storage.log.protocol import margin_of
from quartzdb.storage.ports import SEALED, BlobMissing, ChangeLog
from quartzdb.storage.snapshot.expired_files import read_expired
from quartzdb.storage.snapshot.manifest import ExpiredRef, Manifest, SegmentRef
from quartzdb.storage.snapshot.store import Pointer, SnapshotStore

_READ_BYTES = 64 * 1024 * 1024
_ROWS_AT_ONCE = 16_384
_ATTEMPTS_MAX = 5
_NORM_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """One thing that is not as it must be. `where` is a file, a blob key or a log entry."""

    namespace: str
    where: str
    problem: str


@dataclass(slots=True)
class Verified:
    """What was read of one namespace, and what is wrong with it."""

    namespace: str
    segments: int = 0
    files: int = 0
    bytes: int = 0
    rows: int = 0
    log_entries: int = 0
    damages: list[DamagedFile] = field(default_factory=list)

    def damaged(self, where: str, problem: object) -> None:
        """Note one damage, once."""
        damage = DamagedFile(self.namespace, where, str(problem))
        if damage not in self.damages:
            self.damages.append(damage)

    def add(self, other: Verified) -> None:
        """Count what was read of another part of the namespace, and what is wrong there."""
        self.segments += other.segments
        self.files += other.files
        self.bytes += other.bytes
        self.rows += other.rows
        self.log_entries += other.log_entries
        self.damages += other.damages


class Verification:
    """Reads every byte: as slow as the disk."""

    def __init__(self, log: ChangeLog, store: SnapshotStore) -> None:
        self._log = log
        self._store = store

    def of(self, namespace: Namespace, tick: Callable[[str], None] = lambda _: None) -> Verified:
        """Verify one namespace, all its shards. `tick` is told of each file before it is read."""
        verified = Verified(namespace.name)
        if namespace.settings.holds_records:
            for shard in namespace.each_shard:
                verified.add(self._of_shard(shard, tick))
        return verified

    def _of_shard(self, namespace: Namespace, tick: Callable[[str], None]) -> Verified:
        verified = Verified(namespace.name)
        for _ in range(_ATTEMPTS_MAX):
            verified = Verified(namespace.name)
            pointer = self._pointer(namespace, verified)
            if pointer is not None:
                self._snapshots(namespace, pointer, verified, tick)
            self._log_entries(namespace, self._watermark(pointer), verified, tick)
            # A server may have published and swept meanwhile: then what seemed missing was only replaced.
            if not verified.damages or self._pointer(namespace, Verified(namespace.name)) == pointer:
                break
        return verified

    def _pointer(self, namespace: Namespace, verified: Verified) -> Pointer | None:
        try:
            return self._store.pointer(namespace.partition)
        except Corrupted as error:
            verified.damaged(f"{namespace.partition}/CURRENT", error)
            return None

    def _watermark(self, pointer: Pointer | None) -> int:
        try:
            return self._store.manifest(pointer.current).watermark if pointer else 0
        except (Corrupted, BlobMissing):
            return 0  # said when the manifest itself was read

    def _snapshots(
        self, namespace: Namespace, pointer: Pointer, verified: Verified, tick: Callable[[str], None]
    ) -> None:
        checked: dict[str, str] = {}
        for key in filter(None, (pointer.current, pointer.previous)):
            tick(key)
            try:
                manifest = self._store.manifest(key)
            except (Corrupted, BlobMissing) as error:
                verified.damaged(key, error)
                continue
            self._segments(namespace, manifest, verified, tick, checked, current=key == pointer.current)
            for ref in manifest.expired:
                self._expired(ref, verified, tick, checked)

    def _expired(
        self, ref: ExpiredRef, verified: Verified, tick: Callable[[str], None], checked: dict[str, str]
    ) -> None:
        if ref.file.key in checked:
            return
        checked[ref.file.key] = ""
        tick(ref.file.key)
        verified.files += 1
        verified.bytes += ref.file.size
        try:
            expiries = read_expired(self._store, ref)
        except (Corrupted, BlobMissing) as error:
            verified.damaged(ref.file.key, error)
            return
        places = [one.after for one in expiries]
        if len(places) != ref.count or places != sorted(places):
            verified.damaged(ref.file.key, f"has not the {ref.count} expiries of the manifest in their order")

    def _segments(
        self,
        namespace: Namespace,
        manifest: Manifest,
        verified: Verified,
        tick: Callable[[str], None],
        checked: dict[str, str],
        *,
        current: bool,
    ) -> None:
        live: set[str] = set()
        for ref in manifest.segments:
            fresh = ref.name not in checked
            sound = self._files(ref, verified, tick, checked)
            alive = self._alive(ref, verified)
            if not sound or alive is None:
                continue
            for problem in self._contents(namespace, ref, alive, live if current else set(), deep=fresh):
                verified.damaged(f"{manifest.partition}/segments/{ref.name}", problem)
            if current:
                verified.segments += 1
                verified.rows += ref.shape.rows

    def _files(
        self, ref: SegmentRef, verified: Verified, tick: Callable[[str], None], checked: dict[str, str]
    ) -> bool:
        """Whether all files of a segment have their size and checksum. Each is read once."""
        if ref.name in checked:
            return not checked[ref.name]
        checked[ref.name] = ""
        for file in ref.files.values():
            tick(file.key)
            verified.files += 1
            verified.bytes += file.size
            try:
                self._store.verified_file(file)
            except (Corrupted, BlobMissing) as error:
                verified.damaged(file.key, error)
                checked[ref.name] = str(error)
        return not checked[ref.name]

    def _alive(self, ref: SegmentRef, verified: Verified) -> Mask | None:
        if ref.dead is None:
            return np.ones(ref.shape.rows, dtype=np.bool_)
        try:
            return self._store.alive(ref.shape.rows, ref.dead)
        except (Corrupted, BlobMissing, ValueError, IndexError) as error:
            verified.damaged(ref.dead.key, error)
            return None

    def _contents(
        self, namespace: Namespace, ref: SegmentRef, alive: Mask, live: set[str], *, deep: bool
    ) -> Iterator[str]:
        """What a segment's files, sound in themselves, contradict each other or the manifest in."""
        dead_rows = int(np.count_nonzero(~alive))
        if dead_rows != ref.dead_rows:
            yield f"the manifest counts {ref.dead_rows} dead rows, its bitmap {dead_rows}"
        itemsize = np.dtype("<f4").itemsize if ref.shape.precision == "f32" else np.dtype("<f2").itemsize
        for name, size in (
            (VECTORS_FILE, ref.shape.rows * ref.shape.dimension * itemsize),
            (NORMS_FILE, ref.shape.rows * 4),
        ):
            if ref.files[name].size != size:
                yield f"{name} has {ref.files[name].size} bytes, not the {size} of {ref.shape.rows} rows"
                return
        try:
            segment = Segment(
                ref.name,
                ref.shape,
                LocalFiles(
                    {name: self._store.blobs.local_file(file.key) for name, file in ref.files.items()}
                ),
            )
            if deep:
                yield from _rows_agree(segment, ref)
            yield from _ids_once(segment, alive, live)
            if deep and namespace.settings.shards > 1:
                yield from _ids_at_home(segment, namespace)
        except (QuartzError, BlobMissing, sqlite3.Error, ValueError, KeyError, OSError) as error:
            yield f"{RECORDS_FILE} or the index cannot be read: {error}"

    def _log_entries(
        self, namespace: Namespace, watermark: int, verified: Verified, tick: Callable[[str], None]
    ) -> None:
        partition = namespace.partition
        tick(f"{partition}/log")
        after, known, more, floor = 0, frozenset[Version](), True, 0
        while more:
            try:
                page = self._log.read(partition, after, known, bytes_max=_READ_BYTES)
            except (QuartzError, sqlite3.Error) as error:
                verified.damaged(f"{partition}/log", error)
                return
            more, floor = page.more, page.floor
            for key, body in page.entries:
                verified.log_entries += 1
                try:
                    changes = decode_entry(body, key)
                except Corrupted as error:
                    verified.damaged(f"{partition}/log/{key}", error)
                    continue
                sizes = {change.vector.size for change in changes if isinstance(change, Upsert)}
                if sizes - {namespace.settings.vector_size}:
                    verified.damaged(f"{partition}/log/{key}", f"has vectors of {sorted(sizes)} numbers")
                strays = [change.id for change in changes if namespace.shard_of(change.id) != namespace]
                if strays:
                    verified.damaged(f"{partition}/log/{key}", f"has {strays[0]!r}, which is another shard's")
            if more:
                # Entries of two writers may share a stamp, so the next page begins with the last one's again.
                last = page.entries[-1][0].stamp
                known = frozenset(key for key, _ in page.entries if key.stamp == last) | (
                    known if after == last - 1 else frozenset()
                )
                after = last - 1
        # Of an ordered log: what segments cover was in it, and its head never goes back.
        if self._log.ordered and floor != SEALED and self._log.head(partition) < watermark:
            verified.damaged(
                f"{partition}/log", f"ends before what the manifest covers ({watermark:016x}): an older copy"
            )
        if floor != SEALED and floor > max(0, watermark - margin_of(self._log)):
            verified.damaged(
                f"{partition}/log",
                f"is trimmed up to {floor:016x}, beyond what the manifest covers ({watermark:016x})",
            )


def _rows_agree(segment: Segment, ref: SegmentRef) -> Iterator[str]:
    rows = sum(1 for _ in segment.records.all_rows())
    if rows != ref.shape.rows:
        yield f"{RECORDS_FILE} has {rows} rows, the manifest {ref.shape.rows}"
    tombstones = sum(1 for _ in segment.records.all_tombstones())
    if tombstones != ref.tombstones:
        yield f"{RECORDS_FILE} has {tombstones} tombstones, the manifest {ref.tombstones}"
    for stray in islice(segment.records.strays(), 1):
        yield f"{RECORDS_FILE} says of {stray!r} that it is in a row which has another id"
    for start in range(0, ref.shape.rows, _ROWS_AT_ONCE):
        vectors, norms = segment.vectors.span(start, start + _ROWS_AT_ONCE)
        if not np.isfinite(vectors).all():
            yield f"{VECTORS_FILE} has numbers that are not finite, from row {start}"
            return
        if not np.allclose(norms_of(vectors), norms, rtol=_NORM_TOLERANCE):
            yield f"{NORMS_FILE} are not the lengths of the vectors, from row {start}"
            return
    if ref.shape.rows:
        _ = segment.index


def _ids_at_home(segment: Segment, shard: Namespace) -> Iterator[str]:
    """A record in another shard than its id's is never found."""
    for record in segment.records.all_rows():
        home = shard.shard_of(record.id)
        if home != shard:
            yield f"the record {record.id!r} is in shard {shard.shard}, where shard {home.shard} has it"
            return


def _ids_once(segment: Segment, alive: Mask, live: set[str]) -> Iterator[str]:
    """Each id may be live in one segment only; `live` collects those seen so far."""
    for record in segment.records.all_rows():
        if record.row < len(alive) and alive[record.row]:
            if record.id in live:
                yield f"the record {record.id!r} is live in another segment too"
            live.add(record.id)
