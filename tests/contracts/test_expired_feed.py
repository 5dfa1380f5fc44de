"""Expiries as events, on every kind of storage: one for each record whose moment came, where it belongs, whatever was
folded, merged and dropped before somebody asked.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quartzdb.domain.change import Delete, Patch, Upsert
from quartzdb.domain.errors import ChangesGone
from quartzdb.domain.expired import Expired
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.maintenance.merge_policy import all_segments
from quartzdb.maintenance.verification import Verification
from quartzdb.services.change_cursor import ChangePlaces
from quartzdb.services.change_origin import FROM_NOW, FromOldest, SinceMoment
from quartzdb.services.record_changes import RecordEvent
from quartzdb.services.record_rules import MetadataPatch, NewRecord
from quartzdb.storage.snapshot.manifest import Manifest
from quartzdb.wiring.embedded import Database
from tests.aws_deployment import Deployment
from tests.aws_emulators import Emulators
from tests.behaviour.test_erasure import IDS, settle, status_of, with_neighbours
from tests.behaviour.test_nothing_left import MARKER, with_marker
from tests.embedded import Embedded
from tests.manual_clock import ManualClock

SIDE = 4
DAY = 86_400
VECTOR = np.ones(SIDE, dtype=np.float32)
_KINDS = {Upsert: "upsert", Patch: "patch", Delete: "delete", Expired: "expire"}


class Place:
    """A namespace that is written to and followed, at a clock that tests move."""

    def __init__(self, site: Embedded | Deployment, shards: int = 1, side: int = SIDE) -> None:
        self.site = site
        self.database: Database = site.open()
        self.namespace: Namespace
        self.namespace, _ = self.database.namespaces.create("t", "n", NamespaceSettings(side, shards=shards))
        self.begun = self.cursor(self.database.record_changes.begin(self.namespace, FROM_NOW))
        self.complete_ms = 0

    @property
    def now(self) -> int:
        return self.site.clock.unix_ms()

    def wait(self, seconds: float) -> None:
        self.site.clock.seconds += seconds

    def put(self, record_id: str, seconds: float | None = None) -> int | None:
        """The moment, where it has one."""
        moment = None if seconds is None else self.now + int(1000 * seconds)
        self.database.records.upsert(self.namespace, [NewRecord(record_id, VECTOR, {"n": 1}, moment)])
        return moment

    def patch(self, record_id: str, seconds: float) -> int:
        moment = self.now + int(1000 * seconds)
        patch = MetadataPatch(record_id, expires_at_ms=moment)
        self.database.records.patch(self.namespace, [patch])
        return moment

    def fold(self) -> None:
        self.wait(5)
        for shard in self.namespace.each_shard:
            self.database.indexer.fold(shard)
            self.database.readers.of(shard).reload()

    def merge(self) -> None:
        for shard in self.namespace.each_shard:
            self.database.indexer.compact(shard, all_segments)
            self.database.readers.of(shard).reload()

    def manifest(self) -> Manifest:
        pointer = self.database.store.pointer(self.namespace.partition)
        assert pointer is not None
        return self.database.store.current(pointer)

    def cursor(self, places: ChangePlaces) -> str:
        return self.database.record_changes.cursor(self.namespace, places)

    def page(self, cursor: str, limit: int = 1_000) -> tuple[list[RecordEvent], str, bool]:
        changes = self.database.record_changes
        found: list[RecordEvent] = []

        def take(event: RecordEvent) -> bool:
            found.append(event)
            return True

        followed = changes.page(self.namespace, changes.resume(self.namespace, cursor), take, limit)
        self.complete_ms = followed.complete_ms
        return found, self.cursor(followed.places), followed.more

    def told(self, cursor: str | None = None, limit: int = 1_000) -> list[str]:
        """What comes after a cursor, page by page, as `kind id`."""
        cursor = cursor or self.begun
        found: list[str] = []
        more = True
        while more:
            events, cursor, more = self.page(cursor, limit)
            found += [f"{_KINDS[type(event.change)]} {event.change.id}" for event in events]
        return found

    def again(self) -> None:
        """Go on in a process that has nothing in memory."""
        self.database = self.site.open()


@pytest.fixture(params=["embedded", "ministack"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Embedded | Deployment:
    if request.param == "embedded":
        return directory_site(tmp_path)
    aws: Emulators = request.getfixturevalue("aws")
    emulator = aws.get(request.param)
    return Deployment(request.param, emulator.endpoint_url, emulator.new_place(), tmp_path)


def directory_site(tmp_path: Path, kept_ms: int = 7 * DAY * 1_000) -> Embedded:
    return Embedded(tmp_path / "data", ManualClock(), changes_kept_ms=kept_ms)


@pytest.fixture
def directory(tmp_path: Path) -> Embedded:
    return directory_site(tmp_path)


def test_an_expiry_comes_once_and_stays_when_the_record_has_left_storage(site: Embedded | Deployment) -> None:
    """Told the same from the tail, from a segment, after a merge that dropped it, and by another process."""
    place = Place(site)
    moment = place.put("a", 10)
    place.put("b")
    place.wait(3)
    assert place.told() == ["upsert a", "upsert b"]
    place.wait(20)
    expected = ["upsert a", "upsert b", "expire a"]
    assert place.told() == expected
    events, cursor, more = place.page(place.begun)
    expired = events[-1]
    assert isinstance(expired.change, Expired)
    upserted = events[0].change
    assert (expired.change.version, expired.change.expires_at_ms) == (upserted.version, moment)
    assert (expired.at_ms, more) == (moment, False)
    assert place.page(cursor)[0] == []
    place.fold()
    place.again()
    assert place.told() == expected
    place.wait(120)
    place.merge()
    assert place.told(cursor) == []
    place.again()
    assert place.told(limit=1) == expected
    assert place.told(cursor) == []
    place.fold()
    assert place.told() == expected


def test_it_stands_at_its_moment_between_the_commits(directory: Embedded) -> None:
    """Whatever was committed before comes before it, and what was committed from then on after it."""
    place = Place(directory)
    place.put("a", 10)
    place.put("b", 10)
    place.put("c", 5)
    place.wait(7)
    place.put("between")
    place.wait(7)
    place.put("a")
    expected = ["upsert a", "upsert b", "upsert c", "expire c", "upsert between"]
    expected += ["expire a", "expire b", "upsert a"]
    for limit in (1, 2, 3, 100):
        assert place.told(limit=limit) == expected
    place.fold()
    for limit in (1, 2, 3, 100):
        assert place.told(limit=limit) == expected


def test_what_was_prolonged_replaced_or_deleted_in_time_does_not_expire(directory: Embedded) -> None:
    """And what was so only afterwards has expired before."""
    place = Place(directory)
    for name in ("prolonged", "replaced", "deleted", "kept"):
        place.put(name, 10)
    place.fold()
    place.patch("prolonged", 100)
    place.put("replaced")
    place.database.records.delete(place.namespace, ["deleted"])
    place.database.records.patch(place.namespace, [MetadataPatch("kept", keeps=True)])
    _, cursor, _ = place.page(place.begun)
    place.wait(50)
    assert place.told(cursor) == []
    place.put("kept", 10)
    place.wait(60)
    place.database.records.delete(place.namespace, ["kept"])
    told = place.told(cursor)
    assert told == ["upsert kept", "expire kept", "expire prolonged", "delete kept"]
    place.fold()
    place.wait(120)
    place.merge()
    place.again()
    assert place.told(cursor) == told


def test_a_record_that_has_expired_when_it_is_committed_expires_right_then(directory: Embedded) -> None:
    """As one from the other site that comes late: whoever took it is told to drop it."""
    place = Place(directory)
    moment = place.now - 1_000
    upsert = NewRecord("late", VECTOR, {}, moment)
    place.database.records.upsert(place.namespace, [upsert])
    place.put("next")
    assert place.told(limit=1) == ["upsert late", "expire late", "upsert next"]
    place.fold()
    place.again()
    assert place.told(limit=1) == ["upsert late", "expire late", "upsert next"]


def test_every_shard_tells_its_own(site: Embedded | Deployment) -> None:
    """Many at one moment go over as many pages as they need, each once."""
    place = Place(site, shards=3)
    names = [f"r{number}" for number in range(30)]
    moment = place.now + 10_000
    place.database.records.upsert(place.namespace, [NewRecord(one, VECTOR, {}, moment) for one in names])
    place.fold()
    place.wait(30)
    expected = sorted([*(f"upsert {one}" for one in names), *(f"expire {one}" for one in names)])
    assert sorted(place.told(limit=7)) == expected
    place.wait(120)
    place.merge()
    place.again()
    assert sorted(place.told(limit=7)) == expected


def test_a_look_finds_the_next_expiry(directory: Embedded) -> None:
    """So whoever waits is woken by it, and by nothing before."""
    place = Place(directory)
    place.put("a", 10)
    _, cursor, _ = place.page(place.begun)
    changes = place.database.record_changes
    places = changes.resume(place.namespace, cursor)
    place.wait(9)
    assert not changes.has_more(place.namespace, places)
    place.wait(1)
    assert changes.has_more(place.namespace, places)
    assert place.told(cursor) == ["expire a"]
    # Also in a process that has not read anything yet.
    place.again()
    assert place.database.record_changes.has_more(place.namespace, places)


def test_where_it_begins(directory: Embedded) -> None:
    """From now on, what has expired was told; with a moment, what expires at it is."""
    place = Place(directory)
    moment = place.put("a", 10)
    assert moment is not None
    place.fold()
    place.wait(20)
    for origin, expected in (
        (FROM_NOW, []),
        (FromOldest(), ["upsert a", "expire a"]),
        (SinceMoment(moment), ["expire a"]),
        (SinceMoment(moment + 1), []),
    ):
        places = place.database.record_changes.begin(place.namespace, origin)
        assert place.told(place.cursor(places)) == expected


def test_expiries_are_kept_as_long_as_the_log_and_no_longer(tmp_path: Path) -> None:
    """In a namespace at rest, too; a cursor from before is gone, and one of the last minutes never is."""
    place = Place(directory_site(tmp_path, kept_ms=2 * DAY * 1_000))
    place.put("a", 3 * DAY)
    place.put("b")
    place.fold()
    _, before, _ = place.page(place.begun)
    place.wait(3 * DAY + 120)
    place.merge()
    assert place.told(before) == ["expire a"]
    assert [one.count for one in place.manifest().expired] == [1]
    _, at_end, _ = place.page(before)
    place.wait(2 * DAY)
    for shard in place.namespace.each_shard:
        place.database.indexer.drop_old_changes(shard.partition)
    assert place.manifest().expired == ()
    place.again()
    with pytest.raises(ChangesGone):
        place.told(before)
    assert place.told(at_end) == []


def test_nothing_is_kept_where_nothing_expires(directory: Embedded) -> None:
    """A manifest says nothing of it, and no file is there."""
    place = Place(directory)
    place.put("a")
    place.fold()
    place.database.records.delete(place.namespace, ["a"])
    place.fold()
    place.merge()
    manifest = place.manifest()
    assert (manifest.expired, manifest.expired_through, manifest.expired_floor) == ((), 0, 0)
    assert not [key for key, _, _ in place.database.store.blobs.list("t/") if "/expired/" in key]


def test_small_files_are_put_together(directory: Embedded) -> None:
    """So a namespace in which records expire all the time has few of them, and tells them all the same."""
    place = Place(directory)
    for number in range(30):
        place.put(f"r{number}", 1)
        place.fold()
    place.wait(120)
    place.merge()
    manifest = place.manifest()
    assert sum(one.count for one in manifest.expired) == 30
    assert len(manifest.expired) < 15
    place.again()
    told = place.told(limit=4)
    assert told == [f"{kind} r{number}" for number in range(30) for kind in ("upsert", "expire")]


def test_an_erasure_takes_what_has_expired_out_of_files(directory: Embedded) -> None:
    """The name of a record that expired and was erased is in none; who had read everything goes on."""
    place = Place(directory, side=8)
    namespace = with_neighbours(place.database, NamespaceSettings(8))
    database, clock = place.database, directory.clock
    begun = place.database.record_changes.begin(namespace, FROM_NOW)
    moment = clock.unix_ms() + 10_000
    vector = np.ones(8, dtype=np.float32)
    database.records.upsert(namespace, [NewRecord(f"{MARKER}-x", vector, {}, moment)])
    clock.seconds += 200
    settle(database, clock)
    place.namespace = namespace
    place.begun = place.cursor(begun)
    assert place.told() == [f"upsert {MARKER}-x", f"expire {MARKER}-x"]
    assert place.manifest().expired
    clock.seconds += 2 * 3_600
    settle(database, clock)
    erasure = database.erasures.of_ids(namespace, IDS).erasure.id
    settle(database, clock)
    assert status_of(database.erasures.report(namespace, erasure))["log"]
    assert not place.manifest().expired
    assert {name.partition("-")[0] for name in with_marker(directory.directory)} <= {"keyvalue.db"}
    with pytest.raises(ChangesGone):
        place.told()


def test_verification_reads_what_has_expired(directory: Embedded) -> None:
    """A file of it that is damaged is said to be."""
    place = Place(directory)
    place.put("a", 10)
    place.put("b")
    place.fold()
    place.wait(120)
    place.merge()
    ref = place.manifest().expired[0]
    verified = Verification(place.database.log, place.database.store).of(place.namespace)
    assert not verified.damages
    file = place.database.store.blobs.local_file(ref.file.key)
    file.chmod(0o600)
    file.write_bytes(file.read_bytes().replace(b'"a"', b'"z"'))
    damaged = Verification(place.database.log, place.database.store).of(place.namespace)
    assert [one.where for one in damaged.damages] == [ref.file.key]
