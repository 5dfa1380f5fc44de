"""Use cases of projects, and of the API keys by which the database is used: a project is one of its tenants."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from quartzdb.domain.clock import Clock
from quartzdb.domain.grant import TenantGrant
from quartzdb.services.keys import RotatedKey
from quartzdb.services.ports import ApiKey
from quartzdb_platform.accounts import store
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.audit.log import AuditLog
from quartzdb_platform.domain.errors import LimitReached
from quartzdb_platform.domain.ids import new_id
from quartzdb_platform.domain.names import checked_name
from quartzdb_platform.domain.records import Project
from quartzdb_platform.plans import pending
from quartzdb_platform.plans.publisher import GrantPublisher
from quartzdb_platform.ports import Change, Check, DataPlaneKeys, DocumentTable, Put
from quartzdb_platform.transaction import change

KEYS_MAX = 100


class Projects:
    """One instance serves everybody."""

    def __init__(
        self,
        table: DocumentTable,
        audit: AuditLog,
        keys: DataPlaneKeys,
        grants: GrantPublisher,
        clock: Clock,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._table = table
        self._audit = audit
        self._keys = keys
        self._grants = grants
        self._clock = clock
        self._random_bytes = random_bytes

    def create(self, access: Access, name: str) -> Project:
        """Its grant is published at once, or within minutes. Raises InvalidArgument, LimitReached."""
        self._grants.require_room(access.organization_id, "projects", len(self.list(access)), "projects")
        planned, puts = self.planned(access.organization_id, name)

        def decide() -> tuple[Project, Sequence[Change]]:
            event = self._audit.entry(access.organization_id, access.actor, "project.create", planned.id)
            # As it is now: its region may be about to change, as long as it has no data.
            organization = store.organization_of(self._table, access.organization_id)[1]
            present = Check(organization.pk, organization.sk, organization.revision)
            return planned, [present, *puts, pending.mark(self._table, access.organization_id), *event]

        project = change(self._table, decide)
        self.publish_grants(access.organization_id)
        return project

    def rename(self, access: Access, project: Project, name: str) -> Project:
        """Raises InvalidArgument."""
        named = checked_name(name)

        def decide() -> tuple[Project, Sequence[Change]]:
            renamed, puts = store.changed_project(self._table, project, lambda one: replace(one, name=named))
            event = self._audit.entry(access.organization_id, access.actor, "project.rename", project.id)
            return renamed, [*puts, *event]

        return change(self._table, decide)

    def planned(self, organization_id: str, name: str) -> tuple[Project, Sequence[Put]]:
        """A project as what to add to a transaction, without its event and without the note that its grant is to be
        published. Raises InvalidArgument.
        """
        name = checked_name(name)
        now_ms = self._clock.unix_ms()
        project = Project(new_id("prj", now_ms, self._random_bytes), organization_id, name, now_ms)
        places = store.places_of_project(organization_id, project.id)
        return project, [Put(*place, asdict(project)) for place in places]

    def grant(self, project: Project) -> TenantGrant:
        """What the plan allows the project, whether or not the database knows by now."""
        organization = store.organization_of(self._table, project.organization_id)[0]
        return self._grants.grant(organization, project)

    def publish_grants(self, organization_id: str) -> None:
        """Tell the database what new projects are allowed."""
        self._grants.publish_soon(organization_id)

    def list(self, access: Access) -> Sequence[Project]:
        """The oldest first."""
        pk = store.organization_pk(access.organization_id)
        return [
            store.project_of(document)
            for document in self._table.query(pk, "project#", limit=store.LISTED_MAX)
        ]

    def create_key(
        self,
        access: Access,
        project: Project,
        name: str,
        scopes: Sequence[str],
        *,
        namespaces: Sequence[str] | None = None,
        expires_in_seconds: int | None = None,
    ) -> tuple[ApiKey, str]:
        """A key of the database, and its text: the only time that it can be seen.

        Raises InvalidArgument, LimitReached.
        """
        self._check_room(project)
        ends_ms = None if expires_in_seconds is None else self._clock.unix_ms() + expires_in_seconds * 1_000
        key, text = self._keys.create(project.id, name, scopes, expires_at_ms=ends_ms, namespaces=namespaces)
        try:
            self._tell(access, "key.create", f"{project.id}/{key.id}")
        except BaseException:
            # A key of which nobody has been told must not be good.
            self._keys.revoke(project.id, key.id)
            raise
        return key, text

    def rotate_key(
        self,
        access: Access,
        project: Project,
        key_id: str,
        overlap_seconds: int,
        *,
        expires_in_seconds: int | None = None,
    ) -> RotatedKey:
        """A key that follows another, which ends after the overlap. Raises InvalidArgument, NotFound, Conflict,
        LimitReached.
        """
        self._check_room(project)
        ends_ms = None if expires_in_seconds is None else self._clock.unix_ms() + expires_in_seconds * 1_000
        return self._keys.rotate(
            project.id,
            key_id,
            overlap_seconds,
            expires_at_ms=ends_ms,
            on_made=lambda key: self._tell(access, "key.rotate", f"{project.id}/{key_id}/{key.id}"),
        )

    def keys(self, project: Project) -> Sequence[ApiKey]:
        """By creation time, revoked ones included."""
        return self._keys.list(project.id)

    def revoke_key(self, access: Access, project: Project, key_id: str) -> None:
        """Raises NotFound. Told before it is done, so that no key ends without a word."""
        if all(key.id != key_id for key in self._keys.list(project.id)):
            self._keys.revoke(project.id, key_id)  # raises NotFound
        self._tell(access, "key.revoke", f"{project.id}/{key_id}")
        self._keys.revoke(project.id, key_id)

    def _check_room(self, project: Project) -> None:
        now_ms = self._clock.unix_ms()
        good = [
            key
            for key in self._keys.list(project.id)
            if key.revoked_at_ms is None and (key.expires_at_ms is None or key.expires_at_ms > now_ms)
        ]
        if len(good) >= KEYS_MAX:
            raise LimitReached("API keys in this project that have not ended", KEYS_MAX)

    def _tell(self, access: Access, action: str, target: str) -> None:
        entry = self._audit.entry
        change(self._table, lambda: (None, entry(access.organization_id, access.actor, action, target)))
