"""What billing needs of whoever takes the money, as a Protocol. Money is whole cents, times are unix milliseconds.

Every method raises Unavailable where Stripe cannot be reached or is too busy, and PaymentDeclined where a card was.
What makes something is given a key of the request, and does it once however often it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from quartzdb_platform.domain.billing import CustomerFacts, Subscription
from quartzdb_platform.domain.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """A page on which a customer subscribes to prices, by their keys, the flat one first. `anchor_ms`: where whole
    months begin; `trial_ends_ms`: until when nothing is charged, None for no trial.
    """

    customer_id: str
    organization_id: str
    prices: tuple[str, ...]
    anchor_ms: int
    trial_ends_ms: int | None
    success_url: str
    cancel_url: str


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """`unit_cents` None: the line is no product of a quantity and a price, as a proration."""

    description: str
    quantity: int | None
    unit_cents: Decimal | None
    cents: int


@dataclass(frozen=True, slots=True)
class Invoice:
    """`url` shows it and has its receipt, `pdf` is the file. `period_*`: what it closes. `due_cents`: after the
    customer's balance.
    """

    id: str
    number: str | None
    status: str
    reason: str
    created_at_ms: int
    period_starts_ms: int
    period_ends_ms: int
    total_cents: int
    due_cents: int
    paid_cents: int
    url: str | None
    pdf: str | None
    lines: tuple[InvoiceLine, ...]


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """`quantity` units of a meter beyond what is included, at a time. The identifier is this event's alone."""

    identifier: str
    customer_id: str
    meter: str
    quantity: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class LateUsage:
    """Usage of a month whose invoice is made: a line of its own on the next one. `unit_cents`: what it cost then."""

    identifier: str
    customer_id: str
    month: str
    unit: str
    quantity: int
    unit_cents: Decimal


class Payments(Protocol):
    """Stripe, or one for this machine."""

    def publish(self, catalogue: Catalogue, return_url: str) -> Sequence[str]:
        """Have products, meters, prices and the portal be so; what was changed, in words. Again: nothing."""
        ...

    def create_customer(self, organization_id: str, name: str, email: str) -> str:
        """The id of a new customer, or of the one that was made for that organization before."""
        ...

    def customers(self, after: str | None, limit: int) -> Sequence[tuple[str, str | None]]:
        """Customers and the organizations they are for, beyond that one."""
        ...

    def facts(self, customer_id: str) -> CustomerFacts | None:
        """What is said of a customer now; None where there is none."""
        ...

    def checkout(self, request: CheckoutRequest) -> str:
        """The address of a page on which to subscribe."""
        ...

    def portal(self, customer_id: str, return_url: str) -> str:
        """The address of a page for cards, addresses, tax ids and invoices."""
        ...

    def change_now(self, subscription: Subscription, price: str, since_ms: int, *, charge_now: bool) -> None:
        """A plan's flat price, by its key, from that second on, the rest of the month prorated: charged at once, and
        refused where the card is; or credited on the next invoice.
        """
        ...

    def change_at_period_end(self, subscription: Subscription, price: str) -> None:
        """A plan's flat price, by its key, from the next month on; the present plan holds until then. One of the same
        plan calls it off.
        """
        ...

    def move_flat(self, subscription: Subscription, price: str, since_ms: int | None) -> None:
        """Another flat price of the same plan, by its key: from the next period on, or since a time within this one,
        with the difference on the next invoice.
        """
        ...

    def move_meters(self, subscription: Subscription, prices: Mapping[str, str], from_ms: int) -> None:
        """Other prices with a meter, the keys of the new by those of the old, of which nothing was counted in this
        period; usage counts by them from that time on.
        """
        ...

    def set_cancelling(self, subscription: Subscription, cancelling: bool) -> None:
        """Have it end with its period, or not."""
        ...

    def end(self, subscription_id: str) -> None:
        """End it now, what was paid for the rest credited."""
        ...

    def invoices(self, customer_id: str, limit: int, after: str | None = None) -> Sequence[Invoice]:
        """The newest first, beyond that one."""
        ...

    def preview(self, subscription: Subscription, price: str | None) -> Invoice:
        """The next invoice as it stands; with a plan's flat price, as it would be after changing to it now."""
        ...

    def credit(self, customer_id: str, credit_id: str, cents: int, why: str) -> bool:
        """Put a credit on the customer's balance, once; whether it was now."""
        ...

    def report(self, event: UsageEvent) -> None:
        """Send usage. An event that was sent within a day is known."""
        ...

    def reported(self, customer_id: str, meter: str, from_ms: int, until_ms: int) -> int:
        """How many units were counted of what was sent for a time of whole minutes."""
        ...

    def takes_usage(self, customer_id: str, month_ends_ms: int) -> bool:
        """Whether usage of a month that is over still comes to its invoice: there is none yet, or it is a draft."""
        ...

    def bill_late(self, usage: LateUsage) -> None:
        """Put it on the next invoice, once."""
        ...
