"""The composition root: adapters → use cases."""

from __future__ import annotations

from dataclasses import dataclass

from quartzdb.domain.clock import Clock
from quartzdb_platform.accounts.members import Members
from quartzdb_platform.accounts.onboarding import Onboarding
from quartzdb_platform.accounts.organizations import Organizations
from quartzdb_platform.accounts.projects import Projects
from quartzdb_platform.accounts.tokens import Tokens
from quartzdb_platform.audit.log import AuditLog
from quartzdb_platform.identity.credentials import Credentials
from quartzdb_platform.identity.sign_in import SignIn
from quartzdb_platform.ports import DataPlaneKeys, DataPlaneNamespaces, DocumentTable, Mailer


@dataclass(frozen=True, slots=True)
class Platform:
    """The use cases of one process."""

    audit: AuditLog
    credentials: Credentials
    members: Members
    onboarding: Onboarding
    organizations: Organizations
    projects: Projects
    sign_in: SignIn
    tokens: Tokens


def assemble(
    table: DocumentTable,
    mailer: Mailer,
    keys: DataPlaneKeys,
    clock: Clock,
    console_url: str,
    *,
    namespaces: DataPlaneNamespaces,
    database_url: str,
) -> Platform:
    """Use cases over any adapters. `console_url` is where the links in mails lead; `database_url` has no path."""
    audit = AuditLog(table, clock)
    credentials = Credentials(table, clock)
    organizations = Organizations(table, audit, clock)
    projects = Projects(table, audit, keys, clock)
    return Platform(
        audit,
        credentials,
        Members(table, audit, mailer, clock, f"{console_url}/invitation"),
        Onboarding(table, audit, organizations, projects, namespaces, clock, database_url),
        organizations,
        projects,
        SignIn(table, credentials, mailer, clock, f"{console_url}/sign-in"),
        Tokens(table, audit, credentials),
    )
