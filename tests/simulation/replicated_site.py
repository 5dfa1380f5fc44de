"""One of two sites: processes that write, fold and forget, and a replica of each, over storage that outlives them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from quartzdb.domain.change import OWN, Change, Delete, Patch, Upsert
from quartzdb.domain.errors import QuartzError, Unavailable
from quartzdb.domain.expiry import EXPIRY_FIELD
from quartzdb.domain.hlc import HybridClock, stamp_at
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings, Partition
from quartzdb.domain.text_fields import TextField
from quartzdb.maintenance.indexer import Indexer
from quartzdb.maintenance.merge_policy import all_segments
from quartzdb.replication.local_replica import LocalReplica
from quartzdb.replication.shared_namespaces import all_namespaces
from quartzdb.services.keyvalue import KeyValues, NewItem
from quartzdb.storage.log.append import LogWriter
from quartzdb.storage.log.protocol import CLOCK_ERROR_MAX_MS
from quartzdb.storage.ports import BlobMissing, ChangeLog, Item, KeyValueTable
from quartzdb.storage.snapshot.cache import SegmentCache
from quartzdb.storage.snapshot.readers import Readers
from quartzdb.storage.snapshot.store import SnapshotStore
from tests.doubles.memory_api_keys import MemoryApiKeys
from tests.doubles.memory_blobs import MemoryBlobs
from tests.doubles.memory_catalog import MemoryCatalog
from tests.doubles.memory_tenant_grants import MemoryTenantGrants
from tests.simulation.history import vector_of
from tests.simulation.replicated_history import Acknowledged, Landed, LandingLog
from tests.simulation.slow_table import LaggingKeyValue, SlowTable
from tests.simulation.unreliable import UnreliableBlobs, UnreliableLog
from tests.simulation.world import Crash, SkewedClock, World

IDS = [f"r{number}" for number in range(8)]
KEYS = [f"k{number}" for number in range(6)]
WRITING_S = 30.0
KEYS_BEHIND_MS = 2_500
"""The overlap, and as much as the index may lag."""
TENANT, NAME = "t", "shared"
DECLARED = {"a": TextField("other"), "b": TextField("other")}
SPARSE = ("s",)


@dataclass
class Process:
    """What dies in a crash."""

    clock: SkewedClock
    writer: LogWriter
    key_values: KeyValues
    indexer: Indexer
    replica: LocalReplica
    readers: Readers
    versions: HybridClock


@dataclass
class ReplicatedSite:
    """`forget_before_ms` tells up to when nothing deleted or expired can be needed by the peer any more."""

    world: World
    name: str
    workspace: Path
    behind_max: int
    acknowledged: list[Acknowledged]
    forget_before_ms: Callable[[], int]
    keeps_feeds: bool
    late_puts: bool = True
    slow_keys: bool = True
    index_lag_s: float = 0.0
    takes_api_keys: bool = False
    has_namespace: bool = True
    declares: bool = True
    landed: Landed = field(default_factory=Landed)
    crashes: int = 0

    def __post_init__(self) -> None:
        self.log = LandingLog(self.landed, behind_max=self.behind_max)
        self.blobs = MemoryBlobs(SkewedClock(self.world, 0))
        self.table = LaggingKeyValue(self.world, self.index_lag_s)
        self.catalog = MemoryCatalog()
        self.api_keys = MemoryApiKeys()
        self.grants = MemoryTenantGrants()
        self._names = 0
        if self.has_namespace:
            settings = NamespaceSettings(3, engine=EngineChoice.EXACT)
            if self.declares:
                settings = replace(settings, text=DECLARED, sparse=SPARSE)
            self.catalog.create(Namespace(TENANT, NAME, f"g-{self.name}", settings, 0))

    def process(self, *, reliable: bool = False, stalls: bool = False) -> Process:
        """A fresh process, as after a start or a crash. `stalls`: it may stand still for longer than others wait."""
        self._names += 1
        half = CLOCK_ERROR_MAX_MS / 2000
        clock = SkewedClock(self.world, 0.0 if reliable else self.world.random.uniform(-half, half))
        versions = HybridClock(clock.unix_ms, f"{self.name}.{self._names}", ahead_ms_max=CLOCK_ERROR_MAX_MS)
        log: ChangeLog = self.log
        if not reliable:
            log = UnreliableLog(self.world, self.log, late_puts=self.late_puts)
        table: KeyValueTable = self.table
        if not reliable:
            table = SlowTable(self.world, self.table, stalls=self.slow_keys)
        blobs = UnreliableBlobs(self.world, self.blobs, stalls=0.004 if stalls else 0.0)
        store = SnapshotStore(self.blobs if reliable else blobs)
        cache = SegmentCache(store)
        readers = Readers(log, store, cache, clock)
        writer = LogWriter(log, versions, clock)
        replica = LocalReplica(
            self.name,
            catalog=self.catalog,
            log=log,
            table=table,
            readers=readers,
            api_keys=self.api_keys,
            grants=self.grants,
            writer=writer,
            versions=versions,
            clock=clock,
            shared=all_namespaces,
            keys_behind_ms=KEYS_BEHIND_MS,
            takes_api_keys=self.takes_api_keys,
        )
        indexer = Indexer(
            log,
            store,
            cache,
            clock,
            self.workspace,
            new_name=self._new_name,
            retention=self,
        )
        return Process(clock, writer, KeyValues(table, versions, clock), indexer, replica, readers, versions)

    def live(self, work: Callable[[Process], None], *, stalls: bool = False) -> None:
        """An actor: work over and over, by a new process after each crash."""
        while True:
            try:
                work(self.process(stalls=stalls))
            except Crash:
                self.crashes += 1
                self.world.pause(self.world.random.uniform(0.1, 2))

    def write(self, process: Process) -> None:
        """Clients' writes, until they cease."""
        chance = self.world.random
        while True:
            self.world.pause(chance.expovariate(1 / 0.7))
            namespace = self.catalog.get(TENANT, NAME)
            if namespace is None:
                continue
            if self.world.now >= WRITING_S:
                self.world.pause(10_000)
            if chance.random() < 0.55:
                self._write_records(process, namespace)
            else:
                self._write_key(process, namespace)

    def maintain(self, process: Process) -> None:
        """Folding, merging, trimming and forgetting."""
        chance = self.world.random
        while True:
            self.world.pause(chance.uniform(7, 20))
            namespace = self.catalog.get(TENANT, NAME)
            if namespace is None:
                continue
            self._attempt(lambda namespace=namespace: process.indexer.fold(namespace))  # type: ignore[misc]
            if chance.random() < 0.3:
                self._attempt(lambda namespace=namespace: process.indexer.compact(namespace, all_segments))  # type: ignore[misc]
            forget_ms = self.forget_before_ms()
            self.table.purge(namespace.partition, forget_ms, stamp_at(forget_ms), 100)

    def log_needed_from(self, _: Partition) -> int:
        """As Retention says. Where feeds are not kept, they have gaps."""
        return stamp_at(self.forget_before_ms()) if self.keeps_feeds else (1 << 63) - 1

    def tombstones_needed_from(self, _: Partition) -> int:
        """As Retention says."""
        return stamp_at(self.forget_before_ms())

    def keys_needed_from(self, _: Partition) -> int:
        """As Retention says."""
        return stamp_at(self.forget_before_ms())

    def item(self, key: str) -> Item | None:
        """What the table has."""
        namespace = self.catalog.get(TENANT, NAME)
        return None if namespace is None else self.table.get(namespace.partition, [key]).get(key)

    def _write_records(self, process: Process, namespace: Namespace) -> None:
        chance = self.world.random
        self._names += 1
        name = f"w{self._names}"
        now_ms = process.clock.unix_ms()
        changes = [self._change(one, name, now_ms) for one in chance.sample(IDS, chance.randint(1, 3))]
        try:
            version = process.writer.append(namespace.partition, changes)
        except Unavailable:
            return
        self.acknowledged += [
            Acknowledged(self.world.now, self.name, replace(change, version=version)) for change in changes
        ]

    def _write_key(self, process: Process, namespace: Namespace) -> None:
        chance = self.world.random
        key = chance.choice(KEYS)
        self._names += 1
        ttl = chance.uniform(0.5, 20) if chance.random() < 0.25 else None
        item = NewItem(key, f"{self.name}-{self._names}".encode(), ttl_seconds=ttl)
        deletes = chance.random() < 0.25
        try:
            if deletes:
                version, _ = process.key_values.delete(namespace, key)
                written = Item(key, version, version.stamp, None)
            else:
                version = process.key_values.put(namespace, item)
                expires = None if ttl is None else version.milliseconds + int(ttl * 1000)
                written = Item(key, version, version.stamp, item.value, expires_at_ms=expires)
        except Unavailable:
            return
        self.acknowledged.append(Acknowledged(self.world.now, self.name, written))

    def _change(self, record_id: str, name: str, now_ms: int) -> Change:
        kind, field_name = self.world.random.choice("uuupd"), self.world.random.choice("ab")
        if kind == "u":
            number = int(name[1:])
            metadata: dict[str, object] = {
                "born": name,
                "a": f"{name} of {self.name}",
                "b": name,
                "group": number % 3,
                "s": {"indices": [number % 5, 7], "values": [1.0, number]},
            }
            # Long before the end, so that some are dropped; or shortly before it.
            if self.world.random.random() < 0.2:
                metadata[EXPIRY_FIELD] = now_ms + int(1000 * self.world.random.choice([2, 15, 150]))
            return Upsert(record_id, OWN, vector_of(name), metadata)
        if kind == "d":
            return Delete(record_id, OWN)
        if field_name == "a":
            return Patch(record_id, OWN, set={"a": f"{self.name} {name}"})
        return Patch(record_id, OWN, unset=("b",))

    @staticmethod
    def _attempt(step: Callable[[], object]) -> None:
        try:
            step()
        except (QuartzError, BlobMissing) as error:
            if not isinstance(error, Unavailable | BlobMissing):
                raise

    def _new_name(self) -> str:
        self._names += 1
        return f"{self.name}-{self._names}"
