"""What the platform relies on. Each test runs against local/stripe and against a test account, where one is named."""

from __future__ import annotations

import json
import time

import pytest
import stripe

from tests.contracts.stripe.conftest import Account, Catalogue

DAY = 86_400


def _lines(account: Account, invoice: str) -> list[int]:
    return sorted(line.amount for line in account.client.invoices.line_items.list(invoice).data)


def _newest(account: Account, subscription: str) -> stripe.Invoice:
    return account.client.invoices.list({"subscription": subscription, "limit": 1}).data[0]


def test_prices_are_found_by_their_lookup_keys(account: Account, catalogue: Catalogue) -> None:
    """And have exact decimals of a cent."""
    key = account.client.prices.retrieve(catalogue.pro).lookup_key
    assert key is not None
    (found,) = account.client.prices.list({"lookup_keys": [key], "active": True}).data
    assert (found.id, found.unit_amount) == (catalogue.pro, 9_900)
    units = account.client.prices.retrieve(catalogue.units)
    assert (units.unit_amount, str(units.unit_amount_decimal)) == (None, "0.0012")
    assert units.recurring is not None
    assert (units.recurring.usage_type, units.recurring.meter) == ("metered", catalogue.meter)


def test_a_request_that_is_repeated_is_done_once(account: Account) -> None:
    """By its key; the same key with something else is an error."""
    clock = account.clock()
    key = f"contract-{clock}"
    first = account.client.customers.create({"test_clock": clock, "name": "a"}, {"idempotency_key": key})
    again = account.client.customers.create({"test_clock": clock, "name": "a"}, {"idempotency_key": key})
    assert first.id == again.id
    with pytest.raises(stripe.IdempotencyError):
        account.client.customers.create({"test_clock": clock, "name": "b"}, {"idempotency_key": key})


def test_an_unknown_parameter_is_refused_by_name(account: Account) -> None:
    """With its name and a code."""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        account.client.customers.create({"emial": "a@example.com"})  # type: ignore[arg-type]  # that is the point
    assert (refused.value.param, refused.value.code) == ("emial", "parameter_unknown")
    with pytest.raises(stripe.InvalidRequestError) as missing:
        account.client.customers.retrieve("cus_none")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")


def test_a_meter_event_counts_once(account: Account, catalogue: Catalogue) -> None:
    """However often its identifier is sent; the second time is an error, or is taken and not counted."""
    customer = account.customer(account.clock())
    for _ in range(2):
        try:
            account.client.billing.meter_events.create(
                {
                    "event_name": catalogue.event_name,
                    "identifier": f"{customer}:read_units:2026-01-01T00",
                    "timestamp": account.now,
                    "payload": {"stripe_customer_id": customer, "value": "7"},
                }
            )
        except stripe.InvalidRequestError as known:
            assert "already exists with identifier" in str(known)  # noqa: PT017  (Stripe may do either)
    start = account.now // DAY * DAY
    summaries = account.eventually(
        lambda: (
            account.client.billing.meters.event_summaries.list(
                catalogue.meter, {"customer": customer, "start_time": start, "end_time": start + 2 * DAY}
            ).data
        ),
        lambda found: bool(found) and found[0].aggregated_value > 0,
    )
    assert [each.aggregated_value for each in summaries] == [7]


def test_checkout_gives_an_address_to_go_to(account: Account, catalogue: Catalogue) -> None:
    """Of a session that is open and has what was asked for."""
    customer = account.customer(account.clock())
    session = account.client.checkout.sessions.create(
        {
            "mode": "subscription",
            "customer": customer,
            "client_reference_id": "org_contract",
            "line_items": [{"price": catalogue.pro, "quantity": 1}, {"price": catalogue.units}],
            "success_url": "https://example.com/ok?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://example.com/",
            "allow_promotion_codes": True,
            "tax_id_collection": {"enabled": True},
            "customer_update": {"name": "auto", "address": "auto"},
            "subscription_data": {"metadata": {"organization": "org_contract"}, "trial_period_days": 14},
        }
    )
    assert (session.status, session.mode, session.customer) == ("open", "subscription", customer)
    assert str(session.url).startswith("http")
    items = account.client.checkout.sessions.line_items.list(session.id).data
    assert {each.price.id for each in items if each.price is not None} == {catalogue.pro, catalogue.units}
    assert account.client.checkout.sessions.expire(session.id).status == "expired"


