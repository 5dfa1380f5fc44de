"""Billing put together: what pages, webhooks, commands and upkeep ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from quartzdb.domain.clock import Clock
from quartzdb_platform.audit.log import AuditLog
from quartzdb_platform.billing.applying import Applying
from quartzdb_platform.billing.due import DueCustomers
from quartzdb_platform.billing.ending import end_billing
from quartzdb_platform.billing.price_moves import PriceMoves
from quartzdb_platform.billing.reconciliation import Reconciliation
from quartzdb_platform.billing.subscriptions import Subscriptions
from quartzdb_platform.billing.usage_outbox import UsageOutbox
from quartzdb_platform.billing.usage_sending import UsageSending
from quartzdb_platform.billing.webhooks import Webhooks
from quartzdb_platform.domain.calendar import month_of
from quartzdb_platform.domain.plan import Plan, Plans
from quartzdb_platform.domain.records import Organization
from quartzdb_platform.identity.credentials import Credentials
from quartzdb_platform.metering.settlements import Settlements
from quartzdb_platform.payments import Payments
from quartzdb_platform.ports import Change, DocumentTable
from quartzdb_platform.upkeep import Step


@dataclass(frozen=True, slots=True)
class BillingDesk:
    """The use cases of billing, and the steps that upkeep has of it. `end`: what is done of an organization that is
    being deleted.
    """

    payments: Payments
    subscriptions: Subscriptions
    webhooks: Webhooks
    due: DueCustomers
    reconciliation: Reconciliation
    outbox: UsageOutbox
    usage: UsageSending
    end: Callable[[str], object]
    steps: Sequence[Step]


@dataclass(frozen=True, slots=True)
class PlanWords:
    """What billing needs to know of plans. `of` raises InvalidArgument; `noted` is what is stored beside a change;
    `fits`: whether what was used of this month is included in another plan from now on.
    """

    of: Callable[[str], Plan]
    noted: Callable[[Organization, Organization, int], Sequence[Change]]
    fits: Callable[[Organization, Plan], bool]


def plan_words(plans: Plans, settlements: Settlements, clock: Clock) -> PlanWords:
    """Of the plans as they are in the month that it is."""

    def of(name: str) -> Plan:
        return plans.of(name, month_of(clock.unix_ms()))

    return PlanWords(of, settlements.plan_changed, settlements.fits)


def open_desk(
    table: DocumentTable,
    audit: AuditLog,
    credentials: Credentials,
    payments: Payments,
    clock: Clock,
    url: str,
    *,
    webhook_secrets: Callable[[], Sequence[str]],
    plans: Plans,
    changed: Callable[[str], object],
) -> BillingDesk:
    """`url` is the billing page's, with the place of the organization's id; `changed` as Applying has it."""
    settlements = Settlements(table, plans, clock)
    words = plan_words(plans, settlements, clock)
    applying = Applying(
        table, audit, payments, clock, url, plans=words.of, noted=words.noted, changed=changed
    )
    outbox = UsageOutbox(table, payments, clock)
    moves = PriceMoves(table, audit, payments, plans, clock)
    usage = UsageSending(table, settlements, outbox, plans, clock, applying, moves)
    reconciliation = Reconciliation(table, payments, applying, moves)
    due = DueCustomers(table, clock, reconciliation.read_customer)
    return BillingDesk(
        payments,
        Subscriptions(
            table,
            audit,
            credentials,
            payments,
            applying,
            clock,
            url,
            due=due.run_one,
            plans=plans,
            fits=words.fits,
        ),
        Webhooks(table, due, webhook_secrets, clock),
        due,
        reconciliation,
        outbox,
        usage,
        partial(end_billing, table, payments),
        (
            Step("billing-usage", 300, usage.run),
            Step("billing-customers", 15, due.run_all),
            Step("billing-times", 600, reconciliation.run_due),
            Step("billing-everybody", 86_400, reconciliation.run_all),
        ),
    )
