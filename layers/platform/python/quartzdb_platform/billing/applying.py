"""Has the platform be as Stripe says: reads a customer again, and changes in one transaction what follows from it.

Whatever told us to look is forgotten by then, so that neither order nor repetition of what is told matters. What was
read before somebody else's reading was stored is thrown away, and read again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict, InvalidArgument
from quartzdb_platform.accounts import store
from quartzdb_platform.accounts.notices import noted
from quartzdb_platform.accounts.standing import standing
from quartzdb_platform.audit.log import Actor, AuditLog
from quartzdb_platform.billing.account import (
    Account,
    account_document,
    account_of,
    put_account,
    put_customer,
)
from quartzdb_platform.billing.credits import push_credits
from quartzdb_platform.billing.letters import letters_due
from quartzdb_platform.domain.billing import (
    BillingState,
    CustomerFacts,
    changed_at_ms,
    deadlines,
    plan_at,
    state_at,
    status_in,
)
from quartzdb_platform.domain.calendar import day_of
from quartzdb_platform.domain.permissions import Role
from quartzdb_platform.domain.plan import Plan
from quartzdb_platform.domain.records import Organization
from quartzdb_platform.mail.billing_messages import billing_letter
from quartzdb_platform.payments import Payments
from quartzdb_platform.plans import unlooked
from quartzdb_platform.ports import Change, Document, DocumentTable
from quartzdb_platform.transaction import change

logger = logging.getLogger(__name__)
STRIPE = Actor("stripe", "")
_ATTEMPTS_MAX = 8
_MAILS_MAX = 8
"""Of one transaction."""


class Applying:
    """`url` is the billing page's, with the place of the organization's id. `plans`: what there is by a name now;
    `noted`: what else is stored where an organization, before and after, is on another since a time. `changed` is told
    of an organization whose grants, blocks or mails may be others now; all of it is noted, too.
    """

    def __init__(
        self,
        table: DocumentTable,
        audit: AuditLog,
        payments: Payments,
        clock: Clock,
        url: str,
        *,
        plans: Callable[[str], Plan],
        noted: Callable[[Organization, Organization, int], Sequence[Change]],
        changed: Callable[[str], object],
    ) -> None:
        self._table = table
        self._audit = audit
        self._payments = payments
        self._clock = clock
        self._url = url
        self._plans = plans
        self._noted = noted
        self._changed = changed

    def read_again(self, organization_id: str, customer_id: str) -> Account:
        """Have the organization be as Stripe says now. Raises NotFound, Unavailable, Conflict."""
        for _ in range(_ATTEMPTS_MAX):
            seen = account_document(self._table, organization_id)
            facts = self._read(organization_id, customer_id)
            before = account_of(seen) if seen is not None else None
            account = change(self._table, partial(self._stored, organization_id, facts, seen))
            if account is not None:
                if before is None or (before.plan, before.state, before.told) != (
                    account.plan,
                    account.state,
                    account.told,
                ):
                    self._changed(organization_id)
                return account
        raise Conflict("Others are reading the same account at this moment.", hint="Try again.")

    def is_due(self, account: Account) -> bool:
        """Whether time alone has brought something: a step of dunning, a mail, an end."""
        now_ms = self._clock.unix_ms()
        facts = account.facts
        state = state_at(facts, now_ms)
        subscription = facts.subscription
        ends = (
            [subscription.period_ends_ms, subscription.cancels_at_ms, subscription.trial_ends_ms]
            if subscription
            else []
        )
        return (
            state is not account.state
            or plan_at(facts, now_ms) != account.plan
            or bool(letters_due(account, facts, state, now_ms).letters)
            or any(end is not None and account.read_at_ms < end <= now_ms for end in ends)
        )

    def _read(self, organization_id: str, customer_id: str) -> CustomerFacts:
        push_credits(self._table, self._payments, organization_id, customer_id)
        facts = self._payments.facts(customer_id)
        if facts is None:
            return CustomerFacts(customer_id, organization_id)
        for subscription_id in facts.superfluous:
            logger.error("%s subscribed twice: %s is ended", organization_id, subscription_id)
            self._payments.end(subscription_id)
        # That it was ended is no difference to anything that is kept.
        return replace(facts, superfluous=())

    def _stored(
        self, organization_id: str, facts: CustomerFacts, seen: Document | None
    ) -> tuple[Account | None, Sequence[Change]]:
        present = account_document(self._table, organization_id)
        if (present and present.revision) != (seen and seen.revision):
            return None, ()
        before = account_of(present) if present is not None else None
        organization = store.organization_of(self._table, organization_id)[0]
        now_ms = self._clock.unix_ms()
        state = state_at(facts, now_ms)
        due = letters_due(before, facts, state, now_ms)
        account = Account(facts, state, plan_at(facts, now_ms), now_ms, due.told)
        plan = self._plan(organization, before, account)
        events = []
        if before is None or before.state is not state:
            events.append((f"billing.{state.value}", organization_id))
        after = replace(organization, plan=plan, stripe_customer=facts.customer_id, billing_state=state.value)
        if plan != organization.plan:
            events.append((f"plan.{plan}", organization_id))
        trial = BillingState.TRIALING.value in {organization.billing_state, state.value}
        history: Sequence[Change] = ()
        if plan != organization.plan or (trial and organization.billing_state != state.value):
            history = self._noted(organization, after, changed_at_ms(facts, now_ms))
        recipients = _recipients(self._table, organization_id)
        values = _values(organization, facts, plan)
        url = self._url.format(organization=organization_id)
        mails = [billing_letter(letter.value, to, values, url) for letter in due.letters for to in recipients]
        changes: list[Change] = [
            put_account(organization_id, account, None if present is None else present.revision),
            *put_customer(self._table, organization_id, facts.customer_id),
            *noted(mails[:_MAILS_MAX], now_ms),
            *history,
        ]
        if events:
            changes += self._audit.entries(organization_id, STRIPE, events)
        if after != organization:
            changes.append(unlooked.note(self._table, organization_id))
            changes += standing(
                self._table,
                organization_id,
                billing=status_in(state),
                otherwise=lambda one: replace(
                    one, plan=plan, stripe_customer=facts.customer_id, billing_state=state.value
                ),
            )
        return account, changes

    def _plan(self, organization: Organization, before: Account | None, account: Account) -> str:
        """What Stripe's word changes: where it says what it said, an operator's later word holds."""
        said = account.plan
        news = account.facts.subscribed_before if before is None else before.plan != said
        if not news:
            return organization.plan
        try:
            return self._plans(said).name
        except InvalidArgument as error:
            logger.error("%s subscribes to what is no plan: %s", organization.id, error)
            return organization.plan


def _recipients(table: DocumentTable, organization_id: str) -> Sequence[str]:
    """Owners, and who has to do with money."""
    seats = table.query(store.organization_pk(organization_id), "member#", limit=store.LISTED_MAX)
    return [seat.body["email"] for seat in seats if seat.body["role"] in {Role.OWNER, Role.BILLING}]


def _values(organization: Organization, facts: CustomerFacts, plan: str) -> Mapping[str, str]:
    subscription, card = facts.subscription, facts.card
    values = {"organization": organization.name, "plan": plan.capitalize(), "amount": "", "last4": ""}
    values |= {"read_only": "", "suspended": "", "trial_ends": "", "cancels": "", "card_ends": ""}
    if facts.debts:
        whole, cents = divmod(sum(debt.cents for debt in facts.debts), 100)
        dates = deadlines(facts.debts[0])
        values |= {
            "amount": f"${whole:,}.{cents:02d}",
            "read_only": day_of(dates[BillingState.READ_ONLY]),
            "suspended": day_of(dates[BillingState.SUSPENDED]),
        }
    if subscription is not None and subscription.trial_ends_ms is not None:
        values["trial_ends"] = day_of(subscription.trial_ends_ms)
    if subscription is not None and subscription.cancels_at_ms is not None:
        values["cancels"] = day_of(subscription.cancels_at_ms)
    if card is not None:
        values |= {"last4": card.last4, "card_ends": f"{card.expires_year}-{card.expires_month:02d}"}
    return values
