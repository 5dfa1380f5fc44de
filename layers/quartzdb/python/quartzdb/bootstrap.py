"""The composition root: settings → adapters → services. The only module that knows the adapters."""

from __future__ import annotations

import secrets
import weakref
from dataclasses import dataclass
from pathlib import Path

from quartzdb.adapters.build_workspace import BuildWorkspace
from quartzdb.adapters.filesystem_blobs import FilesystemBlobs
from quartzdb.adapters.sqlite_api_keys import SqliteApiKeys
from quartzdb.adapters.sqlite_catalog import SqliteCatalog
from quartzdb.adapters.sqlite_database import SqliteDatabase
from quartzdb.adapters.sqlite_idempotency import SqliteIdempotency
from quartzdb.adapters.sqlite_keyvalue import SqliteKeyValue
from quartzdb.adapters.sqlite_leases import SqliteLeases
from quartzdb.adapters.sqlite_log import SqliteChangeLog
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.hlc import HybridClock
from quartzdb.log.append import LogWriter
from quartzdb.log.protocol import CLOCK_ERROR_MAX_MS
from quartzdb.ports import (
    ApiKeyTable,
    BlobStore,
    ChangeLog,
    Clock,
    IdempotencyTable,
    KeyValueTable,
    Leases,
    NamespaceCatalog,
)
from quartzdb.services.keys import ApiKeys
from quartzdb.services.keyvalue import KeyValues
from quartzdb.services.maintenance import Maintenance
from quartzdb.services.namespaces import Namespaces
from quartzdb.services.remembered import RememberedNamespaces
from quartzdb.services.vectors import Vectors
from quartzdb.snapshot.cache import FETCHED_BYTES_MAX, SegmentCache
from quartzdb.snapshot.indexer import Indexer
from quartzdb.snapshot.readers import Readers
from quartzdb.snapshot.store import SnapshotStore

DEFAULT_TENANT = "default"


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """A database in a directory of this machine. Several processes may open the same one."""

    data_dir: Path
    site: str = "local"
    index_threads: int = 1


@dataclass(frozen=True, slots=True)
class Adapters:
    """One implementation of each port."""

    log: ChangeLog
    table: KeyValueTable
    blobs: BlobStore
    catalog: NamespaceCatalog
    api_keys: ApiKeyTable
    leases: Leases
    idempotency: IdempotencyTable
    clock: Clock


@dataclass(frozen=True, slots=True)
class Database:
    """The services of one process, wired."""

    vectors: Vectors
    key_values: KeyValues
    namespaces: Namespaces
    api_keys: ApiKeys
    idempotency: IdempotencyTable
    maintenance: Maintenance
    indexer: Indexer
    readers: Readers
    store: SnapshotStore
    log: ChangeLog
    catalog: NamespaceCatalog
    versions: HybridClock
    clock: Clock


def embedded_adapters(settings: EmbeddedSettings, clock: Clock | None = None) -> Adapters:
    """SQLite for the log, key-values and catalog; a directory for segments. Raises Unavailable, Corrupted."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    clock = clock or SystemClock()
    # Apart, because SQLite has one writer per file and the log is the busiest.
    log_file = SqliteDatabase(settings.data_dir / "log.db")
    keyvalue_file = SqliteDatabase(settings.data_dir / "keyvalue.db")
    catalog_file = SqliteDatabase(settings.data_dir / "catalog.db")
    return Adapters(
        # -1: nothing behind the head, so that versions follow real time across processes.
        log=SqliteChangeLog(log_file, behind_max=-1),
        table=SqliteKeyValue(keyvalue_file),
        blobs=FilesystemBlobs(settings.data_dir / "segments", clock),
        catalog=SqliteCatalog(catalog_file),
        api_keys=SqliteApiKeys(catalog_file),
        leases=SqliteLeases(catalog_file),
        idempotency=SqliteIdempotency(catalog_file),
        clock=clock,
    )


def open_embedded(settings: EmbeddedSettings) -> Database:
    """The database of a directory, created if it is not there."""
    adapters = embedded_adapters(settings)
    process = secrets.token_hex(4)
    workspace = BuildWorkspace(settings.data_dir / "building", process)
    writer = f"{settings.site}.{process}"
    database = assemble(
        adapters, writer=writer, workspace=workspace.directory, index_threads=settings.index_threads
    )
    weakref.finalize(database.indexer, workspace.release)
    return database


def assemble(
    adapters: Adapters,
    *,
    writer: str,
    workspace: Path,
    index_threads: int = 1,
    fetched_bytes_max: int = FETCHED_BYTES_MAX,
    remembered_seconds: float = 0.0,
) -> Database:
    """Services over any adapters. `writer` names this process in versions and must be its alone.

    Segments in remote storage take at most `fetched_bytes_max` of memory. Searches take a namespace that was found to
    exist to be there for `remembered_seconds`.
    """
    clock = adapters.clock
    versions = HybridClock(clock.unix_ms, writer, ahead_ms_max=CLOCK_ERROR_MAX_MS)
    store = SnapshotStore(adapters.blobs)
    cache = SegmentCache(store, fetched_bytes_max=fetched_bytes_max, monotonic=clock.monotonic)
    readers = Readers(adapters.log, store, cache, clock)
    indexer = Indexer(adapters.log, store, cache, clock, workspace, threads=index_threads)
    maintenance = Maintenance(
        catalog=adapters.catalog,
        log=adapters.log,
        table=adapters.table,
        blobs=adapters.blobs,
        leases=adapters.leases,
        idempotency=adapters.idempotency,
        store=store,
        readers=readers,
        indexer=indexer,
        clock=clock,
        holder=writer,
    )
    return Database(
        vectors=Vectors(LogWriter(adapters.log, versions, clock), readers, versions),
        key_values=KeyValues(adapters.table, versions, clock),
        namespaces=Namespaces(
            adapters.catalog,
            adapters.log,
            adapters.table,
            readers,
            clock,
            remembered=RememberedNamespaces(clock, remembered_seconds),
        ),
        api_keys=ApiKeys(adapters.api_keys, clock),
        idempotency=adapters.idempotency,
        maintenance=maintenance,
        indexer=indexer,
        readers=readers,
        store=store,
        log=adapters.log,
        catalog=adapters.catalog,
        versions=versions,
        clock=clock,
    )
