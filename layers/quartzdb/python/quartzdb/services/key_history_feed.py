"""The change feed of key-values where their history is kept: every change in commit order, expiries between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from quartzdb.domain.clock import Clock
from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.expired import place_of
from quartzdb.domain.hlc import COUNTER_BITS, stamp_at
from quartzdb.domain.namespace import Namespace
from quartzdb.services.change_cursor import ChangePlace, ChangePlaces, Followed, before_expiries
from quartzdb.services.change_origin import FromNow, FromOldest, Origin, SinceMoment
from quartzdb.storage.key_history import (
    COMMITS,
    EXPIRIES,
    KEPT_MS_MIN,
    KeyNote,
    NoteKind,
    note_key,
    read_notes,
)
from quartzdb.storage.log.history import LogPlace, after_stamp
from quartzdb.storage.log.protocol import OVERLAP_MS
from quartzdb.storage.ports import Item, KeyValueTable
from quartzdb.storage.snapshot.expired_feed import ALL, ExpiredPlace

_CLOCK_BACK_MS = 3_600_000
"""A clock that is set back by no more than this loses nothing."""

Take = Callable[[KeyNote], bool]
"""Puts a note on a page; False where that is full."""


class ToldHistory:
    """One instance serves every namespace with a history."""

    def __init__(self, table: KeyValueTable, clock: Clock, kept_ms: int) -> None:
        self._table = table
        self._clock = clock
        self._kept_ms = max(kept_ms, KEPT_MS_MIN)

    def begin(self, namespace: Namespace, origin: Origin) -> ChangePlaces:
        """Where to begin."""
        if isinstance(origin, FromNow):
            settled = self._settled(namespace)
            log = after_stamp(self._table.head(namespace.partition)) if self._table.ordered else None
            place = max(log or LogPlace(0), after_stamp(self._rests_at(settled)))
            return ChangePlaces((ChangePlace(place, ExpiredPlace(settled, ALL)),))
        if isinstance(origin, FromOldest):
            return ChangePlaces((before_expiries(LogPlace(0)),))
        if isinstance(origin, SinceMoment):
            stamp = max(1, stamp_at(origin.unix_ms))
            expired = ExpiredPlace(max(1, place_of(origin.unix_ms)))
            return ChangePlaces((ChangePlace(LogPlace(stamp), expired),))
        return ChangePlaces((before_expiries(after_stamp(origin.version.stamp)),))

    def page(self, namespace: Namespace, places: ChangePlaces, take: Take) -> Followed | None:
        """Give `take` what comes after a place until it is full. None where that is not kept."""
        ((log, expired),) = places.places
        now_ms = self._clock.unix_ms()
        settled = self._settled(namespace)
        # From the very beginning nobody was promised anything.
        if log.stamp and min(log.stamp, expired.after + 1) < stamp_at(now_ms - self._kept_ms):
            return None
        commits = self._commits(namespace, log, settled)
        expiries = self._expiries(namespace, expired, settled)
        commit, expiry = next(commits, None), next(expiries, None)
        while commit is not None or expiry is not None:
            check_deadline()
            if expiry is not None and (commit is None or expiry.place < commit.place):
                if not self._tells(namespace, expiry, take):
                    return Followed(_at(log, expired), True, (expiry.place >> COUNTER_BITS) - 1)
                given = expired.given if expiry.place == expired.after else 0
                expired, expiry = ExpiredPlace(expiry.place, given + 1), next(expiries, None)
            elif commit is not None:
                expired = max(expired, ExpiredPlace(commit.place))
                if commit.kind is not NoteKind.VOID and not take(commit):
                    return Followed(_at(log, expired), True, (commit.place >> COUNTER_BITS) - 1)
                log, commit = LogPlace(commit.place, commit.item.key.encode().hex()), next(commits, None)
        log = max(log, after_stamp(self._rests_at(settled)))
        complete_ms = now_ms if self._table.ordered else settled >> COUNTER_BITS
        return Followed(_at(log, max(expired, ExpiredPlace(settled, ALL))), False, complete_ms)

    def has_more(self, namespace: Namespace, places: ChangePlaces) -> bool:
        """Whether anything comes after a place: two small reads."""
        ((log, expired),) = places.places
        settled = self._settled(namespace)
        return (
            next(self._commits(namespace, log, settled, 1), None) is not None
            or next(self._expiries(namespace, expired, settled, expired.given % ALL + 1), None) is not None
        )

    def _settled(self, namespace: Namespace) -> int:
        """The stamp up to which everything can be read now."""
        now_ms = self._clock.unix_ms()
        if self._table.ordered:
            return max(self._table.head(namespace.partition), stamp_at(now_ms) - 1)
        return stamp_at(now_ms - OVERLAP_MS)

    def _rests_at(self, settled: int) -> int:
        """How far a place in the commits may go by the clock."""
        back_ms = min(_CLOCK_BACK_MS, self._kept_ms // 2) if self._table.ordered else 0
        return settled - (back_ms << COUNTER_BITS)

    def _commits(
        self, namespace: Namespace, place: LogPlace, settled: int, first: int = 8
    ) -> Iterator[KeyNote]:
        after = note_key(COMMITS, place.stamp, bytes.fromhex(place.writer).decode())
        now_ms = self._clock.unix_ms()
        return read_notes(self._table, namespace.partition, COMMITS, after, settled, now_ms, first=first)

    def _expiries(
        self, namespace: Namespace, place: ExpiredPlace, settled: int, first: int = 8
    ) -> Iterator[KeyNote]:
        start = place.after + 1 if place.given == ALL else place.after
        now_ms = self._clock.unix_ms()
        notes = read_notes(
            self._table,
            namespace.partition,
            EXPIRIES,
            note_key(EXPIRIES, start),
            settled,
            now_ms,
            first=first,
        )
        told = (note for note in notes if note.kind is not NoteKind.VOID)
        skipped = 0 if place.given == ALL else place.given
        for note in told:
            if note.place == place.after and skipped:
                skipped -= 1
            else:
                yield note

    def _tells(self, namespace: Namespace, expiry: KeyNote, take: Take) -> bool:
        """Take an expiry, unless the key was replaced in time by a writer that did not come to say so: then nothing is
        to be told, and the page goes on.
        """
        if not self._table.ordered:
            now: Mapping[str, Item] = self._table.get(namespace.partition, [expiry.item.key])
            there = now.get(expiry.item.key)
            if there is not None and there.version > expiry.item.version and there.appended <= expiry.place:
                return True
        return take(expiry)


def at_ms_of(note: KeyNote) -> int:
    """When it was committed here, or expired, in unix ms."""
    committed_ms = note.place >> COUNTER_BITS
    if note.kind is NoteKind.EXPIRE and note.item.expires_at_ms is not None:
        return max(committed_ms, note.item.expires_at_ms)
    return committed_ms


def _at(log: LogPlace, expired: ExpiredPlace) -> ChangePlaces:
    return ChangePlaces((ChangePlace(log, expired),))
