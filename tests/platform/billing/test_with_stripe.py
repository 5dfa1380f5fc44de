"""The adapter over the official SDK, and billing as a whole, against a Stripe of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import requests

from local.stripe.app import LocalStripe
from local.stripe.control import Control
from local.stripe.deliveries import Deliveries
from local.stripe.world import Settings
from quartzdb_platform.adapters.stripe_calls import stripe_client
from quartzdb_platform.adapters.stripe_payments import StripePayments
from quartzdb_platform.billing.account import account_document, account_of
from quartzdb_platform.domain.calendar import start_ms
from quartzdb_platform.domain.catalogue import catalogue_of
from quartzdb_platform.metering.counters import Counters
from quartzdb_platform.payments import LateUsage, Payments, UsageEvent
from tests.http_server import serving
from tests.manual_clock import ManualClock
from tests.platform.billing.stripe_site import CARD, DECLINED, FAILS_LATER, StripeSite
from tests.platform.billing.till import SECRET
from tests.platform.conftest import Site
from tests.platform.plan_words import plan_of, prices

KEY = "sk_test_of_these_tests"
DAY_S = 86_400


@pytest.fixture
def stripe(clock: ManualClock) -> Iterator[tuple[LocalStripe, str]]:
    """A server, and where it is."""
    server = LocalStripe(
        secret_key=KEY, seed=1, clock=lambda: clock.seconds, settings=Settings(after_retries="past_due")
    )
    server.control = Control(server.world, Deliveries(server.world.store, lambda: clock.seconds))
    server.control.deliveries.held = True
    with serving(server) as url:
        server.at(url)
        yield server, url


@pytest.fixture
def payments(stripe: tuple[LocalStripe, str]) -> Iterator[Payments]:
    with requests.Session() as session:
        made = StripePayments(stripe_client(KEY, stripe[1], session))
        made.publish(catalogue(), "https://console.example.com/platform")
        yield made


@pytest.fixture
def shop(site: Site, stripe: tuple[LocalStripe, str]) -> Iterator[StripeSite]:
    server, url = stripe
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    project = owner.must("POST", f"/organizations/{organization}/projects", {"name": "p"})["id"]
    with serving(site.http.app) as here:
        server.send_to(f"{here}/platform/webhooks/stripe", SECRET)
        yield StripeSite(site, server, url, owner, organization, project)


def catalogue() -> Any:
    return catalogue_of([plan_of(name) for name in ("free", "pro", "business")], prices())


def test_publishing_again_changes_nothing_and_a_price_is_followed_by_another(
    payments: StripePayments,
) -> None:
    """The lookup key moves to it; the old one is sold no more."""
    back = "https://console.example.com/platform"
    assert payments.publish(catalogue(), back) == []
    dearer = catalogue_of([replace(plan_of("pro"), month_micro_dollars=120_000_000)], prices())
    (done,) = payments.publish(dearer, back)
    assert done.startswith("price quartzdb_pro_month: 12000 cents, in place of price_")
    assert payments.publish(dearer, back) == []


def test_what_is_made_is_made_once(payments: StripePayments, clock: ManualClock) -> None:
    """Customers, credits and usage, however often they are asked for."""
    customer = payments.create_customer("org_1", "Mine", "a@example.com")
    assert payments.create_customer("org_1", "Mine", "a@example.com") == customer
    assert payments.customers(None, 10) == [(customer, "org_1")]
    assert payments.customers(customer, 10) == []
    assert [payments.credit(customer, "crd_1", 1_000, "Credit: referral") for _ in range(2)] == [True, False]
    facts = payments.facts(customer)
    assert facts is not None
    assert (facts.organization_id, facts.balance_cents, facts.subscription) == ("org_1", 1_000, None)
    now = clock.unix_ms()
    for _ in range(2):
        payments.report(UsageEvent("prj:read_units:h", customer, "read_units", 7, now))
    assert payments.reported(customer, "read_units", now - now % 60_000, now - now % 60_000 + 60_000) == 7
    assert payments.facts("cus_nobody") is None


def test_late_usage_is_a_line_of_the_next_invoice(shop: StripeSite) -> None:
    """Units times the price of their month, once."""
    shop.subscribe()
    for _ in range(2):
        shop.desk.payments.bill_late(
            LateUsage("prj:h", shop.customer, "2023-10", "read unit", 1_234_567, Decimal("0.0012"))
        )
    shop.later(start_ms("2023-12") / 1_000 - shop.site.clock.seconds + 2 * 3_600)
    december = shop.owner.must("GET", f"{shop.path}/invoices")[0]
    (line,) = (one for one in december["lines"] if one["description"].startswith("Of 2023-10"))
    assert (line["quantity"], line["unit_dollars"], line["dollars"]) == (1_234_567, "0.000012", "14.81")


def test_a_life_at_stripe(shop: StripeSite) -> None:
    """From the checkout to the end of the month in which it was cancelled."""
    shop.subscribe(tax_id_type="eu_vat", tax_id_value="DE123456789", name="Analytical GmbH")
    found = shop.state()
    assert (found["plan"], found["state"], found["card"]["last4"]) == ("pro", "active", "4242")
    assert (found["period_ends_at"], found["tax_ids"]) == ("2023-12-01T00:00:00.000Z", ["DE123456789"])
    (first,) = shop.owner.must("GET", f"{shop.path}/invoices")
    assert first["status"] == "paid"
    # The rest of November, to the second.
    left = start_ms("2023-12") / 1_000 - shop.site.clock.seconds
    assert abs(Decimal(first["total"]) - Decimal(99 * left / (30 * DAY_S))) < Decimal("0.02")
    quoted = shop.owner.must("GET", f"{shop.path}/quote?plan=business")
    shop.owner.must("PUT", f"{shop.path}/plan", {"plan": "business"})
    shop.deliver()
    newest = shop.owner.must("GET", f"{shop.path}/invoices")[0]
    assert (newest["total"], newest["status"], shop.state()["plan"]) == (quoted["total"], "paid", "business")
    smaller = shop.owner.must("PUT", f"{shop.path}/plan", {"plan": "pro"})
    assert (smaller["plan"], smaller["next_plan"]) == ("business", "pro")
    shop.later(left + 2 * 3_600)
    assert (shop.state()["plan"], shop.state()["next_plan"]) == ("pro", None)
    december = shop.fresh().must("GET", f"{shop.path}/invoices")[0]
    assert (december["total"], december["status"]) == ("99", "paid")
    shop.owner.must("POST", f"{shop.path}/cancel")
    assert shop.state()["cancels_at"] == "2024-01-01T00:00:00.000Z"
    shop.later(31 * DAY_S)
    assert (shop.state()["plan"], shop.state()["state"]) == ("free", "none")


def test_a_card_that_fails_is_dunned_and_paid_by_another(shop: StripeSite) -> None:
    """Stripe tries again and gives up; the steps are ours. Another card in the portal, and the invoice's page, pay."""
    shop.subscribe(trial=True, card_number=FAILS_LATER)
    assert shop.state()["state"] == "trialing"
    shop.later((start_ms("2023-12") / 1_000 - shop.site.clock.seconds) + 2 * 3_600)
    assert shop.state()["state"] == "past_due"
    for days, state in ((4, "grace"), (7, "read_only"), (14, "suspended")):
        shop.later(days * DAY_S)
        assert shop.state()["state"] == state
    debt = shop.fresh().must("GET", shop.path)["debt"]
    assert debt["dollars"] == "99"
    another = {**CARD, "exp_year": "2031"}
    status, _ = shop.fill_in(debt["pay_at"], do="pay", **another)
    assert status in {200, 303}
    shop.deliver()
    shop.later(60)
    assert (shop.state()["state"], shop.state()["debt"]) == ("active", None)


