"""Which status an organization has: the strictest of what the operator says, of what its own end brings, and of bills.

They are kept apart, so that calling a deletion off lifts no suspension, resuming revives nothing that closes, and
paying a bill undoes neither.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from quartzdb.domain.grant import TenantStatus
from quartzdb_platform.accounts import store
from quartzdb_platform.audit.log import Actor, AuditLog
from quartzdb_platform.domain.records import Organization
from quartzdb_platform.plans import pending
from quartzdb_platform.plans.publisher import GrantPublisher
from quartzdb_platform.ports import Change, DocumentTable, Put
from quartzdb_platform.transaction import change

OPERATOR = Actor("operator", "")
_SK = "standing"
_STRICTNESS = (TenantStatus.ACTIVE, TenantStatus.READ_ONLY, TenantStatus.SUSPENDED)


def standing(
    table: DocumentTable,
    organization_id: str,
    *,
    operator: TenantStatus | None = None,
    closing: TenantStatus | None = None,
    billing: TenantStatus | None = None,
    otherwise: Callable[[Organization], Organization] = lambda present: present,
) -> Sequence[Change]:
    """What to add to a transaction in which one of them changes; `otherwise`: what else becomes of the organization in
    it. Raises NotFound.
    """
    organization, document = store.organization_of(table, organization_id)
    pk = store.organization_pk(organization_id)
    found = table.get(pk, _SK)
    # What was said before there was a standing was the operator's.
    before = found.body if found else {"operator": organization.status, "closing": TenantStatus.ACTIVE}
    body = {
        "operator": str(operator or before["operator"]),
        "closing": str(closing or before["closing"]),
        # What was written before there were bills has none.
        "billing": str(billing or before.get("billing", TenantStatus.ACTIVE)),
    }
    status = max(map(TenantStatus, body.values()), key=_STRICTNESS.index)
    return (
        Put(pk, _SK, body, found.revision if found else None),
        store.put_organization(replace(otherwise(organization), status=status.value), document.revision),
        pending.mark(table, organization_id),
    )


class Standings:
    """What the operator says of organizations. `grants` None: another process publishes them."""

    def __init__(self, table: DocumentTable, audit: AuditLog, grants: GrantPublisher | None) -> None:
        self._table = table
        self._audit = audit
        self._grants = grants

    def say(self, organization_id: str, status: TenantStatus, actor: Actor = OPERATOR) -> Organization:
        """Have everything of it answered, reads, or nothing. The databases hear of it at once, or within minutes where
        others publish.

        Raises NotFound.
        """

        def decide() -> tuple[None, Sequence[Change]]:
            event = self._audit.entry(organization_id, actor, f"organization.{status.value}", organization_id)
            return None, [*standing(self._table, organization_id, operator=status), *event]

        change(self._table, decide)
        if self._grants is not None:
            self._grants.publish_soon(organization_id)
        return store.organization_of(self._table, organization_id)[0]
