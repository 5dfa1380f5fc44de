"""The change feed of key-values over every table: each key that changed, with its last state, from any place on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.embedded.sqlite_keyvalue import SqliteKeyValue
from quartzdb.domain.errors import ChangesGone
from quartzdb.domain.hlc import HybridClock, Version
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.services.change_cursor import ChangePlaces
from quartzdb.services.change_origin import FROM_NOW, FromOldest, SinceMoment, SinceWrite
from quartzdb.services.key_changes import KEPT_MS, KeyChanges, KeyEvent
from quartzdb.services.keyvalue import KeyValues, NewItem
from quartzdb.storage.log.protocol import CLOCK_ERROR_MAX_MS
from quartzdb.storage.ports import Item, KeyValueTable
from tests.contracts.adapters import KEY_VALUES, Storage, fresh_partition
from tests.manual_clock import ManualClock

BEHIND_MS = 5_000
TABLES: dict[str, Callable[[Storage], KeyValueTable]] = {
    **{name: make for name, make in KEY_VALUES.items() if name != "sqlite"},
    "sqlite-ordered": lambda storage: SqliteKeyValue(storage.database(), ordered=True),
}


class Followed:
    """A namespace in a table, written to and followed at a clock that tests move."""

    def __init__(self, table: KeyValueTable) -> None:
        self.clock = ManualClock()
        self.table = table
        versions = HybridClock(self.clock.unix_ms, "local.1", ahead_ms_max=CLOCK_ERROR_MAX_MS)
        self.values = KeyValues(table, versions, self.clock)
        self.feed = KeyChanges(table, self.clock, BEHIND_MS)
        at = fresh_partition()
        self.namespace = Namespace(at.tenant, at.namespace, at.generation, NamespaceSettings(None), 0)

        self.complete_ms = 0

    def settle(self) -> None:
        """Until what was written is old enough."""
        self.clock.seconds += BEHIND_MS / 1_000 + 1

    def put(self, key: str, value: str = "x", ttl_seconds: float | None = None) -> None:
        self.values.put(self.namespace, NewItem(key, value.encode(), ttl_seconds=ttl_seconds))
        self.clock.seconds += 0.01

    def read(self, places: ChangePlaces, limit: int = 1_000) -> tuple[list[KeyEvent], ChangePlaces, bool]:
        """A page; through a cursor, as clients do."""
        places = self.feed.resume(self.namespace, self.feed.cursor(self.namespace, places))
        found: list[KeyEvent] = []

        def take(event: KeyEvent) -> bool:
            if len(found) == limit:
                return False
            found.append(event)
            return True

        places, more, self.complete_ms = self.feed.page(self.namespace, places, take)
        return found, places, more

    def all_pages(self, places: ChangePlaces, limit: int) -> Iterator[KeyEvent]:
        more = True
        while more:
            some, places, more = self.read(places, limit)
            assert len(some) <= limit
            yield from some


@pytest.fixture(params=TABLES)
def followed(request: pytest.FixtureRequest, storage: Storage) -> Followed:
    return Followed(TABLES[request.param](storage))


def shown(events: list[KeyEvent]) -> list[tuple[str, bytes | None]]:
    return [(event.item.key, event.item.value) for event in events]


def test_each_key_comes_with_its_last_state_in_the_order_of_its_change(followed: Followed) -> None:
    """Once, however often it was put, whatever the size of pages."""
    begun = followed.feed.begin(followed.namespace, FROM_NOW)
    followed.put("a", "1")
    followed.put("b, é;/", "2")
    followed.put("a", "3")
    followed.values.delete(followed.namespace, "b, é;/")
    followed.values.put_many(followed.namespace, [NewItem(key, b"m") for key in ("z", "y", "x")])
    followed.put("c", "4", ttl_seconds=60)
    followed.settle()
    events, places, more = followed.read(begun)
    assert not more
    assert shown(events) == [
        ("a", b"3"), ("b, é;/", None), ("x", b"m"), ("y", b"m"), ("z", b"m"), ("c", b"4"),
    ]  # fmt: skip
    assert events[-1].item.expires_at_ms is not None
    assert [one.at_ms for one in events] == sorted(one.at_ms for one in events)
    assert followed.complete_ms >= followed.clock.unix_ms() - BEHIND_MS
    assert followed.read(places)[0] == []
    assert not followed.feed.has_more(followed.namespace, places)
    for limit in (1, 2, 4):
        assert shown(list(followed.all_pages(begun, limit))) == shown(events)
    followed.put("a", "5")
    followed.settle()
    assert followed.feed.has_more(followed.namespace, places)
    assert shown(followed.read(places)[0]) == [("a", b"5")]


def test_a_change_is_told_at_once(followed: Followed) -> None:
    """Where order takes a while it is told before that, too, and once more then; never a third time."""
    places = followed.feed.begin(followed.namespace, FROM_NOW)
    followed.put("a")
    assert followed.feed.has_more(followed.namespace, places)
    events, places, more = followed.read(places)
    assert (shown(events), more) == ([("a", b"x")], False)
    events, places, _ = followed.read(places)
    assert events == []
    assert not followed.feed.has_more(followed.namespace, places)
    followed.settle()
    events, places, _ = followed.read(places)
    assert shown(events) == ([] if followed.table.ordered else [("a", b"x")])
    followed.settle()
    assert followed.read(places)[0] == []


def test_where_it_begins(followed: Followed) -> None:
    """With what is kept, at a moment, after a write, or now."""
    followed.put("a")
    first_ms = followed.clock.unix_ms()
    followed.clock.seconds += 1
    version = followed.values.put(followed.namespace, NewItem("b", b"x"))
    followed.settle()
    for origin, expected in (
        (FromOldest(), ["a", "b"]),
        (SinceMoment(first_ms + 1), ["b"]),
        (SinceWrite(version), []),
        (FROM_NOW, []),
    ):
        events, _, _ = followed.read(followed.feed.begin(followed.namespace, origin))
        assert [event.item.key for event in events] == expected


def test_a_cursor_is_good_as_long_as_deleted_keys_are_known(followed: Followed) -> None:
    """Then it is gone, with a place to begin anew; one that was moved on by asking is good though nothing changed."""
    followed.put("a")
    followed.settle()
    kept = old = followed.feed.begin(followed.namespace, FROM_NOW)
    for _ in range(9):
        followed.clock.seconds += KEPT_MS / 1_000 / 8
        _, kept, _ = followed.read(kept)
    with pytest.raises(ChangesGone) as gone:
        followed.read(old)
    assert followed.read(kept)[0] == []
    anew = followed.feed.resume(followed.namespace, gone.value.cursor)
    followed.put("b")
    followed.settle()
    for place in (anew, kept):
        assert shown(followed.read(place)[0]) == [("b", b"x")]


def test_what_is_committed_later_comes_later_whatever_its_stamp(tmp_path: Path) -> None:
    """In a directory: a writer whose stamp is older than another's commit is told after that."""
    table = SqliteKeyValue(SqliteDatabase(tmp_path / "keyvalue.db"), ordered=True)
    at = fresh_partition()
    table.put(at, Item("a", Version(20, "w"), 20, b"x"))
    assert table.head(at) == 20
    table.put(at, Item("b", Version(10, "w"), 10, b"x"))
    table.put_many(at, [Item(key, Version(5, "w"), 5, b"x") for key in "dc"])
    later = table.changes(at, 20, 1 << 62, 10)
    assert [item.key for item in later] == ["b", "c", "d"]
    assert [item.version.stamp for item in later] == [10, 5, 5]
    assert later[0].appended < later[1].appended == later[2].appended == table.head(at)


