"""One person's way through all of it, as they would go: from an address to the end of their organization.

Screenshots of each station are kept in the folder that QUARTZDB_JOURNEY names, or beside the test's other files.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, FilePayload, expect

from local.stripe.app import LocalStripe
from tests.http_server import serving
from tests.platform.console.conftest import LOADED, Person, person_of
from tests.platform.console.test_browser import PAGE_BYTES_MAX

FOLDER = "QUARTZDB_JOURNEY"
RECORDS = 1_000
KEY, SECRET = "sk_test_of_a_journey", "whsec_of_a_journey"
HERE = {"localhost", "127.0.0.1"}
PAGE_LOADED = (
    f"(() => {LOADED})()"
    ".filter(one => !one.name.includes('/v1/')).reduce((sum, one) => sum + one.encodedBodySize, 0)"
)


@pytest.fixture(scope="module")
def stripe() -> Iterator[tuple[LocalStripe, str]]:
    """A Stripe for one machine, and where it is."""
    server = LocalStripe(secret_key=KEY)
    with serving(server) as url:
        server.at(url)
        yield server, url


@pytest.fixture(scope="module")
def served(
    stripe: tuple[LocalStripe, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The platform beside it, its plans told to Stripe."""
    server, url = stripe
    directory = tmp_path_factory.mktemp("journey")
    environment = {
        **os.environ,
        "QUARTZDB_STRIPE_SECRET_KEY": KEY,
        "QUARTZDB_STRIPE_WEBHOOK_SECRET": SECRET,
        "QUARTZDB_STRIPE_API_URL": url,
    }
    quartzdb = [sys.executable, "-m", "quartzdb.cli", "platform"]
    sync = [*quartzdb, "billing", "sync", "--url", "http://localhost:1", "--json"]
    subprocess.run(sync, env=environment, stdout=subprocess.DEVNULL, check=True)
    command = [*quartzdb, "serve", "--data-dir", str(directory / "data"), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        found = json.loads(process.stdout.readline())
        server.send_to(f"{found['url']}/platform/webhooks/stripe", SECRET)
        yield found
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


class Album:
    """Screenshots of the way, numbered, and what each page weighed."""

    def __init__(self, person: Person, folder: Path) -> None:
        self._person, self._folder, self._number = person, folder, 0
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, name: str) -> None:
        """A screenshot of the page as it is; which is a page that axe-core finds nothing wrong with, and little."""
        self._number += 1
        page = self._person.page
        assert 0 < page.evaluate(PAGE_LOADED) <= PAGE_BYTES_MAX, name
        self._person.check()
        page.screenshot(path=self._folder / f"{self._number:02}-{name}.png", full_page=True)


def records() -> FilePayload:
    """A file as people have it."""
    lines = [
        json.dumps({"id": f"book-{n}", "vector": [n % 7, n % 11, 1], "metadata": {"year": 1900 + n % 120}})
        for n in range(RECORDS)
    ]
    return FilePayload(name="books.jsonl", mimeType="application/jsonl", buffer="\n".join(lines).encode())


