"""The composition root: settings → adapters → services. The only module that knows the adapters."""

from __future__ import annotations

import logging
import secrets
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from quartzdb.adapters.embedded.build_workspace import BuildWorkspace
from quartzdb.adapters.embedded.data_directory import MARKED, DatabaseFiles
from quartzdb.adapters.embedded.disk_reserve import DiskReserve
from quartzdb.adapters.embedded.file_reminders import DIRECTORY, FileReminders
from quartzdb.adapters.embedded.filesystem_blobs import FilesystemBlobs
from quartzdb.adapters.embedded.log_check import LogCheck
from quartzdb.adapters.embedded.private_directory import make_private
from quartzdb.adapters.embedded.sqlite_api_keys import SqliteApiKeys
from quartzdb.adapters.embedded.sqlite_catalog import SqliteCatalog
from quartzdb.adapters.embedded.sqlite_idempotency import SqliteIdempotency
from quartzdb.adapters.embedded.sqlite_integrity import (
    integrity_problems,
    require_whole_wal,
)
from quartzdb.adapters.embedded.sqlite_keyvalue import SqliteKeyValue
from quartzdb.adapters.embedded.sqlite_leases import SqliteLeases
from quartzdb.adapters.embedded.sqlite_log import SqliteChangeLog
from quartzdb.adapters.embedded.sqlite_rate_slices import SqliteRateSlices
from quartzdb.adapters.embedded.sqlite_tenant_grants import SqliteTenantGrants
from quartzdb.adapters.embedded.sqlite_usage_journal import SqliteUsageJournal
from quartzdb.adapters.embedded.storage_probe import probe_directory
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.clock import Clock
from quartzdb.domain.hlc import HybridClock
from quartzdb.domain.limits import CHANGES_DAYS, DAY_MS, KEPT_FOR_EVER_MS
from quartzdb.domain.namespace import EngineChoice
from quartzdb.domain.values import dataclass
from quartzdb.services.aggregates import Aggregates
from quartzdb.services.consistency import ActiveSite
from quartzdb.services.erasures import Erasures
from quartzdb.services.key_changes import KeyChanges
from quartzdb.services.key_uses import KeyUses
from quartzdb.services.keys import ApiKeys
from quartzdb.services.keyvalue import KeyValues
from quartzdb.services.listing import Listing
from quartzdb.services.namespaces import Namespaces
from quartzdb.services.ports import ApiKeyTable, IdempotencyTable, RateSlices, TenantGrants
from quartzdb.services.record_changes import RecordChanges
from quartzdb.services.records import Records
from quartzdb.services.remembered_namespaces import RememberedNamespaces
from quartzdb.services.search import Search
from quartzdb.services.shard_reads import ShardReads
from quartzdb.services.tenants import Tenants
from quartzdb.storage.erasure_ledger import ErasureLedger
from quartzdb.storage.erasure_reminders import ErasureReminders
from quartzdb.storage.index.executor import Executor, Lazy
from quartzdb.storage.log.append import LogWriter
from quartzdb.storage.log.protocol import CLOCK_ERROR_MAX_MS, OVERLAP_MS
from quartzdb.storage.ports import (
    BlobStore,
    ChangeLog,
    KeyValueTable,
    Leases,
    NamespaceCatalog,
    ReminderStore,
    Retention,
)
from quartzdb.storage.snapshot.cache import FETCHED_BYTES_MAX, SegmentCache
from quartzdb.storage.snapshot.expired_feed import ExpiredFeed
from quartzdb.storage.snapshot.readers import Readers
from quartzdb.storage.snapshot.segment_room import FILES_MAX
from quartzdb.storage.snapshot.store import SnapshotStore
from quartzdb.wiring.settings import DEFAULT_TENANT

if TYPE_CHECKING:
    from quartzdb.maintenance.embedded_maintenance import EmbeddedMaintenance
    from quartzdb.maintenance.indexer import Indexer
    from quartzdb.replication.site_endpoint import Peering, SiteEndpoint
    from quartzdb.services.tenant_deletion import TenantDeletion

