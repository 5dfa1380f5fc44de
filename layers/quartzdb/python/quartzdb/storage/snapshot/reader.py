"""A namespace's reader: keeps the snapshot and the tail of one namespace in memory, and views of them up to date.

A strongly consistent view costs exactly one read of the log, however large the namespace. Requests that arrive while
such a read is about to start share it: a read that begins after a request arrived sees all that the request must see.
So do those that waited for their turn elsewhere, and say since when.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from quartzdb.domain.clock import Clock
from quartzdb.domain.deadline import acquire_in_time, require_time
from quartzdb.domain.errors import Corrupted, NamespaceNotFound, Unavailable
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Namespace
from quartzdb.storage.index.executor import Future
from quartzdb.storage.index.expiries import UnexpiredRows
from quartzdb.storage.index.fields.field_index import FieldIndex
from quartzdb.storage.index.segments.segment import Segment
from quartzdb.storage.index.tail import Tail
from quartzdb.storage.index.view import Part, View
from quartzdb.storage.log.codec import decode_entry
from quartzdb.storage.log.tail import GapInLog, LogSealed, LogTail
from quartzdb.storage.ports import BlobMissing, ChangeLog
from quartzdb.storage.snapshot.cache import SegmentCache
from quartzdb.storage.snapshot.manifest import Manifest
from quartzdb.storage.snapshot.record_states import RecordStates
from quartzdb.storage.snapshot.snapshot import Snapshot, open_recent_snapshot, open_snapshot
from quartzdb.storage.snapshot.store import SnapshotStore

if TYPE_CHECKING:
    from quartzdb.storage.index.text.inverted import Inverted

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")
Entries = Sequence[tuple[Version, bytes]]

TAIL_ROWS_MAX = 8_192
"""Twice what an indexer leaves in the log: beyond this it has surely published something newer."""
LOOK_SECONDS = 5.0
"""How often a reader that should move on asks whether there is something to move on to."""
EVENTUAL_SECONDS_MAX = 3.0
"""How old an eventually consistent view may be."""
_LOAD_ATTEMPTS = 4
_OPENING_SECONDS = 0.05
"""What opening a snapshot may take, which cannot be broken off: whoever has less time does not begin."""


class _State:
    """A snapshot with its tail and the reader's position in the log. Changed only under the reader's lock."""

    def __init__(self, snapshot: Snapshot, tail: Tail, position: LogTail) -> None:
        self.snapshot = snapshot
        self.tail = tail
        self.position = position
        self.alive = list(snapshot.alive)
        for alive in self.alive:
            # What stays as it is may be remembered by who derives something from it.
            alive.flags.writeable = False
        self.counts = [int(np.count_nonzero(alive)) for alive in snapshot.alive]
        self.superseded: dict[int, int] = {}
        self._unexpired = {
            number: UnexpiredRows()
            for number, segment in enumerate(snapshot.segments)
            if segment.expires_from_ms is not None
        }

    def parts(self, now_ms: Callable[[], int]) -> tuple[list[Part], int | None]:
        """The segments with their live rows, and when the next of these expires (unix ms), None for never.

        Where no row expires the clock is not asked. Raises BlobMissing, Corrupted.
        """
        segments = self.snapshot.segments
        parts = list(map(Part, segments, self.alive, self.counts))
        moments: list[int] = []
        now = now_ms() if self._unexpired else 0
        for number, unexpired in self._unexpired.items():
            segment = segments[number]
            if segment.expires_from_ms is not None and now < segment.expires_from_ms:
                moments.append(segment.expires_from_ms)
                continue
            alive, count, following = unexpired.of(
                segment.expiries, self.alive[number], self.counts[number], now
            )
            parts[number] = Part(segment, alive, count)
            if following is not None:
                moments.append(following)
        return parts, min(moments, default=None)

    def catch_up(self, coming: Future[Entries] | None = None) -> bool:
        """Apply what is new in the log; whether there was anything. `coming`: the first poll, begun before."""
        changed = False
        while True:
            entries = self.position.poll() if coming is None else coming.result()
            coming = None
            if entries:
                changed = True
                self.tail.apply(change for key, body in entries for change in decode_entry(body, key))
            if not self.position.more:
                break
        for number, rows in self.tail.superseded.items():
            fresh = rows[self.superseded.get(number, 0) :]
            if fresh:
                # A copy, because views handed out before still use the old flags.
                alive = self.alive[number].copy()
                alive[fresh] = False
                alive.flags.writeable = False
                self.alive[number] = alive
                self.counts[number] -= len(fresh)
                self.superseded[number] = len(rows)
        return changed


class ViewLost(Exception):
    """A view's files are gone, or damaged."""


