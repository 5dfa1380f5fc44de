"""Whoever follows the change feed comes to the state of the database, whatever happens to the log meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quartzdb.domain.errors import ChangesGone
from quartzdb.domain.expired import Expired
from quartzdb.domain.merge import UNKNOWN, RecordState, apply
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.services.change_cursor import ChangePlaces
from quartzdb.services.change_origin import FROM_NOW
from quartzdb.services.record_changes import RecordEvent
from quartzdb.services.record_rules import MetadataPatch, NewRecord
from quartzdb.storage.log.protocol import OVERLAP
from quartzdb.wiring.embedded import Database, assemble
from tests.manual_clock import ManualClock
from tests.replica_sites import memory_adapters

KEPT_MS = 3_600_000
IDS = ("a", "b", "c", "d")
Step = tuple[str, object]
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("upsert"), st.lists(st.sampled_from(IDS), min_size=1, max_size=3, unique=True)),
    st.tuples(st.just("patch"), st.sampled_from(IDS)),
    st.tuples(st.just("delete"), st.sampled_from(IDS)),
    st.tuples(st.just("read"), st.integers(1, 4)),
    st.tuples(st.just("fold"), st.none()),
    st.tuples(st.just("merge"), st.none()),
    st.tuples(st.just("release"), st.none()),
    st.tuples(st.just("drop"), st.none()),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("sleep"), st.sampled_from([1, 1_800, 7_200])),
)


class Follower:
    """Has what it was told, and the cursor of the last page."""

    def __init__(self, cursor: str) -> None:
        self.cursor = cursor
        self.states: dict[str, RecordState] = {}
        self.told: list[tuple[int, int]] = []

    def live(self) -> dict[str, object]:
        """Metadata by id."""
        return {name: state.visible_metadata() for name, state in self.states.items() if state.live}


class World:
    """One directory, one process at a time, and a follower."""

    def __init__(self, directory: Path, behind_max: int) -> None:
        self.directory = directory
        self.clock = ManualClock()
        self.adapters = memory_adapters(self.clock, behind_max=behind_max)
        self.opened = 0
        self.number = 0
        self.read_ms = self.clock.unix_ms()
        self.database = self.open()
        self.namespace: Namespace = self.database.namespaces.create("t", "n", NamespaceSettings(3, shards=2))[
            0
        ]
        changes = self.database.record_changes
        self.follower = Follower(changes.cursor(self.namespace, changes.begin(self.namespace, FROM_NOW)))

    def open(self) -> Database:
        self.opened += 1
        return assemble(
            self.adapters,
            writer=f"local.{self.opened}",
            workspace=self.directory / "building" / str(self.opened),
            changes_kept_ms=KEPT_MS,
        )

    def do(self, step: Step) -> None:
        kind, what = step
        records = self.database.records
        self.number += 1
        if kind == "upsert":
            assert isinstance(what, Sequence)
            vector = np.array([1, 2, self.number], dtype=np.float32)
            records.upsert(self.namespace, [NewRecord(one, vector, {"n": self.number}) for one in what])
        elif kind == "patch":
            if records.fetch(self.namespace, [str(what)]):
                records.patch(self.namespace, [MetadataPatch(str(what), {"p": self.number})])
        elif kind == "delete":
            records.delete(self.namespace, [str(what)])
        elif kind == "read":
            assert isinstance(what, int)
            self.read(what)
        elif kind == "restart":
            self.database = self.open()
        elif kind == "sleep":
            assert isinstance(what, int)
            self.clock.seconds += what
        else:
            for shard in self.namespace.each_shard:
                self.maintain(kind, shard)

    def maintain(self, kind: str, shard: Namespace) -> None:
        indexer = self.database.indexer
        if kind == "fold":
            indexer.fold(shard)
        elif kind == "merge":
            indexer.compact(shard)
        elif kind == "release":
            indexer.release_previous(shard.partition)
        else:
            indexer.drop_old_changes(shard.partition)
        self.database.readers.of(shard).reload()

    def read(self, limit: int) -> bool:
        """One page. Whether there is more."""
        changes, follower = self.database.record_changes, self.follower

        def take(event: RecordEvent) -> bool:
            assert not isinstance(event.change, Expired), "nothing here expires"
            state = follower.states.get(event.change.id, UNKNOWN)
            follower.states[event.change.id] = apply(state, event.change)
            follower.told.append((event.shard, event.change.version.stamp))
            return True

        try:
            places: ChangePlaces = changes.resume(self.namespace, follower.cursor)
            places, more, _ = changes.page(self.namespace, places, take, limit)
        except ChangesGone as gone:
            # Only what is older than the retention may be. A log in the order of clocks tells of what is seconds old.
            assert self.clock.unix_ms() - self.read_ms > KEPT_MS - 5_000
            self.begin_anew(gone.cursor)
            return True
        follower.cursor = changes.cursor(self.namespace, places)
        if not more:
            self.read_ms = self.clock.unix_ms()
        return more

    def begin_anew(self, cursor: str) -> None:
        """As the problem says: list everything, then go on from its cursor."""
        self.follower = Follower(cursor)
        self.read_ms = self.clock.unix_ms()
        for record in self.database.records.fetch(self.namespace, IDS).values():
            self.follower.states[record.id] = RecordState(record.version, record.vector, record.metadata)

    def check(self) -> None:
        self.clock.seconds += 5  # past the overlap
        while self.read(100):
            pass
        found = self.database.records.fetch(self.namespace, IDS)
        assert self.follower.live() == {name: record.metadata for name, record in found.items()}
        for shard in (0, 1):
            stamps = [stamp for at, stamp in self.follower.told if at == shard]
            assert stamps == sorted(stamps)


@settings(max_examples=40)
@given(steps=st.lists(STEPS, max_size=25), behind_max=st.sampled_from([-1, OVERLAP]))
def test_the_feed_replayed_is_the_state(steps: list[Step], behind_max: int) -> None:
    """Random writes, folds, merges, trims and restarts; a follower that is too late lists anew and goes on."""
    with TemporaryDirectory() as directory:
        world = World(Path(directory) / "data", behind_max)
        for step in steps:
            world.do(step)
        world.check()
