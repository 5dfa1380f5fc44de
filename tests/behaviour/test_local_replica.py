"""This site as a replica: what its storage means for feeds, digests and what is taken over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quartzdb.domain.change import Change, Delete, Patch, Upsert
from quartzdb.domain.errors import Conflict, InvalidArgument, NamespaceNotFound
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Namespace, NamespaceSettings, Precision
from quartzdb.maintenance.merge_policy import all_segments
from quartzdb.replication.peer_settings import PeerSettings, SharedData, tenants_of
from quartzdb.replication.ports import Applied, Checkpoint, Direction, Feed, FeedGap, FeedPage
from quartzdb.replication.retention import PeerRetention
from quartzdb.replication.shared_namespaces import all_namespaces
from quartzdb.replication.wire.limits import FEED_KEPT_MS
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.ports import ApiKey
from quartzdb.services.record_rules import NewRecord
from quartzdb.storage.index.segments.outline import UNHEARD_OF
from quartzdb.storage.log.codec import encode_entry
from quartzdb.storage.ports import Item
from tests.doubles.memory_checkpoints import MemoryCheckpoints
from tests.manual_clock import ManualClock
from tests.replica_sites import NAMESPACE, LocalSite, memory_site, sqlite_site, version_at

RECORDS, KEYS = Feed.RECORDS, Feed.KEYS
DAY_S = 24 * 3600
VECTOR = np.array([1, 2, 3], np.float32)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def site(tmp_path: Path, clock: ManualClock) -> LocalSite:
    """With a log that is ordered by clocks."""
    return memory_site("here", tmp_path, clock)


@pytest.fixture
def namespace(site: LocalSite) -> Namespace:
    return site.database.namespaces.create(NAMESPACE.tenant, NAMESPACE.namespace, NamespaceSettings(3))[0]


def page(site: LocalSite, feed: Feed, cursor: str | None = None, **asked: Any) -> FeedPage:
    return site.replica.changes(NAMESPACE, feed, cursor, **asked)


def ids(page: FeedPage) -> list[str]:
    return [change.key if isinstance(change, Item) else change.id for change in page.changes]


def write(site: LocalSite, namespace: Namespace, *names: str, **metadata: object) -> Version:
    return site.database.records.upsert(namespace, [NewRecord(name, VECTOR, metadata) for name in names])


# --- feeds ------------------------------------------------------------------------------------------------------------


def test_a_log_ordered_by_clocks_gives_out_only_what_is_older_than_the_overlap(
    site: LocalSite, namespace: Namespace, clock: ManualClock
) -> None:
    """So that an entry that lands late is not passed by."""
    write(site, namespace, "first")
    clock.seconds += 1
    late = site.database.versions.now()
    clock.seconds += 1.5
    before = page(site, RECORDS)
    assert ids(before) == ["first"]
    write(site, namespace, "third")
    assert ids(page(site, RECORDS, before.cursor)) == []
    site.adapters.log.append(namespace.partition, late, encode_entry([Upsert("second", late, VECTOR, {})]))
    clock.seconds += 2.1
    after = page(site, RECORDS, before.cursor)
    assert ids(after) == ["second", "third"]
    assert after.through_ms == clock.unix_ms() - 2_000


def test_an_ordered_log_gives_out_everything_at_once(tmp_path: Path, clock: ManualClock) -> None:
    """Nothing can come before what is there."""
    site = sqlite_site("here", tmp_path, clock)
    namespace = site.database.namespaces.create(NAMESPACE.tenant, "default", NamespaceSettings(3))[0]
    write(site, namespace, "a")
    found = page(site, RECORDS)
    assert (ids(found), found.through_ms) == (["a"], clock.unix_ms())
    assert page(site, RECORDS, found.cursor).cursor == found.cursor, "nothing happened, so the place stays"


def test_a_key_that_is_put_again_and_again_is_given_out(
    site: LocalSite, namespace: Namespace, clock: ManualClock
) -> None:
    """Though it is always younger than the overlap; the place waits behind it, and it comes once more."""
    cursor = None
    for number in range(5):
        site.database.key_values.put(namespace, NewItem("busy", str(number).encode()))
        found = page(site, KEYS, cursor)
        assert [item.value for item in found.changes if isinstance(item, Item)] == [str(number).encode()]
        cursor = found.cursor
        clock.seconds += 1
    clock.seconds += 5
    again = page(site, KEYS, cursor)
    assert ids(again) == ["busy"]
    assert ids(page(site, KEYS, again.cursor)) == []


def test_an_entry_larger_than_a_page_comes_in_parts(
    site: LocalSite, namespace: Namespace, clock: ManualClock
) -> None:
    """Each change once; a cursor inside the entry is as good as any other."""
    names = [f"r{number:03}" for number in range(200)]
    write(site, namespace, *names, text="x" * 30_000)
    write(site, namespace, "after")
    clock.seconds += 5
    found: list[str] = []
    pages, cursor, more = 0, None, True
    while more:
        one = page(site, RECORDS, cursor)
        assert ids(page(site, RECORDS, cursor)) == ids(one)
        found += ids(one)
        pages, cursor, more = pages + 1, one.cursor, one.more
    assert found == [*names, "after"]
    assert pages >= 2


def test_entries_that_share_a_stamp_are_all_given_out(
    site: LocalSite, namespace: Namespace, clock: ManualClock
) -> None:
    """Two processes of a site may issue one stamp; a page may end between their entries."""
    stamp = version_at(clock, "here").stamp
    for writer in ("here.b", "here.a", "here.c"):
        key = Version(stamp, writer)
        body = encode_entry([Upsert(writer[-1], key, VECTOR, {}), Delete(f"{writer[-1]}2", key)])
        site.adapters.log.append(namespace.partition, key, body)
    clock.seconds += 5
    found: list[str] = []
    cursor, more = None, True
    while more:
        one = page(site, RECORDS, cursor, limit=1)
        found += ids(one)
        cursor, more = one.cursor, one.more
    assert found == ["a", "a2", "b", "b2", "c", "c2"]


def test_much_that_is_left_out_ends_a_page(
    site: LocalSite, namespace: Namespace, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty, with more to follow: no request looks through a whole log of the reader's own changes."""
    monkeypatch.setattr("quartzdb.replication.feeds.record_feed._READ_BYTES", 100)
    monkeypatch.setattr("quartzdb.replication.feeds.record_feed.SCANNED_BYTES_MAX", 400)
    for number in range(20):
        write(site, namespace, f"r{number}")
    clock.seconds += 5
    pages, cursor, more = 0, None, True
    while more:
        one = page(site, RECORDS, cursor, exclude_site="here")
        assert ids(one) == []
        pages, cursor, more = pages + 1, one.cursor, one.more
    assert pages > 3