logger = logging.getLogger(__name__)

NAMESPACE_REMEMBERED_SECONDS = 5.0
"""A search need not ask the catalog again: the log, which it reads in any case, says when a namespace is deleted. Far
shorter than what a deleted one's log stays."""
LOG_FILE = "log.db"
USAGE_FILE = "usage.db"
RATES_FILE = "rates.db"
DATABASE_FILES = MARKED


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """A database in a directory of this machine. Several processes may open the same one.

    `read_only`: it is there, nothing in it can be written, and whatever would write is refused. `default_engine`
    is for segments that this process builds of namespaces which say `auto`. Segments have at most `segment_files_max`
    files open. `reserve_bytes` are kept on the disk for what frees space when it is full; None: as it is. Whoever
    follows changes may be `changes_kept_ms` behind.
    """

    data_dir: Path
    site: str = "local"
    index_threads: int = 1
    read_only: bool = False
    default_engine: EngineChoice = EngineChoice.AUTO
    tenant: str = DEFAULT_TENANT
    segment_files_max: int = FILES_MAX
    reserve_bytes: int | None = None
    changes_kept_ms: int = 0


BACKUPS = (
    "Backups that were taken before have it until they are pruned; `quartzdb backup restore` erases it again."
)
OTHERS = "Exports, and what others copied, are not known to the database."


@dataclass(frozen=True, slots=True)
class Adapters:
    """One implementation of each port."""

    log: ChangeLog
    table: KeyValueTable
    blobs: BlobStore
    catalog: NamespaceCatalog
    api_keys: ApiKeyTable
    grants: TenantGrants
    rate_slices: RateSlices
    leases: Leases
    idempotency: IdempotencyTable
    reminders: ReminderStore
    clock: Clock
    probe_storage: Callable[[], None] = field(default=lambda: None, kw_only=True)
    scrub: Callable[[], bool] = field(default=lambda: True, kw_only=True)
    """Leaves nothing of deleted rows in files of this machine; False where it has to be done again."""
    expiry_late_ms: int = field(default=0, kw_only=True)
    """How long after its time something may stay that expires."""
    keys_behind_ms: int = field(default=OVERLAP_MS, kw_only=True)
    """How old an item is when nothing that was acknowledged can come before it any more, in a table without order."""
    copies: tuple[str, ...] = field(default=(BACKUPS, OTHERS), kw_only=True)
    """Which copies no deletion reaches, for people."""
    short: Callable[[], bool] = field(default=lambda: False, kw_only=True)
    """Whether the disk is so full that only what frees space may be written."""
    release_reserve: Callable[[], AbstractContextManager[None]] = field(default=nullcontext, kw_only=True)
    """Gives up what is reserved on the disk, for work that frees space."""
    change_mark: Callable[[], None] = field(default=lambda: None, kw_only=True)
    """From here on, copies that were made of one file of the directory before are older than the others."""
    close: Callable[[], None] = field(default=lambda: None, kw_only=True)
    """Lets go of the files; nothing of it can be used afterwards."""


