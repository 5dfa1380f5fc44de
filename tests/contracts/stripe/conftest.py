"""What the platform relies on of Stripe, asked of local/stripe, and of a test account where there is one.

`STRIPE_TEST_SECRET_KEY=sk_test_…` names it. What these tests make there stays: products, prices and a meter each time;
the rest is on test clocks, which are deleted. Without it each test is skipped once, so that the report says what was
asked of local/stripe only.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

import pytest
import stripe
from stripe._v1_services import V1Services

from tests.stripe_server import stripe_server

JANUARY = 1_767_225_600  # 2026-01-01T00:00:00Z
KEY = "STRIPE_TEST_SECRET_KEY"
_Found = TypeVar("_Found")


@dataclass(slots=True)
class Account:
    """`patience` is for how many seconds something may take to be seen; Stripe does much of it later."""

    client: V1Services
    patience: float
    now: int
    clocks: list[str] = field(default_factory=list)

    def eventually(self, look: Callable[[], _Found], good: Callable[[_Found], bool]) -> _Found:
        """What is seen once it is as it should be, or at last."""
        deadline = time.monotonic() + self.patience
        while True:
            found = look()
            if good(found) or time.monotonic() >= deadline:
                return found
            time.sleep(2)

    def clock(self) -> str:
        """A test clock that stands at `now`."""
        made = self.client.test_helpers.test_clocks.create({"frozen_time": self.now}).id
        self.clocks.append(made)
        return made

    def go_on(self, clock: str, moment: int) -> None:
        """Advance it, and wait until all is done."""
        self.client.test_helpers.test_clocks.advance(clock, {"frozen_time": moment})
        done = self.eventually(
            lambda: self.client.test_helpers.test_clocks.retrieve(clock),
            lambda found: found.status == "ready",
        )
        assert done.status == "ready"

    def customer(self, clock: str, card: str = "pm_card_visa") -> str:
        """Who pays by that test card."""
        made = self.client.customers.create({"email": "contract@example.com", "test_clock": clock})
        method = self.client.payment_methods.attach(card, {"customer": made.id})
        self.client.customers.update(made.id, {"invoice_settings": {"default_payment_method": method.id}})
        return made.id


@pytest.fixture(scope="module", params=["local/stripe", "a test account"])
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    """Both, as far as there are both."""
    if request.param == "local/stripe":
        with stripe_server(now=JANUARY) as server:
            yield Account(server.client, 0, JANUARY)
        return
    key = os.environ.get(KEY, "")
    if not key.startswith("sk_test_"):
        pytest.skip(f"{KEY} names no test account: this was asked of local/stripe only, never of Stripe")
    client = stripe.StripeClient(key).v1
    there = Account(client, 180, int(time.time()))
    yield there
    for clock in there.clocks:
        client.test_helpers.test_clocks.delete(clock)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Ids of prices; `units` is by the meter."""

    pro: str
    business: str
    units: str
    meter: str
    event_name: str


@pytest.fixture(scope="module")
def catalogue(account: Account) -> Catalogue:
    """Two plans in whole dollars, and units at 0.0012 cents."""
    mark = uuid.uuid4().hex[:12]
    client = account.client
    meter = client.billing.meters.create(
        {
            "display_name": f"Contract {mark}",
            "event_name": f"contract_{mark}",
            "default_aggregation": {"formula": "sum"},
            "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
            "value_settings": {"event_payload_key": "value"},
        }
    )
    product = client.products.create({"name": f"Contract {mark}"}).id
    pro, business = (
        client.prices.create(
            {
                "product": product,
                "currency": "usd",
                "unit_amount": cents,
                "recurring": {"interval": "month"},
                "lookup_key": f"contract_{mark}_{cents}",
            }
        ).id
        for cents in (9_900, 49_900)
    )
    units = client.prices.create(
        {
            "product": product,
            "currency": "usd",
            "unit_amount_decimal": Decimal("0.0012"),
            "recurring": {"interval": "month", "usage_type": "metered", "meter": meter.id},
        }
    )
    return Catalogue(pro, business, units.id, meter.id, meter.event_name)
