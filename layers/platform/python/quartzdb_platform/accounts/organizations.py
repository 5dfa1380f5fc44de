"""Use cases of organizations: create, see, rename, and who may do what in one."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import NotFound
from quartzdb_platform.accounts import store
from quartzdb_platform.audit.log import Actor, AuditLog
from quartzdb_platform.domain.ids import is_id, new_id
from quartzdb_platform.domain.names import checked_name
from quartzdb_platform.domain.permissions import Permission, Role, require
from quartzdb_platform.domain.records import Credential, CredentialKind, Member, Organization, Project, User
from quartzdb_platform.domain.regions import NO_REGIONS, Regions
from quartzdb_platform.identity.attempts import Attempts, Rate
from quartzdb_platform.ports import Change, DocumentTable, Put
from quartzdb_platform.transaction import change

OF_PERSON = Rate(burst=10, seconds=3_600)


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody has of an organization: proof that they may do what they ask for. Only `Organizations` makes it."""

    organization_id: str
    role: Role
    actor: Actor
    credential: Credential


class Organizations:
    """One instance serves everybody."""

    def __init__(
        self,
        table: DocumentTable,
        audit: AuditLog,
        clock: Clock,
        *,
        regions: Regions = NO_REGIONS,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._table = table
        self._audit = audit
        self._clock = clock
        self._regions = regions
        self._random_bytes = random_bytes
        self._attempts = Attempts(table, clock)

    def access(
        self, credential: Credential, organization_id: str, permission: Permission, address: str
    ) -> Access:
        """Raises NotFound for who has no seat there, Forbidden for who has another role."""
        role = self._role(credential, organization_id)
        if role is None:
            raise store.organization_not_found(organization_id)
        require(role, permission)
        token = credential.kind is CredentialKind.TOKEN
        actor = Actor(credential.id if token else credential.user_id, address)
        return Access(organization_id, role, actor, credential)

    def access_to_project(
        self, credential: Credential, project_id: str, permission: Permission, address: str
    ) -> tuple[Access, Project]:
        """The same, by one of its projects."""
        found = self._table.get(f"PROJECT#{project_id}", "project") if is_id(project_id, "prj") else None
        missing = NotFound(f"There is no project {project_id[:80]!r}.", field="project")
        if found is None:
            raise missing
        project = store.project_of(found)
        try:
            return self.access(credential, project.organization_id, permission, address), project
        except NotFound as error:
            raise missing from error

    def create(self, user: User, name: str, address: str, region: str | None = None) -> Organization:
        """Its first owner is who creates it. Raises InvalidArgument, TooManyAttempts."""
        organization, puts = self.founded(user, name, region)
        event = self._audit.entry(
            organization.id, Actor(user.id, address), "organization.create", organization.id
        )
        return change(self._table, lambda: (organization, [*puts, *event]))

    def founded(self, user: User, name: str, region: str | None = None) -> tuple[Organization, Sequence[Put]]:
        """The same as what to add to a transaction, without its event. Raises as `create`."""
        name, region = checked_name(name), self._regions.chosen(region)
        self._attempts.count("organizations of one person", user.id, OF_PERSON)
        now_ms = self._clock.unix_ms()
        organization = Organization(
            new_id("org", now_ms, self._random_bytes), name, now_ms, owners=1, region=region
        )
        member = Member(organization.id, user.id, user.email, Role.OWNER, now_ms)
        return organization, [
            store.put_organization(organization, None),
            store.list_organization(organization.id),
            store.put_member(member, None),
            store.put_membership(member),
        ]

    def get(self, access: Access) -> Organization:
        """Raises NotFound."""
        return store.organization_of(self._table, access.organization_id)[0]

    def rename(self, access: Access, name: str) -> Organization:
        """Raises InvalidArgument, NotFound."""
        name = checked_name(name)

        def decide() -> tuple[Organization, Sequence[Change]]:
            organization, document = store.organization_of(self._table, access.organization_id)
            renamed = replace(organization, name=name)
            event = self._audit.entry(organization.id, access.actor, "organization.rename", organization.id)
            return renamed, [store.put_organization(renamed, document.revision), *event]

        return change(self._table, decide)

    def of_user(self, user_id: str) -> Sequence[tuple[Organization, Role]]:
        """Where a user has a seat, the oldest organization first."""
        listed = self._table.query(f"USER#{user_id}", "organization#", limit=store.LISTED_MAX)
        found = []
        for document in listed:
            organization_id = document.body["organization_id"]
            seat = store.member_document(self._table, organization_id, user_id)
            if seat is not None:
                organization = store.organization_of(self._table, organization_id)[0]
                found.append((organization, store.member_of(seat).role))
        return found

    def _role(self, credential: Credential, organization_id: str) -> Role | None:
        if not is_id(organization_id, "org"):
            return None
        if credential.kind is CredentialKind.TOKEN:
            return credential.role if credential.organization_id == organization_id else None
        seat = store.member_document(self._table, organization_id, credential.user_id)
        return None if seat is None else store.member_of(seat).role
