"""Use cases of the change feed of records: what was committed, in commit order for each shard, from a cursor on.

The log is the feed: what was acknowledged is in it, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quartzdb.domain.change import Change
from quartzdb.domain.clock import Clock
from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.errors import ChangesGone, NamespaceNotFound
from quartzdb.domain.hlc import COUNTER_BITS, stamp_at
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.services.change_cursor import RECORDS, ChangePlaces, Followed, decode_places, encode_places
from quartzdb.services.change_origin import FromNow, FromOldest, Origin, SinceMoment
from quartzdb.storage.log.codec import decode_entry
from quartzdb.storage.log.history import LogHistory, LogPlace, after_entry
from quartzdb.storage.log.tail import GapInLog, LogSealed
from quartzdb.storage.ports import ChangeLog


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """One change in the log of a shard. `at_ms` (unix) is when it was committed at this site: its place in the order.

    The change's own version says when it was made, which is earlier where the other site made it.
    """

    shard: int
    at_ms: int
    change: Change


Take = Callable[[RecordEvent], bool]
"""Puts an event on a page; False where that is full."""


class RecordChanges:
    """One instance serves every namespace."""

    def __init__(self, log: ChangeLog, clock: Clock) -> None:
        self._history = LogHistory(log, clock)

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
        complete_ms = [place.stamp >> COUNTER_BITS for place in places.places]
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
            self._history.is_beyond(partition, place)
            for partition, place in zip(namespace.partitions, places.places, strict=True)
        )

    def _fill(
        self,
        namespace: Namespace,
        partition: Partition,
        shard: int,
        place: LogPlace,
        take: Take,
        events_max: int,
    ) -> tuple[LogPlace, int, bool, int]:
        """Where to go on in a shard, how many events were taken, whether the page is full, and its complete_ms."""
        taken = 0
        while True:
            check_deadline()
            try:
                page = self._history.after(partition, place, max(1, events_max - taken))
            except GapInLog as error:
                raise self._gone(namespace) from error
            except LogSealed as error:
                raise _deleted(namespace) from error
            for key, body in page.entries:
                skipped = place.given if (key.stamp, key.writer) == (place.stamp, place.writer) else 0
                for number, change in enumerate(decode_entry(body, key)):
                    if number < skipped:
                        continue
                    event = RecordEvent(shard, key.milliseconds, change)
                    if taken >= events_max or not take(event):
                        return LogPlace(key.stamp, key.writer, number), taken, True, key.milliseconds - 1
                    taken += 1
                place = after_entry(key)
            place = page.through
            if not page.more:
                return place, taken, False, page.complete_ms
            if taken >= events_max:
                return place, taken, True, page.complete_ms

    def _first(self, partition: Partition, origin: Origin) -> LogPlace:
        if isinstance(origin, FromNow):
            return self._history.present(partition)
        if isinstance(origin, FromOldest):
            try:
                return self._history.oldest(partition)
            except LogSealed as error:
                raise NamespaceNotFound(
                    f"The namespace {partition.namespace!r} was deleted.", field="namespace"
                ) from error
        if isinstance(origin, SinceMoment):
            return LogPlace(stamp_at(origin.unix_ms))
        return after_entry(origin.version)

    def _gone(self, namespace: Namespace) -> ChangesGone:
        return ChangesGone("What changed after that is no longer kept.", cursor=self._present(namespace))

    def _present(self, namespace: Namespace) -> str:
        return self.cursor(
            namespace, ChangePlaces(tuple(self._history.present(one) for one in namespace.partitions))
        )


def _deleted(namespace: Namespace) -> NamespaceNotFound:
    return NamespaceNotFound(
        f"The namespace {namespace.name!r} was deleted: its change feed has ended.",
        field="namespace",
        hint="A namespace that is created again under that name has a feed of its own.",
    )
