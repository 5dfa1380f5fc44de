"""The use case of changing an organization's plan: in force in the database as soon as its grants are published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quartzdb.domain.clock import Clock
from quartzdb_platform.accounts import store
from quartzdb_platform.audit.log import Actor, AuditLog
from quartzdb_platform.domain.calendar import month_of
from quartzdb_platform.domain.plan import Plans
from quartzdb_platform.domain.records import Organization
from quartzdb_platform.plans import pending
from quartzdb_platform.plans.plan_history import noted_change
from quartzdb_platform.plans.publisher import GrantPublisher
from quartzdb_platform.plans.unlooked import note
from quartzdb_platform.ports import Change, DocumentTable
from quartzdb_platform.transaction import change


class PlanChanges:
    """One instance serves everybody. Who may change a plan is decided by whoever calls. Without a publisher the grants
    are noted, and published by the next pass.
    """

    def __init__(
        self,
        table: DocumentTable,
        audit: AuditLog,
        plans: Plans,
        publisher: GrantPublisher | None,
        clock: Clock,
    ) -> None:
        self._table = table
        self._audit = audit
        self._plans = plans
        self._publisher = publisher
        self._clock = clock

    def compare_all(self) -> int:
        """Have the next pass compare every grant with what it should say; of how many organizations."""
        return pending.mark_all(self._table)

    def set(self, organization_id: str, plan_name: str, actor: Actor) -> Organization:
        """Have the organization on that plan; saying it again changes nothing. What it has more of than a smaller plan
        allows stays, and nothing is added to it. Raises InvalidArgument, NotFound.
        """
        plan = self._plans.of(plan_name, month_of(self._clock.unix_ms()))

        def decide() -> tuple[Organization, Sequence[Change]]:
            organization, document = store.organization_of(self._table, organization_id)
            if organization.plan == plan.name:
                return organization, ()
            changed = replace(organization, plan=plan.name)
            month = month_of(self._clock.unix_ms())
            history = noted_change(self._table, organization, plan.name, month)
            event = self._audit.entry(organization_id, actor, f"plan.{plan.name}", organization_id)
            noted = pending.mark(self._table, organization_id)
            unlooked = note(self._table, organization_id)
            organization_put = store.put_organization(changed, document.revision)
            return changed, [organization_put, history, noted, unlooked, *event]

        changed = change(self._table, decide)
        if self._publisher is not None:
            self._publisher.publish_soon(organization_id)
        return changed
