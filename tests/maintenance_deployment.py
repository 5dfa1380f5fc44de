"""A table with its stream and a bucket, writers on them, and the functions that maintain them, each with a disk."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from botocore.session import Session

from quartzdb.adapters.aws.patience import Patience
from quartzdb.aws_lambda.compactor_function import compacting_handler
from quartzdb.aws_lambda.indexer_function import indexing_handler
from quartzdb.aws_lambda.settings import FunctionSettings
from quartzdb.aws_lambda.telemetry import telemetry
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings
from quartzdb.maintenance.merge_policy import MergeLimits
from quartzdb.maintenance.merging import RUN_LIMITS, shard_limits
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.search import QueryRequest
from quartzdb.storage.snapshot.manifest import Manifest
from quartzdb.wiring.aws import AwsAdapters, AwsSettings, aws_adapters
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints
from quartzdb.wiring.embedded import Database, assemble
from quartzdb.wiring.maintenance import MaintenanceServices, assemble_maintenance
from tests.aws_emulators import PATIENCE, REGION, Emulator, Place
from tests.doubles.counted_capacity import CountedCapacity
from tests.doubles.memory_merge_runs import MemoryMergeRuns
from tests.embedded import vector_of
from tests.manual_clock import ManualClock
from tests.stream_driver import Handler, TableStream

DIMENSION = 8


@dataclass
class MaintenanceDeployment:
    """`endpoint_url` may be a proxy's; the stream is read from the emulator itself."""

    emulator: Emulator
    place: Place
    directory: Path
    stream: TableStream
    endpoint_url: str
    patience: Patience = PATIENCE
    clock: ManualClock = field(default_factory=ManualClock)
    meter: CountedCapacity = field(default_factory=CountedCapacity)
    merges: MemoryMergeRuns = field(default_factory=MemoryMergeRuns)
    run_limits: MergeLimits = RUN_LIMITS
    shard_limits: MergeLimits = field(default_factory=lambda: shard_limits(1024**3))
    session: Session = field(default_factory=Session)
    observer: Database | None = None
    opened: int = 0
    changes_kept_ms: int = 0

    def __post_init__(self) -> None:
        # Blobs are dated by the emulator.
        self.clock.seconds = time.time()
        self.observed = telemetry(FunctionSettings(table="", bucket="", service="maintenance"))

    def adapters(self, *, endpoint_url: str | None = None) -> AwsAdapters:
        """Of a new instance of a function."""
        self.opened += 1
        settings = AwsSettings(
            table=self.place.table,
            bucket=self.place.bucket,
            region=REGION,
            work_dir=self.work_dir,
            endpoints=AwsEndpoints.at(endpoint_url or self.endpoint_url),
            patience=self.patience,
        )
        clients = AwsClients(REGION, settings.endpoints, self.patience, session=self.session)
        return replace(aws_adapters(settings, clients=clients, meter=self.meter), clock=self.clock)

    @property
    def work_dir(self) -> Path:
        """The disk of the instance that was opened last."""
        return self.directory / str(self.opened)

    def database(self) -> Database:
        """What answers requests; never disturbed by a proxy."""
        adapters = self.adapters(endpoint_url=self.emulator.endpoint_url)
        return assemble(adapters, writer=f"aws.{self.opened}", workspace=self.work_dir / "building")

    def maintenance(self, *, endpoint_url: str | None = None) -> MaintenanceServices:
        """What a function that maintains is made of."""
        adapters = self.adapters(endpoint_url=endpoint_url)
        return assemble_maintenance(
            adapters,
            self.merges,
            site="aws",
            workspace=self.work_dir / "building",
            limits=self.shard_limits,
            run_limits=self.run_limits,
            changes_kept_ms=self.changes_kept_ms,
        )

    def indexer(self, maintenance: MaintenanceServices | None = None) -> Handler:
        """The indexer function's handler, of a new instance."""
        return self.observed.handler(
            indexing_handler((maintenance or self.maintenance()).folding, self.observed)
        )

    def compactor(self, maintenance: MaintenanceServices | None = None) -> Handler:
        """The compactor function's handler, of a new instance."""
        return self.observed.handler(compacting_handler(maintenance or self.maintenance(), self.observed))

    def manifest(self, namespace: Namespace) -> Manifest | None:
        """What is published now."""
        self.observer = self.observer or self.database()
        store = self.observer.store
        pointer = store.pointer(namespace.partition)
        return store.current(pointer) if pointer else None

    def rows(self, namespace: Namespace) -> int:
        """Records in segments."""
        manifest = self.manifest(namespace)
        return manifest.live_rows if manifest else 0


@contextmanager
def deployed(
    emulator: Emulator, directory: Path, *, endpoint_url: str | None = None
) -> Iterator[MaintenanceDeployment]:
    """An empty one."""
    place = emulator.new_place()
    stream = TableStream(emulator, place.table)
    try:
        yield MaintenanceDeployment(emulator, place, directory, stream, endpoint_url or emulator.endpoint_url)
    finally:
        stream.close()


def create(database: Database, name: str = "n", engine: EngineChoice = EngineChoice.AUTO) -> Namespace:
    """A namespace."""
    return database.namespaces.create("t", name, NamespaceSettings(DIMENSION, engine=engine))[0]


def write(database: Database, namespace: Namespace, numbers: range) -> None:
    """Records by number, as one entry."""
    records = [NewRecord(f"r{n}", vector_of(n, DIMENSION), {"n": n}) for n in numbers]
    database.records.upsert(namespace, records)


def nearest(database: Database, namespace: Namespace, number: int) -> str:
    """The best match of a record's own vector."""
    request = QueryRequest(vector=vector_of(number, DIMENSION), top_k=1)
    return database.search.query(namespace, request).matches[0].id