def test_a_namespace_that_was_made_anew_is_a_gap(
    tmp_path: Path, clock: ManualClock, site: LocalSite, namespace: Namespace
) -> None:
    """Its cursors mean nothing to the new one: what is there has to be compared."""
    write(site, namespace, "a")
    clock.seconds += 5
    cursor = page(site, RECORDS).cursor
    assert site.adapters.catalog.remove(namespace)
    site.database.namespaces.create(NAMESPACE.tenant, NAMESPACE.namespace, NamespaceSettings(3))
    with pytest.raises(FeedGap) as gap:
        page(site, RECORDS, cursor)
    assert ids(page(site, RECORDS, gap.value.cursor)) == []


def test_keys_are_a_gap_once_what_was_deleted_may_be_forgotten(
    site: LocalSite, namespace: Namespace, clock: ManualClock
) -> None:
    """From the very beginning nothing is missed, since nothing was given out before."""
    site.database.key_values.put(namespace, NewItem("a", b"1"))
    clock.seconds += 10
    cursor = page(site, KEYS).cursor
    clock.seconds += FEED_KEPT_MS / 1000 - 3
    assert ids(page(site, KEYS, cursor)) == []
    clock.seconds += 10
    with pytest.raises(FeedGap) as gap:
        page(site, KEYS, cursor)
    assert ids(page(site, KEYS, gap.value.cursor)) == []
    assert ids(page(site, KEYS)) == ["a"]


