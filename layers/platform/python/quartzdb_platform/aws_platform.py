"""The platform on AWS: a table of its own, and keys, grants and the catalog in the database's. Asks AWS nothing yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from quartzdb.adapters.aws.dynamodb_api_keys import DynamoApiKeys
from quartzdb.adapters.aws.dynamodb_catalog import DynamoCatalog
from quartzdb.adapters.aws.dynamodb_origin_states import DynamoOriginStates
from quartzdb.adapters.aws.dynamodb_tenant_grants import DynamoTenantGrants
from quartzdb.adapters.aws.s3_archives import S3ArchiveLinks
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.clock import Clock
from quartzdb.services.keys import ApiKeys
from quartzdb.services.namespace_creation import NamespaceCreation
from quartzdb.services.tenants import Tenants
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints
from quartzdb_platform.adapters.dynamodb_documents import DynamoDocuments
from quartzdb_platform.adapters.identity_providers import identity_providers
from quartzdb_platform.adapters.probed_origins import ProbedOrigins
from quartzdb_platform.adapters.published_keys import PublishedKeys
from quartzdb_platform.adapters.remote_payments import invoker, remote_payments
from quartzdb_platform.adapters.ses_mailer import SesMailer
from quartzdb_platform.adapters.tenant_data import (
    FunctionArchives,
    FunctionSizes,
    FunctionTenants,
    TenantDataFunction,
)
from quartzdb_platform.domain.closing import Remain
from quartzdb_platform.metering.storage import Drift
from quartzdb_platform.settings import SignUp, settings_of
from quartzdb_platform.wiring import Platform, StorageSizes, assemble

_DAY_MS = 24 * 3_600_000
REMAINS = (
    Remain("What both tables and the bucket were, to be restored from.", 35 * _DAY_MS),
    Remain("Answers under idempotency keys: versions, counts and errors.", 8 * _DAY_MS),
    Remain("Log lines of the functions: ids, names of namespaces, units, network addresses.", None),
    Remain("The ids of the projects and names of their namespaces, so that late writes are refused.", None),
    Remain("Mails that were sent.", None),
    Remain("Exports that were fetched, and what others copied.", None),
    Remain("This certificate, and the id of the organization in it.", None),
)
"""What the deletion of an organization does not reach."""


@dataclass(frozen=True, slots=True)
class AwsPlatformSettings:
    """`table` is the platform's own; `database_table` is the database's, of which it touches nobody's data.

    `tenant_data_function` is the database's, which is asked for what projects hold and deletes it; None: this process
    has no right to ask it, and does no scheduled step that would. `bucket` is the database's, where archives are kept.
    `url` is where people reach the deployment, without a slash at its end: the links in mails lead below it.
    `sender` and `configuration_set` are what SES knows of the mail. `secret_scanning_keys_url` is where the provider
    that reports leaked keys publishes what it signs with; None: nobody reports any. `document`: what else
    docs/platform.md has of settings, as TOML has it. `billing_function` asks Stripe, which sends what
    `webhook_secret_arn` signs; None: there is no billing.
    """

    table: str
    database_table: str
    url: str
    sender: str
    configuration_set: str
    secret_scanning_keys_url: str | None = None
    document: Mapping[str, Any] = field(default_factory=dict)
    billing_function: str | None = None
    webhook_secret_arn: str | None = None
    tenant_data_function: str | None = None
    bucket: str | None = None
    region: str | None = None
    endpoints: AwsEndpoints = field(default_factory=AwsEndpoints)

    def clients(self) -> AwsClients:
        """For the platform and whatever else one process asks of AWS."""
        return AwsClients(self.region, self.endpoints)


def open_aws_table(name: str, clients: AwsClients | None = None) -> DynamoDocuments:
    """The platform's table alone, with the rights of whoever asks."""
    return DynamoDocuments((clients or AwsClients()).table(name, SystemClock()))


def open_aws_platform(
    settings: AwsPlatformSettings,
    clients: AwsClients,
    clock: Clock | None = None,
    *,
    drifted: Callable[[Drift], object] = lambda _: None,
) -> Platform:
    """The use cases over both tables, which must exist. `drifted` is told of samples of storage that are wrong."""
    clock = clock or SystemClock()
    more = settings_of(settings.document, settings.url)
    database = clients.table(settings.database_table, clock)
    function = (
        TenantDataFunction(lambda: clients.long_functions, settings.tenant_data_function)
        if settings.tenant_data_function
        else None
    )

    def links() -> S3ArchiveLinks:
        return S3ArchiveLinks(clients.s3, settings.bucket or "")

    return assemble(
        DynamoDocuments(clients.table(settings.table, clock)),
        SesMailer(clients.ses, settings.sender, clock, settings.configuration_set),
        ApiKeys(DynamoApiKeys(database), clock),
        Tenants(DynamoTenantGrants(database)),
        clock,
        f"{settings.url}/platform",
        namespaces=NamespaceCreation(DynamoCatalog(database), clock),
        database_url=settings.url,
        relying_party=more.relying_party,
        sessions=more.sessions,
        sign_up_is_open=more.sign_up is SignUp.OPEN,
        regions=more.regions,
        status_source=ProbedOrigins(DynamoOriginStates(database), clock),
        takes_delivered_audit=True,
        key_uses=DynamoApiKeys(database),
        tenants=FunctionTenants(function) if function else None,
        deletes_elsewhere=True,
        archives=FunctionArchives(function, links) if settings.bucket else None,
        makes_archives=function is not None,
        remains=REMAINS,
        # Compared once a day, too, but by as many runs as that takes.
        sizes=StorageSizes(FunctionSizes(function), True, drifted, 600) if function else None,
        providers=identity_providers(more.providers, clock, clients.secret_reader),
        payments=(
            remote_payments(invoker(lambda: clients.functions, settings.billing_function))
            if settings.billing_function
            else None
        ),
        webhook_secrets=(
            clients.secret_reader(settings.webhook_secret_arn) if settings.webhook_secret_arn else tuple
        ),
        provider_keys=(
            PublishedKeys(settings.secret_scanning_keys_url) if settings.secret_scanning_keys_url else None
        ),
    )