def test_writers_side_by_side_are_told_in_the_order_of_their_commits(tmp_path: Path) -> None:
    """In a directory nothing comes behind what was told, so a reader that is never behind misses nothing."""
    followed = Followed(SqliteKeyValue(SqliteDatabase(tmp_path / "keyvalue.db"), ordered=True))
    places = followed.feed.begin(followed.namespace, FROM_NOW)
    writers = [threading.Thread(target=_puts, args=(followed, writer)) for writer in range(4)]
    told: dict[str, bytes | None] = {}
    order: list[int] = []
    for writer in writers:
        writer.start()
    while True:
        ended = not any(writer.is_alive() for writer in writers)
        events, places, more = followed.read(places, 7)
        for event in events:
            told[event.item.key] = event.item.value
            order.append(event.item.appended)
        if ended and not more and not events:
            break
    for writer in writers:
        writer.join()
    keys = [f"{writer}-{key}" for writer in range(4) for key in range(5)]
    held = followed.table.get(followed.namespace.partition, keys)
    assert told == {key: item.value for key, item in held.items()}
    assert len(told) == 20
    assert order == sorted(order)
    assert len(set(order)) == len(order)


def _puts(followed: Followed, writer: int) -> None:
    for number in range(40):
        followed.values.put(followed.namespace, NewItem(f"{writer}-{number % 5}", b"%d" % number))