def test_two_months_with_usage_and_a_declined_card(account: Account, catalogue: Catalogue) -> None:
    """Usage is on the invoice of its month's end; a declined renewal is past due, and a new card mends it."""
    client = account.client
    clock = account.clock()
    customer = account.customer(clock)
    subscription = client.subscriptions.create(
        {"customer": customer, "items": [{"price": catalogue.pro}, {"price": catalogue.units}]}
    )
    assert subscription.status == "active"
    assert _lines(account, str(subscription.latest_invoice)) == [9_900]
    client.billing.meter_events.create(
        {
            "event_name": catalogue.event_name,
            "identifier": f"{customer}:first",
            "timestamp": account.now + 1,
            "payload": {"stripe_customer_id": customer, "value": "1000000"},
        }
    )
    end = subscription["items"].data[0].current_period_end
    account.go_on(clock, end + 2 * 3_600)
    renewal = account.eventually(
        lambda: _newest(account, subscription.id), lambda found: found.status == "paid"
    )
    assert (renewal.status, renewal.billing_reason) == ("paid", "subscription_cycle")
    assert (_lines(account, renewal.id), renewal.total) == ([1_200, 9_900], 11_100)
    assert renewal.period_end == end

    declined = client.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    client.customers.update(customer, {"invoice_settings": {"default_payment_method": declined.id}})
    end = client.subscriptions.retrieve(subscription.id)["items"].data[0].current_period_end
    account.go_on(clock, end + 2 * 3_600)
    due = account.eventually(
        lambda: client.subscriptions.retrieve(subscription.id), lambda found: found.status == "past_due"
    )
    assert due.status == "past_due"
    unpaid = _newest(account, subscription.id)
    assert (unpaid.status, unpaid.attempt_count) == ("open", 1)
    assert unpaid.next_payment_attempt is not None
    with pytest.raises(stripe.CardError) as refused:
        client.invoices.pay(unpaid.id)
    assert refused.value.code == "card_declined"

    good = client.payment_methods.attach("pm_card_visa", {"customer": customer})
    client.customers.update(customer, {"invoice_settings": {"default_payment_method": good.id}})
    assert client.invoices.pay(unpaid.id).status == "paid"
    assert client.subscriptions.retrieve(subscription.id).status == "active"


def test_an_upgrade_is_charged_at_once_and_a_downgrade_is_credit(
    account: Account, catalogue: Catalogue
) -> None:
    """To the second: half a period of each."""
    client = account.client
    clock = account.clock()
    customer = account.customer(clock)
    subscription = client.subscriptions.create({"customer": customer, "items": [{"price": catalogue.pro}]})
    item = subscription["items"].data[0]
    half = (item.current_period_end - item.current_period_start) // 2
    account.go_on(clock, item.current_period_start + half)
    for price in (catalogue.business, catalogue.pro):
        client.subscriptions.update(
            subscription.id,
            {"items": [{"id": item.id, "price": price}], "proration_behavior": "always_invoice"},
        )
    down, up, _ = client.invoices.list({"subscription": subscription.id}).data
    assert (_lines(account, up.id), up.total, up.status) == ([-4_950, 24_950], 20_000, "paid")
    assert (_lines(account, down.id), down.total, down.amount_due) == ([-24_950, 4_950], -20_000, 0)
    assert client.customers.retrieve(customer).balance == -20_000


