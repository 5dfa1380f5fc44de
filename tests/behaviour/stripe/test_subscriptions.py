"""The life of a subscription on local/stripe: to the second and to the cent."""

from __future__ import annotations

from decimal import Decimal

import pytest
import stripe

from tests.behaviour.stripe.conftest import JANUARY, Catalogue, subscribe
from tests.stripe_server import StripeServer

DAY = 86_400
FEBRUARY = JANUARY + 31 * DAY


def _amounts(invoice: stripe.Invoice) -> list[int]:
    return [line.amount for line in invoice.lines.data]


def test_a_month_is_paid_in_advance_and_usage_behind(server: StripeServer, catalogue: Catalogue) -> None:
    """The renewal has next month's price and last month's units, late ones included while it is a draft."""
    ada = subscribe(server, catalogue.pro, catalogue.units)
    assert [(each.total, each.status) for each in ada.invoices()] == [(9_900, "paid")]
    for identifier, at, value in (
        ("first", JANUARY, "999999"),
        ("late", FEBRUARY - 1, "1"),
        ("next", FEBRUARY, "5"),
    ):
        ada.go_on(seconds=max(at - server.client.test_helpers.test_clocks.retrieve(ada.clock).frozen_time, 1))
        server.client.billing.meter_events.create(
            {
                "event_name": catalogue.event_name,
                "identifier": f"{ada.customer}:{identifier}",
                "payload": {"stripe_customer_id": ada.customer, "value": value},
                "timestamp": at,
            }
        )
    draft = ada.invoices()[0]
    assert (draft.status, draft.billing_reason) == ("draft", "subscription_cycle")
    ada.go_on(seconds=3601)
    renewal = ada.invoices()[0]
    # A million units at 0.0012 cents.
    assert sorted(_amounts(renewal)) == [1_200, 9_900]
    assert (renewal.id, renewal.status, renewal.amount_paid) == (draft.id, "paid", 11_100)


@pytest.mark.parametrize(("old", "new"), [("pro", "business"), ("business", "pro")])
@pytest.mark.parametrize("seconds", [1, 15 * DAY + 43_200, 31 * DAY - 3600])
def test_a_change_is_prorated_to_the_second(
    server: StripeServer, catalogue: Catalogue, old: str, new: str, seconds: int
) -> None:
    """In both directions: what is left of the old price is given back, what is left at the new one is charged."""
    prices = {"pro": (catalogue.pro, 9_900), "business": (catalogue.business, 49_900)}
    ada = subscribe(server, prices[old][0])
    ada.go_on(seconds=seconds)
    item = ada.state()["items"].data[0].id
    server.client.subscriptions.update(
        ada.subscription,
        {"items": [{"id": item, "price": prices[new][0]}], "proration_behavior": "always_invoice"},
    )
    left, whole = 31 * DAY - seconds, 31 * DAY
    credit, charge = (int(prices[name][1] * left / whole + 0.5) for name in (old, new))
    change = ada.invoices()[0]
    assert sorted(_amounts(change)) == sorted(each for each in (-credit, charge) if each)
    customer = server.client.customers.retrieve(ada.customer)
    due = charge - credit
    if due < 50:
        # Credit, and what is too little to charge, waits in the balance.
        assert (change.status, change.amount_due, customer.balance) == ("paid", 0, due)
    else:
        assert (change.status, change.amount_paid, customer.balance) == ("paid", due, 0)


def test_changes_that_wait_are_on_the_next_invoice(server: StripeServer, catalogue: Catalogue) -> None:
    """There and back within a period is worth nothing but its rounding, and is billed once."""
    ada = subscribe(server, catalogue.pro)
    for days, price in ((10, catalogue.business), (5, catalogue.pro)):
        ada.go_on(days=days)
        item = ada.state()["items"].data[0].id
        server.client.subscriptions.update(ada.subscription, {"items": [{"id": item, "price": price}]})
    preview = server.client.invoices.create_preview({"subscription": ada.subscription})
    ada.go_on(days=16, seconds=3601)
    renewal = ada.invoices()[0]
    # Twenty-one days of Pro back, the same of Business, then sixteen of each the other way, and February.
    assert _amounts(renewal) == [-6_706, 33_803, -25_755, 5_110, 9_900]
    assert (preview.total, renewal.total) == (16_352, 16_352)
    ada.go_on(days=28, seconds=3601)
    assert ada.invoices()[0].total == 9_900