# --- retention --------------------------------------------------------------------------------------------------------


@pytest.fixture
def checkpoints() -> MemoryCheckpoints:
    return MemoryCheckpoints()


@pytest.fixture
def keeping(tmp_path: Path, clock: ManualClock, checkpoints: MemoryCheckpoints) -> LocalSite:
    """A site that keeps for its peer what the checkpoints say."""
    plain = memory_site("here", tmp_path, clock)
    retention = PeerRetention("here", ["there"], checkpoints, clock, all_namespaces)
    return LocalSite("here", plain.adapters, tmp_path / "keeping", retention=retention)


def checkpoint(site: LocalSite, checkpoints: MemoryCheckpoints, feed: Feed, cursor: str) -> None:
    """The other side has everything up to the cursor."""
    direction = Direction("here", "there", NAMESPACE.tenant, NAMESPACE.namespace, feed)
    retained_from = site.replica.retained_from(NAMESPACE, feed, cursor)
    checkpoints.write(direction, Checkpoint(cursor, retained_from=retained_from))


def folds(site: LocalSite, namespace: Namespace, clock: ManualClock, count: int = 3) -> None:
    """Enough of them, far enough apart, that the log before is not needed by this site itself."""
    for number in range(count):
        write(site, namespace, f"later{number}")
        clock.seconds += 60
        site.fold()


def test_without_a_peer_the_log_is_trimmed_as_ever(
    site: LocalSite, namespace: Namespace, clock: ManualClock
) -> None:
    """A feed from the beginning is then a gap."""
    write(site, namespace, "a")
    folds(site, namespace, clock)
    with pytest.raises(FeedGap):
        page(site, RECORDS)


def test_the_log_is_kept_for_a_peer_until_it_has_it(
    keeping: LocalSite, checkpoints: MemoryCheckpoints, clock: ManualClock
) -> None:
    """From its checkpoint on; all of it for one that has not begun; and no longer than 7 days."""
    site = keeping
    namespace = site.database.namespaces.create(NAMESPACE.tenant, "default", NamespaceSettings(3))[0]
    write(site, namespace, "a")
    folds(site, namespace, clock)
    assert ids(page(site, RECORDS))[0] == "a"
    first = page(site, RECORDS, limit=2)
    checkpoint(site, checkpoints, RECORDS, first.cursor)
    folds(site, namespace, clock)
    assert ids(page(site, RECORDS, first.cursor))[0] == "later1"
    with pytest.raises(FeedGap):
        page(site, RECORDS)
    clock.seconds += 8 * DAY_S
    folds(site, namespace, clock)
    with pytest.raises(FeedGap):
        page(site, RECORDS, first.cursor)


def test_tombstones_survive_merges_for_7_days(keeping: LocalSite, clock: ManualClock) -> None:
    """By the version that they were born with: a page that is repeated must not bring back what they delete."""
    site = keeping
    old = version_at(clock, "there", back_ms=3 * DAY_S * 1000)
    changes: list[Change] = [Delete("a", old), Upsert("b", old, VECTOR, {})]
    site.replica.apply(NAMESPACE, RECORDS, changes)
    namespace = site.adapters.catalog.get(NAMESPACE.tenant, NAMESPACE.namespace)
    assert namespace is not None

    def merged() -> Applied:
        folds(site, namespace, clock)
        site.database.indexer.compact(namespace, all_segments)
        site.database.readers.of(namespace).reload()
        return site.replica.apply(
            NAMESPACE, RECORDS, [Upsert("a", Version(old.stamp - 1, "x.y"), VECTOR, {})]
        )

    assert merged() == Applied(0, 1)
    clock.seconds += 5 * DAY_S
    assert merged() == Applied(1, 0), "after that the deletion is forgotten"


