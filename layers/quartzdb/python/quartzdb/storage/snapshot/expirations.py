"""Which records expire, reckoned in the order of the log: from one snapshot, through the entries after it, to a stamp.

It goes from event to event: an expiry, an entry, the next expiry. So what is prolonged, replaced or deleted in time
does not expire, and what is written again afterwards has. Of records that nobody has changed only the moment is known,
from the field index of their segment; of those that were changed since, their present state without vectors.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace

import numpy as np

from quartzdb.domain.change import Change, Upsert
from quartzdb.domain.expired import Expired, place_of, reached_by
from quartzdb.domain.expiry import EXPIRY_FIELD
from quartzdb.domain.merge import UNKNOWN, Patched, RecordState, apply, join
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask
from quartzdb.storage.index.segments.located import SegmentLookup
from quartzdb.storage.index.segments.segment import Segment
from quartzdb.storage.index.view import version_of

_ROWS_AT_ONCE = 1_000
_NO_VECTOR = np.empty(0, dtype=np.float32)


@dataclass(slots=True, eq=False)
class _Rows:
    """The rows of a segment that expire, and how many of them have by now."""

    segment: Segment
    alive: Mask
    done: int


@dataclass(frozen=True, slots=True, eq=False)
class _Life:
    """A record that was changed since the snapshot. `due`: the place at which it expires, if nothing changes until
    then; None also where it has, and was found. `located`: what the segments know of it is in its state, which matters
    only where either says when it expires.
    """

    state: RecordState = UNKNOWN
    due: int | None = None
    located: bool = False


_UNSEEN = _Life()


@dataclass(slots=True, eq=False)
class Expirations:
    """Of one shard. Not thread-safe.

    `lookup` finds what the segments know of ids. Everything up to `reached` is reckoned; `found` has the expiries of
    that, in their order, from where it began.
    """

    segments: Sequence[tuple[Segment, Mask]]
    lookup: SegmentLookup
    reached: int
    found: list[Expired] = field(default_factory=list)
    _rows: list[_Rows] = field(init=False)
    _lives: dict[str, _Life] = field(default_factory=dict)
    _due: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        moment = reached_by(self.reached)
        self._rows = [
            _Rows(segment, alive, segment.expiries.count(moment))
            for segment, alive in self.segments
            if segment.expires_from_ms is not None
        ]

    @property
    def changed(self) -> int:
        """How many records it holds the states of."""
        return len(self._lives)

    def apply(self, stamp: int, changes: Sequence[Change]) -> None:
        """One entry of the log, in its turn; one that comes late, which nobody was promised, comes where this is."""
        self.advance(stamp - 1)
        stamp = max(stamp, self.reached + 1)
        located = self._located(changes)
        for change in changes:
            life = self._lives.get(change.id, _UNSEEN)
            if change.id in located:
                state = join(life.state, located[change.id])
                life = _Life(state, _due_from(state, self.reached + 1), located=True)
            self._changed(stamp, change, life)

    def advance(self, upto: int) -> None:
        """Find what expires up to a stamp, no further entry having an earlier one or this one."""
        if upto <= self.reached:
            return
        expired: list[Expired] = []
        while self._due and self._due[0][0] <= upto:
            after, record_id = heapq.heappop(self._due)
            life = self._lives[record_id]
            moment = life.state.expires_at_ms
            # Else it was changed since, and stands in the queue again where it expires still.
            if life.due == after and moment is not None:
                self._lives[record_id] = replace(life, due=None)
                expired.append(Expired(after, record_id, life.state.version, moment))
        for rows in self._rows:
            expired += self._of_rows(rows, reached_by(upto))
        self.found += sorted(expired)
        self.reached = upto

    def next_place(self) -> int | None:
        """The earliest place of what is still to expire, as far as is known; it may be changed until then."""
        places = [
            place_of(int(rows.segment.expiries.moments[rows.done]))
            for rows in self._rows
            if rows.done < len(rows.segment.expiries.moments)
        ]
        return min([*places, *(after for after, _ in self._due[:1])], default=None)

    def _changed(self, stamp: int, change: Change, life: _Life) -> None:
        after = apply(life.state, change)
        if after is life.state:
            return  # it was known, or lost to a later version
        due = _due_from(after, stamp)
        if due is None and after.live and after.expires_at_ms is not None:
            # Its moment is over. Whoever was shown it, or is by this change, is told right after that.
            was_shown = life.state.live and (life.due is not None or life.state.expires_at_ms is None)
            due = stamp if was_shown or after.base != life.state.base else None
        self._lives[change.id] = _Life(_outline(after), due, life.located)
        if due is not None:
            heapq.heappush(self._due, (due, change.id))

    def _located(self, changes: Sequence[Change]) -> Mapping[str, RecordState]:
        """What the segments know of the ids whose expiry may depend on it, each once."""
        ids = {
            change.id
            for change in changes
            if (self._rows or sets_moment(change)) and not self._lives.get(change.id, _UNSEEN).located
        }
        found = self.lookup(ids) if ids else {}
        return {one: _outline(found[one].state) if one in found else UNKNOWN for one in ids}

    def _of_rows(self, rows: _Rows, moment_ms: int) -> Iterable[Expired]:
        expiries = rows.segment.expiries
        upto = expiries.count(moment_ms)
        some = expiries.rows[rows.done : upto]
        moments = dict(zip(some.tolist(), expiries.moments[rows.done : upto].tolist(), strict=True))
        rows.done = upto
        numbers = some[rows.alive[some]]
        for start in range(0, len(numbers), _ROWS_AT_ONCE):
            for stored in rows.segment.records.each_at(numbers[start : start + _ROWS_AT_ONCE].tolist()):
                if stored.id not in self._lives:
                    moment = moments[stored.row]
                    yield Expired(place_of(moment), stored.id, version_of(stored), moment)


def sets_moment(change: Change) -> bool:
    """Whether a change says when its record expires."""
    if isinstance(change, Upsert):
        return EXPIRY_FIELD in change.metadata
    return EXPIRY_FIELD in getattr(change, "set", ())


def _due_from(state: RecordState, stamp: int) -> int | None:
    """The place at which it expires, if that is not before a stamp."""
    moment = state.expires_at_ms if state.live else None
    return place_of(moment) if moment is not None and place_of(moment) >= stamp else None


def _outline(state: RecordState) -> RecordState:
    """What a moment and a version need: vectors and values would keep whole entries in memory."""
    metadata = {EXPIRY_FIELD: state.metadata[EXPIRY_FIELD]} if EXPIRY_FIELD in state.metadata else {}
    patches = {
        name: patch if name == EXPIRY_FIELD else Patched(patch.version)
        for name, patch in state.patches.items()
    }
    return RecordState(state.base, _NO_VECTOR if state.live else None, metadata, patches)
