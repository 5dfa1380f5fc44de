"""Ledgers of organizations, kept: settled before a plan or a cap changes, in the transaction of the change, and each
hour by whoever sends usage. An organization without subscription has none, and is billed by its month as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from quartzdb.domain.clock import Clock
from quartzdb_platform.accounts import store
from quartzdb_platform.domain.billing import BillingState
from quartzdb_platform.domain.calendar import DAY_MS, month_of, start_ms
from quartzdb_platform.domain.plan import Plan, Plans
from quartzdb_platform.domain.records import Organization
from quartzdb_platform.metering.bill import BillLine, Used, total
from quartzdb_platform.metering.caps import Spending
from quartzdb_platform.metering.former_projects import used_by_all
from quartzdb_platform.metering.ledger import (
    Ledger,
    Phase,
    Settled,
    included,
    lines,
    plan_price,
    settled,
    with_another_cap,
    with_phase,
)
from quartzdb_platform.ports import Change, Document, DocumentTable, Put

_PREFIX = "ledger#"
LATE_MS = 3 * DAY_MS
"""How long after a month's end a change of plan within it can be known: after that its statement is made."""


class Settlements:
    """One instance serves everybody."""

    def __init__(self, table: DocumentTable, plans: Plans, clock: Clock) -> None:
        self._table = table
        self._plans = plans
        self._clock = clock

    def document(self, organization_id: str, month: str) -> Document | None:
        """The ledger's, if there is one."""
        return self._table.get(store.organization_pk(organization_id), _PREFIX + month)

    def present(
        self, organization: Organization, month: str, used: Mapping[str, Used] | None = None
    ) -> Ledger | None:
        """The ledger of a month with all that was used by now, or with `used`; None where the month is billed as a
        whole.
        """
        found = self.document(organization.id, month)
        return None if found is None else self.settled(organization, ledger_of(found), used)

    def settled(
        self, organization: Organization, ledger: Ledger, used: Mapping[str, Used] | None = None
    ) -> Ledger:
        """A ledger with all that was used by now."""
        if used is None:
            used = used_by_all(self._table, organization.id, ledger.month)
        month = ledger.month
        return settled(
            ledger,
            used,
            lambda name: self.plan(name, month),
            self._plans.prices_at(month),
            organization.cap_micro_dollars,
        )

    def opened(self, organization: Organization, month: str) -> Ledger:
        """The one of a month that has none yet: on the plan that the organization has."""
        return Ledger(month, (self._phase(organization, start_ms(month)),))

    def lines(
        self, organization: Organization, month: str, used: Mapping[str, Used]
    ) -> Sequence[BillLine] | None:
        """The bill of what was used by project; None where the month is billed as a whole."""
        ledger = self.present(organization, month, used)
        if ledger is None:
            return None
        return lines(ledger, lambda name: self.plan(name, month), self._plans.prices_at(month))

    def spending(self, ledger: Ledger) -> Spending:
        """How a ledger stands against what is included and a cap. What was forgiven counts where nothing more is sold:
        it is what came while that was not known yet.
        """
        month = ledger.month
        found = lines(ledger, lambda name: self.plan(name, month), self._plans.prices_at(month))
        whole = included(ledger, lambda name: self.plan(name, month))
        used = ledger.total("covered") + ledger.total("forgiven")
        return Spending(ledger.phases[-1].overage, used, whole, total(found), ledger.capped)

    def plan_price(self, ledger: Ledger) -> int:
        """The plans' own price of the month, in micro-dollars."""
        return plan_price(ledger, lambda name: self.plan(name, ledger.month))

    def fits(self, organization: Organization, plan: Plan) -> bool:
        """Whether what is covered by now would be, if the organization were on that plan from now on."""
        now_ms = self._clock.unix_ms()
        month = month_of(now_ms)
        ledger = self.present(organization, month) or self.settled(
            organization, self.opened(organization, month)
        )
        whole = included(
            with_phase(ledger, Phase(now_ms, plan.name, plan.overage)), lambda name: self.plan(name, month)
        )
        return all(done <= most for done, most in zip(ledger.total("covered"), whole, strict=True))

    def plan_changed(self, before: Organization, after: Organization, since_ms: int) -> Sequence[Change]:
        """What to add to the transaction that puts an organization on another plan, or ends its trial: since then by
        whoever charges for it, which may be somewhat earlier than it is known here, and in the month before.
        """
        now_ms = self._clock.unix_ms()
        present = month_of(now_ms)
        months = [present]
        if since_ms < start_ms(present) and now_ms - start_ms(present) < LATE_MS:
            months.insert(0, month_of(start_ms(present) - 1))
        changes = []
        for month in months:
            found = self.document(before.id, month)
            ledger = self.opened(before, month) if found is None else ledger_of(found)
            from_ms = min(max(since_ms, start_ms(month), ledger.phases[-1].from_ms), now_ms)
            changed = with_phase(self.settled(before, ledger), self._phase(after, from_ms))
            changes.append(put_ledger(before.id, changed, found))
        return changes

    def cap_changed(self, organization: Organization) -> Sequence[Change]:
        """What to add to the transaction that gives an organization, as it is before, another cap: also for the month
        before, which may not be settled to its end.
        """
        month = month_of(self._clock.unix_ms())
        changes = []
        for one in (month_of(start_ms(month) - 1), month):
            found = self.document(organization.id, one)
            if found is not None:
                after = self.settled(organization, ledger_of(found))
                changes.append(put_ledger(organization.id, with_another_cap(after), found))
        return changes

    def plan(self, name: str, month: str) -> Plan:
        """What a plan is in a month. Raises InvalidArgument."""
        return self._plans.of(name, month)

    def _phase(self, organization: Organization, from_ms: int) -> Phase:
        plan = self.plan(organization.plan, month_of(from_ms))
        trial = organization.billing_state == BillingState.TRIALING
        return Phase(from_ms, plan.name, plan.overage and not trial)


def ledger_of(document: Document) -> Ledger:
    """The value of a document."""
    body = document.body
    return Ledger(
        body["month"],
        tuple(Phase(*one) for one in body["phases"]),
        {
            project_id: Settled(*(Used(*one[what]) for what in ("covered", "charged", "forgiven")))
            for project_id, one in body["projects"].items()
        },
        body["capped"],
    )


def put_ledger(
    organization_id: str, ledger: Ledger, before: Document | None, more: Mapping[str, Any] | None = None
) -> Put:
    """The document of a ledger. What others noted in it stays, but for `more`."""
    noted = {} if before is None else {k: v for k, v in before.body.items() if k not in asdict(ledger)}
    body = {**noted, **asdict(ledger), **(more or {})}
    revision = None if before is None else before.revision
    return Put(store.organization_pk(organization_id), _PREFIX + ledger.month, body, revision)
