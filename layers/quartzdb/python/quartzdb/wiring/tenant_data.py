"""The composition root of what the platform needs of tenants' data on AWS: sizes, archives, deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quartzdb.adapters.aws.s3_archives import S3Archives
from quartzdb.domain.values import dataclass
from quartzdb.services.archives import Archives
from quartzdb.services.ports import ArchiveStore
from quartzdb.services.tenant_deletion import TenantDeletion
from quartzdb.services.tenant_export import TenantExport
from quartzdb.services.tenant_sizes import Published, TenantSizes
from quartzdb.storage.ports import KeyValueTable
from quartzdb.wiring.aws import AwsSettings, aws_adapters, open_aws
from quartzdb.wiring.embedded import Database

if TYPE_CHECKING:
    from quartzdb.wiring.aws_clients import AwsClients
    from quartzdb.wiring.replication_aws import PeerOnAws


@dataclass(frozen=True, slots=True)
class TenantData:
    """Each serves every tenant."""

    sizes: TenantSizes
    archives: Archives
    deletion: TenantDeletion


def assemble_tenant_data(database: Database, table: KeyValueTable, archives: ArchiveStore) -> TenantData:
    """Over a database of which nothing is in memory, and its key-values."""
    export = TenantExport(database.namespaces, database.records, database.key_values)
    return TenantData(
        TenantSizes(database.namespaces, Published(database.store, database.readers, table, database.clock)),
        Archives(archives, export),
        database.tenant_deletion(),
    )


def open_tenant_data(
    settings: AwsSettings, peer: PeerOnAws | None = None, *, clients: AwsClients | None = None
) -> TenantData:
    """Over a table and a bucket, which must exist; `peer`: this site is one of two. Asks AWS nothing yet."""
    clients = clients or settings.clients()
    database = _database(settings, peer, clients)
    table = aws_adapters(settings, clients=clients).table
    return assemble_tenant_data(database, table, S3Archives(clients.s3, settings.bucket))


def _database(settings: AwsSettings, peer: PeerOnAws | None, clients: AwsClients) -> Database:
    if peer is None:
        return open_aws(settings, clients=clients)
    # Imported by a site that is one of two, and by no other. What is shared with it must not be deleted here alone.
    from quartzdb.wiring.replication_aws import aws_replication, open_aws_site

    return open_aws_site(settings, peer, aws_replication(settings, peer, clients=clients), clients=clients)[0]
