"""The composition root on AWS: settings → DynamoDB and S3 adapters → services. Apart from `wiring.embedded`, so that a
database in a directory never pays for importing boto3.
"""

from __future__ import annotations

import secrets
import shutil
from dataclasses import field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from quartzdb.adapters.aws.dynamodb_api_keys import DynamoApiKeys
from quartzdb.adapters.aws.dynamodb_capacity import CapacityMeter
from quartzdb.adapters.aws.dynamodb_catalog import DynamoCatalog
from quartzdb.adapters.aws.dynamodb_idempotency import DynamoIdempotency
from quartzdb.adapters.aws.dynamodb_keyvalue import DynamoKeyValue
from quartzdb.adapters.aws.dynamodb_leases import DynamoLeases
from quartzdb.adapters.aws.dynamodb_log import DynamoChangeLog
from quartzdb.adapters.aws.dynamodb_pending_work import DynamoPendingWork
from quartzdb.adapters.aws.dynamodb_rate_slices import DynamoRateSlices
from quartzdb.adapters.aws.dynamodb_recent_pointers import DynamoRecentPointers
from quartzdb.adapters.aws.dynamodb_tenant_grants import DynamoTenantGrants
from quartzdb.adapters.aws.patience import Patience
from quartzdb.adapters.aws.s3_blobs import S3Blobs
from quartzdb.adapters.aws.s3_bucket import S3Bucket
from quartzdb.adapters.aws.s3_local_files import S3LocalFiles
from quartzdb.adapters.aws.s3_reads import S3Reads
from quartzdb.adapters.aws.s3_reminders import S3Reminders
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.namespace import EngineChoice
from quartzdb.domain.values import dataclass
from quartzdb.maintenance.ports import PendingWorkList
from quartzdb.replication.wire.limits import FEED_KEPT_MS
from quartzdb.storage.index.engines.faiss_library import faiss_module
from quartzdb.storage.index.engines.kernel_library import kernel
from quartzdb.storage.index.executor import Immediate
from quartzdb.storage.ports import Retention
from quartzdb.storage.snapshot.cache import FETCHED_BYTES_MAX
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints
from quartzdb.wiring.embedded import OTHERS, Adapters, Database, assemble
from quartzdb.wiring.settings import DEFAULT_TENANT

if TYPE_CHECKING:
    from quartzdb.replication.site_endpoint import Peering

NAMESPACE_REMEMBERED_SECONDS = 60.0
"""A search need not ask the catalog again: the log, which it reads in any case, says when a namespace is deleted."""


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """A database in one DynamoDB table and one S3 bucket. Any number of processes may open the same one.

    `work_dir` is a directory of this machine for copies of segments (at most `cache_bytes_max`) and for building new
    ones; nothing in it has to last. Segments read in parts take at most `fetched_bytes_max` of memory. `searches`: this
    process is there to search, so what that takes is imported before the first one, and indexes are fetched along with
    what else a segment is opened with. `default_engine` is what segments are built with that this process builds for
    namespaces which say `auto`. `patience` None: each service's own. Whoever follows changes may be `changes_kept_ms`
    behind.
    """

    table: str
    bucket: str
    site: str = "aws"
    region: str | None = None
    work_dir: Path = field(default_factory=lambda: Path(gettempdir()) / "quartzdb")
    cache_bytes_max: int = 4 * 1024**3
    index_threads: int = 1
    default_engine: EngineChoice = EngineChoice.AUTO
    fetched_bytes_max: int = FETCHED_BYTES_MAX
    searches: bool = False
    tenant: str = DEFAULT_TENANT
    endpoints: AwsEndpoints = field(default_factory=AwsEndpoints)
    patience: Patience | None = None
    changes_kept_ms: int = 0

    def clients(self) -> AwsClients:
        """For a database and whatever else one process asks of AWS."""
        return AwsClients(self.region, self.endpoints, self.patience)


EXPIRY_LATE_MS = 7 * 24 * 3_600_000
"""DynamoDB removes what has expired "within a few days"."""
KEYS_BEHIND_MS = 5_000
"""The overlap, and how far the index of the feed lags behind the table: usually some milliseconds."""
COPIES = (
    "The bucket keeps versions of what was deleted for 35 days.",
    "Point-in-time recovery of the table goes back 35 days; `quartzdb restore` erases it again.",
    OTHERS,
)


