"""Comparing two sites: what either lacks comes over, in bounded steps, and it ends however busy they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quartzdb.domain.change import Change, Delete, Patch, Upsert
from quartzdb.domain.errors import Unavailable
from quartzdb.replication.ports import Direction, EntryPage, Feed, RepairState, Replica
from quartzdb.replication.repair.anti_entropy import ROUNDS_MAX, AntiEntropy
from quartzdb.storage.ports import Item
from tests.doubles.memory_checkpoints import MemoryCheckpoints
from tests.manual_clock import ManualClock
from tests.replica_sites import NAMESPACE, LocalSite, memory_site, version_at

VECTOR = np.array([1, 2, 3], dtype=np.float32)


class Pair:
    """Two sites, and a comparison of each feed."""

    def __init__(self, directory: Path, clock: ManualClock) -> None:
        self.clock = clock
        self.here: LocalSite = memory_site("here", directory, clock)
        self.there: LocalSite = memory_site("there", directory, clock)
        self.checkpoints = MemoryCheckpoints()

    def comparison(self, feed: Feed, *, peer: Any = None) -> AntiEntropy:
        outbound = Direction("here", "there", NAMESPACE.tenant, NAMESPACE.namespace, feed)
        replica: Replica = peer or self.there.replica
        return AntiEntropy(outbound, NAMESPACE, self.here.replica, replica, self.checkpoints, self.clock)

    def run(self, feed: Feed, **options: Any) -> RepairState:
        one = self.comparison(feed, **options)
        state = one.begin()
        steps = 0
        while state.begun_ms:
            state = one.step()
            steps += 1
            assert steps < 5_000, "it does not end"
        return state

    def digests(self, feed: Feed) -> list[list[tuple[int, int]]]:
        return [
            [(a, b) for a, b in site.replica.digests(NAMESPACE, feed).buckets]
            for site in (self.here, self.there)
        ]


@pytest.fixture
def pair(tmp_path: Path, clock: ManualClock) -> Pair:
    return Pair(tmp_path, clock)


def test_each_side_gets_what_it_lacks(pair: Pair) -> None:
    """Records, patches and deletions, both ways; then nothing differs, and a second comparison moves nothing."""
    clock = pair.clock
    version = [version_at(clock, "here", counter=n) for n in range(10)]
    theirs = [version_at(clock, "there", counter=n) for n in range(10)]
    made_here: list[Change] = [
        *(Upsert(f"a{n}", version[n], VECTOR, {"n": n}) for n in range(5)),
        Upsert("both", version[0], VECTOR, {"x": 1}),
        Delete("gone", version[9]),
    ]
    pair.here.replica.apply(NAMESPACE, Feed.RECORDS, made_here)
    made_there: list[Change] = [
        *(Upsert(f"b{n}", theirs[n], VECTOR, {"n": n}) for n in range(5)),
        Upsert("both", version[0], VECTOR, {"x": 1}),
        Patch("both", theirs[5], {"x": 2}, ("y",)),
        Upsert("gone", theirs[1], VECTOR, {}),
    ]
    pair.there.replica.apply(NAMESPACE, Feed.RECORDS, made_there)
    done = pair.run(Feed.RECORDS)
    assert (done.repaired, done.different, done.error) == (12, 0, None)
    one, other = pair.digests(Feed.RECORDS)
    assert one == other
    ids = [f"{side}{n}" for side in "ab" for n in range(5)] + ["both", "gone"]
    shown = [
        [(type(c).__name__, c.id, c.version) for c in site.replica.fetch(NAMESPACE, Feed.RECORDS, ids)]  # type: ignore[union-attr]
        for site in (pair.here, pair.there)
    ]
    assert shown[0] == shown[1]
    assert pair.run(Feed.RECORDS).repaired == 0


def test_keys_likewise(pair: Pair) -> None:
    """The later version, a deletion included, wins on both sides."""
    older, later = version_at(pair.clock, "there", 50), version_at(pair.clock, "here")
    pair.here.replica.apply(
        NAMESPACE,
        Feed.KEYS,
        [Item("a", later, 0, b"new"), Item("b", later, 0, None), Item("é/ü", later, 0, b"")],
    )
    pair.there.replica.apply(NAMESPACE, Feed.KEYS, [Item("a", older, 0, b"old"), Item("b", older, 0, b"b")])
    assert pair.run(Feed.KEYS).repaired == 3
    one, other = pair.digests(Feed.KEYS)
    assert one == other


def test_a_deletion_that_the_other_never_knew_of_stays_where_it_is(pair: Pair) -> None:
    """Sites forget deletions at different times; they would bring them to each other for ever."""
    pair.here.replica.apply(NAMESPACE, Feed.RECORDS, [Delete("x", version_at(pair.clock, "here"))])
    pair.here.replica.apply(
        NAMESPACE, Feed.RECORDS, [Upsert("y", version_at(pair.clock, "here", counter=1), VECTOR, {})]
    )
    assert pair.run(Feed.RECORDS).repaired == 1
    assert list(pair.there.replica.fetch(NAMESPACE, Feed.RECORDS, ["x"])) == []


def test_another_process_goes_on_where_one_was_cut_short(pair: Pair) -> None:
    """The state is in the checkpoints, step by step; no bucket is compared twice for it."""
    changes = [Upsert(f"r{n}", version_at(pair.clock, "here", counter=n), VECTOR, {}) for n in range(60)]
    pair.here.replica.apply(NAMESPACE, Feed.RECORDS, changes)
    first = pair.comparison(Feed.RECORDS)
    first.begin()
    for _ in range(10):
        halfway = first.step()
    assert 10 <= halfway.repaired < 60
    second = pair.comparison(Feed.RECORDS)
    state = second.step()
    assert state.bucket > halfway.bucket
    while state.begun_ms:
        state = second.step()
    assert (state.repaired, state.different) == (60, 0)


def test_it_ends_while_somebody_writes_all_the_time(pair: Pair) -> None:
    """What changes meanwhile is looked at again, a few times; it is not told as different."""
    count = 0

    class Busy:
        """The other site, which takes a write with every look at its digests."""

        def __getattr__(self, name: str) -> Any:
            return getattr(pair.there.replica, name)

        def digests(self, namespace: Any, feed: Feed) -> Any:
            nonlocal count
            count += 1
            version = version_at(pair.clock, "there", counter=count)
            pair.there.replica.apply(NAMESPACE, Feed.RECORDS, [Upsert(f"w{count}", version, VECTOR, {})])
            return pair.there.replica.digests(namespace, feed)

    done = pair.run(Feed.RECORDS, peer=Busy())
    assert count <= ROUNDS_MAX + 2
    assert done.different == 0


def test_what_cannot_be_levelled_is_told(pair: Pair) -> None:
    """A peer whose digests are wrong, say: the comparison ends, and says how many parts differ."""

    class Wrong:
        """Counts one record more than there is in two buckets."""

        def __getattr__(self, name: str) -> Any:
            return getattr(pair.there.replica, name)

        def digests(self, namespace: Any, feed: Feed) -> Any:
            found = pair.there.replica.digests(namespace, feed)
            buckets = list(found.buckets)
            for bucket in (3, 200):
                buckets[bucket] = (buckets[bucket][0] + 1, buckets[bucket][1])
            return found._replace(buckets=buckets)

    done = pair.run(Feed.RECORDS, peer=Wrong())
    assert (done.different, done.repaired) == (2, 0)


def test_a_peer_that_says_more_follows_and_gives_nothing_is_left_alone(pair: Pair) -> None:
    """It would be asked for ever."""
    pair.here.replica.apply(NAMESPACE, Feed.KEYS, [Item("a", version_at(pair.clock, "here"), 0, b"v")])

    class Endless:
        """Never comes to the end of a bucket."""

        def __getattr__(self, name: str) -> Any:
            return getattr(pair.there.replica, name)

        def entries(self, *_: Any, **__: Any) -> EntryPage:
            return EntryPage([], True)

    with pytest.raises(Unavailable, match="gives none"):
        pair.run(Feed.KEYS, peer=Endless())
