"""What has expired, for whoever follows changes: from files of expiries, and after those reckoned from the log.

What is reckoned is kept, shard by shard, and goes on with the log; so a page costs what is new. Where nothing expires
that is a look at the manifest, now and then, and at what the log has that is in no segment.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import field
from itertools import islice
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Corrupted
from quartzdb.domain.expired import Expired
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Partition
from quartzdb.domain.values import dataclass
from quartzdb.storage.index.segments.located import Located
from quartzdb.storage.log.codec import decode_entry
from quartzdb.storage.log.tail import GapInLog, LogTail
from quartzdb.storage.ports import BlobMissing, ChangeLog
from quartzdb.storage.snapshot.cache import SegmentCache
from quartzdb.storage.snapshot.expirations import Expirations
from quartzdb.storage.snapshot.expired_files import read_expired
from quartzdb.storage.snapshot.manifest import Manifest
from quartzdb.storage.snapshot.snapshot import Snapshot, open_snapshot
from quartzdb.storage.snapshot.store import SnapshotStore

ALL = (1 << 31) - 1
"""More than expire at one place."""
_OPEN_MAX = 256
_ATTEMPTS = 3
_CHANGED_MAX = 4_096
_LOOK_SECONDS = 30.0
"""How often somebody looks for a newer manifest, and at once when so many records were changed since the last one."""


class ExpiredPlace(NamedTuple):
    """What expired before the stamp `after` was told, and of what expired at it the first `given`."""

    after: int
    given: int = 0


@dataclass(slots=True, eq=False)
class _Reckoned:
    """One shard: a manifest, and the log after it. `waiting` are entries that are too young to be told."""

    manifest: Manifest
    expirations: Expirations
    tail: LogTail
    looked_at: float
    waiting: list[tuple[Version, bytes]] = field(default_factory=list)
    files: dict[str, list[Expired]] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Shard:
    lock: threading.Lock = field(default_factory=threading.Lock)
    reckoned: _Reckoned | None = None


class ExpiredFeed:
    """One per process, for every namespace. Thread-safe."""

    def __init__(self, log: ChangeLog, store: SnapshotStore, cache: SegmentCache, clock: Clock) -> None:
        self._log = log
        self._store = store
        self._cache = cache
        self._clock = clock
        self._shards: OrderedDict[Partition, _Shard] = OrderedDict()
        self._lock = threading.Lock()

    def after(self, partition: Partition, place: ExpiredPlace, upto: int, limit: int) -> list[Expired]:
        """At most `limit` of what expired after a place and up to a stamp, before which no entry can land any more.

        Raises GapInLog where that is no longer kept, LogSealed for a deleted generation.
        """
        shard = self._of(partition)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with shard.lock:
                    reckoned = self._current(partition, shard, anew=attempt > 1)
                    self._go_on(reckoned, upto)
                    floor = reckoned.manifest.expired_floor
                    gone = floor > 0 and place < (floor, ALL)
                    found = [] if gone else self._between(reckoned, place, upto, limit)
                break
            except (BlobMissing, Corrupted, GapInLog):
                # Superseded and swept, or trimmed, under its hands: what is published by now knows better.
                if attempt == _ATTEMPTS:
                    raise
        if gone:
            raise GapInLog
        return found

    def is_beyond(self, partition: Partition, place: ExpiredPlace, upto: int) -> bool:
        """Whether something has expired after a place and up to a stamp: a look at what is known, which a page brings
        up to date. Raises as `after`.
        """
        shard = self._of(partition)
        with shard.lock:
            known = shard.reckoned
            if known is not None and place.after >= known.manifest.expired_through:
                following = known.expirations.next_place()
                if following is not None and following <= upto:
                    return True
                return bool(self._between(known, place, upto, 1))
        return bool(self.after(partition, place, upto, 1))

    def floor(self, partition: Partition) -> int:
        """The stamp up to which expiries are no longer kept."""
        shard = self._of(partition)
        with shard.lock:
            return self._current(partition, shard, anew=True).manifest.expired_floor

    def _of(self, partition: Partition) -> _Shard:
        with self._lock:
            shard = self._shards.setdefault(partition, _Shard())
            self._shards.move_to_end(partition)
            while len(self._shards) > _OPEN_MAX:
                self._shards.popitem(last=False)
            return shard

    def _current(self, partition: Partition, shard: _Shard, *, anew: bool) -> _Reckoned:
        known, now = shard.reckoned, self._clock.monotonic()
        if known is not None and not anew:
            if known.expirations.changed < _CHANGED_MAX and now - known.looked_at < _LOOK_SECONDS:
                return known
            known.looked_at = now
            pointer = self._store.pointer(partition)
            if pointer is None or self._store.current(pointer).sequence == known.manifest.sequence:
                return known
        shard.reckoned = None
        shard.reckoned = self._open(partition)
        return shard.reckoned

    def _open(self, partition: Partition) -> _Reckoned:
        manifest = self._manifest(partition)
        opened: list[Snapshot] = []
        if manifest is None or manifest.expires:
            opened.append(open_snapshot(self._store, self._cache, partition))
            manifest = opened[0].manifest
        sequence = manifest.sequence

        def locate(ids: Iterable[str]) -> Mapping[str, Located]:
            # Where nothing in segments expires they are opened only once the log says that something does.
            if not opened:
                snapshot = open_snapshot(self._store, self._cache, partition)
                if snapshot.manifest.sequence != sequence:
                    raise GapInLog
                opened.append(snapshot)
            return opened[0].locate(ids)

        segments = list(zip(opened[0].segments, opened[0].alive, strict=True)) if opened else []
        return _Reckoned(
            manifest,
            Expirations(segments, locate, manifest.expired_through),
            LogTail(self._log, partition, manifest.watermark, manifest.folded),
            self._clock.monotonic(),
        )

    def _manifest(self, partition: Partition) -> Manifest | None:
        """The current one; None where it is damaged, so that the one before it has to do."""
        pointer = self._store.pointer(partition)
        if pointer is None:
            return Manifest(partition, sequence=0, watermark=0)
        try:
            return self._store.current(pointer)
        except (Corrupted, BlobMissing):
            return None

    @staticmethod
    def _go_on(reckoned: _Reckoned, upto: int) -> None:
        """Reckon up to a stamp. Raises GapInLog, LogSealed."""
        more = True
        while more:
            reckoned.waiting += reckoned.tail.poll()
            more = reckoned.tail.more
            reckoned.waiting.sort(key=lambda one: one[0])
            ripe = bisect_right(reckoned.waiting, upto, key=lambda one: one[0].stamp)
            for key, body in reckoned.waiting[:ripe]:
                reckoned.expirations.apply(key.stamp, decode_entry(body, key))
            del reckoned.waiting[:ripe]
        reckoned.expirations.advance(upto)

    def _between(self, reckoned: _Reckoned, place: ExpiredPlace, upto: int, limit: int) -> list[Expired]:
        found: list[Expired] = []
        given = place.given
        for part in self._parts(reckoned, place.after):
            for one in islice(part, bisect_left(part, place.after, key=lambda expired: expired.after), None):
                if one.after > upto or len(found) == limit:
                    return found
                if one.after == place.after and given > 0:
                    given -= 1
                else:
                    found.append(one)
        return found

    def _parts(self, reckoned: _Reckoned, after: int) -> Iterable[list[Expired]]:
        for ref in reckoned.manifest.expired:
            if ref.through < after:
                continue
            if ref.file.key not in reckoned.files:
                # One at a time: who reads on reads the next one next.
                reckoned.files = {ref.file.key: read_expired(self._store, ref)}
            yield reckoned.files[ref.file.key]
        yield reckoned.expirations.found
