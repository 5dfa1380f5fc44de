"""The use case of beginning: a person's first organization, project, key and namespace, asked for once.

An answer that is lost costs nothing: asked again within ten minutes, everything is as it was, but for the key. Its text
cannot be shown twice, so that there is another, and the one that nobody got ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict
from quartzdb.domain.namespace import Namespace, NamespaceSettings, check_namespace_name
from quartzdb.services.ports import ApiKey
from quartzdb_platform.accounts import store
from quartzdb_platform.accounts.organizations import Organizations
from quartzdb_platform.accounts.projects import Projects
from quartzdb_platform.accounts.quickstart import quickstart
from quartzdb_platform.accounts.referrals import Credited, Referrals
from quartzdb_platform.audit.log import Actor, AuditLog
from quartzdb_platform.domain.permissions import Permission, Role
from quartzdb_platform.domain.records import Credential, Organization, Project, User
from quartzdb_platform.identity.attempts import Attempts, Rate
from quartzdb_platform.plans import pending
from quartzdb_platform.ports import Change, DataPlaneNamespaces, Document, DocumentTable, Put
from quartzdb_platform.transaction import change

AGAIN_MS = 10 * 60_000
"""So long after the first answer it is given again."""
OF_PERSON = Rate(burst=10, seconds=60)
SCOPES = ("read", "write", "admin")
KEY_NAME = "first"


class Started(NamedTuple):
    """What a person begins with. `text` is the key's, seen this once; `new`: not asked for before."""

    organization: Organization
    role: Role
    project: Project
    key: ApiKey
    text: str
    namespace: Namespace | None
    url: str
    quickstart: str
    new: bool


class Onboarding:
    """One instance serves everybody. `url` is the database's address, without a path."""

    def __init__(
        self,
        table: DocumentTable,
        audit: AuditLog,
        organizations: Organizations,
        projects: Projects,
        referrals: Referrals,
        namespaces: DataPlaneNamespaces,
        clock: Clock,
        url: str,
    ) -> None:
        self._table = table
        self._audit = audit
        self._organizations = organizations
        self._projects = projects
        self._referrals = referrals
        self._namespaces = namespaces
        self._clock = clock
        self.url = url
        self._attempts = Attempts(table, clock)

    def start(
        self,
        user: User,
        credential: Credential,
        address: str,
        *,
        organization_name: str,
        project_name: str,
        region: str | None = None,
        namespace: tuple[str, NamespaceSettings] | None = None,
        referral: str | None = None,
    ) -> Started:
        """Raises InvalidArgument before anything is made, Conflict for who began long ago, TooManyAttempts,
        LimitReached for a namespace that the plan does not allow, after all else is made,
        NamespaceExists where the first time it had other settings. `referral` is the code of whoever told them.
        """
        if namespace is not None:
            check_namespace_name(namespace[0], "namespace.name")
        self._attempts.count("beginnings of one person", user.id, OF_PERSON)
        begun, new = self._begun(user, address, organization_name, project_name, region, referral)
        access, project = self._organizations.access_to_project(
            credential, begun["project_id"], Permission.KEYS_CREATE, address
        )
        made = None
        if namespace is not None:
            grant = self._projects.grant(project)
            made = self._namespaces.create(project.id, *namespace, grant)[0]
        key, text = self._projects.create_key(access, project, KEY_NAME, SCOPES)
        lost = self._given(user, key.id)
        if lost is not None and any(
            one.id == lost and one.revoked_at_ms is None for one in self._projects.keys(project)
        ):
            self._projects.revoke_key(access, project, lost)
        organization = self._organizations.get(access)
        script = quickstart(self.url, text, made)
        return Started(organization, access.role, project, key, text, made, self.url, script, new)

    def _begun(
        self,
        user: User,
        address: str,
        organization_name: str,
        project_name: str,
        region: str | None,
        referral: str | None,
    ) -> tuple[dict[str, Any], bool]:
        """What the person began, and whether just now."""
        present = self._present(user)
        if present is not None:
            return self._repeatable(present), False
        if referral is not None:
            self._referrals.require_code(user, referral)
        organization, founded = self._organizations.founded(user, organization_name, region)
        project, planned = self._projects.planned(organization.id, project_name)

        def decide() -> tuple[tuple[dict[str, Any], bool], Sequence[Change]]:
            # Read once: what another request stores between two looks would be written over by its own revision.
            gone = self._table.get(*_key(user))
            if gone is not None and self._has_seat(user, gone):  # asked for twice at once
                return (self._repeatable(gone), False), ()
            body: dict[str, Any] = {
                "organization_id": organization.id,
                "project_id": project.id,
                "key_id": None,
                "at_ms": self._clock.unix_ms(),
            }
            credited = Credited()
            if referral is not None:
                credited = self._referrals.credited(user, referral, organization.id)
            done = [
                ("organization.create", organization.id),
                ("project.create", project.id),
                *credited.events,
            ]
            events = self._audit.entries(organization.id, Actor(user.id, address), done)
            begun = Put(*_key(user), body, gone.revision if gone else None)
            noted = pending.mark(self._table, organization.id)
            return (body, True), [*founded, *planned, begun, noted, *credited.changes, *events]

        done = change(self._table, decide)
        self._projects.publish_grants(done[0]["organization_id"])
        return done

    def _present(self, user: User) -> Document | None:
        """What was begun, as long as the person has a seat there."""
        found = self._table.get(*_key(user))
        return found if found is not None and self._has_seat(user, found) else None

    def _has_seat(self, user: User, begun: Document) -> bool:
        return store.member_document(self._table, begun.body["organization_id"], user.id) is not None

    def _repeatable(self, begun: Document) -> dict[str, Any]:
        if self._clock.unix_ms() - begun.body["at_ms"] > AGAIN_MS:
            raise Conflict(
                f"You began already: your organization is {begun.body['organization_id']}.",
                hint=f"For another key, POST /platform/v1/projects/{begun.body['project_id']}/keys.",
            )
        return dict(begun.body)

    def _given(self, user: User, key_id: str) -> str | None:
        """Keep which key was given last. Returns the one before."""

        def decide() -> tuple[str | None, Sequence[Change]]:
            found = self._table.get(*_key(user))
            assert found is not None, "it was begun, and nothing takes that away"
            before: str | None = found.body["key_id"]
            return before, [Put(*_key(user), {**found.body, "key_id": key_id}, found.revision)]

        return change(self._table, decide)


def _key(user: User) -> tuple[str, str]:
    return f"USER#{user.id}", "onboarding"