def test_expired_keys_stay_until_the_peer_has_them(
    keeping: LocalSite, checkpoints: MemoryCheckpoints, clock: ManualClock
) -> None:
    """Else the peer would keep what they replaced, and a comparison would bring it back here."""
    site = keeping
    namespace = site.database.namespaces.create(NAMESPACE.tenant, "default", NamespaceSettings(3))[0]
    site.database.key_values.put(namespace, NewItem("a", b"brief", ttl_seconds=1))
    clock.seconds += 3_600
    site.database.maintenance.run_once()
    assert ids(page(site, KEYS)) == ["a"]
    checkpoint(site, checkpoints, KEYS, page(site, KEYS).cursor)
    clock.seconds += 3_600
    site.database.maintenance.run_once()
    assert ids(page(site, KEYS)) == []


# --- taking over ------------------------------------------------------------------------------------------------------


def test_a_later_local_write_wins_over_what_was_taken_over(
    site: LocalSite, namespace: Namespace, clock: ManualClock
) -> None:
    """Even where the other site's clock is ahead of this one's."""
    ahead = version_at(clock, "there", back_ms=-400)
    site.replica.apply(NAMESPACE, RECORDS, [Upsert("a", ahead, VECTOR, {"by": "there"})])
    site.replica.apply(NAMESPACE, KEYS, [Item("a", ahead, 0, b"there")])
    write(site, namespace, "a", by="here")
    site.database.key_values.put(namespace, NewItem("a", b"here"))
    assert site.database.records.fetch_one(namespace, "a").metadata == {"by": "here"}
    assert site.database.key_values.get(namespace, "a").value == b"here"


def test_versions_ahead_do_not_add_up(site: LocalSite, clock: ManualClock) -> None:
    """The bound is measured from this machine's clock, not from what was let pass before."""
    site.replica.apply(NAMESPACE, RECORDS, [Delete("a", version_at(clock, "there", back_ms=-500))])
    with pytest.raises(Exception, match="ahead of this site's clock"):
        site.replica.apply(NAMESPACE, RECORDS, [Delete("a", version_at(clock, "there", back_ms=-501))])


def test_what_is_known_is_not_written_again(
    site: LocalSite, namespace: Namespace, clock: ManualClock
) -> None:
    """However often a page is repeated, the log has one entry; of a page that is partly known only the rest."""
    old = version_at(clock, "there", back_ms=1_000)
    changes: list[Change] = [Upsert("a", old, VECTOR, {}), Patch("a", version_at(clock, "there"), {"x": 1})]
    for _ in range(3):
        site.replica.apply(NAMESPACE, RECORDS, changes)
    assert len(site.adapters.log.read(namespace.partition, 0).entries) == 1
    clock.seconds += 60
    site.fold()
    assert site.replica.apply(NAMESPACE, RECORDS, [*changes, Delete("b", old)]) == Applied(1, 2)
    clock.seconds += 5
    assert ids(page(site, RECORDS))[-1:] == ["b"]
    assert len(site.adapters.log.read(namespace.partition, 0).entries) == 2


def test_half_precision_is_rounded_as_for_a_client(site: LocalSite, clock: ManualClock) -> None:
    """A record reads the same before and after it is folded."""
    settings = NamespaceSettings(3, precision=Precision.F16)
    namespace = site.database.namespaces.create(NAMESPACE.tenant, NAMESPACE.namespace, settings)[0]
    vector = np.array([0.1, 0.2, 0.3], np.float32)
    site.replica.apply(NAMESPACE, RECORDS, [Upsert("a", version_at(clock, "there"), vector, {})])
    read = site.database.records.fetch_one(namespace, "a").vector
    assert read.tolist() == vector.astype(np.float16).astype(np.float32).tolist()