def test_usage_of_a_metered_price_is_billed_where_it_is_removed(
    server: StripeServer, catalogue: Catalogue
) -> None:
    """At its own price, and not again at the end of the period."""
    ada = subscribe(server, catalogue.pro, catalogue.units)
    ada.go_on(days=3)
    server.client.billing.meter_events.create(
        {
            "event_name": catalogue.event_name,
            "payload": {"stripe_customer_id": ada.customer, "value": "2000000"},
            "timestamp": JANUARY + DAY,
        }
    )
    metered = next(each for each in ada.state()["items"].data if each.price.id == catalogue.units)
    server.client.subscriptions.update(
        ada.subscription,
        {"items": [{"id": metered.id, "deleted": True}], "proration_behavior": "always_invoice"},
    )
    assert _amounts(ada.invoices()[0]) == [2_400]
    ada.go_on(days=29)
    assert _amounts(ada.invoices()[0]) == [9_900]


def test_a_declined_renewal_is_tried_again_and_then_ends_it(
    server: StripeServer, catalogue: Catalogue
) -> None:
    """After 3, 5 and 7 days; it is past due meanwhile, and the customer is told to owe."""
    ada = subscribe(server, catalogue.pro, trial_period_days=7, card="pm_card_chargeCustomerFail")
    assert (ada.state().status, ada.invoices()[0].total) == ("trialing", 0)
    ada.go_on(days=8)
    assert ada.state().status == "past_due"
    assert server.client.customers.retrieve(ada.customer).delinquent
    tries = []
    for days in (3, 5, 7):
        invoice = ada.invoices()[0]
        tries.append((invoice.attempt_count, invoice.status))
        ada.go_on(days=days)
    assert tries == [(1, "open"), (2, "open"), (3, "open")]
    ended = ada.state()
    assert (ended.status, ended.cancellation_details.reason) == ("canceled", "payment_failed")  # type: ignore[union-attr]  # it is there
    told = [
        each for each in ada.events() if each.startswith(("invoice.payment_failed", "customer.subscription"))
    ]
    assert told == [
        "customer.subscription.created",
        "customer.subscription.trial_will_end",
        "customer.subscription.updated",  # active, with its first period
        "invoice.payment_failed",
        "customer.subscription.updated",  # past due
        *["invoice.payment_failed"] * 3,
        "customer.subscription.deleted",
    ]


def test_a_new_card_mends_what_is_past_due(server: StripeServer, catalogue: Catalogue) -> None:
    """The open invoice is paid by it, and nothing more is owed."""
    ada = subscribe(server, catalogue.pro, trial_period_days=7, card="pm_card_chargeCustomerFail")
    ada.go_on(days=8)
    method = server.client.payment_methods.attach("pm_card_mastercard", {"customer": ada.customer})
    server.client.customers.update(ada.customer, {"invoice_settings": {"default_payment_method": method.id}})
    paid = server.client.invoices.pay(ada.invoices()[0].id)
    assert (paid.status, ada.state().status) == ("paid", "active")
    assert not server.client.customers.retrieve(ada.customer).delinquent


def test_a_declined_payment_is_an_error_that_happened(server: StripeServer, catalogue: Catalogue) -> None:
    """The SDK raises its own exception, and the attempt is counted."""
    ada = subscribe(server, catalogue.pro, trial_period_days=7, card="pm_card_chargeCustomerFail")
    ada.go_on(days=8)
    invoice = ada.invoices()[0]
    with pytest.raises(stripe.CardError) as declined:
        server.client.invoices.pay(invoice.id)
    assert declined.value.error is not None
    assert (declined.value.code, declined.value.error.decline_code) == ("card_declined", "generic_decline")
    assert server.client.invoices.retrieve(invoice.id).attempt_count == 2