def test_from_an_address_to_the_end(
    ada: Person, browser: Browser, served: dict[str, str], stripe: tuple[LocalStripe, str], tmp_path: Path
) -> None:
    """Sign up, passkey, project, import, query, team, limit, upgrade, invoice, downgrade, revoke, export, end."""
    album = Album(ada, Path(os.environ.get(FOLDER) or tmp_path / "journey"))
    page = ada.page
    hosts: set[str | None] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    ada.expected.append(f"asked elsewhere: {stripe[1]}")
    ada.authenticator()

    # Sign up by the mailed code.
    ada.go("/")
    album.keep("sign-in")
    ada.sign_in()
    album.keep("welcome")
    page.click("text=Create both, and a key")
    key = page.text_content("#key") or ""
    album.keep("key")
    page.click("text=On to your project")
    project = page.url.rpartition("/")[2]

    # A passkey, and in again with it.
    ada.go("/account")
    page.fill("#passkey-name", "laptop")
    page.click("text=Add a passkey")
    expect(page.locator("[aria-label='Name of the passkey laptop']")).to_have_count(1)
    album.keep("passkey")
    ada.sign_out()
    ada.go("/account")
    page.click("text=Sign in with a passkey")
    expect(page.locator("h1")).to_have_text("Your account")

    # A namespace, 1,000 records from a file, and a query.
    ada.go(f"/projects/{project}/data")
    page.fill("#name", "books")
    page.fill("#dimension", "3")
    page.click("text=Create namespace")
    expect(page.locator("dl")).to_contain_text("30 days")
    ada.go(f"/projects/{project}/data/books/transfer")
    # A file can be put into a form that nobody sees yet, before the page listens.
    expect(page.locator("#source")).to_be_visible()
    page.set_input_files("[name=file]", files=[records()])
    page.click("text=Read it")
    page.click("#begin")
    expect(page.locator("#progress")).to_contain_text("1,000 written, 0 refused", timeout=120_000)
    album.keep("import")
    ada.go(f"/projects/{project}/data/books/query")
    page.fill("#vector", "1, 2, 3")
    page.click("button:has-text('Search')")
    expect(page.locator("#answer tbody tr").first).to_contain_text("book-")
    album.keep("query")
    ada.go(f"/projects/{project}/overview")
    expect(page.locator("#requests")).not_to_have_text("0", timeout=60_000)
    album.keep("overview")

    # A second person.
    page.click(".where a >> nth=0")
    organization = page.url.rpartition("/")[2]
    page.click("nav >> text=Team")
    page.fill("#email", "bob@example.com")
    page.select_option("#role", "viewer")
    page.click("text=Send invitation")
    album.keep("team")
    invitation = max(ada.outbox.glob("*.eml"), key=lambda file: file.name).read_text()
    link = next(word for word in invitation.split() if "#invitation=" in word)
    bob = person_of(browser, served, "bob@example.com")
    bob.sign_in()
    bob.page.goto(link)
    bob.page.click("button:has-text('Accept')")
    expect(bob.page.locator("#outcome")).to_contain_text("viewer")
    bob.context.close()
    assert bob.wrong == []

    # A limit of the plan, and what is beyond it.
    ada.expected.append("status of 402")
    for name in ("second", "third", "fourth"):
        ada.go(f"/organizations/{organization}")
        page.fill("#name", name)
        page.click("text=Create project")
    expect(page.locator("[role=alert]")).to_contain_text("projects")
    album.keep("limit")
    page.click("nav >> text=Billing")
    page.click("text=Subscribe to Pro")
    page.wait_for_url(f"{stripe[1]}/**")
    for field, text in (
        ("card_number", "4242424242424242"), ("exp_month", "12"), ("exp_year", "2040"), ("cvc", "123")
    ):  # fmt: skip
        page.fill(f"#{field}", text)
    page.click("button:has-text('Subscribe')")
    page.wait_for_url("**/billing?done=1")
    ada.until(lambda: "Pro is paid until" in (page.text_content("main") or ""))
    expect(page.locator("tbody >> nth=1")).to_contain_text("paid")
    album.keep("invoice")
    ada.go(f"/organizations/{organization}")
    page.fill("#name", "fourth")
    page.click("text=Create project")
    expect(page.locator(".where")).to_contain_text("fourth")

    # Down again, when the month ends.
    page.click(".where a >> nth=0")
    page.click("nav >> text=Billing")
    page.click("summary:has-text('Cancel the subscription')")
    page.click("button:has-text('Cancel it')")
    expect(page.locator("main")).to_contain_text("It ends on")
    album.keep("downgrade")

    # The key ends, and everything is taken along.
    ada.go(f"/projects/{project}")
    page.locator("tbody tr >> nth=0").locator("summary").click()
    page.click("text=Revoke it now")
    expect(page.locator("tbody tr")).to_have_count(0)
    answer = httpx.get(f"{ada.url}/v1/namespaces", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 401
    album.keep("revoked")
    ada.go(f"/organizations/{organization}/settings")
    with page.expect_download() as download:
        page.click("#export")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        taken = b"".join(archive.read(name) for name in archive.namelist() if "books" in name)
        assert taken.count(b"book-") == RECORDS
    expect(page.locator("#export-progress")).to_contain_text("the archive is whole")
    page.fill("#confirm", "My organization")
    page.click("text=Delete in thirty days")
    expect(page.locator("[role=alert]")).to_contain_text("Everything in it is deleted on")
    album.keep("end")
    assert hosts <= HERE
