"""Use cases of the change feed of records: what was committed, in commit order for each shard, from a cursor on.

The log is the feed: what was acknowledged is in it, and nothing else is. What expires stands between its entries, at
the moment when it does.
"""

from __future__ import annotations

from collections.abc import Callable

from quartzdb.domain.change import Change
from quartzdb.domain.clock import Clock
from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.errors import ChangesGone, NamespaceNotFound
from quartzdb.domain.expired import Expired, place_of
from quartzdb.domain.hlc import COUNTER_BITS, Version, stamp_at
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.domain.values import dataclass
from quartzdb.services.change_cursor import (
    RECORDS,
    ChangePlace,
    ChangePlaces,
    Followed,
    before_expiries,
    decode_places,
    encode_places,
)
from quartzdb.services.change_origin import FROM_NOW, FromNow, FromOldest, Origin, SinceMoment
from quartzdb.storage.log.codec import decode_entry
from quartzdb.storage.log.history import LogHistory, LogPlace, after_entry
from quartzdb.storage.log.tail import GapInLog, LogSealed
from quartzdb.storage.ports import ChangeLog
from quartzdb.storage.snapshot.expired_feed import ALL, ExpiredFeed, ExpiredPlace


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """One change in the log of a shard, or an expiry. `at_ms` (unix) is when it was committed at this site, or expired:
    its place in the order.

    The change's own version says when it was made, which is earlier where the other site made it; an expiry's is that
    of the record which expired.
    """

    shard: int
    at_ms: int
    change: Change | Expired


Take = Callable[[RecordEvent], bool]
"""Puts an event on a page; False where that is full."""


class _Filling:
    """The events of one shard as they go on a page, and the place after the last that was taken."""

    def __init__(self, shard: int, place: ChangePlace, take: Take, events_max: int) -> None:
        self._shard = shard
        self._take = take
        self._events_max = events_max
        self._refused_ms = 0
        self.log, self.expired = place
        self.taken = 0

    @property
    def room(self) -> int:
        """How many events may still come."""
        return self._events_max - self.taken

    @property
    def place(self) -> ChangePlace:
        """Where to go on."""
        return ChangePlace(self.log, self.expired)

    def expire(self, expired: Expired) -> bool:
        """Take an expiry; False where the page is full."""
        if not self._taken(RecordEvent(self._shard, expired.at_ms, expired)):
            return False
        given = self.expired.given if expired.after == self.expired.after else 0
        self.expired = ExpiredPlace(expired.after, given + 1)
        return True

    def commit(self, key: Version, body: bytes) -> bool:
        """Take the changes of an entry that were not taken before; False where the page is full."""
        skipped = self.log.given if (key.stamp, key.writer) == (self.log.stamp, self.log.writer) else 0
        self.expired = max(self.expired, ExpiredPlace(key.stamp))
        for number, change in enumerate(decode_entry(body, key)):
            if number < skipped:
                continue
            if not self._taken(RecordEvent(self._shard, key.milliseconds, change)):
                self.log = LogPlace(key.stamp, key.writer, number)
                return False
        self.log = after_entry(key)
        return True

    def full(self) -> tuple[ChangePlace, int, bool, int]:
        """What is known of a page that is full."""
        return self.place, self.taken, True, self._refused_ms - 1

    def _taken(self, event: RecordEvent) -> bool:
        if self.room <= 0 or not self._take(event):
            self._refused_ms = event.at_ms
            return False
        self.taken += 1
        return True


