"""Use cases of the change feed of key-values: which keys changed since a cursor, and what they are now.

A key that is put again moves to its new place, so it is told once, with its last state; where the namespace keeps a
history, every change is told (key_history_feed.py).

HAZARD: a table that is not ordered takes items in the order of writers' clocks. Of that only what is older than the
overlap and the index's lag is in order. What is younger is told as well, and once more when it is old enough: a key
that is put again and again would otherwise never be told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from quartzdb.domain.clock import Clock
from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.errors import ChangesGone
from quartzdb.domain.hlc import COUNTER_BITS, stamp_at
from quartzdb.domain.limits import CHANGES_DAYS, DAY_MS
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.values import dataclass
from quartzdb.services.change_cursor import (
    KEYS,
    ChangePlaces,
    Followed,
    before_expiries,
    decode_places,
    encode_places,
)
from quartzdb.services.change_origin import FROM_NOW, FromNow, FromOldest, Origin, SinceMoment
from quartzdb.services.key_history_feed import ToldHistory, at_ms_of
from quartzdb.storage.key_history import KeyNote, NoteKind
from quartzdb.storage.log.history import LogPlace, after_stamp
from quartzdb.storage.ports import Item, KeyValueTable

KEPT_MS = CHANGES_DAYS * DAY_MS
"""As long as tombstones are: whoever comes later would not be told what was deleted."""
_CLOCK_BACK_MS = 3_600_000
"""A clock that is set back by no more than this loses nothing."""
_AT_ONCE = 8
_AT_ONCE_MAX = 128
"""Items of one look: values may be large, so a page begins with few."""
_END = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """What a key is now, or was then. `at_ms` (unix) is when it became that at this site, or ended.

    `kind` is put, delete or expire; the value of a put is None where the history does not have it, and `value_bytes`
    says how large it was.
    """

    at_ms: int
    item: Item
    kind: str
    value_bytes: int = 0


Take = Callable[[KeyEvent], bool]
"""Puts an event on a page; False where that is full."""


class KeyChanges:
    """One instance serves every namespace. `behind_ms`: how old an item has to be, in a table that is not ordered."""

    def __init__(
        self,
        table: KeyValueTable,
        clock: Clock,
        behind_ms: int,
        *,
        history_kept_ms: int = KEPT_MS,
    ) -> None:
        self._table = table
        self._clock = clock
        self._behind_ms = behind_ms
        self._told = ToldHistory(table, clock, history_kept_ms)

    def begin(self, namespace: Namespace, origin: Origin) -> ChangePlaces:
        """Where to begin. Raises ChangesGone where that is not kept."""
        if namespace.settings.key_history:
            return self._told.begin(namespace, origin)
        if isinstance(origin, FromNow):
            return self._now(namespace)
        if isinstance(origin, FromOldest):
            return _at(LogPlace(0))
        if isinstance(origin, SinceMoment):
            return _at(LogPlace(max(1, stamp_at(origin.unix_ms))))
        return _at(after_stamp(origin.version.stamp))

    def resume(self, namespace: Namespace, cursor: str) -> ChangePlaces:
        """Where a cursor goes on. Raises InvalidCursor, ChangesGone."""
        present = self.begin(namespace, FROM_NOW)
        return decode_places(namespace, KEYS, cursor, self.cursor(namespace, present))

    def cursor(self, namespace: Namespace, places: ChangePlaces) -> str:
        """What `resume` takes."""
        return encode_places(namespace, KEYS, places)

    def page(self, namespace: Namespace, places: ChangePlaces, take: Take) -> Followed:
        """Give `take` what comes after a place until it is full.

        Raises ChangesGone with a cursor to begin anew with.
        """
        if namespace.settings.key_history:
            followed = self._told.page(namespace, places, lambda note: take(_of_note(note)))
            if followed is None:
                raise self._gone(namespace)
            return followed
        ((place, _),) = places.places
        now_ms = self._clock.unix_ms()
        # From the very beginning nobody misses what was deleted.
        if place.stamp and place.stamp < stamp_at(now_ms - KEPT_MS):
            raise self._gone(namespace)
        upto = _END if self._table.ordered else stamp_at(now_ms - self._behind_ms)
        young_after = max(upto, place.given)
        for item, here in self._after(namespace, place, upto):
            if not take(_event(item)):
                return Followed(_at(place), True, (place.stamp >> COUNTER_BITS) - 1)
            place = here._replace(given=place.given)
        rests_at = stamp_at(now_ms - _CLOCK_BACK_MS) if self._table.ordered else upto
        place = max(place, after_stamp(rests_at))._replace(given=place.given)
        if self._table.ordered:
            return Followed(_at(place), False, now_ms)
        reached, more = self._take_young(namespace, young_after, take)
        return Followed(_at(place._replace(given=reached)), more, upto >> COUNTER_BITS)

    def has_more(self, namespace: Namespace, places: ChangePlaces) -> bool:
        """Whether anything comes after a place: one look, or two in a table that is not ordered."""
        if namespace.settings.key_history:
            return self._told.has_more(namespace, places)
        ((place, _),) = places.places
        if self._table.ordered:
            return self._table.head(namespace.partition) >= place.stamp
        upto = stamp_at(self._clock.unix_ms() - self._behind_ms)
        if next(self._after(namespace, place, upto, at_once=1), None) is not None:
            return True
        return bool(self._table.changes(namespace.partition, max(upto, place.given), _END, 1))

    def looks(self, namespace: Namespace) -> int:
        """How many reads `has_more` takes."""
        return 1 if self._table.ordered and not namespace.settings.key_history else 2

    def _gone(self, namespace: Namespace) -> ChangesGone:
        return ChangesGone(
            "What changed after that is no longer kept.",
            cursor=self.cursor(namespace, self.begin(namespace, FROM_NOW)),
        )

    def _after(
        self, namespace: Namespace, place: LogPlace, upto: int, at_once: int = _AT_ONCE
    ) -> Iterator[tuple[Item, LogPlace]]:
        """Items after a place, each with the place after it."""
        after = max(0, place.stamp - 1)
        while items := self._table.changes(namespace.partition, after, upto, at_once):
            check_deadline()
            for stamp, together in groupby(items, key=lambda item: item.appended):
                # Those that share a stamp come in the order of their keys; the table gives all of them.
                named = sorted(((_name(item), item) for item in together), key=lambda one: one[0])
                for number, (name, item) in enumerate(named, 1):
                    if (stamp, name) > (place.stamp, place.writer):
                        yield item, after_stamp(stamp) if number == len(named) else LogPlace(stamp, name)
            after = items[-1].appended
            at_once = min(2 * at_once, _AT_ONCE_MAX)

    def _take_young(self, namespace: Namespace, after: int, take: Take) -> tuple[int, bool]:
        """The stamp up to which what is young was told, and whether there is more of it."""
        reached = after
        while items := self._table.changes(namespace.partition, reached, _END, _AT_ONCE):
            check_deadline()
            for stamp, together in groupby(items, key=lambda item: item.appended):
                if not _take_all(list(together), take):
                    # More under one stamp than a page holds comes when it is no longer young.
                    return (stamp, True) if reached == after else (reached, True)
                reached = stamp
        return reached, False

    def _now(self, namespace: Namespace) -> ChangePlaces:
        now_ms = self._clock.unix_ms()
        if not self._table.ordered:
            # What is young is not told again: it is there when everything is listed.
            return _at(LogPlace(stamp_at(now_ms - self._behind_ms), "", stamp_at(now_ms) - 1))
        head = max(self._table.head(namespace.partition), stamp_at(now_ms - _CLOCK_BACK_MS))
        return _at(after_stamp(head))


def _at(place: LogPlace) -> ChangePlaces:
    return ChangePlaces((before_expiries(place),))


def _take_all(items: Sequence[Item], take: Take) -> bool:
    return all(take(_event(item)) for item in items)


def _event(item: Item) -> KeyEvent:
    kind = NoteKind.DELETE if item.value is None else NoteKind.PUT
    return KeyEvent(item.appended >> COUNTER_BITS, item, kind, len(item.value or b""))


def _of_note(note: KeyNote) -> KeyEvent:
    return KeyEvent(at_ms_of(note), note.item, note.kind, note.value_bytes)


def _name(item: Item) -> str:
    """A key as a place has it: in an alphabet that cursors take, in the order of its bytes."""
    return item.key.encode("utf-8", "surrogatepass").hex()