def test_credit_is_taken_off_the_next_invoice(account: Account, catalogue: Catalogue) -> None:
    """As a balance transaction, and an invoice preview says so before."""
    client = account.client
    customer = account.customer(account.clock())
    client.customers.balance_transactions.create(customer, {"amount": -2_500, "currency": "usd"})
    subscription = client.subscriptions.create({"customer": customer, "items": [{"price": catalogue.pro}]})
    invoice = client.invoices.retrieve(str(subscription.latest_invoice))
    assert (invoice.total, invoice.amount_due, invoice.ending_balance) == (9_900, 7_400, 0)
    preview = client.invoices.create_preview({"subscription": subscription.id})
    assert (preview.total, preview.amount_due) == (9_900, 9_900)


def test_it_ends_with_its_period_when_that_is_asked_for(account: Account, catalogue: Catalogue) -> None:
    """And is told once."""
    client = account.client
    clock = account.clock()
    customer = account.customer(clock)
    subscription = client.subscriptions.create({"customer": customer, "items": [{"price": catalogue.pro}]})
    leaving = client.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    end = leaving["items"].data[0].current_period_end
    assert (leaving.status, leaving.cancel_at_period_end, leaving.cancel_at) == ("active", True, end)
    account.go_on(clock, end + 3_600)
    ended = account.eventually(
        lambda: client.subscriptions.retrieve(subscription.id), lambda found: found.status == "canceled"
    )
    assert ended.status == "canceled"
    told = account.eventually(
        lambda: [
            each
            for each in client.events.list({"type": "customer.subscription.deleted", "limit": 100}).data
            if each.data.object["id"] == subscription.id
        ],
        bool,
    )
    assert len(told) == 1


def test_the_portal_gives_an_address_to_go_to(account: Account) -> None:
    """By a configuration of one's own."""
    customer = account.customer(account.clock())
    configuration = account.client.billing_portal.configurations.create(
        {
            "default_return_url": "https://example.com/",
            "features": {
                "customer_update": {
                    "enabled": True,
                    "allowed_updates": ["name", "email", "address", "tax_id"],
                },
                "invoice_history": {"enabled": True},
                "payment_method_update": {"enabled": True},
                "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
            },
        }
    )
    session = account.client.billing_portal.sessions.create(
        {"customer": customer, "configuration": configuration.id, "return_url": "https://example.com/back"}
    )
    assert (session.customer, session.return_url) == (customer, "https://example.com/back")
    assert session.url.startswith("http")


def test_tax_ids_are_kept(account: Account) -> None:
    """And are refused where they cannot be one."""
    customer = account.customer(account.clock())
    account.client.customers.tax_ids.create(customer, {"type": "eu_vat", "value": "DE123456789"})
    found = account.client.customers.tax_ids.list(customer).data
    assert [(each.type, each.value) for each in found] == [("eu_vat", "DE123456789")]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        account.client.customers.tax_ids.create(customer, {"type": "eu_vat", "value": "nonsense"})
    assert refused.value.code == "tax_id_invalid"


def test_what_happened_is_listed(account: Account) -> None:
    """The newest first, by type, and one by its id."""
    customer = account.customer(account.clock())
    listed = account.eventually(
        lambda: [
            each
            for each in account.client.events.list({"type": "customer.created", "limit": 100}).data
            if each.data.object["id"] == customer
        ],
        bool,
    )
    (event,) = listed
    assert account.client.events.retrieve(event.id).type == "customer.created"


def test_signatures_are_those_that_the_sdk_verifies() -> None:
    """Of local/stripe only: what Stripe sends itself needs an address that it can reach."""
    from local.stripe.signature import header

    body = json.dumps({"id": "evt_1", "object": "event", "type": "customer.created"}).encode()
    signed = header(body, "whsec_contract", int(time.time()))
    assert stripe.Webhook.construct_event(body, signed, "whsec_contract").type == "customer.created"