def test_a_first_payment_that_is_declined_leaves_it_incomplete(
    server: StripeServer, catalogue: Catalogue
) -> None:
    """And a day later it is over, its invoice void; asked to, it is not made at all."""
    ada = subscribe(server, catalogue.pro, card="pm_card_chargeCustomerFail")
    assert ada.state().status == "incomplete"
    ada.go_on(seconds=DAY)
    assert (ada.state().status, ada.invoices()[0].status) == ("incomplete_expired", "void")
    with pytest.raises(stripe.CardError):
        subscribe(
            server, catalogue.pro, card="pm_card_chargeCustomerFail", payment_behavior="error_if_incomplete"
        )


def test_it_ends_with_its_period(server: StripeServer, catalogue: Catalogue) -> None:
    """Usage of the last month is still billed, and the plan is not."""
    ada = subscribe(server, catalogue.pro, catalogue.units)
    ada.go_on(days=1)
    server.client.billing.meter_events.create(
        {
            "event_name": catalogue.event_name,
            "payload": {"stripe_customer_id": ada.customer, "value": "1000000"},
        }
    )
    leaving = server.client.subscriptions.update(ada.subscription, {"cancel_at_period_end": True})
    assert (leaving.cancel_at, leaving.status) == (FEBRUARY, "active")
    ada.go_on(days=31)
    assert ada.state().status == "canceled"
    assert (_amounts(ada.invoices()[0]), ada.invoices()[0].status) == ([1_200], "paid")
    assert ada.events().count("customer.subscription.deleted") == 1


def test_a_cancellation_can_be_called_off(server: StripeServer, catalogue: Catalogue) -> None:
    """And the period after it is paid as any."""
    ada = subscribe(server, catalogue.pro)
    server.client.subscriptions.update(ada.subscription, {"cancel_at_period_end": True})
    going_on = server.client.subscriptions.update(ada.subscription, {"cancel_at_period_end": False})
    assert (going_on.cancel_at, going_on.canceled_at) == (None, None)
    ada.go_on(days=32)
    assert (ada.state().status, len(ada.invoices())) == ("active", 2)


def test_credit_is_taken_off_invoices_until_it_is_used_up(server: StripeServer, catalogue: Catalogue) -> None:
    """Each use is a transaction that says which invoice."""
    ada = subscribe(server, catalogue.pro)
    server.client.customers.balance_transactions.create(
        ada.customer, {"amount": -15_000, "currency": "usd", "description": "referral"}
    )
    ada.go_on(days=32)
    ada.go_on(days=29)
    march, february, _ = ada.invoices()
    assert [(each.total, each.amount_due, each.ending_balance) for each in (february, march)] == [
        (9_900, 0, -5_100),
        (9_900, 4_800, 0),
    ]
    moved = server.client.customers.balance_transactions.list(ada.customer).data
    assert [(each.amount, each.invoice) for each in reversed(moved)] == [
        (-15_000, None),
        (9_900, february.id),
        (5_100, march.id),
    ]


def test_a_coupon_takes_its_part_for_as_long_as_it_says(server: StripeServer, catalogue: Catalogue) -> None:
    """Once is for one invoice, and the shares of its lines add up to the cent."""
    coupon = server.client.coupons.create({"percent_off": 33.3, "duration": "once"})
    ada = subscribe(server, catalogue.pro, catalogue.business, discounts=[{"coupon": coupon.id}])
    first = ada.invoices()[0]
    assert first.total == 59_800 - 19_913
    shares = [each.discount_amounts[0].amount for each in first.lines.data]  # type: ignore[index]  # each has one
    assert sum(shares) == 19_913
    ada.go_on(days=32)
    assert ada.invoices()[0].total == 59_800


