"""Use case of moving an organization to another region, which it can while it has no data.

The database is told by the grant, and goes by it within a minute. What is written meanwhile is looked for after that is
said, and takes the move back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quartzdb.domain.errors import Conflict
from quartzdb_platform.accounts import store
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.audit.log import AuditLog
from quartzdb_platform.domain.records import Organization
from quartzdb_platform.domain.regions import Regions
from quartzdb_platform.plans import pending
from quartzdb_platform.plans.publisher import GrantPublisher
from quartzdb_platform.ports import Change, DataPlaneNamespaces, DocumentTable
from quartzdb_platform.transaction import change


class Residences:
    """One instance serves everybody."""

    def __init__(
        self,
        table: DocumentTable,
        audit: AuditLog,
        grants: GrantPublisher,
        namespaces: DataPlaneNamespaces,
        regions: Regions,
    ) -> None:
        self._table = table
        self._audit = audit
        self._grants = grants
        self._namespaces = namespaces
        self._regions = regions

    @property
    def regions(self) -> Regions:
        """Those that there are."""
        return self._regions

    def move(self, access: Access, region: str) -> Organization:
        """Raises InvalidArgument; Conflict where there is data."""
        wanted = self._regions.chosen(region)
        before = store.organization_of(self._table, access.organization_id)[0].region
        if wanted == before:
            return store.organization_of(self._table, access.organization_id)[0]
        self._require_nothing(access.organization_id)
        self._say(access, wanted)
        try:
            self._require_nothing(access.organization_id)
        except Conflict:
            self._say(access, before)
            raise
        return store.organization_of(self._table, access.organization_id)[0]

    def _say(self, access: Access, region: str | None) -> None:
        def decide() -> tuple[None, Sequence[Change]]:
            organization, document = store.organization_of(self._table, access.organization_id)
            event = self._audit.entry(
                organization.id, access.actor, "organization.move", region or organization.id
            )
            return None, [
                store.put_organization(replace(organization, region=region), document.revision),
                pending.mark(self._table, organization.id),
                *event,
            ]

        change(self._table, decide)
        self._grants.publish_soon(access.organization_id)

    def _require_nothing(self, organization_id: str) -> None:
        pk = store.organization_pk(organization_id)
        for document in self._table.query(pk, "project#", limit=store.LISTED_MAX):
            project = store.project_of(document)
            if self._namespaces.has_any(project.id):
                raise Conflict(
                    f"The project {project.name} has data, which stays where it is.",
                    field="region",
                    hint="Export and delete its namespaces first, or create an organization in the other region.",
                )
