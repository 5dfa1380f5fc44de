"""Merges on AWS: small ones in the run that finds them due, large ones as a workflow of several runs.

The workflow's input names segments only; its steps come back to `build_shard` and `publish`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from quartzdb.domain.clock import Clock
from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.domain.values import dataclass
from quartzdb.maintenance.budget import Budget
from quartzdb.maintenance.built_shard import load_built, segment_name, store_built
from quartzdb.maintenance.indexer import Indexer
from quartzdb.maintenance.merge_notice import MergeNotices, this_round
from quartzdb.maintenance.merge_plan import MergePlan
from quartzdb.maintenance.merge_policy import MergeLimits
from quartzdb.maintenance.policy import DueMerge, MergeReason
from quartzdb.maintenance.ports import MergeRuns
from quartzdb.storage.ports import NamespaceCatalog
from quartzdb.storage.snapshot.store import SnapshotStore

logger = logging.getLogger(__name__)

_MB = 1024 * 1024

SHARD_ROWS = 1_048_576
SHARD_BYTES = 2_048 * _MB
"""What one builder finishes in a run of 15 minutes with a wide margin."""
RUN_LIMITS = MergeLimits(shard_rows=131_072, shard_bytes=384 * _MB, sources_bytes=512 * _MB)
"""A merge done at once, in a run that has other shards to maintain, too; one of more is a workflow."""
RUN_MERGE_MS = 240_000
"""What such a merge may take."""


def shard_limits(disk_bytes: int, rows: int = SHARD_ROWS) -> MergeLimits:
    """Limits of a builder that may keep so many bytes of copies on its disk, and has three times as much beside.

    What it builds is there almost twice while its rows are put in their order.
    """
    return MergeLimits(rows, min(SHARD_BYTES, disk_bytes), disk_bytes)


class Merged(Enum):
    """What became of a merge that was due, or not."""

    NOT_NEEDED = "not needed"
    PUBLISHED = "published"
    ABANDONED = "abandoned"
    STARTED = "started"
    UNDER_WAY = "under way"
    POSTPONED = "postponed"


@dataclass(frozen=True, slots=True)
class MergePublication:
    """The end of a large merge. `segments`: how many new ones there are."""

    published: bool
    segments: int = 0


class Merging:
    """One per process. `runs` starts workflows."""

    def __init__(
        self,
        catalog: NamespaceCatalog,
        store: SnapshotStore,
        indexer: Indexer,
        runs: MergeRuns,
        clock: Clock,
        *,
        shard_limits: MergeLimits,
        run_limits: MergeLimits = RUN_LIMITS,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._indexer = indexer
        self._runs = runs
        self._clock = clock
        self._notices = MergeNotices(store, clock)
        self._run_limits = run_limits
        self._shard_limits = shard_limits

    def under_way(self, partition: Partition) -> MergePlan | None:
        """The large merge that may be running."""
        return self._notices.under_way(partition)

    def merge(self, namespace: Namespace, due: DueMerge, budget: Budget, running: MergePlan | None) -> Merged:
        """Merge what is due, or have it merged, which one workflow of a partition does at a time."""
        plan = MergePlan(
            namespace.partition,
            tuple(ref.name for ref in due.segments),
            self._shard_limits.shards(due.segments),
            this_round(self._clock),
        )
        size = sum(ref.bytes for ref in due.segments)
        if due.reason is MergeReason.AGE and not running:
            self._indexer.fold(namespace, advance=True)  # else the last tombstones would stay for good
        if self._run_limits.shards(due.segments) == 1 and size <= self._run_limits.sources_bytes:
            if not budget.allows(RUN_MERGE_MS):
                return Merged.POSTPONED
            logger.debug("%s is merged: %s", namespace.partition, due.reason.value)
            return Merged.PUBLISHED if self._indexer.merge(namespace, plan).published else Merged.ABANDONED
        if running:
            return Merged.UNDER_WAY
        self._indexer.note_expired(namespace.partition)
        return self._start(plan)

    def build_shard(self, plan_document: Mapping[str, Any], shard: int) -> dict[str, Any]:
        """One step of the workflow; its answer is for `publish`. Raises InvalidArgument."""
        plan = MergePlan.parse(plan_document)
        namespace = self._namespace(plan)
        built = self._indexer.merger.build_shard(namespace, plan, shard) if namespace else None
        if built is None:
            return {"shard": shard, "void": True}
        return store_built(self._store, plan, built)

    def publish(
        self, plan_document: Mapping[str, Any], results: Sequence[Mapping[str, Any]]
    ) -> MergePublication:
        """The last step of the workflow. Raises InvalidArgument, Unavailable."""
        plan = MergePlan.parse(plan_document)
        merger = self._indexer.merger
        if any(result.get("void") for result in results):
            self._notices.remove(plan)
            return MergePublication(False)
        running = self._notices.under_way(plan.partition)
        if running is None or running.name != plan.name:
            # It was published before, or comes so late that its files may have been swept.
            return MergePublication(merger.is_live(plan.partition, segment_name(results[0])))
        built = [load_built(self._store, result) for result in results]
        published = merger.publish(plan, built)
        self._notices.remove(plan)
        return MergePublication(published, len(built) if published else 0)

    def release_previous(self, partition: Partition) -> bool:
        """Let go of what is kept for the manifest before the current one: previous_manifest.py."""
        return self._indexer.release_previous(partition)

    def drop_old_changes(self, partition: Partition) -> None:
        """Let go of what of the log was kept for who follows changes, where it is too old."""
        self._indexer.drop_old_changes(partition)

    def _start(self, plan: MergePlan) -> Merged:
        # The notice first: a workflow without one would not be published.
        if not self._notices.post(plan):
            return Merged.UNDER_WAY
        document = {"plan": plan.document(), "shards": [{"shard": number} for number in range(plan.shards)]}
        try:
            self._runs.start(plan.name, document)
        except Exception:
            self._notices.remove(plan)
            raise
        logger.info("the merge %s of %s was started", plan.name, plan.partition)
        return Merged.STARTED

    def _namespace(self, plan: MergePlan) -> Namespace | None:
        namespace = self._catalog.get(plan.partition.tenant, plan.partition.namespace)
        return namespace.shard_at(plan.partition) if namespace else None