def test_a_declined_card_subscribes_to_nothing(shop: StripeSite) -> None:
    """Nothing is told, and nothing changes."""
    url = shop.owner.must("POST", f"{shop.path}/checkout", {"plan": "pro"})["url"]
    status, page = shop.fill_in(
        url, do="pay", card_number=DECLINED, exp_month="1", exp_year="2030", cvc="123"
    )
    assert (status, "declined" in page) == (402, True), page
    shop.deliver()
    assert (shop.state()["plan"], shop.state()["state"]) == ("free", "none")


def test_any_order_of_webhooks_ends_the_same(shop: StripeSite) -> None:
    """Reversed, shuffled, twice, and all of them again days later."""
    shop.subscribe()
    shop.owner.must("PUT", f"{shop.path}/plan", {"plan": "business"})
    shop.owner.must("POST", f"{shop.path}/cancel")
    shop.deliver(order="reversed", times=2)
    shop.later(60)
    before = kept(shop)
    shop.later(4 * DAY_S)
    for seed in range(2):
        shop.deliver(order="shuffled", again=True, seed=seed)
        shop.later(61)
    assert kept(shop) == before


def test_stripe_down_is_no_trouble(shop: StripeSite) -> None:
    """What is asked of it is refused with a reason; what it told is done when it is there again."""
    shop.subscribe()
    shop.owner.must("POST", f"{shop.path}/cancel")
    shop.control("POST", "/down", {"requests": -1})
    refused = shop.owner.ask("POST", f"{shop.path}/resume")
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert shop.state()["state"] == "cancelling"
    shop.control("POST", "/down", {"requests": 0})
    shop.owner.must("POST", f"{shop.path}/resume")
    assert shop.state()["state"] == "active"


