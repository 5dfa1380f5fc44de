"""One local/stripe for each module; tests keep apart by customers of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
import stripe

from tests.stripe_server import StripeServer, stripe_server

JANUARY = 1_767_225_600  # 2026-01-01T00:00:00Z


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Ids of prices, and the name of the meter's events."""

    pro: str
    business: str
    units: str
    event_name: str


@pytest.fixture(scope="module")
def server() -> Iterator[StripeServer]:
    """Its time is the beginning of 2026."""
    with stripe_server(now=JANUARY) as running:
        yield running


@pytest.fixture(scope="module")
def catalogue(server: StripeServer) -> Catalogue:
    """Two plans, and units at 0.0012 cents."""
    client = server.client
    meter = client.billing.meters.create(
        {"display_name": "Units", "event_name": "units", "default_aggregation": {"formula": "sum"}}
    )
    pro, business = (client.products.create({"name": name}).id for name in ("Pro", "Business"))
    prices = [
        client.prices.create(
            {"product": product, "currency": "usd", "unit_amount": cents, "recurring": {"interval": "month"}}
        ).id
        for product, cents in ((pro, 9_900), (business, 49_900))
    ]
    units = client.prices.create(
        {
            "product": pro,
            "currency": "usd",
            "unit_amount_decimal": Decimal("0.0012"),
            "recurring": {"interval": "month", "usage_type": "metered", "meter": meter.id},
        }
    )
    return Catalogue(prices[0], prices[1], units.id, "units")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Somebody on a test clock, who has subscribed."""

    server: StripeServer
    customer: str
    clock: str
    subscription: str

    def go_on(self, *, days: int = 0, seconds: int = 0) -> None:
        """Let the test clock go on."""
        clocks = self.server.client.test_helpers.test_clocks
        now = clocks.retrieve(self.clock).frozen_time
        clocks.advance(self.clock, {"frozen_time": now + days * 86_400 + seconds})

    def state(self) -> stripe.Subscription:
        """As it is now."""
        return self.server.client.subscriptions.retrieve(self.subscription)

    def invoices(self) -> list[stripe.Invoice]:
        """The newest first."""
        return self.server.client.invoices.list({"subscription": self.subscription}).data

    def events(self) -> list[str]:
        """Types, the oldest first, of this customer's things."""
        found = self.server.client.events.list({"limit": 100}).data
        own = [each for each in found if each.data.object.to_dict().get("customer") == self.customer]
        return [each.type for each in reversed(own)]


def subscribe(
    server: StripeServer, *prices: str, card: str = "pm_card_visa", at: int = JANUARY, **said: object
) -> Subscriber:
    """On a test clock of its own, at once."""
    client = server.client
    clock = client.test_helpers.test_clocks.create({"frozen_time": at})
    customer = client.customers.create(
        {
            "email": "ada@example.com",
            "test_clock": clock.id,
            "payment_method": card,
            "invoice_settings": {"default_payment_method": card},
        }
    )
    asked: Any = {"customer": customer.id, "items": [{"price": price} for price in prices], **said}
    subscription = client.subscriptions.create(asked)
    return Subscriber(server, customer.id, clock.id, subscription.id)