@dataclass(frozen=True)  # without slots, for what is made on first use
class Database:
    """The services of one process, wired. What maintains it is imported and made when somebody first asks for it.

    `tenant` is the one that commands, `/health` and a contract peer mean. Functions that answer requests on
    AWS never ask for maintenance: others maintain their database.
    """

    tenant: str
    records: Records
    search: Search
    listing: Listing
    aggregates: Aggregates
    key_values: KeyValues
    record_changes: RecordChanges
    key_changes: KeyChanges
    erasures: Erasures
    namespaces: Namespaces
    api_keys: ApiKeys
    key_uses: KeyUses
    tenants: Tenants
    rate_slices: RateSlices
    idempotency: IdempotencyTable
    readers: Readers
    store: SnapshotStore
    log: ChangeLog
    catalog: NamespaceCatalog
    versions: HybridClock
    clock: Clock
    reminders: ErasureReminders
    make_maintenance: Callable[[], tuple[Indexer, EmbeddedMaintenance]] = field(repr=False)
    replication: SiteEndpoint | None = None
    probe_storage: Callable[[], None] = lambda: None
    scrub: Callable[[], bool] = lambda: True
    """Leaves nothing of deleted rows in files of this machine; False where it has to be done again."""
    short: Callable[[], bool] = lambda: False
    """Whether the disk is so full that only what frees space may be written."""
    release_reserve: Callable[[], AbstractContextManager[None]] = nullcontext
    """Gives up what is reserved on the disk, for work that frees space."""
    change_mark: Callable[[], None] = lambda: None
    """From here on, copies that were made of one file of the directory before are older than the others."""

    @cached_property
    def indexer(self) -> Indexer:
        """Folds and merges, when it is told to."""
        return self._made[0]

    @cached_property
    def maintenance(self) -> EmbeddedMaintenance:
        """What a background thread of this process runs."""
        return self._made[1]

    def tenant_deletion(self, *, everywhere: bool = False, beside_another: bool = False) -> TenantDeletion:
        """What deletes everything of a tenant; `everywhere`: at the other site, too, which takes grants from here.
        `beside_another`: there is another site, as a database that was opened without it does not know.
        """
        from quartzdb.services.tenant_deletion import TenantDeletion

        return TenantDeletion(
            self.tenants,
            self.api_keys,
            self.namespaces,
            self.catalog,
            self.clock,
            self.scrub,
            self.reminders.tenant_gone,
            everywhere=everywhere or (self.replication is not None and self.replication.gives_grants),
            beside_another=beside_another or self.replication is not None,
        )

    @property
    def damaged(self) -> Mapping[str, str]:
        """Namespaces (tenant/name) of which maintenance in this process found that they cannot be served, and why."""
        return self.maintenance.damaged if "maintenance" in vars(self) else {}

    @cached_property
    def _made(self) -> tuple[Indexer, EmbeddedMaintenance]:
        return self.make_maintenance()


def embedded_adapters(settings: EmbeddedSettings, clock: Clock | None = None) -> Adapters:
    """SQLite for the log, key-values and catalog; a directory for segments. Raises Unavailable, Corrupted."""
    read_only = settings.read_only
    if not read_only:
        make_private(settings.data_dir)
    clock = clock or SystemClock()
    reserve = DiskReserve(settings.data_dir)
    if not read_only:
        _prepare_reserve(reserve, settings)
    # Apart, because SQLite has one writer per file and the log is the busiest.
    directory = DatabaseFiles(settings.data_dir, read_only=read_only, reserve=reserve)
    catalog_file, keyvalue_file, log_file = directory.open(*DATABASE_FILES)

    files = (catalog_file, keyvalue_file, log_file)

    def close() -> None:
        for file in files:
            file.close()

    return Adapters(
        # -1: nothing behind the head, so that versions follow real time across processes.
        log=SqliteChangeLog(log_file, behind_max=-1),
        table=SqliteKeyValue(keyvalue_file, ordered=True),
        blobs=FilesystemBlobs(settings.data_dir / "segments", clock, read_only=read_only, reserve=reserve),
        catalog=SqliteCatalog(catalog_file),
        api_keys=SqliteApiKeys(catalog_file),
        grants=SqliteTenantGrants(catalog_file),
        rate_slices=SqliteRateSlices(settings.data_dir / RATES_FILE),
        leases=SqliteLeases(catalog_file),
        idempotency=SqliteIdempotency(catalog_file),
        reminders=FileReminders(settings.data_dir / DIRECTORY, reserve=reserve),
        clock=clock,
        probe_storage=(lambda: None) if read_only else partial(_probe, reserve, settings.data_dir),
        scrub=lambda: all(file.scrub() for file in (log_file, keyvalue_file, catalog_file)),
        short=(lambda: False) if read_only else reserve.short,
        release_reserve=reserve.released,
        change_mark=(lambda: None) if read_only else partial(directory.change_mark, files),
        close=close,
    )