def kept(shop: StripeSite) -> Any:
    """All that is kept, but for when it was read."""
    document = account_document(shop.site.table, shop.organization)
    assert document is not None
    account = account_of(document)
    return account.facts, account.state, account.plan


def test_an_invoice_is_what_the_usage_api_says(shop: StripeSite) -> None:
    """A month of usage beyond the plan, Stripe down for hours at its end: each line to the cent, units times price."""
    shop.subscribe()
    shop.later(start_ms("2023-12") / 1_000 - shop.site.clock.seconds + 2 * 3_600)
    whole = plan_of("pro").included
    for number, days in enumerate((3, 9, 18)):
        use(shop, whole.read_units // 2 + 12_345 * number, whole.write_units // 2 + 777_777)
        shop.later(days * DAY_S)
    shop.site.clock.seconds = start_ms("2024-01") / 1_000 - 1_800
    use(shop, 1_000_001, 1)
    shop.control("POST", "/down", {"requests": -1})
    shop.site.clock.seconds += 1_800 + 300
    shop.site.platform.upkeep.run_due()
    usage = shop.fresh().must("GET", f"/organizations/{shop.organization}/usage")
    assert usage["month"]["month"] == "2024-01"
    shop.control("POST", "/down", {"requests": 0})
    shop.later(600)
    shop.later(2 * 3_600)
    invoice = shop.fresh().must("GET", f"{shop.path}/invoices")[0]
    assert (invoice["status"], invoice["period_ends_at"]) == ("paid", "2024-01-01T00:00:00.000Z")
    shop.later(4 * DAY_S)
    shop.later(2 * 3_600)  # a month is closed an hour after it was seen to be over
    statement = shop.fresh().must("GET", f"/organizations/{shop.organization}/statements")[0]
    assert statement["month"] == "2023-12"
    billed = {line["description"].split(" × ")[1].split(" beyond")[0]: line for line in invoice["lines"]}
    for name, line in zip(("Each read unit", "Each write unit"), statement["lines"], strict=False):
        found = billed[name]
        assert found["quantity"] == line["beyond"] > 0
        exact = found["quantity"] * Decimal(found["unit_dollars"])
        assert abs(exact - Decimal(found["dollars"])) <= Decimal("0.005")
        assert abs(Decimal(line["cost_usd"]) - Decimal(found["dollars"])) <= Decimal("0.005")


def use(shop: StripeSite, reads: int, writes: int) -> None:
    at = shop.site.clock.unix_ms()
    line = {"v": 1, "tenant": shop.project, "at": at, "key": "aaaaaaaaaaaa", "namespace": "books",
            "op": "query_vectors", "status": 200, "ms": 2.0, "read_units": reads, "write_units": writes}  # fmt: skip
    Counters(shop.site.table, shop.site.clock).apply(f"batch-{at}", [json.dumps(line)], "test")
