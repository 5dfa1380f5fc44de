"""One site: server processes that write, read and index one namespace, each with a clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from quartzdb.domain.change import OWN, Change, Delete, Patch, Upsert
from quartzdb.domain.errors import QuartzError, Unavailable
from quartzdb.domain.hlc import BEGINNING, HybridClock, Version
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings, Partition
from quartzdb.domain.record import Record
from quartzdb.maintenance.indexer import Indexer
from quartzdb.maintenance.merge_plan import BuiltShard
from quartzdb.maintenance.merge_policy import all_segments, full_tier
from quartzdb.maintenance.sweep import sweep
from quartzdb.storage.log.append import LogWriter
from quartzdb.storage.log.codec import decode_entry
from quartzdb.storage.log.protocol import CLOCK_ERROR_MAX_MS
from quartzdb.storage.ports import BlobMissing, ChangeLog, LogPage
from quartzdb.storage.snapshot.cache import SegmentCache
from quartzdb.storage.snapshot.reader import NamespaceReader
from quartzdb.storage.snapshot.store import SnapshotStore
from tests.doubles.memory_blobs import MemoryBlobs
from tests.doubles.memory_log import MemoryChangeLog
from tests.simulation.history import History, Write, vector_of
from tests.simulation.unreliable import UnreliableBlobs, UnreliableLog
from tests.simulation.world import Crash, SkewedClock, World

IDS = [f"r{number}" for number in range(6)]
NAMESPACE = Namespace("t", "n", "g", NamespaceSettings(3, engine=EngineChoice.EXACT), 0)
WRITING_S = 75.0


class RecordingLog(MemoryChangeLog):
    """Tells the history of every entry that lands, trimmed later or not: the truth at the end."""

    def __init__(self, history: History, *, behind_max: int) -> None:
        super().__init__(behind_max=behind_max)
        self._history = history
        self._landed: set[Version] = set()

    def append(self, partition: Partition, key: Version, body: bytes) -> None:
        """As the port says."""
        super().append(partition, key, body)
        if key not in self._landed:
            self._landed.add(key)
            self._history.land(decode_entry(body, key))

    def append_next(self, partition: Partition, body: bytes, key_after: Callable[[int], Version]) -> Version:
        """As the port says."""
        key = super().append_next(partition, body, key_after)
        self._landed.add(key)
        self._history.land(decode_entry(body, key))
        return key

    def append_together(self, bodies: Mapping[Partition, bytes], key: Version) -> None:
        """As the port says."""
        super().append_together(bodies, key)
        if key not in self._landed:
            self._landed.add(key)
            self._land_all(bodies, key)

    def append_next_together(
        self, bodies: Mapping[Partition, bytes], key_after: Callable[[int], Version]
    ) -> Version:
        """As the port says."""
        key = super().append_next_together(bodies, key_after)
        self._landed.add(key)
        self._land_all(bodies, key)
        return key

    def append_next_if(
        self,
        bodies: Mapping[Partition, bytes],
        key_after: Callable[[int], Version],
        since: Mapping[Partition, int],
        holds: Callable[[Sequence[LogPage]], bool],
    ) -> Version | None:
        """As the port says."""
        key = super().append_next_if(bodies, key_after, since, holds)
        if key is not None:
            self._landed.add(key)
            self._land_all(bodies, key)
        return key

    def append_fenced(self, bodies: Mapping[Partition, bytes], key: Version) -> bool:
        """As the port says."""
        landed = super().append_fenced(bodies, key)
        if landed:
            self._landed.add(key)
            self._land_all(bodies, key)
        return landed

    def _land_all(self, bodies: Mapping[Partition, bytes], key: Version) -> None:
        for body in bodies.values():
            self._history.land(decode_entry(body, key))


@dataclass
class Process:
    """What dies in a crash."""

    clock: SkewedClock
    versions: HybridClock
    writer: LogWriter
    readers: Sequence[NamespaceReader]
    indexer: Indexer
    store: SnapshotStore

    def seen(self, *, strong: bool = True, at_least: Version | None = None) -> dict[str, Record]:
        """What a reader of all shards sees, one after the other; a view agrees with itself."""
        views = [reader.view(strong=strong, at_least=at_least) for reader in self.readers]
        seen: dict[str, Record] = {}
        for view in views:
            found = view.fetch(IDS)
            assert view.list_ids("", None, 100) == sorted(found)
            assert view.count == len(found)
            assert not found.keys() & seen.keys(), "an id is in one shard"
            seen |= found
        return seen


@dataclass
class Site:
    """The shared storage, the processes on it, and the history of what they did."""

    world: World
    workspace: Path
    behind_max: int
    processes: int = 3
    indexers: int = 2
    shards: int = 1
    history: History = field(default_factory=History)
    crashes: int = 0
    published: int = 0
    merged: int = 0

    def __post_init__(self) -> None:
        self.log = RecordingLog(self.history, behind_max=self.behind_max)
        self.blobs = MemoryBlobs(SkewedClock(self.world, 0))
        self.namespace = replace(NAMESPACE, settings=replace(NAMESPACE.settings, shards=self.shards))
        self._names = 0

    def start(self) -> None:
        """Set every actor going."""
        for number in range(self.processes):
            self.world.spawn(lambda number=number: self._live(number, self._serve))  # type: ignore[misc]
        for number in range(self.indexers):
            self.world.spawn(lambda number=number: self._live(100 + number, self._index))  # type: ignore[misc]

    def process(self, number: int, *, reliable: bool = False) -> Process:
        """A fresh process, as after a start or a crash."""
        self._names += 1
        half = CLOCK_ERROR_MAX_MS / 2000
        clock = SkewedClock(self.world, self.world.random.uniform(-half, half))
        versions = HybridClock(clock.unix_ms, f"s.{number}-{self._names}", ahead_ms_max=CLOCK_ERROR_MAX_MS)
        log: ChangeLog = self.log if reliable else UnreliableLog(self.world, self.log)
        store = SnapshotStore(self.blobs if reliable else UnreliableBlobs(self.world, self.blobs))
        cache = SegmentCache(store)
        return Process(
            clock,
            versions,
            LogWriter(log, versions, clock),
            [NamespaceReader(shard, log, store, cache, clock) for shard in self.namespace.each_shard],
            Indexer(log, store, cache, clock, self.workspace, new_name=self._new_name),
            store,
        )

    def _live(self, number: int, work: object) -> None:
        while True:
            try:
                work(self.process(number))  # type: ignore[operator]
            except Crash:
                self.crashes += 1
                self.world.pause(self.world.random.uniform(0.1, 2))

    def _serve(self, process: Process) -> None:
        chance = self.world.random
        token: Version | None = None
        while True:
            self.world.pause(chance.expovariate(1 / 0.4))
            if chance.random() < 0.5 and self.world.now < WRITING_S:
                token = self._write(process, token) or token
            else:
                self._read(process, token)
            if chance.random() < 0.2:
                self._attempt(process.readers[self._some_shard().shard].reload)

    def _write(self, process: Process, token: Version | None) -> Version | None:
        chance = self.world.random
        begun = self.world.now
        write = self.history.begin()
        for record_id in chance.sample(IDS, chance.randint(1, 3)):
            write.changes.append(self._change(record_id, write.name))
        after = token if chance.random() < 0.5 else None
        try:
            version = process.writer.write(self.namespace, write.changes, after=after)
        except Unavailable:
            return None
        if after is not None:
            assert version > after, "a write that carries a token is ordered after it"
        if self.log.ordered:
            touched = self._shards_of(write)
            earlier = [
                other.acknowledged
                for other in self.history.writes
                if other.acknowledged_before(begun) and touched & self._shards_of(other)
            ]
            assert version > max(earlier, default=BEGINNING), "versions of an ordered log follow real time"
        self.history.acknowledge(write, version, self.world.now)
        return version

    def _shards_of(self, write: Write) -> set[Namespace]:
        return set(self.namespace.by_shard(change.id for change in write.changes))

    def _change(self, record_id: str, name: str) -> Change:
        kind, field_name = self.world.random.choice("uuupd"), self.world.random.choice("ab")
        if kind == "u":
            return Upsert(record_id, OWN, vector_of(name), {"born": name, "a": name, "b": name})
        if kind == "d":
            return Delete(record_id, OWN)
        return (
            Patch(record_id, OWN, set={"a": name})
            if field_name == "a"
            else Patch(record_id, OWN, unset=("b",))
        )

    def _read(self, process: Process, token: Version | None) -> None:
        begun = self.world.now
        strong = self.world.random.random() < 0.8
        try:
            seen = process.seen(strong=strong, at_least=token)
        except Unavailable:
            return  # the snapshot moved too fast; the client is told, nothing wrong is shown
        if strong:
            self.history.check_read(begun, seen, IDS)

    def _index(self, process: Process) -> None:
        chance = self.world.random
        while True:
            self.world.pause(chance.uniform(0.5, 6))
            shard = self._some_shard()
            self._attempt(lambda: self._published(process.indexer.fold(shard).published))  # noqa: B023 - done at once
            if chance.random() < 0.5:
                self._attempt(lambda: self._merge(process, shard))  # noqa: B023 - done at once
            if chance.random() < 0.2:
                self._attempt(lambda: sweep(process.store, process.clock, shard.partition))  # noqa: B023

    def _some_shard(self) -> Namespace:
        # Nothing is drawn where there is one, so that a seed's history is what it was.
        shards = self.namespace.each_shard
        return shards[0] if len(shards) == 1 else self.world.random.choice(shards)

    def _merge(self, process: Process, namespace: Namespace) -> None:
        """In one or several shards, with time for others between any two steps."""
        chance = self.world.random
        merger = process.indexer.merger
        plan = merger.plan(namespace.partition, chance.choice((full_tier, all_segments)))
        if plan is None:
            return
        plan = replace(plan, shards=chance.randint(1, 3))
        built: list[BuiltShard] = []
        for shard in range(plan.shards):
            one = merger.build_shard(namespace, plan, shard)
            if one is None:
                return
            built.append(one)
            self.world.pause(chance.expovariate(1 / 3))
        for _ in range(chance.randint(1, 2)):
            published = merger.publish(plan, built)
            self._published(published)
            self.merged += published

    def _published(self, published: bool) -> None:
        self.published += published

    @staticmethod
    def _attempt(step: object) -> None:
        try:
            step()  # type: ignore[operator]
        except (QuartzError, BlobMissing) as error:
            if not isinstance(error, Unavailable | BlobMissing):
                raise

    def _new_name(self) -> str:
        self._names += 1
        return f"name-{self._names}"