def adopt(data_dir: Path) -> str | None:
    """Take the files of a directory as they are, though one is an older copy. Returns what was wrong; None: nothing.

    Raises Unavailable, and Corrupted for anything else that is wrong with them.
    """
    directory = DatabaseFiles(data_dir, reserve=DiskReserve(data_dir))
    files = directory.open(*DATABASE_FILES, any_mark=True)
    try:
        return directory.accept(files)
    finally:
        for file in files:
            file.close()


def _prepare_reserve(reserve: DiskReserve, settings: EmbeddedSettings) -> None:
    reserve.make_room_to_open()
    if settings.reserve_bytes is not None and not reserve.keep(settings.reserve_bytes):
        logger.warning(
            "The disk of %s has no room for the %s MB that are kept for deletions: delete something, or free space.",
            settings.data_dir,
            settings.reserve_bytes // (1024 * 1024),
        )


def _probe_all(probes: Sequence[Callable[[], None]]) -> None:
    for probe in probes:
        probe()


def _probe(reserve: DiskReserve, data_dir: Path) -> None:
    reserve.require()
    probe_directory(data_dir)


def open_embedded(
    settings: EmbeddedSettings,
    *,
    peering: Peering | None = None,
    retention: Retention | None = None,
    probe: Callable[[], None] = lambda: None,
) -> Database:
    """The database of a directory, created if it is not there; with `peering`, as one of two sites. `retention` says
    what must be kept where there is no `peering`.

    `probe` raises where storage is not what it must be, for whoever asks how it is.
    """
    adapters = embedded_adapters(settings)
    adapters.change_mark()
    adapters = replace(adapters, probe_storage=partial(_probe_all, (probe, adapters.probe_storage)))
    process = secrets.token_hex(4)
    building = settings.data_dir / "building"
    workspace = None if settings.read_only else BuildWorkspace(building, process)
    writer = f"{settings.site}.{process}"
    database = assemble(
        adapters,
        writer=writer,
        workspace=workspace.directory if workspace else building / process,
        index_threads=settings.index_threads,
        default_engine=settings.default_engine,
        tenant=settings.tenant,
        segment_files_max=settings.segment_files_max,
        remembered_seconds=NAMESPACE_REMEMBERED_SECONDS,
        peering=peering,
        retention=retention,
        changes_kept_ms=settings.changes_kept_ms,
    )
    return database if workspace is None else _releasing(database, workspace)


def _releasing(database: Database, workspace: BuildWorkspace) -> Database:
    """The database, whose workspace is given back with what builds in it, or with the database where nothing was to."""

    def made() -> tuple[Indexer, EmbeddedMaintenance]:
        indexer, maintenance = database.make_maintenance()
        unused.detach()
        weakref.finalize(indexer, workspace.release)
        return indexer, maintenance

    releasing = replace(database, make_maintenance=made)
    unused = weakref.finalize(releasing, workspace.release)
    return releasing


def open_usage_journal(data_dir: Path) -> SqliteUsageJournal:
    """The usage journal of a directory, which is there. Raises Unavailable."""
    return SqliteUsageJournal(data_dir / USAGE_FILE)


def require_whole(data_dir: Path) -> LogCheck:
    """What a server looks at before it serves: that what was committed is in readers' sight. Raises Corrupted.

    A large log is looked at beside that: what is returned says how it went.
    HAZARD: only before this process has opened anything in the directory.
    """
    require_whole_wals(data_dir)
    return LogCheck(data_dir / LOG_FILE)


def require_whole_wals(data_dir: Path) -> None:
    """The part of it that has to come before anybody opens the directory."""
    DiskReserve(data_dir).make_room_to_open()
    for name in DATABASE_FILES:
        require_whole_wal(data_dir / name)


