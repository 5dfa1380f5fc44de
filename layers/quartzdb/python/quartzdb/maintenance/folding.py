"""Folding one shard's log in runs that remember nothing: who does it, for how long, and what is left.

Before it does anything it notes the shard as pending work, so that whatever happens to this run, and whatever is too
young to be folded yet, a scheduled run finds it.
"""

from __future__ import annotations

import logging

from quartzdb.domain.clock import Clock
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.domain.values import dataclass
from quartzdb.maintenance.backlog import Backlog, read_backlog
from quartzdb.maintenance.budget import Budget
from quartzdb.maintenance.indexer import Indexer
from quartzdb.maintenance.lease_owner import LeaseOwner
from quartzdb.maintenance.policy import MaintenancePolicy
from quartzdb.maintenance.ports import PendingWorkList
from quartzdb.storage.lease_guard import LeaseGuard
from quartzdb.storage.ports import ChangeLog, Leases, NamespaceCatalog
from quartzdb.storage.snapshot.store import SnapshotStore

logger = logging.getLogger(__name__)

FIRST_FOLD_MS = 30_000
"""What a fold is taken to need before this process has done one."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What became of one shard's log. `backlog` is what is left in it; None for a log that is nobody's."""

    backlog: Backlog | None = None
    published: int = 0
    degraded: str | None = None

    @property
    def lag_ms(self) -> int:
        """How long the oldest entry that is left has waited."""
        return self.backlog.lag_ms if self.backlog else 0


class Folding:
    """One per process."""

    def __init__(
        self,
        catalog: NamespaceCatalog,
        log: ChangeLog,
        store: SnapshotStore,
        indexer: Indexer,
        leases: Leases,
        pending_work: PendingWorkList,
        clock: Clock,
        owner: LeaseOwner,
        policy: MaintenancePolicy,
    ) -> None:
        self._catalog = catalog
        self._log = log
        self._store = store
        self._indexer = indexer
        self._leases = leases
        self._pending_work = pending_work
        self._clock = clock
        self._owner = owner
        self._policy = policy
        self._fold_ms = FIRST_FOLD_MS

    def woken(self, partition: Partition, since_ms: int, budget: Budget) -> Folded:
        """Fold a log that an entry of `since_ms` (unix) was written to, if that is due."""
        namespace = self._catalog.get(partition.tenant, partition.namespace)
        shard = namespace.shard_at(partition) if namespace else None
        if shard is None:
            return Folded()  # deleted since, or deleted and created again
        self._pending_work.note(partition, since_ms)
        return self.fold_if_due(shard, budget)

    def fold_if_due(self, namespace: Namespace, budget: Budget, *, erasing: bool = False) -> Folded:
        """In one shard, fold what is due, until nothing is left that can be folded, or no time.

        `erasing`: an erasure of it is open.
        """
        if not namespace.settings.holds_records:
            return Folded()
        backlog = self._backlog(namespace.partition)
        reason = self._policy.due(backlog, erasing=() if erasing else None).fold
        if reason is None or not budget.allows(self._fold_ms):
            return Folded(backlog)
        with LeaseGuard(
            self._leases, f"index/{namespace.shard_name}", self._owner.name, self._clock
        ) as lease:
            if not lease.held:
                return Folded(backlog)  # another run is at it
            logger.debug("%s is folded: %s", namespace.partition, reason.value)
            published, degraded = self._fold_all(namespace, budget)
        return Folded(self._backlog(namespace.partition), published, degraded)

    def _backlog(self, partition: Partition) -> Backlog:
        return read_backlog(self._log, self._store, self._clock, partition)

    def _fold_all(self, namespace: Namespace, budget: Budget) -> tuple[int, str | None]:
        """How many segments were published, and why the first began from an older manifest."""
        published = 0
        degraded: str | None = None
        while budget.allows(self._fold_ms):
            begun = self._clock.monotonic()
            result = self._indexer.fold(namespace)
            # Folds of one process differ by how much they read first, hardly by more than this.
            self._fold_ms = max(self._fold_ms, int(2_000 * (self._clock.monotonic() - begun)))
            published += result.published
            degraded = degraded or result.degraded
            lost_race = result.entries > 0 and not result.published
            if not lost_race and result.records == 0:
                break  # nothing is left, or only what was folded before
        return published, degraded
