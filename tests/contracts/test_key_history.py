"""The history of key-values over every table: each change and each expiry once, in commit order, from any place on."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from quartzdb.domain.errors import ChangesGone
from quartzdb.domain.hlc import HybridClock
from quartzdb.domain.limits import DAY_MS, KEY_HISTORY_VALUE_BYTES_MAX
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.maintenance.purging import purge_history, purge_some
from quartzdb.services.change_cursor import ChangePlaces
from quartzdb.services.change_origin import FROM_NOW, FromOldest, SinceMoment
from quartzdb.services.key_changes import KeyChanges, KeyEvent
from quartzdb.services.keyvalue import KeyValues, NewItem
from quartzdb.storage.key_history import COMMITS, EXPIRIES
from quartzdb.storage.log.protocol import CLOCK_ERROR_MAX_MS
from quartzdb.storage.ports import KeyValueTable
from tests.contracts.adapters import fresh_partition
from tests.manual_clock import ManualClock

BEHIND_MS = 5_000
KEPT_MS = 7 * DAY_MS
Told = tuple[str, str, bytes | None]


class Place:
    """A namespace with a history, written to and followed at a clock that tests move."""

    def __init__(self, table: KeyValueTable, *, key_history: bool = True, kept_ms: int = KEPT_MS) -> None:
        self.clock = ManualClock()
        self.table = table
        self.versions = HybridClock(self.clock.unix_ms, "local.1", ahead_ms_max=CLOCK_ERROR_MAX_MS)
        self.values = KeyValues(table, self.versions, self.clock, history_kept_ms=kept_ms)
        self.feed = KeyChanges(table, self.clock, BEHIND_MS, history_kept_ms=kept_ms)
        at = fresh_partition()
        settings = NamespaceSettings(key_history=key_history)
        self.namespace = Namespace(at.tenant, at.namespace, at.generation, settings, 0)

    def put(self, key: str, value: bytes = b"v", ttl: float | None = None) -> None:
        self.values.put(self.namespace, NewItem(key, value, ttl_seconds=ttl))

    def now(self) -> ChangePlaces:
        """The place after all that is settled by then: tests move on first."""
        self.clock.seconds += 10
        return self.feed.begin(self.namespace, FROM_NOW)

    def page(self, places: ChangePlaces, limit: int) -> tuple[list[KeyEvent], ChangePlaces, bool]:
        found: list[KeyEvent] = []

        def take(event: KeyEvent) -> bool:
            if len(found) == limit:
                return False
            found.append(event)
            return True

        places = self.feed.resume(self.namespace, self.feed.cursor(self.namespace, places))
        followed = self.feed.page(self.namespace, places, take)
        return found, followed.places, followed.more

    def told(self, places: ChangePlaces, limit: int = 1_000) -> list[Told]:
        found: list[Told] = []
        more = True
        while more:
            events, places, more = self.page(places, limit)
            found += [
                (one.kind, one.item.key, one.item.value if one.kind == "put" else None) for one in events
            ]
        return found


def test_every_change_is_told(table: KeyValueTable) -> None:
    """Whatever the size of pages; each with the value of then, none again after the end."""
    place = Place(table)
    begun = place.now()
    place.put("a", b"1")
    place.put("a", b"2")
    place.values.put_many(place.namespace, [NewItem("b", b"x"), NewItem("c", b"y")])
    place.values.delete(place.namespace, "b")
    place.put("a", b"3")
    place.clock.seconds += 3
    expected: list[Told] = [("put", "a", b"1"), ("put", "a", b"2"), ("put", "b", b"x"), ("put", "c", b"y")]
    expected += [("delete", "b", None), ("put", "a", b"3")]
    for limit in (1, 2, 4, 100):
        assert place.told(begun, limit) == expected
    _, end, _ = place.page(begun, 100)
    assert place.told(end) == []
    assert not place.feed.has_more(place.namespace, end)
    place.put("d")
    place.clock.seconds += 3
    assert place.feed.has_more(place.namespace, end)
    assert place.told(end) == [("put", "d", b"v")]


def test_what_ends_is_told_when_it_does(table: KeyValueTable) -> None:
    """Not what was put again, kept or deleted before; also when the item itself was forgotten."""
    place = Place(table)
    begun = place.now()
    for key in ("ends", "again", "kept", "deleted"):
        place.put(key, ttl=20)
    place.clock.seconds += 5
    place.put("again", ttl=60)
    place.put("kept")
    place.values.delete(place.namespace, "deleted")
    place.clock.seconds += 4
    _, cursor, _ = place.page(begun, 100)
    assert not place.feed.has_more(place.namespace, cursor)
    place.clock.seconds += 20
    assert place.feed.has_more(place.namespace, cursor)
    assert place.told(cursor) == [("expire", "ends", None)]
    place.put("ends")
    place.clock.seconds += 60
    later = [("expire", "ends", None), ("put", "ends", b"v"), ("expire", "again", None)]
    purge_some(place.table, place.clock, place.namespace.partition)
    for limit in (1, 2, 100):
        assert place.told(cursor, limit) == later
    events, _, _ = place.page(cursor, 1)
    assert events[0].item.expires_at_ms == events[0].at_ms


def test_a_value_that_is_too_large_is_told_without(table: KeyValueTable) -> None:
    """With how large it was."""
    place = Place(table)
    begun = place.now()
    place.put("large", bytes(KEY_HISTORY_VALUE_BYTES_MAX + 1))
    place.put("fits", bytes(KEY_HISTORY_VALUE_BYTES_MAX))
    place.put("empty", b"")
    place.clock.seconds += 3
    events, _, _ = place.page(begun, 10)
    assert [(one.item.value is None, one.value_bytes) for one in events] == [
        (True, KEY_HISTORY_VALUE_BYTES_MAX + 1),
        (False, KEY_HISTORY_VALUE_BYTES_MAX),
        (False, 0),
    ]


def test_erased_values_leave_the_history(table: KeyValueTable) -> None:
    """What changed is told all the same; other keys keep theirs."""
    place = Place(table)
    begun = place.now()
    place.put("a", b"secret")
    place.put("b", b"kept")
    version, _ = place.values.delete_many(place.namespace, ["a"])
    place.values.forget_values(place.namespace, ["a"], version)
    place.clock.seconds += 3
    assert place.told(begun) == [("put", "a", None), ("put", "b", b"kept"), ("delete", "a", None)]


def test_the_history_is_as_long_as_it_is_kept(table: KeyValueTable) -> None:
    """A cursor from before is gone; notes are forgotten, and with the generation everything."""
    place = Place(table, kept_ms=2 * DAY_MS)
    begun = place.now()
    place.put("a", ttl=3 * DAY_MS / 1_000)
    place.clock.seconds += 86_400
    _, cursor, _ = place.page(begun, 100)
    place.put("b")
    place.clock.seconds += 1.5 * 86_400
    with pytest.raises(ChangesGone) as gone:
        place.told(begun)
    assert place.told(cursor) == [("put", "b", b"v")]
    assert place.told(place.feed.begin(place.namespace, FromOldest())) == [("put", "b", b"v")]
    anew = place.feed.resume(place.namespace, gone.value.cursor)
    place.clock.seconds += 86_400
    assert place.told(anew) == [("expire", "a", None)]
    if table.ordered:
        assert purge_history(table, place.clock, place.namespace.partition) == 1
    table.drop(place.namespace.partition)
    for of in (COMMITS, EXPIRIES):
        page = table.list(
            place.namespace.partition.of_history, prefix=of, after=None, limit=9, now_ms=0, values=False
        )
        assert not page.items


def test_a_namespace_without_history_has_no_note(table: KeyValueTable) -> None:
    """Its feed tells last states, as ever."""
    place = Place(table, key_history=False)
    begun = place.now()
    place.put("a", b"1")
    place.put("a", b"2", ttl=3_600)
    place.clock.seconds += 6
    told = place.told(begun)
    assert set(told) == {("put", "a", b"2")}
    for of in (COMMITS, EXPIRIES):
        page = table.list(
            place.namespace.partition.of_history, prefix=of, after=None, limit=9, now_ms=0, values=False
        )
        assert not page.items


@pytest.mark.parametrize("seed", range(4))
def test_the_history_is_what_was_done(table: KeyValueTable, seed: int) -> None:
    """Random puts, ends and deletions, against a list of what was done."""
    chance = random.Random(seed)
    place = Place(table)
    begun = cursor = place.now()
    expected: list[Told] = []
    ends: dict[str, float] = {}
    told: list[Told] = []

    def pass_by(seconds: float) -> None:
        place.clock.seconds += seconds
        for until, key in sorted((until, key) for key, until in ends.items()):
            if until <= place.clock.seconds:
                expected.append(("expire", key, None))
                del ends[key]

    def put(key: str) -> None:
        value, ttl = chance.randbytes(3), chance.choice([None, 1, 7, 30])
        place.put(key, value, ttl)
        expected.append(("put", key, value))
        ends.pop(key, None)
        if ttl is not None:
            ends[key] = place.clock.seconds + ttl

    def delete(key: str) -> None:
        place.values.delete(place.namespace, key)
        expected.append(("delete", key, None))
        ends.pop(key, None)

    steps: list[Callable[[str], None]] = [put, put, delete]
    for _ in range(25):
        pass_by(chance.choice([1, 3, 10]))
        chance.choice(steps)(chance.choice("abc"))
        if chance.random() < 0.3:
            events, cursor, _ = place.page(cursor, chance.randrange(1, 4))
            told += [(e.kind, e.item.key, e.item.value if e.kind == "put" else None) for e in events]
    pass_by(40)
    place.clock.seconds += 3
    assert told + place.told(cursor) == expected
    assert place.told(begun, chance.randrange(1, 5)) == expected
    since = place.feed.begin(place.namespace, SinceMoment(0))
    with pytest.raises(ChangesGone):
        place.told(since)