def database_file_problems(data_dir: Path, *, read_only: bool) -> dict[Path, list[str]]:
    """What SQLite's own check finds wrong with each of a directory's files."""
    paths = [data_dir / name for name in DATABASE_FILES]
    return {path: integrity_problems(path, read_only=read_only) for path in paths}


def assemble(
    adapters: Adapters,
    *,
    writer: str,
    workspace: Path,
    index_threads: int = 1,
    default_engine: EngineChoice = EngineChoice.AUTO,
    tenant: str = DEFAULT_TENANT,
    fetched_bytes_max: int = FETCHED_BYTES_MAX,
    segment_files_max: int = FILES_MAX,
    searches: bool = False,
    execute: Executor = Lazy,
    remembered_seconds: float = 0.0,
    remembered_strong_only: bool = True,
    peering: Peering | None = None,
    retention: Retention | None = None,
    changes_kept_ms: int = 0,
) -> Database:
    """Services over any adapters. `writer` names this process in versions and must be its alone.

    Segments in remote storage take at most `fetched_bytes_max` of memory; `searches` and `execute` are SegmentCache's.
    Searches take a namespace that was found to exist to be there for `remembered_seconds`, unless they find it gone;
    `remembered_strong_only`: only those that would notice. With `peering` this site is one of two; without it
    `retention` says what must be kept for others. `changes_kept_ms` are for who follows changes.
    """
    clock = adapters.clock
    versions = HybridClock(clock.unix_ms, writer, ahead_ms_max=CLOCK_ERROR_MAX_MS)
    store = SnapshotStore(adapters.blobs)
    cache = SegmentCache(
        store,
        fetched_bytes_max=fetched_bytes_max,
        files_max=segment_files_max,
        searches=searches,
        execute=execute,
        monotonic=clock.monotonic,
    )
    readers = Readers(adapters.log, store, cache, clock)
    log_writer = LogWriter(adapters.log, versions, clock)
    shards = ShardReads(readers, versions)
    records = Records(log_writer, readers, shards, versions, active=_decides(peering))
    # A command that keeps all of the log, because it does not know for how long, keeps notes as servers do by default.
    history_kept_ms = changes_kept_ms if changes_kept_ms < KEPT_FOR_EVER_MS else CHANGES_DAYS * DAY_MS
    key_values = KeyValues(
        adapters.table, versions, clock, active=_decides(peering), history_kept_ms=history_kept_ms
    )
    tenants = Tenants(adapters.grants)
    return Database(
        tenant=tenant,
        records=records,
        search=Search(shards),
        listing=Listing(shards),
        aggregates=Aggregates(shards),
        key_values=key_values,
        record_changes=RecordChanges(adapters.log, ExpiredFeed(adapters.log, store, cache, clock), clock),
        key_changes=KeyChanges(
            adapters.table, clock, adapters.keys_behind_ms, history_kept_ms=history_kept_ms
        ),
        erasures=Erasures(
            records,
            key_values,
            ErasureLedger(adapters.table),
            ErasureReminders(adapters.reminders),
            adapters.log,
            clock,
            shared=peering.shared if peering else lambda _tenant, _name: False,
            late_ms=adapters.expiry_late_ms,
            copies=adapters.copies,
        ),
        namespaces=Namespaces(
            adapters.catalog,
            adapters.log,
            adapters.table,
            readers,
            clock,
            remembered=RememberedNamespaces(clock, remembered_seconds, strong_only=remembered_strong_only),
            shared=peering.shared if peering else lambda _tenant, _name: False,
        ),
        api_keys=ApiKeys(adapters.api_keys, clock),
        key_uses=KeyUses(adapters.api_keys, clock),
        tenants=tenants,
        rate_slices=adapters.rate_slices,
        idempotency=adapters.idempotency,
        readers=readers,
        store=store,
        log=adapters.log,
        catalog=adapters.catalog,
        versions=versions,
        clock=clock,
        reminders=ErasureReminders(adapters.reminders),
        make_maintenance=partial(
            _maintenance,
            adapters,
            store,
            cache,
            readers,
            writer,
            workspace,
            index_threads,
            default_engine,
            peering.retention if peering else retention,
            changes_kept_ms,
        ),
        scrub=adapters.scrub,
        replication=_served(peering, adapters, readers, log_writer, versions, tenants, history_kept_ms)
        if peering
        else None,
        probe_storage=adapters.probe_storage,
        short=adapters.short,
        release_reserve=adapters.release_reserve,
        change_mark=adapters.change_mark,
    )


