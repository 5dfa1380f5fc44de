"""Maintenance beside a database in a directory: one thread of each process calls `run_once`, over and over.

Decides nothing (policy.py): it sees through the readers that are open anyway, and remembers when it first saw what.
Leases keep processes from doing the same work twice.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import NamespaceNotFound, Unavailable
from quartzdb.domain.freeing import freeing
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.domain.values import dataclass
from quartzdb.maintenance.backlog import LOOKED_AT_BYTES, Backlog, read_backlog
from quartzdb.maintenance.erasing import Erasing, OpenErasures
from quartzdb.maintenance.garbage_collection import drop
from quartzdb.maintenance.indexer import Indexer
from quartzdb.maintenance.merge_plan import MergePlan
from quartzdb.maintenance.policy import DeletionStep, MaintenancePolicy
from quartzdb.maintenance.purging import PURGE_AT_ONCE, purge_history, purge_some
from quartzdb.maintenance.sweep import sweep
from quartzdb.services.ports import IdempotencyTable
from quartzdb.storage.erasure_ledger import KEPT_DAYS, OpenShard
from quartzdb.storage.erasure_reminders import ErasureReminders
from quartzdb.storage.lease_guard import LeaseGuard
from quartzdb.storage.ports import BlobStore, ChangeLog, KeyValueTable, Leases, NamespaceCatalog, Retention
from quartzdb.storage.snapshot.manifest import Manifest
from quartzdb.storage.snapshot.readers import Readers
from quartzdb.storage.snapshot.store import SnapshotStore

logger = logging.getLogger(__name__)

UNUSED_SECONDS = 60.0
"""A reader that nobody used for so long is not kept up with a log that grows faster than it is folded."""
_DAY_MS = 24 * 3_600_000
AT_ONCE = 8
"""Shards of one tenant that are worked on in one pass, where there are other tenants."""


@dataclass(slots=True)
class _ShardMemory:
    """What this process remembers of one shard, or of a deleted generation by its first one. Times are unix ms.

    `settled`: the head of the log and the manifest with which nothing was due before `purge_ms`. `worked_on`: the pass
    in which something was. `swept_in_vain`: how often in a row nothing was to be swept, nor could be expected to be.
    """

    first_waiting_ms: int | None = None
    swept_ms: int = 0
    swept_in_vain: int = 0
    purged_ms: int = 0
    seen_deleted_ms: int | None = None
    settled: tuple[int, str | None] | None = None
    purge_ms: int | None = None
    previous_released: tuple[int, str | None] | None = None
    worked_on: int = 0
    failures: int = 0
    retry_ms: int = 0
    trouble: str | None = None


class EmbeddedMaintenance:
    """Not thread-safe: one thread per process calls it. `owner` names this process in leases.

    `scrub` leaves nothing of deleted rows in files; False where it has to be done again. While the disk is `short` of
    room, nothing is kept that is not needed, and all that is done may use what is reserved for it.
    """

    def __init__(
        self,
        *,
        catalog: NamespaceCatalog,
        log: ChangeLog,
        table: KeyValueTable,
        blobs: BlobStore,
        leases: Leases,
        idempotency: IdempotencyTable,
        store: SnapshotStore,
        readers: Readers,
        indexer: Indexer,
        clock: Clock,
        owner: str,
        policy: MaintenancePolicy,
        scrub: Callable[[], bool],
        erasing: Erasing,
        reminders: ErasureReminders,
        short: Callable[[], bool] = lambda: False,
        retention: Retention | None = None,
    ) -> None:
        self._catalog = catalog
        self._log = log
        self._table = table
        self._blobs = blobs
        self._leases = leases
        self._idempotency = idempotency
        self._store = store
        self._readers = readers
        self._indexer = indexer
        self._clock = clock
        self._owner = owner
        self._policy = policy
        self._scrub = scrub
        self._is_short = short
        self._short = False
        self._dropped: list[Namespace] = []
        self._erasing = erasing
        self._reminders = reminders
        self._reminders_ended_ms = 0
        self._erasures = OpenErasures({}, ())
        self._retention = retention
        self._memory: dict[Partition, _ShardMemory] = {}
        self._damaged: dict[str, str] = {}
        self._failed: dict[Partition, str] = {}
        self._pass = 0

    @property
    def damaged(self) -> Mapping[str, str]:
        """Namespaces (tenant/name) whose segments cannot be served as they should, and why."""
        return self._damaged

    @property
    def failed(self) -> Mapping[Partition, str]:
        """Shards, and deleted generations by their first one, whose maintenance failed when it was last tried."""
        return self._failed

    def run_once(self) -> bool:
        """One pass over everything. Whether there was work, so that more may follow at once.

        What fails is left alone for a while, ever longer, and delays nobody else.
        """
        self._short = self._is_short()
        with freeing(self._short):
            return self._pass_over_everything()

    def drop_deleted(self) -> None:
        """Drop the data of deleted namespaces now; requests to them under way may fail. It is done once more later."""
        with freeing():
            for namespace in self._catalog.pending_deletion():
                drop(namespace, self._log, self._table, self._blobs)

    def _pass_over_everything(self) -> bool:
        busy = False
        self._erasures = self._erasing.opened()  # before the namespaces: see Erasing.close
        namespaces = self._catalog.all_namespaces()
        pending_deletion = self._catalog.pending_deletion()
        present = {shard.partition for one in [*namespaces, *pending_deletion] for shard in one.each_shard}
        self._memory = {partition: self._memory.get(partition) or _ShardMemory() for partition in present}
        others_wait = len({namespace.tenant for namespace in namespaces}) > 1
        worked_on = Counter[str]()
        self._pass += 1
        for shard in self._in_turn(namespaces):
            if others_wait and worked_on[shard.tenant] == AT_ONCE:
                continue
            if self._attempt(self._maintain, shard):
                self._memory[shard.partition].worked_on = self._pass
                worked_on[shard.tenant] += 1
                busy = True
        for namespace in pending_deletion:
            busy = self._attempt(self._collect, namespace) or busy
        if self._erasures.files:
            self._close_erasures(namespaces)
        # One scrub for all that was dropped: it costs by what is free in the files.
        dropped, self._dropped = self._dropped, []
        for namespace in dropped[:1]:
            busy = self._attempt(lambda _, __: self._forget(dropped), namespace) or busy
        self._failed = {one: kept.trouble for one, kept in self._memory.items() if kept.trouble is not None}
        self._damaged = {
            f"{namespace.tenant}/{namespace.name}": self._failed[shard.partition]
            for namespace in namespaces
            for shard in reversed(namespace.each_shard)
            if shard.partition in self._failed
        }
        with freeing():
            self._idempotency.purge(self._clock.unix_ms())
        self._end_reminders()
        return busy

    def _in_turn(self, namespaces: Sequence[Namespace]) -> Iterator[Namespace]:
        """Their shards: one of each tenant, then a second of each; of one tenant's, first those that waited longest."""
        of_tenant: dict[str, list[Namespace]] = {}
        for namespace in namespaces:
            of_tenant.setdefault(namespace.tenant, []).extend(namespace.each_shard)
        for shards in of_tenant.values():
            shards.sort(key=lambda shard: self._memory[shard.partition].worked_on)
        for turn in zip_longest(*of_tenant.values()):
            yield from (shard for shard in turn if shard is not None)

    def _attempt(self, work: Callable[[Namespace, _ShardMemory], bool], shard: Namespace) -> bool:
        memory = self._memory[shard.partition]
        if self._clock.unix_ms() < memory.retry_ms:
            return False
        try:
            busy = work(shard, memory)
        except NamespaceNotFound:
            return False  # deleted since the pass began: its data are dropped like those of any that was
        except Exception as error:
            # Whatever it was, nobody else must wait for it; it is told (`failed`) and tried again.
            # Storage that is full or away is no mistake in the code.
            traced = None if isinstance(error, Unavailable) else error
            logger.error("maintenance of %s failed: %s", shard.partition, error, exc_info=traced)
            memory.trouble = str(error) or type(error).__name__
            memory.failures += 1
            memory.retry_ms = self._clock.unix_ms() + self._policy.retry_after_ms(memory.failures)
            return False
        memory.trouble, memory.failures = None, 0
        return busy

    def _maintain(self, shard: Namespace, memory: _ShardMemory) -> bool:
        """All that is due for one shard. Whether there may be more at once."""
        now_ms = self._clock.unix_ms()
        thresholds = self._policy.thresholds
        sweeping = now_ms - memory.swept_ms >= self._policy.sweep_pause_ms(memory.swept_in_vain)
        busy = False
        if shard.settings.holds_records:
            busy = self._maintain_segments(shard, memory, sweeping)
            if shard.partition in self._erasures.shards:
                self._erase(shard)
        if sweeping:
            memory.swept_ms = now_ms
            gone = sweep(self._store, self._clock, shard.partition)
            # At rest, with nothing kept beside what is served, a sweep finds what others left that were killed.
            alone = memory.settled is not None and memory.previous_released == memory.settled
            memory.swept_in_vain = 0 if gone or not alone else memory.swept_in_vain + 1
        if shard.settings.holds_records and (sweeping or self._short):
            # Of several that do it at once, one does it; the others find nothing.
            self._indexer.drop_old_changes(shard.partition, keep_changes=not self._short)
        # Key-values are in the first shard's partition.
        if shard.shard == 0 and now_ms - memory.purged_ms >= thresholds.purge_every_ms:
            # Some in each pass, so that many do not keep others waiting.
            with freeing():
                purged = purge_some(self._table, self._clock, shard.partition, self._retention)
                noted = purge_history(self._table, self._clock, shard.partition)
            if PURGE_AT_ONCE in (purged, noted):
                return True
            memory.purged_ms = now_ms
        return busy

    def _maintain_segments(self, shard: Namespace, memory: _ShardMemory, sweeping: bool) -> bool:
        head = self._log.head(shard.partition)
        purging = memory.purge_ms is not None and self._clock.unix_ms() >= memory.purge_ms
        at_rest = memory.settled is not None and memory.settled[0] == head and not purging
        if at_rest and not sweeping and not self._short:
            return False  # what another process merges is seen when it is time to sweep
        pointer = self._store.pointer(shard.partition)
        present = (head, pointer.current if pointer else None)
        if at_rest and memory.settled == present:
            return (sweeping or self._short) and self._release_previous(shard, memory, present)
        reader = self._readers.of(shard)
        seen = None
        if reader.unused_seconds >= UNUSED_SECONDS:
            seen = read_backlog(self._log, self._store, self._clock, shard.partition)
        if seen is not None and seen.bytes >= LOOKED_AT_BYTES:
            # A bulk load: all that waits would be held in memory, decoded, to find that it is worth folding.
            reader.let_go()
        else:
            seen = self._seen_by_reader(shard, memory)
        due = self._policy.due(
            seen, purge_after_days=shard.settings.purge_after_days, searched=shard.settings.searched
        )
        memory.settled, memory.purge_ms = present if due.settled else None, due.purge_ms
        memory.swept_in_vain = 0
        if due.fold is None and due.merge is None:
            return False
        if self._short:
            # What is built takes space before it gives any back, and deletions need what is left: an operator decides.
            return self._release_previous(shard, memory, present)
        with self._lease(shard) as lease:
            if not lease.held:
                return False
            folded = 0
            if due.fold is not None:
                logger.debug("%s is folded: %s", shard.partition, due.fold.value)
                folded = self._indexer.fold(shard).entries
                memory.first_waiting_ms = None
            merged = self._merge(shard, seen)
        reader.reload()
        return folded > 0 or merged

    def _seen_by_reader(self, shard: Namespace, memory: _ShardMemory) -> Backlog:
        """What its reader sees, brought up to date; what waits has waited since this process first saw it."""
        now_ms = self._clock.unix_ms()
        reader = self._readers.of(shard)
        reader.view()
        reader.reload()
        rows, snapshot = reader.tail_rows, reader.snapshot
        if not rows:
            memory.first_waiting_ms = None
        elif memory.first_waiting_ms is None:
            memory.first_waiting_ms = now_ms
        return Backlog(
            snapshot.manifest if snapshot is not None and snapshot.key is not None else None,
            memory.first_waiting_ms,
            rows,
            bytes=0,  # their entries' bytes are gone; rows tell enough where nobody pays for reading them
            now_ms=now_ms,
            damaged=snapshot is not None and snapshot.degraded is not None,
        )

    def _erase(self, shard: Namespace) -> None:
        """All that can be done now for the erasures of a shard, ahead of what would be due by itself."""
        opened = self._erasures.shards[shard.partition]
        with self._lease(shard) as lease:
            if not lease.held:
                return
            self._erasing.fold(shard, opened)
            seen = read_backlog(self._log, self._store, self._clock, shard.partition)
            while names := self._erasing.to_rewrite(shard, opened):
                if not self._merge(shard, seen, names):
                    break
                opened = self._opened(shard)
            self._erasing.sweep(shard, self._opened(shard))
        self._readers.of(shard).reload()

    def _opened(self, shard: Namespace) -> Sequence[OpenShard]:
        return self._erasing.opened().shards.get(shard.partition, ())

    def _close_erasures(self, namespaces: Sequence[Namespace]) -> None:
        try:
            self._erasing.close(self._erasures, {namespace.partition for namespace in namespaces})
        except Exception:
            # They stay open, which is what is told of them, and are tried again.
            logger.exception("erasures could not be closed")

    def _end_reminders(self) -> None:
        now_ms = self._clock.unix_ms()
        if now_ms - self._reminders_ended_ms >= _DAY_MS:
            self._reminders_ended_ms = now_ms
            self._reminders.end(now_ms - KEPT_DAYS * _DAY_MS)

    def _merge(self, shard: Namespace, seen: Backlog, erasing: Collection[str] | None = None) -> bool:
        """Merge what is due in the manifest that is current by now. Whether something was."""
        manifest = self._manifest(shard.partition)
        now_ms = self._clock.unix_ms()
        due = self._policy.due(
            replace(seen, manifest=manifest, now_ms=now_ms, damaged=False),
            purge_after_days=shard.settings.purge_after_days,
            erasing=erasing,
            searched=shard.settings.searched,
        ).merge
        if due is None:
            return False
        logger.debug("%s is merged: %s", shard.partition, due.reason.value)
        plan = MergePlan(shard.partition, tuple(segment.name for segment in due.segments))
        return self._indexer.merge(shard, plan).merged_segments > 0

    def _release_previous(
        self, shard: Namespace, memory: _ShardMemory, settled: tuple[int, str | None]
    ) -> bool:
        """Let go of what is kept beside a manifest at rest, once that has stood for a while. Never more to do."""
        manifest = None if memory.previous_released == settled else self._manifest(shard.partition)
        if manifest is not None and manifest.previous_released:
            memory.previous_released = settled
        elif (
            self._short
            or self._policy.due(Backlog(manifest, None, 0, 0, self._clock.unix_ms())).release_previous
        ):
            with self._lease(shard) as lease:
                if lease.held:
                    self._indexer.release_previous(shard.partition, keep_changes=not self._short)
                    if self._short:
                        # A reader that is just opening what goes begins again.
                        sweep(self._store, self._clock, shard.partition, superseded_ms=0)
        return False

    def _collect(self, namespace: Namespace, memory: _ShardMemory) -> bool:
        """Drop a deleted generation's data, some time after this process first saw that it was deleted."""
        now_ms = self._clock.unix_ms()
        if memory.seen_deleted_ms is None:
            memory.seen_deleted_ms = now_ms
        step = self._policy.deletion(now_ms - memory.seen_deleted_ms)
        if step is DeletionStep.WAIT:
            return False
        with freeing():
            drop(namespace, self._log, self._table, self._blobs)
        if step is DeletionStep.DROP_AND_FORGET:
            self._dropped.append(namespace)
        return False

    def _forget(self, dropped: Sequence[Namespace]) -> bool:
        """Forget deleted generations once nothing of them is left in files. Never more to do at once."""
        with freeing():
            if self._scrub():
                for namespace in dropped:
                    self._catalog.forget_deleted(namespace)
        return False

    def _manifest(self, partition: Partition) -> Manifest | None:
        pointer = self._store.pointer(partition)
        return self._store.manifest(pointer.current) if pointer else None

    def _lease(self, shard: Namespace) -> LeaseGuard:
        return LeaseGuard(self._leases, f"index/{shard.shard_name}", self._owner, self._clock)
