"""The feed tells each expiry once and in its place, whatever is folded, merged, read and restarted in between.

What it should tell is reckoned anew from all entries of the log, one after the other, with neither segments nor pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quartzdb.domain.change import OWN, Change, Delete, Patch, Upsert
from quartzdb.domain.expiry import EXPIRY_FIELD, PURGED_AFTER_MS
from quartzdb.domain.hlc import Version
from quartzdb.domain.merge import UNKNOWN, RecordState, apply
from quartzdb.domain.namespace import Namespace, NamespaceSettings, Partition
from quartzdb.maintenance.merge_policy import all_segments
from quartzdb.services.change_origin import FROM_NOW, FromOldest
from quartzdb.services.record_changes import RecordEvent
from quartzdb.storage.log.append import LogWriter
from quartzdb.storage.log.codec import decode_entry
from quartzdb.storage.log.protocol import OVERLAP
from quartzdb.wiring.embedded import Database, assemble
from tests.manual_clock import ManualClock
from tests.replica_sites import memory_adapters

KEPT_MS = 30 * 86_400_000
IDS = ("a", "b", "c", "d", "e")
VECTOR = np.ones(3, dtype=np.float32)
TTL_SECONDS = st.sampled_from([None, 0.001, 1, 5, 30, 90, 400])
NAMES = st.lists(st.sampled_from(IDS), min_size=1, max_size=4, unique=True)
Step = tuple[str, object, object]
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("upsert"), NAMES, TTL_SECONDS),
    st.tuples(st.just("patch"), NAMES, TTL_SECONDS),
    st.tuples(st.just("touch"), NAMES, st.none()),
    st.tuples(st.just("delete"), NAMES, st.none()),
    st.tuples(st.just("foreign"), st.sampled_from(["upsert", "patch", "delete"]), st.integers(0, 120_000)),
    st.tuples(st.just("read"), st.integers(1, 3), st.none()),
    st.tuples(st.sampled_from(["fold", "merge", "release", "restart"]), st.none(), st.none()),
    st.tuples(st.just("sleep"), st.sampled_from([0.001, 0.5, 3, 29, 70, 500]), st.none()),
)
Told = tuple[str, str, Version]


def told_of(change: object) -> Told:
    """An event as it is compared."""
    assert isinstance(change, tuple | Upsert | Patch | Delete)
    return type(change).__name__, change.id, change.version  # type: ignore[union-attr]


def expected(entries: Sequence[tuple[Version, bytes]], now_ms: int) -> list[Told]:
    """What is to be told of one shard: every change, and every expiry at its moment, or right after a commit that came
    later than that.
    """
    told: list[Told] = []
    states: dict[str, RecordState] = {}
    shown: set[str] = set()

    def expire(upto_ms: int) -> None:
        due = sorted((states[one].expires_at_ms or upto_ms + 1, one) for one in shown)
        for moment, one in due:
            if moment <= upto_ms:
                told.append(("Expired", one, states[one].version))
                shown.discard(one)

    def expire_late(late: set[str]) -> None:
        for one in sorted(late & shown):
            told.append(("Expired", one, states[one].version))
            shown.discard(one)
        late.clear()

    late: set[str] = set()
    stamp = 0
    for key, body in sorted(entries):
        if key.stamp > stamp:
            # Of what was committed under one stamp, all comes first.
            expire_late(late)
            expire(key.milliseconds)
        stamp = key.stamp
        for change in decode_entry(body, key):
            before = states.get(change.id, UNKNOWN)
            after = states[change.id] = apply(before, change)
            told.append(told_of(change))
            moment = after.expires_at_ms
            over = moment is not None and moment <= key.milliseconds
            if not after.live:
                shown.discard(change.id)
            elif after.base != before.base or not over:
                shown.add(change.id)
            (late.add if over else late.discard)(change.id)
    expire_late(late)
    expire(now_ms)
    return told


class World:
    """One database, one process at a time, and a follower."""

    def __init__(self, directory: Path, behind_max: int) -> None:
        self.directory = directory
        self.clock = ManualClock()
        self.adapters = memory_adapters(self.clock, behind_max=behind_max)
        self.opened = 0
        self.number = 0
        self.database = self.open()
        self.namespace: Namespace = self.database.namespaces.create("t", "n", NamespaceSettings(3, shards=2))[
            0
        ]
        self.cursor = self.at(FROM_NOW)
        self.told: dict[int, list[Told]] = {0: [], 1: []}
        self.states: dict[str, RecordState] = {}

    def open(self) -> Database:
        self.opened += 1
        return assemble(
            self.adapters,
            writer=f"local.{self.opened}",
            workspace=self.directory / "building" / str(self.opened),
            changes_kept_ms=KEPT_MS,
        )

    def at(self, origin: object) -> str:
        changes = self.database.record_changes
        return changes.cursor(self.namespace, changes.begin(self.namespace, origin))  # type: ignore[arg-type]

    def write(self, changes: Sequence[Change]) -> None:
        some = [one for one in changes if not (isinstance(one, Patch) and self.may_be_purged(one.id))]
        if some:
            writer = LogWriter(self.adapters.log, self.database.versions, self.clock)
            version = writer.write(self.namespace, some)
            for one in some:
                own = replace(one, version=version) if one.version == OWN else one
                self.states[one.id] = apply(self.states.get(one.id, UNKNOWN), own)

    def may_be_purged(self, record_id: str) -> bool:
        """Whether a patch comes more than a minute late: what it needs of the record may be there or not by then."""
        moment = self.states.get(record_id, UNKNOWN).expires_at_ms
        return moment is not None and moment + PURGED_AFTER_MS <= self.clock.unix_ms()

    def do(self, step: Step) -> None:
        kind, what, more = step
        self.number += 1
        if kind in {"upsert", "patch", "touch", "delete"}:
            assert isinstance(what, list)
            self.write([self.change(kind, one, more, OWN) for one in what])
        elif kind == "foreign":
            assert isinstance(more, int)
            # Made at the other site a while ago, and here only now.
            stamp = (self.clock.unix_ms() - more) << 16
            version = Version(stamp + self.number, "there.1")
            self.write([self.change(str(what), IDS[self.number % len(IDS)], more / 1_500, version)])
        elif kind == "read":
            assert isinstance(what, int)
            self.cursor, _ = self.read(self.cursor, what, self.told)
        elif kind == "restart":
            self.database = self.open()
        elif kind == "sleep":
            assert isinstance(what, int | float)
            self.clock.seconds += what
        else:
            for shard in self.namespace.each_shard:
                self.maintain(kind, shard)

    def change(self, kind: str, record_id: str, seconds: object, version: Version) -> Change:
        born_ms = self.clock.unix_ms() if version == OWN else version.milliseconds
        fields: dict[str, object] = {"n": self.number}
        if isinstance(seconds, int | float):
            fields[EXPIRY_FIELD] = born_ms + int(1_000 * seconds)
        if kind == "delete":
            return Delete(record_id, version)
        if kind == "upsert":
            return Upsert(record_id, version, VECTOR, fields)
        unset = (EXPIRY_FIELD,) if kind == "patch" and seconds is None else ()
        return Patch(record_id, version, fields, unset)

    def maintain(self, kind: str, shard: Namespace) -> None:
        indexer = self.database.indexer
        if kind == "fold":
            indexer.fold(shard)
        elif kind == "merge":
            indexer.compact(shard, all_segments)
        else:
            indexer.release_previous(shard.partition)
        self.database.readers.of(shard).reload()

    def read(self, cursor: str, limit: int, told: dict[int, list[Told]]) -> tuple[str, bool]:
        """One page."""
        changes = self.database.record_changes

        def take(event: RecordEvent) -> bool:
            told[event.shard].append(told_of(event.change))
            return True

        places = changes.resume(self.namespace, cursor)
        places, more, _ = changes.page(self.namespace, places, take, limit)
        return changes.cursor(self.namespace, places), more

    def read_on(self, cursor: str, limit: int, told: dict[int, list[Told]]) -> None:
        more = True
        while more:
            cursor, more = self.read(cursor, limit, told)

    def entries(self, partition: Partition) -> Sequence[tuple[Version, bytes]]:
        return self.adapters.log.read(partition, 0).entries

    def check(self) -> None:
        self.clock.seconds += 5  # past the overlap
        seen_ms = self.clock.unix_ms() - (0 if self.adapters.log.ordered else 2_000)
        wanted = {
            number: expected(self.entries(partition), seen_ms)
            for number, partition in enumerate(self.namespace.partitions)
        }
        self.read_on(self.cursor, 100, self.told)
        assert self.told == wanted
        for limit in (1, 7):
            self.database = self.open()
            anew: dict[int, list[Told]] = {0: [], 1: []}
            self.read_on(self.at(FromOldest()), limit, anew)
            assert anew == wanted


@settings(max_examples=60)
@given(steps=st.lists(STEPS, max_size=30), behind_max=st.sampled_from([-1, OVERLAP]))
def test_every_expiry_is_told_once_and_in_its_place(steps: list[Step], behind_max: int) -> None:
    """To who followed all the time, and to who begins anew at the end in a process that knows nothing."""
    with TemporaryDirectory() as directory:
        world = World(Path(directory) / "data", behind_max)
        for step in steps:
            world.do(step)
        world.check()
