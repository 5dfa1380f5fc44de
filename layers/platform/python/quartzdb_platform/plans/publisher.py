"""Publishes grants: what an organization's plan, status, region and blocks allow each of its projects.

The database goes by the last grant, whatever becomes of the platform. Publishing is safe to repeat; what was
changed and not published is noted in the transaction of the change, and found by `publish_all`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import LimitReached as PlanLimitReached
from quartzdb.domain.errors import QuartzError, Reached, Unavailable
from quartzdb.domain.grant import TenantGrant, TenantStatus
from quartzdb_platform.accounts import store
from quartzdb_platform.domain.calendar import month_of
from quartzdb_platform.domain.plan import Plans, PlanVersion
from quartzdb_platform.domain.records import Organization, Project
from quartzdb_platform.plans import pending
from quartzdb_platform.plans.blocks import Blocked, Blocks, block_of
from quartzdb_platform.ports import DataPlaneGrants, Document, DocumentTable, Put

logger = logging.getLogger(__name__)
_ATTEMPTS_MAX = 8
_PAGE = 100
_VERSION_PK = "PLAN_VERSION"
_STRICTNESS = {TenantStatus.ACTIVE: 0, TenantStatus.READ_ONLY: 1, TenantStatus.SUSPENDED: 2}


class Published(NamedTuple):
    """What one pass did: organizations that are as they should be, grants changed, organizations that failed."""

    organizations: int = 0
    grants: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Said:
    """What was last said of a project: at which revision, which status, and which status an operator asked for with
    `quartzdb tenants`. An operator's word stands beside the organization's: the stricter of both holds.
    """

    revision: int = 0
    status: TenantStatus = TenantStatus.ACTIVE
    held: TenantStatus = TenantStatus.ACTIVE


class GrantPublisher:
    """`plan_url`: where somebody who reached a limit can have it raised; it has the place of the organization's id."""

    def __init__(
        self,
        table: DocumentTable,
        grants: DataPlaneGrants,
        plans: Plans,
        blocks: Blocks,
        clock: Clock,
        plan_url: str,
    ) -> None:
        self._table = table
        self._grants = grants
        self._plans = plans
        self._blocks = blocks
        self._clock = clock
        self._plan_url = plan_url

    def publish(self, organization_id: str) -> int:
        """Have the grants of all its projects say what holds; how many were changed. Raises NotFound, Unavailable."""
        note = pending.note_of(self._table, organization_id)
        organization = store.organization_of(self._table, organization_id)[0]
        blocks = self._blocks.of(organization_id)
        pk = store.organization_pk(organization_id)
        changed = 0
        for document in self._table.query(pk, "project#", limit=store.LISTED_MAX):
            project = store.project_of(document)
            wanted = replace(
                self.grant(organization, project),
                reads_blocked=block_of(blocks, Blocked.READS, project.id),
                writes_blocked=block_of(blocks, Blocked.WRITES, project.id),
            )
            changed += self._say(wanted)
        if note is not None:
            pending.take_back(self._table, note)
        return changed

    def grant(self, organization: Organization, project: Project) -> TenantGrant:
        """What the plan allows one of its projects, before blocks; its revision is yet to be found."""
        version = self._version()
        plan = version.of(organization.plan)
        ends = TenantStatus.ACTIVE if project.closing is None else TenantStatus.READ_ONLY
        said = (TenantStatus(organization.status), TenantStatus(project.status), ends)
        return TenantGrant(
            project.id,
            0,
            max(said, key=_STRICTNESS.__getitem__),
            plan=plan.name,
            limits=plan.limits,
            region=organization.region,
            prices=version.prices,
            raise_at=self.raise_at(organization.id),
        )

    def raise_at(self, organization_id: str) -> str:
        """Where its plan and its cap can be changed."""
        return self._plan_url.format(organization=organization_id)

    def require_room(self, organization_id: str, limit: str, present: int, unit: str) -> None:
        """Raises the database's LimitReached where the plan allows only so many `seats` or `projects`."""
        organization = store.organization_of(self._table, organization_id)[0]
        plan = self._version().of(organization.plan)
        allowed = getattr(plan, limit)
        if present >= allowed:
            raise_at = self.raise_at(organization_id)
            raise PlanLimitReached(
                f"There are {present:,} {unit} already, and the plan {plan.title} allows {allowed:,}.",
                Reached(limit, present, allowed, unit, raise_at=raise_at),
                hint=f"Remove one, or raise it at {raise_at}",
            )

    def publish_soon(self, organization_id: str) -> None:
        """The same after a change that is done and noted: what cannot be published now will be by `publish_all`."""
        try:
            self.publish(organization_id)
        except Unavailable as error:
            logger.warning("The grants of %s will be published later: %s", organization_id, error)

    def publish_due(self) -> Published:
        """What is noted, and all there is where a month began with another version of the plans."""
        version, found = self._version().from_month, self._table.get(_VERSION_PK, "published")
        if found is None or found.body["from"] != version:
            pending.mark_all(self._table)
            # Who was faster noted the same.
            self._table.transact(
                [Put(_VERSION_PK, "published", {"from": version}, None if found is None else found.revision)]
            )
        return self.publish_all()

    def publish_all(self, *, everything: bool = False) -> Published:
        """What is noted; with `everything` all there is, as after a change of plans.toml. One that fails keeps no other
        from being published, and stays noted.
        """
        done = Published()
        for organization_id in self._organizations(everything):
            try:
                changed = self.publish(organization_id)
            except QuartzError as error:
                logger.warning("The grants of %s could not be published: %s", organization_id, error)
                done = done._replace(failed=done.failed + 1)
            else:
                done = done._replace(organizations=done.organizations + 1, grants=done.grants + changed)
        return done

    def _version(self) -> PlanVersion:
        return self._plans.at(month_of(self._clock.unix_ms()))

    def _organizations(self, everything: bool) -> Iterator[str]:
        after = None
        while True:
            found = (
                store.organization_ids(self._table, limit=_PAGE, after=after)
                if everything
                else pending.noted(self._table, limit=_PAGE, after=after)
            )
            yield from found
            if len(found) < _PAGE:
                return
            after = found[-1]

    def _say(self, wanted: TenantGrant) -> bool:
        """Whether it had to be said. What is to be said is noted first, so that an operator's word can be told from
        one of ours that was cut off.
        """
        for _ in range(_ATTEMPTS_MAX):
            document = self._table.get(_said_pk(wanted.tenant), "grant")
            said = _said_of(document)
            present = self._grants.get(wanted.tenant) or TenantGrant(wanted.tenant, 0)
            overruled = present.revision >= said.revision and present.status is not said.status
            held = present.status if overruled else said.held
            status = max(wanted.status, held, key=_STRICTNESS.__getitem__)
            if present.revision and present == replace(wanted, revision=present.revision, status=status):
                if held is said.held:
                    return False
                next_revision = present.revision
            else:
                next_revision = present.revision + 1
            note = Put(
                _said_pk(wanted.tenant),
                "grant",
                asdict(_Said(next_revision, status, held)),
                None if document is None else document.revision,
            )
            if not self._table.transact([note]):
                continue
            if next_revision == present.revision:
                return False
            if self._grants.put(replace(wanted, revision=next_revision, status=status)):
                return True
        raise Unavailable(
            f"The grant of {wanted.tenant} is being changed by others.", hint="Try again in a moment."
        )


def _said_pk(project_id: str) -> str:
    return f"PROJECT#{project_id}"


def _said_of(document: Document | None) -> _Said:
    if document is None:
        return _Said()
    body = document.body
    return _Said(body["revision"], TenantStatus(body["status"]), TenantStatus(body["held"]))
