"""Care of one generation's log by runs that remember nothing: is folding worth it, who does it, and what is left.

Before it does anything it notes the generation as unsettled, so that whatever happens to this run, and whatever is too
young to be folded yet, the scheduled care finds it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.ports import ChangeLog, Clock, Leases, NamespaceCatalog, UnsettledList
from quartzdb.services.backlog import Backlog, read_backlog
from quartzdb.services.budget import Budget
from quartzdb.services.claim import Claim
from quartzdb.services.holder import Holder
from quartzdb.snapshot.indexer import Indexer
from quartzdb.snapshot.store import SnapshotStore

logger = logging.getLogger(__name__)

FIRST_FOLD_MS = 20_000
"""What a fold is taken to need before this process has done one."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What became of one generation's log. `lag_ms`: how long the oldest entry that is still in it has waited."""

    lag_ms: int = 0
    published: int = 0
    degraded: str | None = None
    postponed: bool = False


NOTHING_WAITS = Folded()


class Folding:
    """One per process."""

    def __init__(
        self,
        catalog: NamespaceCatalog,
        log: ChangeLog,
        store: SnapshotStore,
        indexer: Indexer,
        leases: Leases,
        unsettled: UnsettledList,
        clock: Clock,
        holder: Holder,
    ) -> None:
        self._catalog = catalog
        self._log = log
        self._store = store
        self._indexer = indexer
        self._leases = leases
        self._unsettled = unsettled
        self._clock = clock
        self._holder = holder
        self._fold_ms = FIRST_FOLD_MS

    def namespace(self, partition: Partition) -> Namespace | None:
        """The namespace whose generation this is; None where it was deleted, or never was."""
        namespace = self._catalog.get(partition.tenant, partition.namespace)
        return namespace if namespace is not None and namespace.partition == partition else None

    def woken(self, partition: Partition, since_ms: int, budget: Budget) -> Folded:
        """Care for a generation that an entry of `since_ms` (unix) was written to."""
        if self.namespace(partition) is None:
            return NOTHING_WAITS
        self._unsettled.note(partition, since_ms)
        return self.care(partition, budget)

    def care(self, partition: Partition, budget: Budget) -> Folded:
        """Fold what is worth it, until nothing is left that can be folded, or no time."""
        namespace = self.namespace(partition)
        if namespace is None or namespace.settings.dimension is None:
            return NOTHING_WAITS
        backlog = self.backlog(partition)
        if not backlog.worth_folding:
            return Folded(backlog.lag_ms)
        if not budget.allows(self._fold_ms):
            return Folded(backlog.lag_ms, postponed=True)
        with Claim(self._leases, f"index/{partition.generation}", self._holder.name, self._clock) as claim:
            if not claim.held:
                return Folded(backlog.lag_ms)  # another run is at it
            published, degraded, postponed = self._fold_all(namespace, budget)
        return Folded(self.backlog(partition).lag_ms, published, degraded, postponed)

    def backlog(self, partition: Partition) -> Backlog:
        """What waits in the log."""
        return read_backlog(self._log, self._store, self._clock, partition)

    def _fold_all(self, namespace: Namespace, budget: Budget) -> tuple[int, str | None, bool]:
        published = 0
        degraded: str | None = None
        while budget.allows(self._fold_ms):
            begun = self._clock.monotonic()
            result = self._indexer.fold(namespace)
            # Folds of one process differ by how much they read first, hardly by more than this.
            self._fold_ms = max(self._fold_ms, int(2_000 * (self._clock.monotonic() - begun)))
            published += result.published
            degraded = degraded or result.degraded
            if result.published and result.records == 0:
                return published, degraded, False  # what is left was folded before: nothing new in it
            if not result.entries:
                return published, degraded, False
        return published, degraded, True
