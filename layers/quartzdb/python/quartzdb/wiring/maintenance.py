"""The composition root of the functions that maintain a database on AWS: fold, merge, sweep, collect garbage.

Apart from `wiring.aws`, because functions that answer requests have no use for any of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from quartzdb.adapters.aws.step_functions_merges import StepFunctionsMerges
from quartzdb.domain.namespace import EngineChoice
from quartzdb.domain.values import dataclass
from quartzdb.maintenance.erasing import Erasing
from quartzdb.maintenance.folding import Folding
from quartzdb.maintenance.garbage_collection import GarbageCollection
from quartzdb.maintenance.indexer import Indexer
from quartzdb.maintenance.lease_owner import LeaseOwner
from quartzdb.maintenance.merge_policy import MergeLimits
from quartzdb.maintenance.merging import RUN_LIMITS, SHARD_ROWS, Merging, shard_limits
from quartzdb.maintenance.policy import SCHEDULED_THRESHOLDS, MaintenancePolicy
from quartzdb.maintenance.ports import MergeRuns
from quartzdb.maintenance.scheduled_maintenance import ScheduledMaintenance
from quartzdb.storage.index.executor import Immediate
from quartzdb.storage.ports import Retention
from quartzdb.storage.snapshot.cache import SegmentCache
from quartzdb.storage.snapshot.store import SnapshotStore
from quartzdb.wiring.aws import AwsAdapters, AwsSettings, aws_adapters
from quartzdb.wiring.aws_clients import AwsClients

FOLD_BYTES_MAX = 32 * 1024 * 1024
"""Log bytes of one fold: some 20,000 records of 384 dimensions, which one processor folds in 10 to 20 seconds."""


@dataclass(frozen=True, slots=True)
class MaintenanceServices:
    """The services of one process."""

    folding: Folding
    merging: Merging
    schedule: ScheduledMaintenance
    owner: LeaseOwner


def open_maintenance(
    settings: AwsSettings,
    merge_machine_arn: str | None = None,
    *,
    merge_run_rows: int = RUN_LIMITS.shard_rows,
    merge_shard_rows: int = SHARD_ROWS,
    retention: Callable[[AwsClients], Retention] | None = None,
) -> MaintenanceServices:
    """What maintains the database of a table and a bucket. Asks AWS nothing yet.

    A merge of at most `merge_run_rows` is done by the run that finds it due; a larger one is started on the machine, in
    shards of at most `merge_shard_rows`.

    HAZARD: a function has its machine to itself, so what an earlier run left under construction there is removed.
    """
    clients = settings.clients()
    runs: MergeRuns = NoMergeRuns()
    if merge_machine_arn is not None:
        runs = StepFunctionsMerges(clients.step_functions, merge_machine_arn)
    workspace = settings.work_dir / "building"
    shutil.rmtree(workspace, ignore_errors=True)
    adapters = aws_adapters(settings, clients=clients)
    return assemble_maintenance(
        adapters,
        runs,
        site=settings.site,
        workspace=workspace,
        index_threads=settings.index_threads,
        default_engine=settings.default_engine,
        limits=shard_limits(settings.cache_bytes_max, merge_shard_rows),
        run_limits=replace(RUN_LIMITS, shard_rows=merge_run_rows),
        retention=retention(clients) if retention else None,
        changes_kept_ms=settings.changes_kept_ms,
    )


def assemble_maintenance(
    adapters: AwsAdapters,
    runs: MergeRuns,
    *,
    site: str,
    workspace: Path,
    limits: MergeLimits,
    index_threads: int = 1,
    default_engine: EngineChoice = EngineChoice.AUTO,
    run_limits: MergeLimits = RUN_LIMITS,
    retention: Retention | None = None,
    changes_kept_ms: int = 0,
) -> MaintenanceServices:
    """The services over any adapters. `retention` says what must be kept for peers; None: nothing. Whoever follows
    changes may be `changes_kept_ms` behind.
    """
    owner = LeaseOwner(site)
    policy = MaintenancePolicy(SCHEDULED_THRESHOLDS, limits)
    clock = adapters.clock
    store = SnapshotStore(adapters.blobs)
    cache = SegmentCache(store, execute=Immediate)
    indexer = Indexer(
        adapters.log,
        store,
        cache,
        clock,
        workspace,
        threads=index_threads,
        default_engine=default_engine,
        fold_bytes_max=FOLD_BYTES_MAX,
        retention=retention,
        changes_kept_ms=changes_kept_ms,
    )
    folding = Folding(
        adapters.catalog,
        adapters.log,
        store,
        indexer,
        adapters.leases,
        adapters.pending_work,
        clock,
        owner,
        policy,
    )
    merging = Merging(
        adapters.catalog, store, indexer, runs, clock, shard_limits=limits, run_limits=run_limits
    )
    garbage_collection = GarbageCollection(
        adapters.catalog, adapters.log, adapters.table, adapters.blobs, adapters.pending_work, clock, policy
    )
    schedule = ScheduledMaintenance(
        adapters.catalog,
        adapters.table,
        store,
        adapters.leases,
        adapters.pending_work,
        folding,
        merging,
        garbage_collection,
        clock,
        owner,
        policy,
        Erasing(adapters.table, adapters.log, store, cache, indexer, clock, retention=retention),
        retention,
    )
    return MaintenanceServices(folding, merging, schedule, owner)


class NoMergeRuns:
    """MergeRuns of a function that never starts any: the indexer."""

    def start(self, name: str, document: Mapping[str, Any]) -> None:
        """Raises NotImplementedError."""
        raise NotImplementedError(
            "Only the compactor starts merges: deploy it with QUARTZDB_MERGE_MACHINE_ARN."
        )