@dataclass(frozen=True, slots=True)
class AwsAdapters(Adapters):
    """With what only a deployment of functions needs."""

    pending_work: PendingWorkList


def aws_adapters(
    settings: AwsSettings,
    *,
    clients: AwsClients | None = None,
    meter: CapacityMeter | None = None,
    expired_kept_ms: int = 0,
) -> AwsAdapters:
    """DynamoDB for the log, key-values and catalog; S3 for segments and large bodies. Asks AWS nothing yet.

    `expired_kept_ms`: how long after its end a key-value item is there still, for a peer that has yet to read it.
    """
    clock = SystemClock()
    clients = clients or settings.clients()
    table = clients.table(settings.table, clock, meter)
    credentials = clients.credentials_for(clients.s3.meta.endpoint_url)
    reads = (
        S3Reads(clients.s3, settings.bucket, credentials, clients.s3_patience, clock) if credentials else None
    )
    bucket = S3Bucket(clients.s3, settings.bucket, clock, reads=reads)
    blobs = S3Blobs(
        bucket,
        S3LocalFiles(settings.work_dir / "segments", settings.cache_bytes_max, clock),
        DynamoRecentPointers(table),
    )
    return AwsAdapters(
        log=DynamoChangeLog(table, blobs),
        table=DynamoKeyValue(table, blobs, expired_kept_ms=expired_kept_ms),
        blobs=blobs,
        catalog=DynamoCatalog(table),
        api_keys=DynamoApiKeys(table),
        grants=DynamoTenantGrants(table),
        rate_slices=DynamoRateSlices(table),
        leases=DynamoLeases(table),
        idempotency=DynamoIdempotency(table),
        reminders=S3Reminders(bucket),
        clock=clock,
        pending_work=DynamoPendingWork(table),
        expiry_late_ms=EXPIRY_LATE_MS,
        keys_behind_ms=KEYS_BEHIND_MS,
        copies=COPIES,
    )


def open_aws(
    settings: AwsSettings,
    *,
    clients: AwsClients | None = None,
    meter: CapacityMeter | None = None,
    peering: Peering | None = None,
    retention: Retention | None = None,
) -> Database:
    """The database of a table and a bucket, which must exist; with `peering`, as one of two sites. `retention` says
    what must be kept where there is no `peering`.
    """
    if settings.searches:
        _import_for_searches()
    process = secrets.token_hex(4)
    workspace = settings.work_dir / "building" / process
    shutil.rmtree(workspace, ignore_errors=True)
    return assemble(
        aws_adapters(settings, clients=clients, meter=meter, expired_kept_ms=FEED_KEPT_MS if peering else 0),
        writer=f"{settings.site}.{process}",
        workspace=workspace,
        index_threads=settings.index_threads,
        default_engine=settings.default_engine,
        tenant=settings.tenant,
        fetched_bytes_max=settings.fetched_bytes_max,
        searches=settings.searches,
        execute=Immediate,
        remembered_seconds=NAMESPACE_REMEMBERED_SECONDS,
        remembered_strong_only=False,
        peering=peering,
        retention=retention,
        changes_kept_ms=settings.changes_kept_ms,
    )


def _import_for_searches() -> None:
    """What the first search would import: a function does it at init, which a start from a snapshot has behind it."""
    import_module("quartzdb.storage.index.segments.partial_sqlite")
    import_module("quartzdb.services.fused_search")
    if find_spec("Stemmer") is not None:
        import_module("quartzdb.storage.index.text.inverted_file")
        import_module("Stemmer")
    if find_spec("faiss") is not None:
        import_module("quartzdb.storage.index.engines.ivf")
        # The kernel searches what is built today; for segments of before, the first search waits for the import.
        if kernel() is None:
            faiss_module()


def import_for_first_request(*, searches: bool) -> None:
    """What the first request would import, by whatever engine or words: worth it where memory is copied."""
    import_module("quartzdb.storage.index.segments.partial_sqlite")
    if not searches:
        return
    import_module("quartzdb.storage.index.segments.stored_postings")
    if find_spec("annoy") is not None:
        import_module("quartzdb.storage.index.engines.annoy")
    import_module("quartzdb.storage.index.engines.hnsw")


def rename_writer(database: Database, settings: AwsSettings) -> None:
    """Give a database that was opened in another process, of which this one is a copy, a name of its own."""
    database.versions.rename(f"{settings.site}.{secrets.token_hex(4)}")
