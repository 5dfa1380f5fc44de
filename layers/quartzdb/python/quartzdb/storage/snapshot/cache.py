"""The reader cache: opened segments, shared by every snapshot and namespace reader of this process."""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import field

from quartzdb.domain.errors import Unavailable
from quartzdb.domain.values import dataclass
from quartzdb.storage.index.engines.registry import open_files, read_in_parts
from quartzdb.storage.index.executor import Executor, Lazy
from quartzdb.storage.index.fields.selections import LISTED_MAX
from quartzdb.storage.index.segments.partial_file import FetchedMemory
from quartzdb.storage.index.segments.segment import Segment
from quartzdb.storage.index.segments.segment_files import (
    DATA_FILES,
    INVERTED_FILE,
    RECORDS_FILE,
    LocalFiles,
    SegmentFiles,
)
from quartzdb.storage.ports import BlobMissing
from quartzdb.storage.snapshot.fetched_files import FetchedFiles
from quartzdb.storage.snapshot.manifest import SegmentRef
from quartzdb.storage.snapshot.segment_room import FILES_MAX, MORE_FILES, SegmentRoom
from quartzdb.storage.snapshot.store import SnapshotStore

FETCHED_BYTES_MAX = 512 * 1024 * 1024
DAMAGED_SECONDS = 30.0
"""After that a damaged segment is tried again, in case somebody restored it."""


@dataclass(slots=True, eq=False)
class _Opening:
    """A segment that is being opened, and how many threads do that or wait for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    threads: int = 0


class SegmentCache:
    """Opens each segment once. A segment is closed when no snapshot uses it any more.

    Files of this machine that segments keep open are at most `files_max`: when one more would be, `give_way`, if
    somebody set it, lets go of what is used least and says whether there was anything left to let go of.
    Where blobs are files of this machine, every byte is verified at once. Where they are not, only what is needed is
    fetched, when it is needed, and verified then; what is held of that in memory stays below `fetched_bytes_max`.
    `searches`: whoever opens a segment is going to search it, so the index comes along with the rest. `begin`
    says how several fetches are waited for at once.
    """

    def __init__(
        self,
        store: SnapshotStore,
        *,
        fetched_bytes_max: int = FETCHED_BYTES_MAX,
        searches: bool = False,
        execute: Executor = Lazy,
        monotonic: Callable[[], float] = time.monotonic,
        files_max: int = FILES_MAX,
    ) -> None:
        self._store = store
        self._memory = FetchedMemory(fetched_bytes_max)
        self._searches = searches
        self.execute = execute
        self._opened: weakref.WeakValueDictionary[str, Segment] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()
        self._opening: dict[str, _Opening] = {}
        self._damaged: dict[str, tuple[Exception, float]] = {}
        self._monotonic = monotonic
        self._room = SegmentRoom(files_max)
        self.give_way: Callable[[], bool] = lambda: False

    def open(self, ref: SegmentRef) -> Segment:
        """The segment. Raises Corrupted, BlobMissing."""
        with self._lock:
            self._refuse_damaged(ref.name)
            opened = self._opened.get(ref.name)
            if opened is not None:
                return opened
        with self._one_at_a_time(ref.name):
            with self._lock:
                opened = self._opened.get(ref.name)
            if opened is None:
                opened = self._newly_opened(ref)
                with self._lock:
                    self._opened[ref.name] = opened
            return opened

    @property
    def files_open(self) -> int:
        """Files of this machine that opened segments keep open, and those that are being opened will."""
        return self._room.files

    def mark_damaged(self, segment: Segment) -> None:
        """Reading it found damage: refuse to open it for a while, so that readers fall back to what was before it."""
        if segment.damage is not None:
            with self._lock:
                self._opened.pop(segment.name, None)
                self._damaged[segment.name] = (segment.damage, self._monotonic() + DAMAGED_SECONDS)

    @property
    def held(self) -> Set[str]:
        """Names of the segments of which something is held: opened, being opened, or refused as damaged."""
        with self._lock:
            return {*self._opened, *self._opening, *self._damaged}

    def _refuse_damaged(self, name: str) -> None:
        now = self._monotonic()
        # Whatever its time is over, not only the one asked for: a superseded one is never opened again.
        for over in [one for one, (_, until) in self._damaged.items() if until <= now]:
            del self._damaged[over]
        if name in self._damaged:
            # Without what it was raised through before: raised again and again it would keep all of that.
            raise self._damaged[name][0].with_traceback(None)

    @contextmanager
    def _one_at_a_time(self, name: str) -> Iterator[None]:
        """Who opens a segment has others wait for it; the last of them removes the lock, also where opening failed."""
        with self._lock:
            opening = self._opening.setdefault(name, _Opening())
            opening.threads += 1
        try:
            with opening.lock:
                yield
        finally:
            with self._lock:
                opening.threads -= 1
                if not opening.threads:
                    del self._opening[name]

    def _newly_opened(self, ref: SegmentRef) -> Segment:
        if self._store.blobs.remote:
            return Segment(ref.name, ref.shape, self._fetched_files(ref), expires_from_ms=ref.expires_from_ms)
        place = self._room.take(ref.files[RECORDS_FILE].size, open_files(ref.shape.engine), self.give_way)
        try:
            with _told_as_unavailable(ref.name):
                paths = {name: self._store.verified_file(file) for name, file in ref.files.items()}
                files = LocalFiles(paths, held=place.held)
                segment = Segment(ref.name, ref.shape, files, expires_from_ms=ref.expires_from_ms)
        except BaseException:
            self._room.leave(place)
            raise
        self._room.leave_with(segment, place)
        return segment

    def _fetched_files(self, ref: SegmentRef) -> SegmentFiles:
        files = FetchedFiles(
            self._store,
            ref.files,
            self._memory,
            read_in_parts(ref.shape.engine, ref.shape.parameters),
            self.execute,
        )
        if self._searches and (ref.shape.rows <= LISTED_MAX or ref.shape.engine == "exact"):
            files.bring_vectors()  # so few are all scored, whatever index there is
        elif self._searches:
            files.bring(ref.files.keys() - DATA_FILES)
        if self._searches and INVERTED_FILE in ref.files:
            files.bring((INVERTED_FILE,))
            files.bring_postings()
        return files


@contextmanager
def _told_as_unavailable(name: str) -> Iterator[None]:
    """What a process cannot open because it has too much open already is no damage."""
    try:
        yield
    except FileNotFoundError as error:
        raise BlobMissing(name) from error  # swept between two looks
    except OSError as error:
        raise Unavailable(
            f"The segment {name} could not be opened: {error.strerror or error}.", hint=MORE_FILES
        ) from error
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CANTOPEN:
            raise
        raise Unavailable(f"The segment {name} could not be opened: {error}.", hint=MORE_FILES) from error