def test_what_half_precision_does_not_have_is_scaled(site: LocalSite, clock: ManualClock) -> None:
    """The other site took it, with a precision of its own: refusing it would stop the feed for ever."""
    settings = NamespaceSettings(3, precision=Precision.F16)
    namespace = site.database.namespaces.create(NAMESPACE.tenant, NAMESPACE.namespace, settings)[0]
    huge = np.array([1e6, -5e5, 0], np.float32)
    site.replica.apply(NAMESPACE, RECORDS, [Upsert("b", version_at(clock, "there"), huge, {})])
    read = site.database.records.fetch_one(namespace, "b").vector
    assert read.tolist() == [65_504, -32_752, 0]
    tiny = np.array([2e-8, 0, 1e-8], np.float32)
    site.replica.apply(NAMESPACE, RECORDS, [Upsert("c", version_at(clock, "there"), tiny, {})])
    assert site.database.records.fetch_one(namespace, "c").vector.tolist() == [65_504, 0, 32_752]


def test_a_feed_is_not_taken_for_the_other(site: LocalSite, clock: ManualClock) -> None:
    """Changes of keys among records, or the other way round."""
    with pytest.raises(Exception, match="feed"):
        site.replica.apply(NAMESPACE, RECORDS, [Item("a", version_at(clock, "there"), 0, None)])
    with pytest.raises(Exception, match="feed"):
        site.replica.apply(NAMESPACE, KEYS, [Delete("a", version_at(clock, "there"))])


def test_api_keys_are_not_taken_over_unless_the_other_site_manages_them(site: LocalSite) -> None:
    """That has to be said: whoever could plant a key could read everything."""
    site.takes_api_keys = False
    site.__post_init__()
    with pytest.raises(Conflict):
        site.replica.apply_api_keys([])


# --- digests over segments --------------------------------------------------------------------------------------------


def test_folding_and_merging_change_no_digest(
    site: LocalSite, namespace: Namespace, clock: ManualClock
) -> None:
    """Nor what is behind them: versions of records, of patches and of tombstones survive in segments."""
    born = [version_at(clock, "there", back_ms=1_000 - number) for number in range(10)]
    steps: list[list[Change]] = [
        [Upsert(f"r{number}", born[0], VECTOR, {"x": 0, "y": 0}) for number in range(30)],
        [Patch("r1", born[1], {"x": 1}, ("y",)), Delete("r2", born[1]), Patch("lonely", born[1], {"x": 1})],
        [Patch("r1", born[2], {"x": 2}), Upsert("r2", born[2], VECTOR, {}), Delete("r3", born[2])],
        [
            Upsert("lonely", born[0], VECTOR, {"x": 0}),
            Patch("r4", born[3], {}, ("x",)),
            Delete("never", born[3]),
        ],
    ]
    plain = memory_site("here", site.workspace / "plain", clock)
    for step in steps:
        site.replica.apply(NAMESPACE, RECORDS, step)
        plain.replica.apply(NAMESPACE, RECORDS, step)
        clock.seconds += 3
        site.fold()
        assert states(site) == states(plain)
    for number in range(3, 6):  # over a tail that replaces rows of segments
        for one in (site, plain):
            one.replica.apply(NAMESPACE, RECORDS, [Patch(f"r{number}", born[5], {"x": 9})])
        assert states(site) == states(plain)
    clock.seconds += 3
    site.fold()
    site.database.indexer.compact(namespace, all_segments)
    site.database.readers.of(namespace).reload()
    pointer = site.database.store.pointer(namespace.partition)
    assert pointer is not None
    assert len(site.database.store.manifest(pointer.current).segments) == 1
    assert states(site) == states(plain)


