"""The change feed of records over every log: what was acknowledged comes once, in commit order, from any place on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quartzdb.domain.change import OWN, Change, Delete, Patch, Upsert
from quartzdb.domain.errors import ChangesGone, InvalidCursor, NamespaceNotFound
from quartzdb.domain.hlc import HybridClock, Version
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.services.change_cursor import ChangePlaces
from quartzdb.services.change_origin import FROM_NOW, FromOldest, SinceMoment, SinceWrite
from quartzdb.services.record_changes import RecordChanges, RecordEvent
from quartzdb.storage.log.append import LogWriter
from quartzdb.storage.log.codec import encode_entry
from quartzdb.storage.log.protocol import CLOCK_ERROR_MAX_MS, margin_of
from quartzdb.storage.ports import ChangeLog
from quartzdb.storage.snapshot.cache import SegmentCache
from quartzdb.storage.snapshot.expired_feed import ExpiredFeed
from quartzdb.storage.snapshot.manifest import Manifest
from quartzdb.storage.snapshot.store import SnapshotStore
from tests.contracts.adapters import fresh_partition
from tests.doubles.memory_blobs import MemoryBlobs
from tests.manual_clock import ManualClock

VECTOR = np.array([1, 2, 3], dtype=np.float32)


class Followed:
    """A namespace in a log, written to and followed at a clock that tests move."""

    def __init__(self, log: ChangeLog, shards: int = 1) -> None:
        self.clock = ManualClock()
        self.log = log
        self.versions = HybridClock(self.clock.unix_ms, "local.1", ahead_ms_max=CLOCK_ERROR_MAX_MS)
        self.writer = LogWriter(log, self.versions, self.clock)
        self.store = store = SnapshotStore(MemoryBlobs(self.clock))
        self.feed = RecordChanges(log, ExpiredFeed(log, store, SegmentCache(store), self.clock), self.clock)
        at = fresh_partition()
        settings = NamespaceSettings(3, shards=shards)
        self.namespace = Namespace(at.tenant, at.namespace, at.generation, settings, 0)

        self.complete_ms = 0

    def trim(self, upto: int) -> None:
        """As a publication does: what goes is covered by a manifest."""
        partition = self.namespace.partition
        watermark = upto + margin_of(self.log)
        assert self.store.publish(Manifest(partition, sequence=1, watermark=watermark), None)
        self.log.trim(partition, upto)

    def write(self, *changes: Change) -> Version:
        """One write, and time for it to be told."""
        version = self.writer.write(self.namespace, changes)
        self.clock.seconds += 3
        return version

    def read(self, places: ChangePlaces, limit: int = 1_000) -> tuple[list[RecordEvent], ChangePlaces, bool]:
        """A page; through a cursor, as clients do."""
        places = self.feed.resume(self.namespace, self.feed.cursor(self.namespace, places))
        found: list[RecordEvent] = []

        def take(event: RecordEvent) -> bool:
            found.append(event)
            return True

        places, more, self.complete_ms = self.feed.page(self.namespace, places, take, limit)
        return found, places, more


def upsert(name: str, **metadata: object) -> Upsert:
    return Upsert(name, OWN, VECTOR, metadata)


def names(events: list[RecordEvent]) -> list[str]:
    return [event.change.id for event in events]


def test_everything_comes_once_and_in_order(log: ChangeLog) -> None:
    """Whatever the size of pages, and with what each change was."""
    followed = Followed(log)
    begun = followed.feed.begin(followed.namespace, FROM_NOW)
    first = followed.write(upsert("a", n=1), upsert("b"))
    second = followed.write(Patch("a", OWN, {"n": 2}, ("m",)), Delete("b", OWN))
    events, places, more = followed.read(begun)
    assert (names(events), more) == (["a", "b", "a", "b"], False)
    assert [event.change.version for event in events] == [first, first, second, second]
    assert [event.at_ms for event in events] == [v.milliseconds for v in (first, first, second, second)]
    assert isinstance(events[0].change, Upsert)
    assert events[0].change.metadata == {"n": 1}
    assert events[2].change == Patch("a", second, {"n": 2}, ("m",))
    assert followed.read(places)[0] == []
    assert not followed.feed.has_more(followed.namespace, places)
    for limit in (1, 2, 3):
        found: list[RecordEvent] = []
        places, more = begun, True
        while more:
            assert followed.feed.has_more(followed.namespace, places)
            some, places, more = followed.read(places, limit)
            found += some
        assert [(one.change.id, one.change.version) for one in found] == [
            (one.change.id, one.change.version) for one in events
        ]


def test_writers_that_share_a_stamp_are_told_one_by_one(log: ChangeLog) -> None:
    """Pages as small as can be get past all of them, wherever one ends."""
    followed = Followed(log)
    begun = followed.feed.begin(followed.namespace, FROM_NOW)
    stamp = followed.versions.now().stamp
    if not log.ordered:
        for writer in ("local.2", "local.3", "local.4"):
            log.append(followed.namespace.partition, Version(stamp, writer), encode_entry([upsert(writer)]))
    followed.clock.seconds += 3
    followed.write(upsert("last"))
    found: list[str] = []
    places, more = begun, True
    while more:
        some, places, more = followed.read(places, 1)
        found += names(some)
    assert found == [*([] if log.ordered else ["local.2", "local.3", "local.4"]), "last"]


def test_where_it_begins(log: ChangeLog) -> None:
    """With what is kept, at a moment, after a write, or now."""
    followed = Followed(log)
    first = followed.write(upsert("a"))
    followed.write(upsert("b"))
    for origin, expected in (
        (FromOldest(), ["a", "b"]),
        (SinceMoment(first.milliseconds), ["a", "b"]),
        (SinceMoment(first.milliseconds + 1), ["b"]),
        (SinceWrite(first), ["b"]),
        (FROM_NOW, []),
    ):
        events, _, _ = followed.read(followed.feed.begin(followed.namespace, origin))
        assert names(events) == expected


def test_every_shard_is_told_of(log: ChangeLog) -> None:
    """A write over several is in each that it touches."""
    followed = Followed(log, shards=3)
    begun = followed.feed.begin(followed.namespace, FROM_NOW)
    ids = [f"r{number}" for number in range(9)]
    followed.write(*map(upsert, ids))
    followed.write(*(Delete(one, OWN) for one in ids))
    events, _, _ = followed.read(begun)
    assert sorted(names(events)) == sorted(ids * 2)
    for shard in range(3):
        own = [event for event in events if event.shard == shard]
        assert own
        assert [event.change.version for event in own] == sorted(event.change.version for event in own)
    some, places, more = followed.read(begun, 4)
    assert more
    rest: list[RecordEvent] = list(some)
    while more:
        some, places, more = followed.read(places, 4)
        rest += some
    assert sorted((one.change.id, one.change.version) for one in rest) == sorted(
        (one.change.id, one.change.version) for one in events
    )


def test_a_place_that_is_trimmed_away_is_gone_and_one_after_it_is_not(log: ChangeLog) -> None:
    """Also for who stands exactly there."""
    followed = Followed(log)
    oldest = followed.feed.begin(followed.namespace, FromOldest())
    first = followed.write(upsert("a"))
    _, at_first, _ = followed.read(oldest)
    followed.write(upsert("b"))
    followed.trim(first.stamp)
    with pytest.raises(ChangesGone) as gone:
        followed.read(oldest)
    assert names(followed.read(at_first)[0]) == ["b"]
    anew = followed.feed.resume(followed.namespace, gone.value.cursor)
    followed.write(upsert("c"))
    assert names(followed.read(anew)[0]) == ["c"]


def test_a_deleted_generation_has_no_feed(log: ChangeLog) -> None:
    """Its cursors are gone for the next one, and it is not found itself."""
    followed = Followed(log)
    followed.write(upsert("a"))
    places = followed.feed.begin(followed.namespace, FROM_NOW)
    cursor = followed.feed.cursor(followed.namespace, places)
    log.seal(followed.namespace.partition)
    assert followed.feed.has_more(followed.namespace, places)
    with pytest.raises(NamespaceNotFound):
        followed.read(places)
    again = replace(followed.namespace, generation="another")
    with pytest.raises(ChangesGone):
        followed.feed.resume(again, cursor)
    with pytest.raises(InvalidCursor):
        followed.feed.resume(replace(followed.namespace, name="another"), cursor)


def test_a_change_from_the_other_site_comes_where_it_is_committed_here(log: ChangeLog) -> None:
    """With the version that it was born with."""
    followed = Followed(log)
    begun = followed.feed.begin(followed.namespace, FROM_NOW)
    foreign = Version(followed.versions.now().stamp - (60_000 << 16), "there.1")
    own = followed.write(upsert("a"))
    followed.write(replace(upsert("b"), version=foreign))
    events, _, _ = followed.read(begun)
    assert [event.change.version for event in events] == [own, foreign]
    assert events[1].at_ms > foreign.milliseconds


def test_a_page_says_up_to_when_it_is_complete(log: ChangeLog) -> None:
    """What was committed by then is on it or before it: at the end that is now, or as late as clocks allow."""
    followed = Followed(log, shards=2)
    begun = followed.feed.begin(followed.namespace, FROM_NOW)
    versions = [followed.write(*(upsert(f"r{n}") for n in range(6))) for _ in range(3)]
    now_ms = followed.clock.unix_ms()
    told: list[tuple[str, Version]] = []
    places, more, before = begun, True, 0
    while more:
        events, places, more = followed.read(places, 4)
        told += [(event.change.id, event.change.version) for event in events]
        missing = [v for v in versions if sum(version == v for _, version in told) < 6]
        assert followed.complete_ms < min((v.milliseconds for v in missing), default=now_ms + 1)
        before = max(before, followed.complete_ms)
    assert before >= now_ms - (0 if log.ordered else 2_000)
    followed.clock.seconds += 60
    followed.read(places)
    assert followed.complete_ms >= now_ms + 58_000