class RecordChanges:
    """One instance serves every namespace."""

    def __init__(self, log: ChangeLog, expired: ExpiredFeed, clock: Clock) -> None:
        self._history = LogHistory(log, clock)
        self._expired = expired

    def begin(self, namespace: Namespace, origin: Origin) -> ChangePlaces:
        """Where to begin. Raises ChangesGone where that is not kept."""
        return ChangePlaces(tuple(self._first(partition, origin) for partition in namespace.partitions))

    def resume(self, namespace: Namespace, cursor: str) -> ChangePlaces:
        """Where a cursor goes on. Raises InvalidCursor, ChangesGone."""
        return decode_places(namespace, RECORDS, cursor, self._present(namespace))

    def cursor(self, namespace: Namespace, places: ChangePlaces) -> str:
        """What `resume` takes."""
        return encode_places(namespace, RECORDS, places)

    def page(self, namespace: Namespace, places: ChangePlaces, take: Take, events_max: int) -> Followed:
        """Give `take` what comes after those places until it is full.

        Raises ChangesGone with a cursor to begin anew with, and NamespaceNotFound.
        """
        partitions = namespace.partitions
        taken = 0
        more = False
        complete_ms = [place.log.stamp >> COUNTER_BITS for place in places.places]
        for step in range(len(partitions)):
            shard = (places.turn + step) % len(partitions)
            place, count, full, complete_ms[shard] = self._fill(
                namespace, partitions[shard], shard, places.places[shard], take, events_max - taken
            )
            places = places.moved(shard, place)
            taken += count
            if full:
                more = True
                places = places.next_in_turn(shard)
                break
        return Followed(places, more, min(complete_ms))

    def has_more(self, namespace: Namespace, places: ChangePlaces) -> bool:
        """Whether anything comes after those places: one look at each shard."""
        return any(
            self._is_beyond(partition, place)
            for partition, place in zip(namespace.partitions, places.places, strict=True)
        )

    def _is_beyond(self, partition: Partition, place: ChangePlace) -> bool:
        if self._history.is_beyond(partition, place.log):
            return True
        try:
            return self._expired.is_beyond(partition, place.expired, self._history.settled())
        except (GapInLog, LogSealed):
            return True  # which whoever reads on is told

    def _fill(
        self,
        namespace: Namespace,
        partition: Partition,
        shard: int,
        place: ChangePlace,
        take: Take,
        events_max: int,
    ) -> tuple[ChangePlace, int, bool, int]:
        """Where to go on in a shard, how many events were taken, whether the page is full, and its complete_ms."""
        filling = _Filling(shard, place, take, events_max)
        while True:
            check_deadline()
            try:
                page = self._history.after(partition, filling.log, max(1, filling.room))
                expired = self._expired.after(partition, filling.expired, page.settled, filling.room + 1)
            except GapInLog as error:
                raise self._gone(namespace) from error
            except LogSealed as error:
                raise _deleted(namespace) from error
            for key, body in page.entries:
                while expired and expired[0].after < key.stamp:
                    if not filling.expire(expired.pop(0)):
                        return filling.full()
                if not filling.commit(key, body):
                    return filling.full()
            while expired:
                if not filling.expire(expired.pop(0)):
                    return filling.full()
            filling.log = page.through
            if not page.more:
                filling.expired = max(filling.expired, ExpiredPlace(page.settled, ALL))
                return filling.place, filling.taken, False, page.complete_ms
            if not filling.room:
                return filling.place, filling.taken, True, page.complete_ms

    def _first(self, partition: Partition, origin: Origin) -> ChangePlace:
        if isinstance(origin, FromNow):
            log = self._history.present(partition)
            settled = max(log.stamp - 1, self._history.settled())
            return ChangePlace(log, ExpiredPlace(settled, ALL))
        if isinstance(origin, FromOldest):
            try:
                log = self._history.oldest(partition)
                floor = self._expired.floor(partition)
            except LogSealed as error:
                raise NamespaceNotFound(
                    f"The namespace {partition.namespace!r} was deleted.", field="namespace"
                ) from error
            return ChangePlace(log, ExpiredPlace(floor, ALL) if floor else ExpiredPlace(0))
        if isinstance(origin, SinceMoment):
            return ChangePlace(
                LogPlace(stamp_at(origin.unix_ms)), ExpiredPlace(max(0, place_of(origin.unix_ms)))
            )
        return before_expiries(after_entry(origin.version))

    def _gone(self, namespace: Namespace) -> ChangesGone:
        return ChangesGone("What changed after that is no longer kept.", cursor=self._present(namespace))

    def _present(self, namespace: Namespace) -> str:
        return self.cursor(namespace, self.begin(namespace, FROM_NOW))


def _deleted(namespace: Namespace) -> NamespaceNotFound:
    return NamespaceNotFound(
        f"The namespace {namespace.name!r} was deleted: its change feed has ended.",
        field="namespace",
        hint="A namespace that is created again under that name has a feed of its own.",
    )