def test_credit_for_a_discounted_period_is_what_was_paid(server: StripeServer, catalogue: Catalogue) -> None:
    """Whoever paid half gets half back."""
    coupon = server.client.coupons.create({"percent_off": 50, "duration": "once"})
    ada = subscribe(server, catalogue.business, discounts=[{"coupon": coupon.id}])
    ada.go_on(seconds=31 * DAY // 2)
    item = ada.state()["items"].data[0].id
    server.client.subscriptions.update(
        ada.subscription,
        {"items": [{"id": item, "price": catalogue.pro}], "proration_behavior": "always_invoice"},
    )
    assert _amounts(ada.invoices()[0]) == [-12_475, 4_950]
    assert server.client.customers.retrieve(ada.customer).balance == -7_525


def test_a_card_that_expires_is_declined_when_its_month_is_over(
    server: StripeServer, catalogue: Catalogue
) -> None:
    """There is no event before: whoever wants to know reads the card."""
    client = server.client
    clock = client.test_helpers.test_clocks.create({"frozen_time": JANUARY})
    customer = client.customers.create({"test_clock": clock.id})
    card = client.payment_methods.create(
        {
            "type": "card",
            "card": {"number": "4242424242424242", "exp_month": 1, "exp_year": 2026, "cvc": "123"},
        }
    )
    client.payment_methods.attach(card.id, {"customer": customer.id})
    subscription = client.subscriptions.create(
        {"customer": customer.id, "default_payment_method": card.id, "items": [{"price": catalogue.pro}]}
    )
    assert subscription.status == "active"
    client.test_helpers.test_clocks.advance(clock.id, {"frozen_time": FEBRUARY + 4_000})
    (intent,) = [
        each
        for each in client.payment_intents.list({"customer": customer.id}).data
        if each.status != "succeeded"
    ]
    assert intent.last_payment_error.code == "expired_card"  # type: ignore[union-attr]  # it failed


def test_time_that_goes_by_itself_renews_as_well(catalogue: Catalogue, server: StripeServer) -> None:
    """Customers on no test clock live by the server's own time."""
    client = server.client
    customer = client.customers.create({"payment_method": "pm_card_visa"})
    (method,) = client.customers.payment_methods.list(customer.id).data
    subscription = client.subscriptions.create(
        {"customer": customer.id, "default_payment_method": method.id, "items": [{"price": catalogue.pro}]}
    )
    server.advance(32 * DAY)
    found = client.invoices.list({"subscription": subscription.id}).data
    assert [(each.status, each.total) for each in found] == [("paid", 9_900)] * 2


def test_what_is_charged_beside_the_prices_waits_for_the_next_invoice(
    server: StripeServer, catalogue: Catalogue
) -> None:
    """Once, by quantity and price of each."""
    ada = subscribe(server, catalogue.pro)
    item = server.client.invoice_items.create(
        {
            "customer": ada.customer,
            "currency": "usd",
            "quantity": 1_000_001,
            "unit_amount_decimal": Decimal("0.0012"),
            "description": "late units",
        }
    )
    assert [
        each.id for each in server.client.invoice_items.list({"pending": True, "customer": ada.customer}).data
    ] == [item.id]
    ada.go_on(days=32)
    ada.go_on(days=29)
    assert [_amounts(each) for each in ada.invoices()] == [[9_900], [1_200, 9_900], [9_900]]
    assert server.client.invoice_items.retrieve(item.id).invoice == ada.invoices()[1].id


def test_what_an_ended_subscription_gives_back_is_taken_off_the_next(
    server: StripeServer, catalogue: Catalogue
) -> None:
    """Prorated without an invoice, the credit waits for one of the same customer."""
    ada = subscribe(server, catalogue.business)
    ada.go_on(seconds=31 * DAY // 2)
    server.client.subscriptions.cancel(ada.subscription, {"prorate": True, "invoice_now": False})
    assert ada.state().status == "canceled"
    again = server.client.subscriptions.create(
        {"customer": ada.customer, "items": [{"price": catalogue.pro}]}
    )
    (first,) = server.client.invoices.list({"subscription": again.id}).data
    assert _amounts(first) == [-24_950, 9_900]
    assert server.client.customers.retrieve(ada.customer).balance == 9_900 - 24_950


def test_a_first_period_that_ends_at_an_anchor_is_a_part_of_one(
    server: StripeServer, catalogue: Catalogue
) -> None:
    """So that all periods begin with a month; usage is counted from the beginning."""
    at = JANUARY + 20 * DAY
    ada = subscribe(server, catalogue.pro, catalogue.units, at=at, billing_cycle_anchor=FEBRUARY)
    assert _amounts(ada.invoices()[0]) == [3_513]
    ada.go_on(days=12)
    assert sorted(_amounts(ada.invoices()[0])) == [0, 9_900]
    assert ada.state()["items"].data[0].current_period_end == FEBRUARY + 28 * DAY
