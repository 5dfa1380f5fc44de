"""Use cases of people: subscribe, see and change what is paid for, end it, and see invoices. Everything that moves
money needs a sign-in of the last minutes by a person. After each change Stripe is read again, so the answer is what
holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict, InvalidArgument
from quartzdb_platform.accounts import store
from quartzdb_platform.accounts.notices import owners_of
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.audit.log import AuditLog
from quartzdb_platform.billing.account import Account, account_document, account_of
from quartzdb_platform.billing.applying import Applying
from quartzdb_platform.domain.billing import (
    FREE_PLAN,
    IN_DEBT,
    Subscription,
    month_anchor_ms,
    trial_end_ms,
)
from quartzdb_platform.domain.calendar import month_of
from quartzdb_platform.domain.catalogue import meter_keys, month_key
from quartzdb_platform.domain.plan import Plan, Plans
from quartzdb_platform.domain.records import Organization
from quartzdb_platform.identity.credentials import Credentials
from quartzdb_platform.payments import CheckoutRequest, Invoice, Payments
from quartzdb_platform.ports import DocumentTable
from quartzdb_platform.transaction import change

INVOICES_MAX = 100


class When(StrEnum):
    """When a smaller plan begins. A dearer one begins at once."""

    PERIOD_END = "period_end"
    NOW = "now"


class Overview(NamedTuple):
    """`account` None: this organization never had to do with money. `may_try`: whether a trial is offered."""

    organization: Organization
    account: Account | None
    may_try: bool


class Subscriptions:
    """`due`: reads a customer again that is noted. `fits`: whether what an organization used of this month is included
    in a smaller plan from now on, its share of the dearer one counted. `url` is the billing page's.
    """

    def __init__(
        self,
        table: DocumentTable,
        audit: AuditLog,
        credentials: Credentials,
        payments: Payments,
        applying: Applying,
        clock: Clock,
        url: str,
        *,
        due: Callable[[str], object],
        plans: Plans,
        fits: Callable[[Organization, Plan], bool],
    ) -> None:
        self._table = table
        self._audit = audit
        self._credentials = credentials
        self._payments = payments
        self._applying = applying
        self._clock = clock
        self._url = url
        self._due = due
        self._plans = plans
        self._fits = fits

    def overview(self, access: Access) -> Overview:
        """What is kept. Stripe is asked only where it told of something that was not read yet: whoever comes from its
        page does not wait for upkeep. Raises NotFound.
        """
        organization = store.organization_of(self._table, access.organization_id)[0]
        if organization.stripe_customer is not None:
            self._due(organization.stripe_customer)
            organization = store.organization_of(self._table, access.organization_id)[0]
        document = account_document(self._table, access.organization_id)
        account = None if document is None else account_of(document)
        return Overview(organization, account, account is None or not account.facts.subscribed_before)

    def checkout(self, access: Access, plan_name: str, *, trial: bool = False) -> str:
        """The address of Stripe's page on which to subscribe to that plan. Raises InvalidArgument, Conflict,
        StepUpRequired, Unavailable.
        """
        self._require_person(access)
        plan = self._sold(plan_name)
        customer_id = self._customer(access)
        account = self._applying.read_again(access.organization_id, customer_id)
        if account.facts.subscription is not None:
            raise Conflict(
                f"There is a subscription to {account.plan} already.", hint="Change its plan instead."
            )
        self._require_paid(account)
        if trial and account.facts.subscribed_before:
            raise Conflict("A trial comes before the first subscription.", hint="Subscribe without one.")
        now_ms = self._clock.unix_ms()
        page = self._url.format(organization=access.organization_id)
        url = self._payments.checkout(
            CheckoutRequest(
                customer_id,
                access.organization_id,
                (
                    month_key(self._plans, plan.name, month_of(now_ms)),
                    *meter_keys(self._plans, plan.name, month_of(now_ms)).values(),
                ),
                month_anchor_ms(now_ms),
                trial_end_ms(now_ms) if trial else None,
                f"{page}?done=1",
                page,
            )
        )
        self._note(access, f"billing.checkout.{plan.name}")
        return url

    def portal(self, access: Access) -> str:
        """The address of Stripe's pages for cards, addresses, tax ids and invoices. Raises StepUpRequired,
        Unavailable.
        """
        self._require_person(access)
        url = self._payments.portal(
            self._customer(access), self._url.format(organization=access.organization_id)
        )
        self._note(access, "billing.portal")
        return url

    def change_plan(self, access: Access, plan_name: str, when: When = When.PERIOD_END) -> Overview:
        """A dearer plan at once, its part of the month paid now and not changed where that fails; a smaller one from
        the next month on, or at once with the rest credited. `free` ends the subscription with its month.

        Raises InvalidArgument, Conflict, PaymentDeclined, StepUpRequired, Unavailable.
        """
        self._require_person(access)
        plan = self._plan(plan_name)
        account = self._read(access)
        subscription = account.facts.subscription if account else None
        if plan.name == FREE_PLAN:
            return self.cancel(access)
        if account is None or subscription is None:
            raise Conflict("There is no subscription to change.", hint="Begin one with the checkout.")
        self._sold(plan_name)
        self._require_paid(account)
        if subscription.cancels_at_ms is not None:
            raise Conflict("This subscription ends with its month.", hint="Take that back first.")
        self._change(access, subscription, plan, when)
        self._note(access, f"billing.plan.{plan.name}")
        return self._again(access)

    def cancel(self, access: Access) -> Overview:
        """Have it end with its month; without a subscription nothing changes. Raises StepUpRequired, Unavailable."""
        return self._set_cancelling(access, True)

    def resume(self, access: Access) -> Overview:
        """Have it go on after all. Raises StepUpRequired, Unavailable."""
        return self._set_cancelling(access, False)

    def quote(self, access: Access, plan_name: str) -> Invoice | None:
        """What Stripe would charge now for changing to that plan; None without a subscription, where the checkout's
        page says it. Raises InvalidArgument, Unavailable.
        """
        plan = self._sold(plan_name)
        document = account_document(self._table, access.organization_id)
        subscription = None if document is None else account_of(document).facts.subscription
        price = month_key(self._plans, plan.name, month_of(self._clock.unix_ms()))
        return None if subscription is None else self._payments.preview(subscription, price)

    def upcoming(self, access: Access) -> Invoice | None:
        """The next invoice as it stands. Raises Unavailable."""
        document = account_document(self._table, access.organization_id)
        subscription = None if document is None else account_of(document).facts.subscription
        if subscription is None or subscription.cancels_at_ms is not None:
            return None
        return self._payments.preview(subscription, None)

    def invoices(self, access: Access, limit: int = 24, after: str | None = None) -> Sequence[Invoice]:
        """The newest first. Raises InvalidArgument, Unavailable."""
        if not 1 <= limit <= INVOICES_MAX:
            raise InvalidArgument(f"limit is a number from 1 to {INVOICES_MAX}.", field="limit")
        organization = store.organization_of(self._table, access.organization_id)[0]
        if organization.stripe_customer is None:
            return ()
        return self._payments.invoices(organization.stripe_customer, limit, after)

    def _change(self, access: Access, subscription: Subscription, plan: Plan, when: When) -> None:
        now_ms = self._clock.unix_ms()
        held = self._plan(subscription.plan_at(now_ms))
        follows = subscription.keeps_at(now_ms)
        # Our clock may be behind: nothing is prorated since before the period.
        since_ms = max(now_ms, subscription.period_starts_ms)
        month = month_of(now_ms)
        price, held_price = (month_key(self._plans, one.name, month) for one in (plan, held))
        if plan.name == held.name:
            if follows:
                self._payments.change_at_period_end(subscription, held_price)
            return
        if subscription.status == "trialing":
            self._payments.change_now(subscription, price, since_ms, charge_now=False)
            return
        if plan.month_micro_dollars > held.month_micro_dollars:
            if follows:
                # Else Stripe would have the difference to the smaller plan paid, of which this month is not.
                self._payments.change_at_period_end(subscription, held_price)
                subscription = self._subscription(access)
            self._payments.change_now(subscription, price, since_ms, charge_now=True)
            return
        if when is When.PERIOD_END:
            following = month_key(self._plans, plan.name, month_of(subscription.period_ends_ms))
            self._payments.change_at_period_end(subscription, following)
            return
        if follows:
            raise Conflict("A smaller plan follows at the month's end already.", hint="Take that back first.")
        organization = store.organization_of(self._table, access.organization_id)[0]
        if not self._fits(organization, plan):
            raise Conflict(
                f"More was used of this month than {plan.title} includes for what is left of it.",
                hint="Have the plan change at the end of the month.",
            )
        self._payments.change_now(subscription, price, since_ms, charge_now=False)

    def _set_cancelling(self, access: Access, cancelling: bool) -> Overview:
        self._require_person(access)
        account = self._read(access)
        subscription = account.facts.subscription if account else None
        if subscription is None or (subscription.cancels_at_ms is not None) is cancelling:
            return self.overview(access)
        self._payments.set_cancelling(subscription, cancelling)
        self._note(access, "billing.cancel" if cancelling else "billing.resume")
        return self._again(access)

    def _read(self, access: Access) -> Account | None:
        """As Stripe says now; None for who is no customer."""
        customer_id = store.organization_of(self._table, access.organization_id)[0].stripe_customer
        if customer_id is None:
            return None
        return self._applying.read_again(access.organization_id, customer_id)

    def _again(self, access: Access) -> Overview:
        self._read(access)
        return self.overview(access)

    def _subscription(self, access: Access) -> Subscription:
        account = self._read(access)
        if account is None or account.facts.subscription is None:
            raise Conflict("The subscription has ended meanwhile.", hint="Begin one with the checkout.")
        return account.facts.subscription

    def _customer(self, access: Access) -> str:
        organization = store.organization_of(self._table, access.organization_id)[0]
        if organization.stripe_customer is not None:
            return organization.stripe_customer
        seat = store.member_document(self._table, organization.id, access.actor.id)
        email = seat.body["email"] if seat else owners_of(self._table, organization.id)[0]
        customer_id = self._payments.create_customer(organization.id, organization.name, email)
        self._applying.read_again(organization.id, customer_id)
        return customer_id

    def _plan(self, name: str) -> Plan:
        return self._plans.of(name, month_of(self._clock.unix_ms()))

    def _sold(self, plan_name: str) -> Plan:
        plan = self._plan(plan_name)
        if not plan.month_micro_dollars:
            raise InvalidArgument(f"{plan.title} costs nothing, and is not subscribed to.", field="plan")
        return plan

    def _require_paid(self, account: Account) -> None:
        if account.state in IN_DEBT:
            raise Conflict(
                "An invoice is not paid yet.", hint="Pay it first: its address is in the list of invoices."
            )

    def _require_person(self, access: Access) -> None:
        """Raises Forbidden for a management token, StepUpRequired."""
        self._credentials.user(access.credential)
        self._credentials.require_fresh(access.credential)

    def _note(self, access: Access, action: str) -> None:
        entry = self._audit.entry
        change(
            self._table,
            lambda: (None, entry(access.organization_id, access.actor, action, access.organization_id)),
        )
