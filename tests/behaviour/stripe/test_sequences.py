"""Whatever is done to a subscription, each second and each unit is billed exactly once."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction
from typing import Any

import pytest

from tests.behaviour.stripe.conftest import JANUARY, Catalogue, subscribe
from tests.stripe_server import StripeServer

_STEPS = 8
_SECONDS_MAX = 9 * 86_400


@pytest.mark.parametrize("seed", range(4))
def test_every_second_and_every_unit_is_billed_once(
    server: StripeServer, catalogue: Catalogue, seed: int
) -> None:
    """Up and down, at once and later, with usage in between, over the ends of months, until it ends with its period."""
    chance = random.Random(seed)
    client = server.client
    cents = {catalogue.pro: 9_900, catalogue.business: 49_900}
    ada = subscribe(server, catalogue.pro, catalogue.units)
    (item,) = [each.id for each in ada.state()["items"].data if each.price.id == catalogue.pro]
    price, since, used, now = catalogue.pro, JANUARY, 0, JANUARY
    value = Fraction(0)  # of the time that went by, in cents
    for step in range(_STEPS):
        seconds = chance.randrange(1, _SECONDS_MAX)
        ada.go_on(seconds=seconds)
        now += seconds
        if chance.random() < 0.5:
            units = chance.randrange(1, 3_000_000)
            payload = {"stripe_customer_id": ada.customer, "value": str(units)}
            said: Any = {
                "event_name": catalogue.event_name,
                "payload": payload,
                "identifier": f"{item}:{step}",
            }
            client.billing.meter_events.create(said)
            used += units
        if chance.random() < 0.7:
            value += _value(cents[price], since, now)
            price, since = chance.choice(list(cents)), now
            behaviour = chance.choice(["create_prorations", "always_invoice"])
            change: Any = {"items": [{"id": item, "price": price}], "proration_behavior": behaviour}
            client.subscriptions.update(ada.subscription, change)
    end = client.subscriptions.update(ada.subscription, {"cancel_at_period_end": True}).cancel_at
    assert end is not None
    value += _value(cents[price], since, end)
    ada.go_on(seconds=end - now + 7_200)
    invoices = client.invoices.list({"customer": ada.customer, "limit": 100}).data
    lines = [line for each in invoices for line in client.invoices.line_items.list(each.id).data]
    metered = [line for line in lines if line.pricing.price_details.price == catalogue.units]  # type: ignore[union-attr]  # each has one
    assert sum(line.quantity or 0 for line in metered) == used, f"seed {seed}"
    flat = [line.amount for line in lines if line not in metered]
    # Each line is rounded to the cent by itself.
    assert abs(sum(flat) - value) <= Fraction(len(flat), 2), f"seed {seed}"
    assert {each.status for each in invoices} == {"paid"}
    balance = client.customers.retrieve(ada.customer).balance
    assert balance is not None
    assert sum(each.amount_paid for each in invoices) + balance == sum(each.total for each in invoices)
    moved = client.customers.balance_transactions.list(ada.customer, {"limit": 100}).data
    assert sum(each.amount for each in moved) == balance


def _value(cents: int, start: int, end: int) -> Fraction:
    """Of a price a month for these seconds, month by month: January to June 2026 begin at these."""
    months = [JANUARY + days * 86_400 for days in (0, 31, 59, 90, 120, 151, 181)]
    return sum(
        (
            Fraction(cents * max(min(end, right) - max(start, left), 0), right - left)
            for left, right in itertools.pairwise(months)
        ),
        Fraction(0),
    )