def _maintenance(
    adapters: Adapters,
    store: SnapshotStore,
    cache: SegmentCache,
    readers: Readers,
    owner: str,
    workspace: Path,
    index_threads: int,
    default_engine: EngineChoice,
    retention: Retention | None,
    changes_kept_ms: int,
) -> tuple[Indexer, EmbeddedMaintenance]:
    # Imported by a process that maintains its database, and by no other.
    from quartzdb.maintenance.embedded_maintenance import EmbeddedMaintenance
    from quartzdb.maintenance.erasing import Erasing
    from quartzdb.maintenance.indexer import Indexer
    from quartzdb.maintenance.policy import EMBEDDED_THRESHOLDS, MaintenancePolicy

    indexer = Indexer(
        adapters.log,
        store,
        cache,
        adapters.clock,
        workspace,
        threads=index_threads,
        default_engine=default_engine,
        retention=retention,
        changes_kept_ms=changes_kept_ms,
    )
    maintenance = EmbeddedMaintenance(
        catalog=adapters.catalog,
        log=adapters.log,
        table=adapters.table,
        blobs=adapters.blobs,
        leases=adapters.leases,
        idempotency=adapters.idempotency,
        store=store,
        readers=readers,
        indexer=indexer,
        clock=adapters.clock,
        owner=owner,
        policy=MaintenancePolicy(EMBEDDED_THRESHOLDS),
        scrub=adapters.scrub,
        short=adapters.short,
        reminders=ErasureReminders(adapters.reminders),
        erasing=Erasing(
            adapters.table,
            adapters.log,
            store,
            cache,
            indexer,
            adapters.clock,
            scrub=adapters.scrub,
            retention=retention,
        ),
        retention=retention,
    )
    return indexer, maintenance


def _served(
    peering: Peering,
    adapters: Adapters,
    readers: Readers,
    writer: LogWriter,
    versions: HybridClock,
    tenants: Tenants,
    history_kept_ms: int,
) -> SiteEndpoint:
    # Imported by a site that is one of two, and by no other.
    from quartzdb.replication.local_erasures import LocalErasures
    from quartzdb.replication.local_replica import LocalReplica
    from quartzdb.replication.site_endpoint import SiteEndpoint
    from quartzdb.replication.statements import Statements

    replica = LocalReplica(
        peering.site,
        catalog=adapters.catalog,
        log=adapters.log,
        table=adapters.table,
        readers=readers,
        api_keys=adapters.api_keys,
        grants=adapters.grants,
        writer=writer,
        versions=versions,
        clock=adapters.clock,
        shared=peering.shared,
        keys_behind_ms=peering.keys_behind_ms,
        takes_api_keys=peering.takes_api_keys,
        named=peering.named,
        say=tenants.put,
        history_kept_ms=history_kept_ms,
    )
    erasures = LocalErasures(
        peering.site,
        catalog=adapters.catalog,
        log=adapters.log,
        table=adapters.table,
        clock=adapters.clock,
        shared=peering.shared,
    )
    statements = Statements(peering.site, peering.verify, adapters.clock)
    return SiteEndpoint(
        replica,
        erasures,
        statements,
        peering.secrets,
        peering.status,
        peering.gives_grants,
        peering.applied,
    )


def _decides(peering: Peering | None) -> ActiveSite:
    """Whether this site decides compare-and-sets in a namespace."""
    if peering is None:
        return lambda _: True
    return lambda namespace: not peering.shared(namespace.tenant, namespace.name) or peering.active()