def states(site: LocalSite) -> tuple[list[tuple[int, int]], dict[str, object]]:
    digests = [tuple(bucket) for bucket in site.replica.digests(NAMESPACE, RECORDS).buckets]
    known = [f"r{number}" for number in range(30)] + ["lonely", "never", "nobody"]
    entries = {
        entry.id: entry
        for bucket in range(256)
        for entry in site.replica.entries(NAMESPACE, RECORDS, bucket, after=None, limit=1_000).entries
    }
    assert set(entries) <= set(known)
    return digests, dict(entries)  # type: ignore[return-value]


def test_an_outline_follows_merging() -> None:
    """Old news gives the very same outline back, whatever kind of change it is."""
    one, two = Version(1, "a.x"), Version(2, "a.x")
    live = UNHEARD_OF.after(Upsert("a", two, VECTOR, {}))
    assert live.live
    assert live.after(Delete("a", one)) is live
    assert live.after(Patch("a", two, {"x": 1})) is live
    patched = live.after(Patch("a", Version(3, "a.x"), {"x": 1}))
    assert patched.patches == {"x": Version(3, "a.x")}
    assert replace(patched, live=False).after(Upsert("a", Version(4, "a.x"), VECTOR, {})).patches == {}


def test_young_keys_fill_a_page_and_no_more(
    site: LocalSite, namespace: Namespace, clock: ManualClock
) -> None:
    """However many there are; the rest comes when it is old enough."""
    for number in range(30):
        site.database.key_values.put(namespace, NewItem(f"k{number:02}", b"v"))
    names = [f"k{number:02}" for number in range(30)]
    first = page(site, KEYS)
    assert ids(first) == names
    assert ids(page(site, KEYS, limit=20)) == names[:20]
    assert ids(page(site, KEYS, exclude_site="here")) == []
    clock.seconds += 10
    assert ids(page(site, KEYS, first.cursor)) == names


# --- tenants that are not shared --------------------------------------------------------------------------------------


def test_the_secret_gives_nothing_of_a_tenant_that_is_not_shared(site: LocalSite, clock: ManualClock) -> None:
    """Neither its data nor a key of it, whatever comes with it; both of one that is."""
    settings = PeerSettings("here", "there", shares=SharedData.ALL, tenants=frozenset({"t"}))
    site.shared = settings.shared
    site.__post_init__()
    theirs = replace(NAMESPACE, tenant="victim")
    site.database.namespaces.create("victim", theirs.namespace, NamespaceSettings(3))
    change = Upsert("a", version_at(clock, "there"), VECTOR, {})
    for attempt in (
        lambda: site.replica.apply(theirs, RECORDS, [change]),
        lambda: site.replica.changes(theirs, RECORDS, None, limit=1, exclude_site=None),
        lambda: site.replica.fetch(theirs, RECORDS, ["a"]),
        lambda: site.replica.entries(theirs, RECORDS, 0, after=None, limit=1),
        lambda: site.replica.digests(theirs, RECORDS),
    ):
        with pytest.raises(NamespaceNotFound):
            attempt()
    mine, stolen = (
        ApiKey(f"{number:012x}", tenant, "key", frozenset({"read"}), bytes([number]) * 32, 1)
        for number, tenant in enumerate(("t", "victim"))
    )
    with pytest.raises(NamespaceNotFound) as refused:
        site.replica.apply_api_keys([mine, stolen])
    assert refused.value.field == "keys[1].tenant"
    assert site.adapters.api_keys.list("t") == []
    assert site.replica.apply(NAMESPACE, RECORDS, [change]).applied == 1
    assert site.replica.apply_api_keys([mine]) == 1
    assert [one.tenant for one in site.replica.namespaces()] == ["t"]


def test_shared_tenants_are_names() -> None:
    """Checked when they are said; none said shares all."""
    assert tenants_of(" a, b ") == frozenset({"a", "b"})
    assert tenants_of("") is None
    assert tenants_of(None) is None
    with pytest.raises(InvalidArgument):
        PeerSettings("here", "there", tenants=tenants_of("a,,b"))
