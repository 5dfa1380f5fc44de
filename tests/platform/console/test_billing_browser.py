"""The billing page as an owner uses it, with a Stripe of this machine: subscribe, change, cancel, pay what is owed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from local.stripe.app import LocalStripe
from local.stripe.world import Settings
from tests.http_server import serving
from tests.platform.console.conftest import Person

KEY, SECRET = "sk_test_of_a_browser", "whsec_of_a_browser"


@pytest.fixture(scope="module")
def stripe() -> Iterator[tuple[LocalStripe, str]]:
    """A server, and where it is."""
    server = LocalStripe(secret_key=KEY, settings=Settings(after_retries="past_due"))
    with serving(server) as url:
        server.at(url)
        yield server, url


@pytest.fixture(scope="module")
def served(
    stripe: tuple[LocalStripe, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The platform beside it."""
    server, url = stripe
    directory = tmp_path_factory.mktemp("billing")
    secrets = {
        "QUARTZDB_STRIPE_SECRET_KEY": KEY,
        "QUARTZDB_STRIPE_WEBHOOK_SECRET": SECRET,
        "QUARTZDB_STRIPE_API_URL": url,
    }
    environment = {**os.environ, **secrets}
    quartzdb = [sys.executable, "-m", "quartzdb.cli", "platform"]
    sync = [*quartzdb, "billing", "sync", "--url", "http://localhost:1", "--json"]
    made = subprocess.run(sync, env=environment, capture_output=True, text=True, check=True)
    assert len(json.loads(made.stdout)["changed"]) == 14
    command = [*quartzdb, "serve", "--data-dir", str(directory / "data"), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        found = json.loads(process.stdout.readline())
        server.send_to(f"{found['url']}/platform/webhooks/stripe", SECRET)
        yield found
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def fill_card(page: Page, number: str = "4242424242424242") -> None:
    page.fill("#card_number", number)
    page.fill("#exp_month", "12")
    page.fill("#exp_year", "2040")
    page.fill("#cvc", "123")


def test_an_owner_subscribes_changes_and_cancels(ada: Person, stripe: tuple[LocalStripe, str]) -> None:
    """Cards are typed at Stripe alone; each page is accessible, and says what holds and what comes."""
    page = ada.page
    ada.expected.append(stripe[1])
    ada.sign_in()
    page.click("text=Create both, and a key")
    ada.go("/home")
    page.click("nav >> text=Billing")
    expect(page.locator("main")).to_contain_text("There is none.")
    ada.check()
    page.click("text=Subscribe to Pro")
    page.wait_for_url(f"{stripe[1]}/**")
    fill_card(page)
    page.click("button:has-text('Subscribe')")
    page.wait_for_url("**/billing?done=1")

    ada.until(lambda: "Pro is paid until" in (page.text_content("main") or ""))
    expect(page.locator("main")).to_contain_text("ends in 4242")
    expect(page.locator("tbody >> nth=1")).to_contain_text("paid")
    ada.check()
    page.screenshot(path=str(ada.outbox.parent / "billing.png"), full_page=True)
    page.click("text=Change to Business now")
    expect(page.locator("main")).to_contain_text("Business is paid until")
    expect(page.locator("tbody >> nth=1").locator("tr")).to_have_count(2)
    page.click("text=Change to Pro when the month ends")
    expect(page.locator("main")).to_contain_text("the plan Pro follows.")
    page.click("text=Stay with Business")
    expect(page.locator("main")).not_to_contain_text("follows.")
    page.click("summary:has-text('Cancel the subscription')")
    ada.check()
    page.click("button:has-text('Cancel it')")
    expect(page.locator("main")).to_contain_text("It ends on")
    ada.check()
    page.click("text=Go on after all")
    expect(page.locator("main")).to_contain_text("Business is paid until")
    page.click("text=Cards, addresses, tax ids, receipts")
    page.wait_for_url(f"{stripe[1]}/**")


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1280, "light")])
def test_the_page_is_accessible_small_and_fits(ada: Person, width: int, scheme: str) -> None:
    """Like every page."""
    page = ada.page
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900})
    ada.sign_in()
    if page.locator("text=Create both, and a key").count():
        page.click("text=Create both, and a key")
    ada.go("/home")
    page.click("nav >> text=Billing")
    expect(page.locator("h1")).to_have_text("Billing")
    ada.check()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
