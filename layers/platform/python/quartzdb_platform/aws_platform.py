"""The platform on AWS: a table of its own, and keys, grants and the catalog in the database's. Asks AWS nothing yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from quartzdb.adapters.aws.dynamodb_api_keys import DynamoApiKeys
from quartzdb.adapters.aws.dynamodb_catalog import DynamoCatalog
from quartzdb.adapters.aws.dynamodb_tenant_grants import DynamoTenantGrants
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.clock import Clock
from quartzdb.services.keys import ApiKeys
from quartzdb.services.namespace_creation import NamespaceCreation
from quartzdb.services.tenants import Tenants
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints
from quartzdb_platform.adapters.dynamodb_documents import DynamoDocuments
from quartzdb_platform.adapters.identity_providers import identity_providers
from quartzdb_platform.adapters.mailers import mailer_of
from quartzdb_platform.domain.mail_settings import MailBy
from quartzdb_platform.settings import SignUp, settings_of
from quartzdb_platform.wiring import Platform, assemble

OUTBOX = Path(gettempdir()) / "quartzdb-outbox"
"""Where mail is that nobody sends: on an emulator, whose functions run on this machine."""


@dataclass(frozen=True, slots=True)
class AwsPlatformSettings:
    """`table` is the platform's own; `database_table` is the database's, of which it touches nobody's data.

    `url` is where people reach the deployment, without a slash at its end: the links in mails lead below it.
    `document`: what else docs/platform.md has of settings, as TOML has it.
    """

    table: str
    database_table: str
    url: str
    sender: str
    mail: MailBy = MailBy.OUTBOX
    document: Mapping[str, Any] = field(default_factory=dict)
    region: str | None = None
    endpoints: AwsEndpoints = field(default_factory=AwsEndpoints)

    def clients(self) -> AwsClients:
        """For the platform and whatever else one process asks of AWS."""
        return AwsClients(self.region, self.endpoints)


def open_aws_platform(
    settings: AwsPlatformSettings, clients: AwsClients, clock: Clock | None = None
) -> Platform:
    """The use cases over both tables, which must exist."""
    clock = clock or SystemClock()
    more = settings_of(settings.document, settings.url)
    mail = replace(more.mail, by=settings.mail, sender=settings.sender)
    database = clients.table(settings.database_table, clock)
    return assemble(
        DynamoDocuments(clients.table(settings.table, clock)),
        mailer_of(mail, OUTBOX, clock, lambda _: clients.ses),
        ApiKeys(DynamoApiKeys(database), clock),
        Tenants(DynamoTenantGrants(database)),
        clock,
        f"{settings.url}/platform",
        namespaces=NamespaceCreation(DynamoCatalog(database), clock),
        database_url=settings.url,
        relying_party=more.relying_party,
        sessions=more.sessions,
        sign_up_is_open=more.sign_up is SignUp.OPEN,
        providers=identity_providers(more.providers, clock, clients.secret_reader),
    )
