"""Sites for tests of replication: a whole database on adapters of some kind, as a LocalReplica."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from quartzdb.domain.clock import Clock
from quartzdb.domain.hlc import Version
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import Namespace
from quartzdb.replication.local_replica import LocalReplica
from quartzdb.replication.ports import SharedNamespace
from quartzdb.replication.shared_namespaces import Shared, all_namespaces
from quartzdb.replication.site_endpoint import Peering
from quartzdb.replication.statements import Verify
from quartzdb.storage.log.protocol import OVERLAP
from quartzdb.storage.ports import NamespaceCatalog, Retention
from quartzdb.wiring.aws import AwsSettings, aws_adapters
from quartzdb.wiring.aws_clients import AwsEndpoints
from quartzdb.wiring.embedded import Adapters, Database, EmbeddedSettings, assemble, embedded_adapters
from tests.aws_emulators import REGION, Emulator, Place
from tests.doubles.memory_api_keys import MemoryApiKeys
from tests.doubles.memory_blobs import MemoryBlobs
from tests.doubles.memory_catalog import MemoryCatalog
from tests.doubles.memory_idempotency import MemoryIdempotency
from tests.doubles.memory_keyvalue import MemoryKeyValue
from tests.doubles.memory_leases import MemoryLeases
from tests.doubles.memory_log import MemoryChangeLog
from tests.doubles.memory_rate_slices import MemoryRateSlices
from tests.doubles.memory_reminders import MemoryReminders
from tests.doubles.memory_tenant_grants import MemoryTenantGrants
from tests.manual_clock import ManualClock

SECRET = "the secret of the two sites"
NAMESPACE = SharedNamespace("t", "default", 3, Metric.COSINE)


@dataclass
class LocalSite:
    """One site on this machine."""

    name: str
    adapters: Adapters
    workspace: Path
    shared: Shared = all_namespaces
    takes_api_keys: bool = True
    retention: Retention | None = None
    active: Callable[[], bool] = lambda: True
    verify: Verify | None = None
    gives_grants: bool = False
    database: Database = field(init=False)
    replica: LocalReplica = field(init=False)

    def __post_init__(self) -> None:
        peering = Peering(
            self.name,
            lambda: [SECRET],
            shared=self.shared,
            takes_api_keys=self.takes_api_keys,
            retention=self.retention,
            active=self.active,
            verify=self.verify,
            gives_grants=self.gives_grants,
        )
        self.database = assemble(
            self.adapters, writer=f"{self.name}.1", workspace=self.workspace, peering=peering
        )
        assert self.database.replication is not None
        self.replica = self.database.replication.replica

    def fold(self, namespace: SharedNamespace = NAMESPACE) -> None:
        """Put what the log has into a segment; the overlap has to be past."""
        found = self.adapters.catalog.get(namespace.tenant, namespace.namespace)
        assert found is not None
        for shard in found.each_shard:
            self.database.indexer.fold(shard)
            self.database.readers.of(shard).reload()


class ShardingCatalog(MemoryCatalog):
    """A site whose operator created every namespace with 3 shards before its peer spoke of it."""

    def create(self, namespace: Namespace) -> Namespace:
        """As the port says."""
        settings = namespace.settings
        if settings.dimension is not None:
            settings = replace(settings, shards=3)
        return super().create(replace(namespace, settings=settings))


def memory_adapters(
    clock: Clock, *, behind_max: int = OVERLAP, catalog: NamespaceCatalog | None = None
) -> Adapters:
    """Adapters in memory; the log is ordered by clocks unless `behind_max` is -1."""
    return Adapters(
        log=MemoryChangeLog(behind_max=behind_max),
        table=MemoryKeyValue(),
        blobs=MemoryBlobs(clock),
        catalog=catalog or MemoryCatalog(),
        api_keys=MemoryApiKeys(),
        grants=MemoryTenantGrants(),
        rate_slices=MemoryRateSlices(),
        leases=MemoryLeases(),
        idempotency=MemoryIdempotency(),
        reminders=MemoryReminders(),
        clock=clock,
    )


def memory_site(name: str, directory: Path, clock: ManualClock) -> LocalSite:
    """A site in memory."""
    return LocalSite(name, memory_adapters(clock), directory / f"building-{name}")


def sharded_site(name: str, directory: Path, clock: ManualClock, *, behind_max: int = OVERLAP) -> LocalSite:
    """A site in memory, with its records in shards."""
    adapters = memory_adapters(clock, behind_max=behind_max, catalog=ShardingCatalog())
    return LocalSite(name, adapters, directory / f"building-{name}")


def sqlite_site(name: str, directory: Path, clock: ManualClock) -> LocalSite:
    """A site on an embedded database."""
    adapters = embedded_adapters(EmbeddedSettings(directory / name), clock)
    return LocalSite(name, adapters, directory / f"building-{name}")


def aws_site(name: str, directory: Path, clock: ManualClock, emulator: Emulator, place: Place) -> LocalSite:
    """A site on a table and a bucket of an emulator, with a clock of its own."""
    settings = AwsSettings(
        place.table,
        place.bucket,
        region=REGION,
        work_dir=directory / name,
        endpoints=AwsEndpoints.at(emulator.endpoint_url),
    )
    adapters = replace(aws_adapters(settings), clock=clock)
    return LocalSite(name, adapters, directory / f"building-{name}")


def version_at(clock: ManualClock, site: str, back_ms: int = 0, counter: int = 0) -> Version:
    """A version that a site issued so many milliseconds ago."""
    return Version(((clock.unix_ms() - back_ms) << 16) + counter, f"{site}.x")
