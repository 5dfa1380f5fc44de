"""The platform of one machine: SQLite beside the database's files, mail in a folder, one application for both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from quartzdb.domain.clock import Clock
from quartzdb.services.tenant_export import TenantExport
from quartzdb.services.tenant_sizes import TenantSizes
from quartzdb.wiring.embedded import open_usage_journal
from quartzdb_platform.accounts.directory import list_unlisted
from quartzdb_platform.accounts.waitlist import Waitlist
from quartzdb_platform.adapters.audit_journal import AuditJournal, follow
from quartzdb_platform.adapters.held_namespaces import HeldNamespaces
from quartzdb_platform.adapters.identity_providers import identity_providers
from quartzdb_platform.adapters.local_data import LocalData
from quartzdb_platform.adapters.local_sizes import LocalSizes
from quartzdb_platform.adapters.mailers import mailer_of
from quartzdb_platform.adapters.published_keys import PublishedKeys
from quartzdb_platform.adapters.ses_mailer import SesClient
from quartzdb_platform.adapters.sqlite_documents import SqliteDocuments
from quartzdb_platform.api.app import create_app
from quartzdb_platform.console.app import add_console
from quartzdb_platform.domain.closing import Remain
from quartzdb_platform.domain.stripe_settings import StripeSettings
from quartzdb_platform.identity.admission import Admission
from quartzdb_platform.identity.people import People
from quartzdb_platform.mail.suppressions import SuppressingMailer, Suppressions
from quartzdb_platform.payments import Payments
from quartzdb_platform.settings import Settings, SignUp
from quartzdb_platform.upkeep import Step
from quartzdb_platform.wiring import Platform, StorageSizes, assemble

if TYPE_CHECKING:
    from quartzdb.wiring.embedded import Database

PLATFORM_FILE = "platform.db"
AUDIT_FILE = "platform-audit.db"
OUTBOX = "outbox"
_NOBODY = "status"
"""A tenant that has nothing: looking at it reads the catalog, and nobody's data."""
_DAY_MS = 24 * 3_600_000
REMAINS = (
    Remain("Answers under idempotency keys: versions, counts and errors.", _DAY_MS),
    Remain("The ids of the projects and names of their namespaces, so that late writes are refused.", None),
    Remain(
        "Backups of the data directory that were taken before, until they are pruned. Restoring one deletes again.",
        None,
    ),
    Remain("Mails that were sent, the outbox of this machine included, and log lines of the servers.", None),
    Remain("Exports, and what others copied.", None),
    Remain("This certificate, and the id of the organization in it.", None),
)
"""What the deletion of an organization does not reach."""


def open_platform(
    database: Database,
    data_dir: Path,
    settings: Settings,
    *,
    secret_scanning_keys_url: str | None = None,
    stripe: StripeSettings | None = None,
) -> Platform:
    """The platform of one machine, beside its database. Raises Unavailable, InvalidArgument."""
    table = SqliteDocuments(data_dir / PLATFORM_FILE)
    list_unlisted(table)
    mailer = mailer_of(settings.mail, data_dir / OUTBOX, database.clock, _ses)
    journal = AuditJournal(data_dir / AUDIT_FILE)
    follow(journal)
    return assemble(
        table,
        mailer,
        database.api_keys,
        database.tenants,
        database.clock,
        f"{settings.public_url}/platform",
        namespaces=database.namespaces,
        database_url=settings.public_url,
        provider_keys=PublishedKeys(secret_scanning_keys_url) if secret_scanning_keys_url else None,
        relying_party=settings.relying_party,
        sessions=settings.sessions,
        sign_up_is_open=settings.sign_up is SignUp.OPEN,
        audit_lines=journal,
        providers=identity_providers(settings.providers, database.clock),
        usage_journal=open_usage_journal(data_dir),
        sizes=StorageSizes(LocalSizes(TenantSizes(database.namespaces))),
        descriptions=HeldNamespaces(database.namespaces),
        look=lambda: database.namespaces.list(_NOBODY, limit=1),
        further_steps=(Step("expired-documents", 3_600, table.purge),),
        tenants=database.tenant_deletion(),
        data=LocalData(TenantExport(database.namespaces, database.records, database.key_values)),
        remains=REMAINS,
        scrub=table.scrub,
        regions=settings.regions,
        payments=stripe_payments(stripe) if stripe else None,
        webhook_secrets=lambda: stripe.webhook_secrets if stripe else (),
    )


def stripe_payments(settings: StripeSettings) -> Payments:
    """Asks nothing yet; imports the SDK."""
    from quartzdb_platform.adapters.stripe_calls import stripe_client
    from quartzdb_platform.adapters.stripe_payments import StripePayments

    return StripePayments(stripe_client(settings.secret_key, settings.api_url))


@contextmanager
def open_waitlist(data_dir: Path, settings: Settings, clock: Clock) -> Iterator[Waitlist]:
    """The waiting list of a platform that is served, or not. Raises Unavailable."""
    console = f"{settings.public_url}/platform"
    with SqliteDocuments(data_dir / PLATFORM_FILE) as table:
        mailer = SuppressingMailer(
            mailer_of(settings.mail, data_dir / OUTBOX, clock, _ses), Suppressions(table, clock)
        )
        admission = Admission(table, clock, is_open=settings.sign_up is SignUp.OPEN)
        people = People(table, clock, admission)
        yield Waitlist(table, people, admission, mailer, clock, f"{console}/waitlist", f"{console}/")


def _ses(region: str | None) -> SesClient:
    # Only who sends by SES waits for botocore.
    from quartzdb.wiring.aws_clients import AwsClients

    client: SesClient = AwsClients(region).ses
    return client


def with_platform(application: ASGIApp, platform: Platform) -> ASGIApp:
    """The database's application, and the platform under /platform, its console included."""
    served = create_app(platform)
    add_console(served)
    return _Both(application, served)


class _Both:
    def __init__(self, database: ASGIApp, platform: ASGIApp) -> None:
        self._database = database
        self._platform = platform

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        mine = scope["type"] == "http" and f"{scope['path']}/".startswith("/platform/")
        await (self._platform if mine else self._database)(scope, receive, send)