class NamespaceReader:
    """Thread-safe. One per namespace generation and process."""

    def __init__(
        self, namespace: Namespace, log: ChangeLog, store: SnapshotStore, cache: SegmentCache, clock: Clock
    ) -> None:
        if not namespace.settings.holds_records:
            raise ValueError(f"namespace {namespace.name!r} holds no records")
        self.namespace = namespace
        self._dimension = namespace.settings.vector_size
        self._log = log
        self._store = store
        self._cache = cache
        self._clock = clock
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._state: _State | None = None
        self._view: View | None = None
        self._polls_begun = 0
        self._polls_done = 0
        self._polled_at = float("-inf")
        self._poll_began_at = float("-inf")
        self._honoured: Version | None = None
        self._looked_at = float("-inf")
        self._used_at = float("-inf")

    def view(
        self, *, strong: bool = True, at_least: Version | None = None, asked_at: float | None = None
    ) -> View:
        """Everything acknowledged before this call, or before `asked_at` (monotonic seconds), when whoever calls began
        to wait for its turn; with `strong` False, at least everything up to `at_least`.

        Raises NamespaceNotFound when the generation was deleted, Corrupted when its segments cannot be served,
        DeadlineExceeded where there is no time to wait for others or to open anything.
        """
        if not strong:
            recent = self._recent(at_least)
            if recent is not None:
                return recent
        arrived = self._polls_begun
        # It may be held by somebody who opens a snapshot.
        acquire_in_time(self._lock)
        try:
            seen = self._polls_done > arrived or (asked_at is not None and self._poll_began_at > asked_at)
            if not seen or self._view is None:
                began_at = self._clock.monotonic()
                self._polls_begun += 1
                self._catch_up()
                self._polls_done = self._polls_begun
                self._polled_at, self._poll_began_at = self._clock.monotonic(), began_at
            # Whoever has the token was answered, so a read that began after it was shown has that write.
            self._honoured = at_least or self._honoured
            return self._present_view()
        finally:
            self._lock.release()

    def read(
        self,
        use: Callable[[View], Answer],
        *,
        strong: bool = True,
        at_least: Version | None = None,
        asked_at: float | None = None,
    ) -> Answer:
        """What `use` makes of the view, which it may be given twice.

        Files are read when they are needed. One that is gone by then was superseded and swept, and one that is damaged
        is replaced by the manifest before it: both times a newly opened snapshot knows better.
        """
        self._used_at = self._clock.monotonic()
        view = self.view(strong=strong, at_least=at_least, asked_at=asked_at)
        try:
            return use(view)
        except (BlobMissing, Corrupted) as error:
            self._begin_again([part.segment for part in view.parts], error)
        return use(self.view(strong=strong, at_least=at_least))

    def read_again(self, view: View, use: Callable[[View], Answer]) -> Answer:
        """What `use` makes of a view that was given out before. Raises ViewLost where its files are gone or damaged by
        now: then a new view has others, and is of a later moment.
        """
        try:
            return use(view)
        except (BlobMissing, Corrupted) as error:
            self._begin_again([part.segment for part in view.parts], error)
            raise ViewLost from error

    def study(self, use: Callable[[RecordStates], Answer]) -> Answer:
        """What `use` makes of all that is known now, tombstones included; it may be given it twice, as in `read`."""
        self._used_at = self._clock.monotonic()
        record_states = self._record_states()
        try:
            return use(record_states)
        except (BlobMissing, Corrupted) as error:
            self._begin_again(record_states.snapshot.segments, error)
        return use(self._record_states())

    def reload(self) -> bool:
        """Move to the newest snapshot, if there is a newer one; readers go on meanwhile. Whether it moved."""
        with self._loading:
            pointer = self._store.pointer(self.namespace.partition)
            state = self._state
            if state is None or pointer is None or pointer.current == state.snapshot.key:
                return False
            fresh = self._load()
            with self._lock:
                self._state, self._view = fresh, None
            return True

    @property
    def unused_seconds(self) -> float:
        """How long ago somebody last read here; infinite for never. A view alone is no reading."""
        return self._clock.monotonic() - self._used_at

    def let_go(self) -> None:
        """Hold nothing in memory until the next view, which opens everything again."""
        with self._lock:
            self._state, self._view = None, None

    def knows(self, record_id: str) -> bool:
        """Whether the id is live or remembered as deleted, as of the last view."""
        with self._lock:
            state = self._state
            if state is None:
                return False
            return state.tail.state(record_id) is not None or bool(state.snapshot.locate([record_id]))

    @property
    def tail_rows(self) -> int:
        """Rows that the tail holds in memory, dead ones included: what a new snapshot would free."""
        state = self._state
        return state.tail.rows if state else 0

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot in use; None before the first view."""
        state = self._state
        return state.snapshot if state else None

    def _record_states(self) -> RecordStates:
        for _ in range(_LOAD_ATTEMPTS):
            self.view()
            with self._lock:
                if self._state is not None:
                    return RecordStates(self._state.snapshot, self._state.tail.states())
        raise Unavailable(
            f"The snapshot of {self.namespace.name!r} was given up again and again.", hint="Try again."
        )

    def _begin_again(self, segments: Sequence[Segment], error: Exception) -> None:
        logger.warning("%s is opened anew: %s", self.namespace.partition, error)
        for segment in segments:
            self._cache.mark_damaged(segment)
        with self._lock:
            self._state, self._view = None, None

    def _recent(self, at_least: Version | None) -> View | None:
        with self._lock:
            state = self._state
            young = self._clock.monotonic() - self._polled_at < EVENTUAL_SECONDS_MAX
            if state is None or not young or (at_least and not self._includes(state, at_least)):
                return None
            return None if self._view is None else self._present_view()

    def _present_view(self) -> View:
        """The view that is there, made anew where something in it has expired since."""
        view = self._view
        assert view is not None
        if view.until_ms is None or self._clock.unix_ms() < view.until_ms:
            return view
        assert self._state is not None
        self._view = self._opened_view(self._state)
        return self._view

    def _includes(self, state: _State, token: Version) -> bool:
        """Whether the write of a token is in the view for certain, if it was written to this log at all.

        A stamp that is lower than the highest seen is not enough: the entry may have landed after the last read.
        """
        return token == self._honoured or state.position.has(token)

    def _catch_up(self) -> View:
        try:
            if self._state is None:
                # Opening it reads the log, too.
                self._state, changed = self._load(), True
            else:
                changed = self._go_on(self._state)
        except LogSealed as sealed:
            raise self._deleted() from sealed
        if changed or self._view is None:
            self._view = self._opened_view(self._state)
        return self._view

    def _opened_view(self, state: _State) -> View:
        """The view of a state: which rows have expired is read only when the first of them does."""
        try:
            return self._make_view(state)
        except (BlobMissing, Corrupted) as error:
            # As in `read`: a newly opened snapshot knows better.
            logger.warning("%s is opened anew: %s", self.namespace.partition, error)
            for segment in state.snapshot.segments:
                self._cache.mark_damaged(segment)
            self._state, self._view = None, None
        try:
            self._state = self._load()
        except LogSealed as sealed:
            raise self._deleted() from sealed
        return self._make_view(self._state)

    def _deleted(self) -> NamespaceNotFound:
        return NamespaceNotFound(f"The namespace {self.namespace.name!r} was deleted.", field="namespace")

    def _go_on(self, state: _State) -> bool:
        """Apply what is new since the last time; whether there was anything."""
        try:
            changed = state.catch_up()
        except GapInLog:
            self._state = self._load()
            return True
        except Exception:
            # The position in the log moved on but its entries were not all applied: begin again next time. Until then,
            # which for a deleted generation never comes, nothing is held.
            self._state, self._view = None, None
            raise
        if changed:
            self._view = None  # also where what follows goes wrong
        if self._should_look_for_newer(state):
            self._looked_at = self._clock.monotonic()
            pointer = self._store.pointer(self.namespace.partition)
            if pointer is not None and (pointer.current != state.snapshot.key):
                self._state = self._load()
                return True
        return changed

    def _should_look_for_newer(self, state: _State) -> bool:
        """Whether a newer snapshot would help: the tail, which is searched row by row, has grown long, or the snapshot
        is not the one that it should be.
        """
        outgrown = state.tail.rows > TAIL_ROWS_MAX or state.snapshot.degraded is not None
        return outgrown and self._clock.monotonic() - self._looked_at >= LOOK_SECONDS

    def _load(self) -> _State:
        require_time(_OPENING_SECONDS)
        for attempt in range(_LOAD_ATTEMPTS):
            # A reader that has nothing yet can do with what was current; one that has is looking for something newer.
            opened = open_recent_snapshot if self._state is None and attempt == 0 else open_snapshot
            position, coming = None, None

            def read_on(manifest: Manifest) -> None:
                # The log is asked while segments are on their way, and not after them.
                nonlocal position, coming
                position = LogTail(self._log, manifest.partition, manifest.watermark, manifest.folded)
                coming = self._cache.execute(position.poll)

            snapshot = opened(self._store, self._cache, self.namespace.partition, read_on)
            assert position is not None, "a snapshot has a manifest"
            settings = self.namespace.settings
            tail = Tail(self._dimension, snapshot.locate, settings.text, settings.sparse)
            state = _State(snapshot, tail, position)
            try:
                state.catch_up(coming)
            except GapInLog:
                continue  # an indexer published and trimmed in between: its manifest is newer than this one
            return state
        raise Unavailable(
            f"The snapshot of {self.namespace.name!r} changed faster than it could be opened.",
            hint="Try again.",
        )

    def _make_view(self, state: _State) -> View:
        parts, of_parts_ms = state.parts(self._clock.unix_ms)
        tail, lock = state.tail, self._lock

        # Not of `self`, which has the view: in a ring, files would stay open until the garbage collector comes.
        def read_tail_fields(read: Callable[[FieldIndex], Answer]) -> Answer:
            with lock:
                return read(tail.fields())

        def read_tail_inverted(read: Callable[[Inverted], Answer]) -> Answer:
            with lock:
                return read(tail.inverted())

        settings, highest = self.namespace.settings, state.position.highest
        of_tail = tail.view(self._clock.unix_ms)
        until_ms = min((ms for ms in (of_parts_ms, of_tail.expires_from_ms) if ms is not None), default=None)
        return View(
            settings.metric,
            parts,
            of_tail,
            read_tail_fields,
            highest,
            until_ms,
            read_tail_inverted if settings.searched else None,
            settings.text,
            settings.sparse,
        )
