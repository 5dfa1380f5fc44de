"""The hosted pages in a real browser, as a customer uses them: axe-core finds nothing wrong with any."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.behaviour.stripe.conftest import Catalogue, subscribe
from tests.stripe_server import StripeServer

AXE = Path(__file__).parents[3] / "layers/platform/assets/node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("not installed: chromium")
    if not AXE.exists():
        pytest.skip("not installed: axe-core (needs npm)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, server: StripeServer) -> Iterator[Page]:
    """400 pixels wide. At the end nothing was logged as an error, and nothing was asked of anybody else."""
    said: list[str] = []
    context = browser.new_context(viewport={"width": 400, "height": 900})
    page = context.new_page()
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(server.url) else said.append(asked.url))
    yield page
    context.close()
    assert said == []


def _check(page: Page) -> None:
    found = page.evaluate(f"(() => {{ {AXE.read_text('utf-8')}; return axe.run(); }})()")
    assert [f"{each['id']}: {each['nodes'][0]['html']}" for each in found["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def _fill_card(page: Page, number: str) -> None:
    page.fill("#card_number", number)
    page.fill("#exp_month", "12")
    page.fill("#exp_year", "30")
    page.fill("#cvc", "123")


def test_somebody_subscribes_by_checkout(server: StripeServer, catalogue: Catalogue, page: Page) -> None:
    """A declined card and a wrong code are said on the page and change nothing; a code, a tax id and a good card do."""
    client = server.client
    coupon = client.coupons.create({"percent_off": 20, "duration": "forever"})
    client.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "FRIENDS"})
    session = client.checkout.sessions.create(
        {
            "mode": "subscription",
            "line_items": [{"price": catalogue.pro, "quantity": 1}, {"price": catalogue.units}],
            "success_url": f"{server.url}/c/pay/{{CHECKOUT_SESSION_ID}}",
            "cancel_url": f"{server.url}/c/pay/nowhere",
            "allow_promotion_codes": True,
            "tax_id_collection": {"enabled": True},
            "client_reference_id": "org_1",
        }
    )
    assert session.url is not None
    page.goto(session.url)
    _check(page)
    page.fill("#promotion_code", "ENEMIES")
    page.click("text=Apply")
    expect(page.get_by_role("alert")).to_contain_text("invalid")
    page.fill("#promotion_code", "friends")
    page.click("text=Apply")
    expect(page.locator("[data-total]")).to_have_text("$79.20")
    page.fill("#email", "ada@example.com")
    page.fill("#name", "Ada's Engines")
    page.select_option("#tax_id_type", "eu_vat")
    page.fill("#tax_id_value", "DE123456789")
    _fill_card(page, "4000 0000 0000 9995")
    page.click("button:has-text('Subscribe')")
    expect(page.get_by_role("alert")).to_contain_text("declined")
    _check(page)
    assert client.checkout.sessions.retrieve(session.id).status == "open"
    assert client.customers.list({"email": "ada@example.com"}).data == []
    _fill_card(page, "4242 4242 4242 4242")
    page.click("button:has-text('Subscribe')")
    expect(page.locator("h1")).to_have_text("You have subscribed")
    _check(page)
    done = client.checkout.sessions.retrieve(session.id, {"expand": ["subscription", "customer"]})
    assert (done.status, done.payment_status, done.amount_total) == ("complete", "paid", 7_920)
    assert done.subscription.status == "active"  # type: ignore[union-attr]  # it is expanded
    assert done.customer_details is not None
    assert [each.to_dict() for each in done.customer_details.tax_ids or ()] == [
        {"type": "eu_vat", "value": "DE123456789"}
    ]
    (told,) = client.events.list({"type": "checkout.session.completed", "limit": 1}).data
    assert told.data.object["client_reference_id"] == "org_1"


def test_a_trial_asks_for_a_card_and_charges_nothing(
    server: StripeServer, catalogue: Catalogue, page: Page
) -> None:
    """Of a customer who is known already."""
    client = server.client
    customer = client.customers.create({"email": "grace@example.com"})
    session = client.checkout.sessions.create(
        {
            "mode": "subscription",
            "customer": customer.id,
            "line_items": [{"price": catalogue.business, "quantity": 1}],
            "subscription_data": {"trial_period_days": 14, "metadata": {"organization": "org_2"}},
            "success_url": f"{server.url}/c/pay/{{CHECKOUT_SESSION_ID}}",
        }
    )
    page.goto(str(session.url))
    expect(page.locator("[data-total]")).to_have_text("$0.00")
    expect(page.locator("main")).to_contain_text("Free until 15 Jan 2026")
    page.click("text=Start trial")
    expect(page.get_by_role("alert")).to_contain_text("incomplete")
    _fill_card(page, "5555555555554444")
    page.click("text=Start trial")
    expect(page.locator("h1")).to_have_text("You have subscribed")
    (subscription,) = client.subscriptions.list({"customer": customer.id}).data
    assert (subscription.status, subscription.metadata.to_dict()) == ("trialing", {"organization": "org_2"})


def test_a_session_is_good_for_a_day(server: StripeServer, catalogue: Catalogue, page: Page) -> None:
    """Afterwards it has expired, and its page says so."""
    session = server.client.checkout.sessions.create(
        {
            "mode": "subscription",
            "line_items": [{"price": catalogue.pro, "quantity": 1}],
            "success_url": f"{server.url}/",
        }
    )
    server.client.checkout.sessions.expire(session.id)
    page.goto(str(session.url))
    expect(page.locator("h1")).to_have_text("This page is no longer good")
    _check(page)


def test_a_customer_helps_itself_on_the_portal(
    server: StripeServer, catalogue: Catalogue, page: Page
) -> None:
    """A new card, another plan, a name, an invoice, and cancelling and not."""
    client = server.client
    ada = subscribe(server, catalogue.pro)
    products = [
        {"product": str(client.prices.retrieve(price).product), "prices": [price]}
        for price in (catalogue.pro, catalogue.business)
    ]
    configuration = client.billing_portal.configurations.create(
        {
            "features": {
                "customer_update": {"enabled": True, "allowed_updates": ["name", "email", "tax_id"]},
                "invoice_history": {"enabled": True},
                "payment_method_update": {"enabled": True},
                "subscription_cancel": {
                    "enabled": True,
                    "mode": "at_period_end",
                    "cancellation_reason": {"enabled": True, "options": ["too_expensive", "other"]},
                },
                "subscription_update": {
                    "enabled": True,
                    "default_allowed_updates": ["price"],
                    "proration_behavior": "always_invoice",
                    "products": products,  # type: ignore[typeddict-item]  # made in two steps
                },
            }
        }
    )
    session = client.billing_portal.sessions.create(
        {"customer": ada.customer, "configuration": configuration.id, "return_url": f"{server.url}/back"}
    )
    page.goto(session.url)
    _check(page)
    _fill_card(page, "4000000000000002")
    page.click("text=Use this card")
    expect(page.get_by_role("alert")).to_contain_text("declined")
    _fill_card(page, "5555555555554444")
    page.click("text=Use this card")
    expect(page.locator("main")).to_contain_text("mastercard ending in 4444")
    page.check(f"#price-{catalogue.business}")
    page.click("text=Change plan")
    expect(page.get_by_role("status")).to_contain_text("changed")
    assert ada.state()["items"].data[0].price.id == catalogue.business
    assert ada.invoices()[0].amount_paid == 40_000
    page.fill("#name", "Ada's Engines")
    page.click("text=Save")
    assert client.customers.retrieve(ada.customer).name == "Ada's Engines"
    page.select_option("select[name=feedback]", "too_expensive")
    page.click("text=Cancel subscription")
    leaving = ada.state()
    assert leaving.cancel_at_period_end
    assert leaving.cancellation_details is not None
    assert leaving.cancellation_details.feedback == "too_expensive"
    _check(page)
    page.click("text=Don’t cancel after all")
    assert not ada.state().cancel_at_period_end
    page.click("tbody a >> nth=0")
    expect(page.locator("h1")).to_contain_text("Invoice")
    _check(page)
    page.click("text=As plain text")
    expect(page.locator("body")).to_contain_text("Receipt for invoice")


def test_a_plan_by_use_cannot_be_changed_on_the_portal(
    server: StripeServer, catalogue: Catalogue, page: Page
) -> None:
    """As with Stripe; and what a configuration does not offer is refused, too."""
    ada = subscribe(server, catalogue.pro, catalogue.units)
    configuration = server.client.billing_portal.configurations.create(
        {
            "features": {
                "subscription_update": {
                    "enabled": True,
                    "default_allowed_updates": ["price"],
                    "products": [
                        {
                            "product": str(server.client.prices.retrieve(catalogue.pro).product),
                            "prices": [catalogue.pro],
                        }
                    ],
                }
            }
        }
    )
    session = server.client.billing_portal.sessions.create(
        {"customer": ada.customer, "configuration": configuration.id}
    )
    page.goto(session.url)
    expect(page.locator("main")).to_contain_text("by use")
    assert page.locator("button").count() == 0
    answer = page.request.post(session.url, form={"do": "cancel", "subscription": ada.subscription})
    assert answer.status == 403
    assert ada.state().cancel_at is None


def test_an_open_invoice_is_paid_on_its_page(server: StripeServer, catalogue: Catalogue, page: Page) -> None:
    """And the subscription is well again."""
    ada = subscribe(server, catalogue.pro, card="pm_card_chargeCustomerFail", trial_period_days=7)
    ada.go_on(days=8)
    invoice = ada.invoices()[0]
    page.goto(str(invoice.hosted_invoice_url))
    _check(page)
    _fill_card(page, "4242424242424242")
    page.click("text=Pay $99.00")
    expect(page.locator("main")).to_contain_text("paid")
    assert (ada.invoices()[0].status, ada.state().status) == ("paid", "active")
