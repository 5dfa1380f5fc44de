"""What the routes of billing take and answer. Money is an exact decimal of dollars in a string."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field

from quartzdb_platform.api.models import at
from quartzdb_platform.billing.subscriptions import Overview, When
from quartzdb_platform.domain.billing import BillingState, deadlines
from quartzdb_platform.payments import Invoice, InvoiceLine

Name = Annotated[str, Field(min_length=1, max_length=40)]


class CheckoutBody(BaseModel, extra="forbid"):
    """`trial`: begin with one, where there was no subscription before."""

    plan: Name
    trial: bool = False


class PlanBody(BaseModel, extra="forbid"):
    """`when`: when a smaller plan begins."""

    plan: Name
    when: When = When.PERIOD_END


class UrlAnswer(BaseModel):
    """Where to send the browser."""

    url: str


class CardAnswer(BaseModel):
    """What is charged."""

    brand: str
    last4: str
    expires: str


class DebtAnswer(BaseModel):
    """What is owed, and what follows when if it is not paid."""

    dollars: str
    since: str
    read_only_at: str
    suspended_at: str
    pay_at: str | None


class BillingAnswer(BaseModel):
    """`state`: none, trialing, active, cancelling, past_due, grace, read_only or suspended. `next_plan`: what follows
    when the period ends; `credit`: what is taken off the next invoices.
    """

    plan: str
    state: BillingState
    may_try: bool
    period_ends_at: str | None = None
    trial_ends_at: str | None = None
    cancels_at: str | None = None
    next_plan: str | None = None
    card: CardAnswer | None = None
    debt: DebtAnswer | None = None
    credit: str = "0"
    tax_ids: list[str] = []
    read_at: str | None = None

    @classmethod
    def of(cls, overview: Overview) -> BillingAnswer:
        """The answer for a value."""
        account = overview.account
        answer = cls(
            plan=overview.organization.plan,
            state=BillingState(overview.organization.billing_state),
            may_try=overview.may_try,
        )
        if account is None:
            return answer
        facts = account.facts
        answer.credit, answer.tax_ids, answer.read_at = (
            dollars(facts.balance_cents),
            list(facts.tax_ids),
            at(account.read_at_ms),
        )
        if facts.card is not None:
            card = facts.card
            answer.card = CardAnswer(
                brand=card.brand, last4=card.last4, expires=f"{card.expires_year}-{card.expires_month:02d}"
            )
        if facts.debts:
            first, dates = facts.debts[0], deadlines(facts.debts[0])
            answer.debt = DebtAnswer(
                dollars=dollars(sum(debt.cents for debt in facts.debts)),
                since=at(first.since_ms),
                read_only_at=at(dates[BillingState.READ_ONLY]),
                suspended_at=at(dates[BillingState.SUSPENDED]),
                pay_at=first.url,
            )
        subscription = facts.subscription
        if subscription is not None:
            answer.period_ends_at = at(subscription.period_ends_ms)
            trial, cancels = subscription.trial_ends_ms, subscription.cancels_at_ms
            answer.trial_ends_at = at(trial) if trial and account.state is BillingState.TRIALING else None
            answer.cancels_at = at(cancels) if cancels else None
            answer.next_plan = subscription.plan if subscription.plan != account.plan else None
        return answer


class InvoiceLineAnswer(BaseModel):
    """Where there is a unit's price, `quantity` times it is the amount, rounded to cents."""

    description: str
    quantity: int | None
    unit_dollars: str | None
    dollars: str

    @classmethod
    def of(cls, line: InvoiceLine) -> InvoiceLineAnswer:
        """The answer for a value."""
        unit = line.unit_cents
        return cls(
            description=line.description,
            quantity=line.quantity,
            unit_dollars=None if unit is None else f"{(unit / 100).normalize() + 0:f}",
            dollars=dollars(line.cents),
        )


class InvoiceAnswer(BaseModel):
    """`due` is what remains of the total after credit; `status` is Stripe's."""

    id: str
    number: str | None
    status: str
    created_at: str
    period_starts_at: str
    period_ends_at: str
    total: str
    due: str
    paid: str
    url: str | None
    pdf: str | None
    lines: list[InvoiceLineAnswer]

    @classmethod
    def of(cls, invoice: Invoice) -> InvoiceAnswer:
        """The answer for a value."""
        return cls(
            id=invoice.id,
            number=invoice.number,
            status=invoice.status,
            created_at=at(invoice.created_at_ms),
            period_starts_at=at(invoice.period_starts_ms),
            period_ends_at=at(invoice.period_ends_ms),
            total=dollars(invoice.total_cents),
            due=dollars(invoice.due_cents),
            paid=dollars(invoice.paid_cents),
            url=invoice.url,
            pdf=invoice.pdf,
            lines=[InvoiceLineAnswer.of(line) for line in invoice.lines],
        )


class QuoteAnswer(BaseModel):
    """What would be charged now."""

    total: str | None = None
    due: str | None = None
    lines: list[InvoiceLineAnswer] = []

    @classmethod
    def of(cls, invoice: Invoice | None) -> QuoteAnswer:
        """The answer for a value."""
        if invoice is None:
            return cls()
        return cls(
            total=dollars(invoice.total_cents),
            due=dollars(invoice.due_cents),
            lines=[InvoiceLineAnswer.of(line) for line in invoice.lines],
        )


def dollars(cents: int) -> str:
    """As an exact decimal."""
    return f"{(Decimal(cents) / 100).normalize() + 0:f}"
