"""The adapter over the official SDK, and billing as a whole, against a Stripe of this machine."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from local.stripe.app import LocalStripe
from local.stripe.control import Control
from local.stripe.deliveries import Deliveries
from local.stripe.world import Settings
from quartzdb_platform.accounts.store import organization_of
from quartzdb_platform.adapters.stripe_calls import stripe_client
from quartzdb_platform.adapters.stripe_payments import StripePayments
from quartzdb_platform.billing.account import account_document, account_of
from quartzdb_platform.domain.calendar import start_ms
from quartzdb_platform.domain.catalogue import catalogue_of
from quartzdb_platform.domain.plan import Plans
from quartzdb_platform.metering.counters import Counters
from quartzdb_platform.payments import LateUsage, Payments, UsageEvent
from quartzdb_platform.plans.plan_file import load_plans, parse_plans
from tests.http_server import serving
from tests.manual_clock import ManualClock
from tests.platform.billing.stripe_site import CARD, DECLINED, FAILS_LATER, StripeSite
from tests.platform.billing.till import SECRET
from tests.platform.conftest import Site
from tests.platform.plan_words import MONTH, plan_of
from tests.platform.test_price_versions import DECEMBER, SOLD

KEY = "sk_test_of_these_tests"
BACK = "https://console.example.com/platform"
CHANGED = parse_plans(SOLD + DECEMBER)
"""From December on a read costs twice as much, and Pro $109 with fewer reads."""
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
def plans(request: pytest.FixtureRequest) -> Plans:
    """As they are sold, or as a test says."""
    found: Plans = getattr(request, "param", load_plans())
    return found


@pytest.fixture
def payments(stripe: tuple[LocalStripe, str], plans: Plans) -> Iterator[Payments]:
    with requests.Session() as session:
        made = StripePayments(stripe_client(KEY, stripe[1], session))
        made.publish(catalogue_of(plans, "2023-11"), BACK)
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


def test_publishing_again_changes_nothing_and_a_price_is_followed_by_another(
    payments: StripePayments,
) -> None:
    """One of another version has a key of its own; one that is corrected takes the key, and the old one is sold no
    more.
    """
    assert payments.publish(catalogue_of(load_plans(), MONTH), BACK) == []
    done = payments.publish(catalogue_of(CHANGED, "2023-11"), BACK)
    assert [one.split(":")[0] for one in done if "2023-12" in one] == [
        "price quartzdb_pro_month_2023-12",
        "price quartzdb_pro_read_units_2023-12",
        "price quartzdb_business_read_units_2023-12",
    ]
    assert payments.publish(catalogue_of(CHANGED, "2023-11"), BACK) == []
    dearer = parse_plans((SOLD + DECEMBER).replace("109_000_000", "120_000_000"))
    (done_then,) = payments.publish(catalogue_of(dearer, "2023-11"), BACK)
    assert done_then.startswith("price quartzdb_pro_month_2023-12: 12000 cents, in place of price_")
    assert payments.publish(catalogue_of(dearer, "2023-11"), BACK) == []


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


def until(shop: StripeSite, month: str, hours: float = 0) -> None:
    shop.later(start_ms(month) / 1_000 + hours * 3_600 - shop.site.clock.seconds)


def lines_of(shop: StripeSite, invoice: int = 0) -> list[tuple[str, int | None, str]]:
    found = shop.fresh().must("GET", f"{shop.path}/invoices")[invoice]
    return [
        (one["description"], one["quantity"], one["dollars"])
        for one in found["lines"]
        if one["dollars"] != "0"
    ]


@pytest.mark.parametrize("plans", [CHANGED], indirect=True)
def test_a_subscription_has_the_prices_of_each_month(shop: StripeSite, plans: Plans) -> None:
    """The month before is billed by what it began with, the next by what is new; the statements say the same."""
    shop.subscribe()
    old, new = (plans.of("pro", month).included for month in ("2023-11", "2023-12"))
    use(shop, old.read_units + 1_000_000, 0)
    until(shop, "2023-12", -48)
    assert [one["action"] for one in audited(shop)].count("billing.price") == 1
    until(shop, "2023-12", -1)
    use(shop, 7, 0)
    until(shop, "2023-12", 0.2)
    use(shop, new.read_units + 500_000, 0)
    until(shop, "2023-12", 3)
    until(shop, "2023-12", 30)
    assert lines_of(shop)[0][2] == "109"
    (reads,) = (one for one in lines_of(shop) if "read unit" in one[0])
    assert "$0.000012" in reads[0]
    until(shop, "2024-01", 3)
    until(shop, "2024-01", 30)
    (flat, reads) = lines_of(shop)
    assert (flat[2], reads[1:]) == ("109", (500_000, "12"))
    assert "$0.000024" in reads[0]
    shop.later(4 * DAY_S)
    shop.later(2 * 3_600)
    december, november = shop.fresh().must("GET", f"/organizations/{shop.organization}/statements")
    assert (december["sum"]["plan_usd"], december["lines"][0]["cost_usd"]) == ("109", "12")
    assert november["lines"][0]["price_usd"] == "12"
    assert [one["target"] for one in audited(shop) if one["action"] == "billing.price"] == [
        "quartzdb_pro_read_units_2023-12",
        "quartzdb_pro_month_2023-12",
    ]


@pytest.mark.parametrize("plans", [CHANGED], indirect=True)
def test_who_was_not_moved_in_time_pays_the_same(shop: StripeSite) -> None:
    """Nothing ran over the end of the month: what its first day charged is corrected on the next invoice, and usage has
    waited.
    """
    shop.subscribe()
    shop.site.clock.seconds = start_ms("2023-12") / 1_000 + DAY_S
    use(shop, 1_500_000, 0)
    shop.later(60)
    shop.later(3_600)
    assert lines_of(shop)[0][2] == "99"
    until(shop, "2024-01", 3)
    assert sorted(line[2] for line in lines_of(shop)) == sorted(["109", "-99", "109", "12"])


@pytest.mark.parametrize("plans", [CHANGED], indirect=True)
def test_changing_the_plan_in_the_last_days_is_at_the_prices_of_both_months(shop: StripeSite) -> None:
    """This month's for what is left of it, the next one's after it; a smaller plan that follows is called off at no
    cost.
    """
    shop.subscribe()
    shop.fresh().must("PUT", f"{shop.path}/plan", {"plan": "business"})
    shop.deliver()
    shop.owner.must("PUT", f"{shop.path}/plan", {"plan": "pro"})
    shop.owner.must("PUT", f"{shop.path}/plan", {"plan": "business"})
    shop.owner.must("PUT", f"{shop.path}/plan", {"plan": "pro"})
    shop.later(600)
    assert len(shop.fresh().must("GET", f"{shop.path}/invoices")) == 2
    until(shop, "2023-12", -24)
    shop.fresh().must("PUT", f"{shop.path}/plan", {"plan": "business"})
    shop.deliver()
    shop.later(600)
    shop.fresh().must("PUT", f"{shop.path}/plan", {"plan": "pro"})
    until(shop, "2023-12", 3)
    assert shop.state()["plan"] == "pro"
    assert [line[2] for line in lines_of(shop)] == ["109"]
    assert len(shop.fresh().must("GET", f"{shop.path}/invoices")) == 3


@pytest.mark.parametrize("seed", [1, 2])
def test_page_statement_and_invoices_say_the_same_of_a_month_with_any_changes(
    shop: StripeSite, seed: int
) -> None:
    """To the cent, although what Stripe does is heard of minutes later, after the month too: of the plan and of
    usage.
    """
    chosen = random.Random(seed)
    shop.site.clock.seconds += chosen.randrange(20 * DAY_S)
    url = shop.fresh().must("POST", f"{shop.path}/checkout", {"plan": "pro"})["url"]
    assert shop.fill_in(url, do="pay", **CARD)[0] == 303
    shop.site.clock.seconds += chosen.randrange(3_000)
    shop.deliver()
    plan = "pro"
    for _ in range(5):
        shop.site.clock.seconds += chosen.randrange(DAY_S) + chosen.random()
        use(shop, chosen.randrange(30_000_000), chosen.randrange(3_000_000))
        shop.later(3_600)
        other = {"pro": "business", "business": "pro"}[plan]
        answer = shop.fresh().ask("PUT", f"{shop.path}/plan", {"plan": other, "when": "now"})
        if answer.status_code == 200:  # else more was used than what is left includes
            plan = other
        shop.site.clock.seconds += chosen.randrange(1_000)
        shop.deliver()
    shop.fresh().must("POST", f"{shop.path}/cancel")
    page = shop.owner.must("GET", f"/organizations/{shop.organization}/usage")["month"]
    shop.site.clock.seconds = start_ms("2023-12") / 1_000 + 1_700
    for _ in range(3):
        shop.later(3_600)
    shop.later(3 * DAY_S)
    shop.later(2 * 3_600)
    (statement,) = shop.fresh().must("GET", f"/organizations/{shop.organization}/statements")
    assert (statement["month"], statement["sum"]) == ("2023-11", page["sum"])
    every = [line for one in shop.owner.must("GET", f"{shop.path}/invoices") for line in one["lines"]]
    usage = [Decimal(line["dollars"]) for line in every if line["quantity"] is not None]
    assert sum(usage) == Decimal(statement["sum"]["beyond_usd"]) > 0
    prorated = sum(Decimal(line["dollars"]) for line in every if line["quantity"] is None)
    assert prorated == Decimal(statement["sum"]["plan_usd"]) > 0
    document = shop.site.platform.statements.present(organization_of(shop.site.table, shop.organization)[0])
    assert document.plan_micro_dollars == 0, "what ended with the month costs nothing after it"


def audited(shop: StripeSite) -> Any:
    return shop.fresh().must("GET", f"/organizations/{shop.organization}/audit?limit=100")
