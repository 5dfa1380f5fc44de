"""The console as a person uses it, in a real browser: nothing comes from elsewhere, nothing is logged as an error, and
every page is one that axe-core finds nothing wrong with.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from quartzdb_platform.api.app import create_app
from quartzdb_platform.console.app import add_console
from tests.http_server import serving
from tests.platform.conftest import Site
from tests.platform.console.conftest import BYTES_LOADED, Person, person_of
from tests.rust_programs import missing, run_rust

PAGE_BYTES_MAX = 150_000
"""What a page and all it loads may have, as sent."""


def start(person: Person) -> str:
    """Sign up, and have an organization, a project and a key: its text."""
    person.sign_in()
    person.page.click("text=Create both, and a key")
    key = person.page.text_content("#key")
    assert key is not None
    return key


def test_from_an_address_to_a_first_request(ada: Person) -> None:
    """The page says when the key was first used, without being loaded again."""
    ada.go("/")
    ada.check()
    ada.page.fill("#email", ada.email)
    ada.page.click("text=Send me a code")
    ada.check()
    ada.page.fill("#code", ada.code())
    ada.page.click("button:has-text('Sign in')")
    ada.check()
    ada.page.click("text=Create both, and a key")
    ada.check()
    expect(ada.page.locator(".tick")).to_have_text("Waiting for your first request…")
    key = ada.page.text_content("#key")
    httpx.get(f"{ada.url}/v1/namespaces", headers={"Authorization": f"Bearer {key}"}).raise_for_status()
    expect(ada.page.locator(".tick.done")).to_contain_text("First request received", timeout=30_000)


def test_the_programs_on_the_page_run(ada: Person) -> None:
    """As they are printed, where their language is installed."""
    start(ada)
    runs = {
        "curl": ["bash", "-c"],
        "Python": [sys.executable, "-c"],
        "JavaScript": ["node", "--input-type=module", "-e"],
    }
    for number, (name, command) in enumerate(runs.items(), 1):
        if shutil.which(command[0]) is None:
            continue
        program = ada.page.text_content(f"#snippet-{number}")
        assert program is not None
        ran = subprocess.run([*command, program], capture_output=True, text=True, timeout=60, check=True)
        assert "matches" in ran.stdout, name


@pytest.mark.skipif(missing() is not None, reason=missing() or "")
def test_the_program_in_rust_is_compiled_and_runs(ada: Person, tmp_path: Path) -> None:
    """As it is printed."""
    start(ada)
    program = ada.page.text_content("#snippet-4")
    assert program is not None
    answer = json.loads(run_rust(program, tmp_path))
    assert [one["id"] for one in answer["matches"]] == ["first"]


def test_a_key_is_shown_once_and_revoked(ada: Person) -> None:
    """Afterwards it is refused."""
    start(ada)
    page = ada.page
    page.click("text=On to your project")
    page.fill("#name", "worker")
    page.click("text=Create key")
    key = page.text_content("#key")
    ada.check()
    page.click("text=I have it")
    expect(page.locator("tbody tr")).to_have_count(2)
    assert key is not None
    assert key not in page.content()
    row = page.locator("tr", has_text="worker")
    row.locator("summary").click()
    ada.check()
    row.locator("text=Revoke it now").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    answer = httpx.get(f"{ada.url}/v1/namespaces", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 401


def test_a_form_that_is_wrong_says_so_on_its_page(ada: Person) -> None:
    """And nothing was made."""
    start(ada)
    ada.page.click("text=On to your project")
    for scope in ("read", "write"):
        ada.page.uncheck(f"[value={scope}]")
    ada.expected.append("status of 400")
    ada.page.fill("#name", "nothing")
    ada.page.click("text=Create key")
    expect(ada.page.locator("[role=alert]")).to_contain_text("at least one scope")
    expect(ada.page.locator("tbody tr")).to_have_count(1)


def test_a_second_person_is_invited_and_leaves(ada: Person, browser: Browser, served: dict[str, str]) -> None:
    """What they may not do is not on their pages."""
    start(ada)
    ada.go("/home")
    page = ada.page
    page.click("nav >> text=Team")
    page.fill("#email", "bob@example.com")
    page.select_option("#role", "viewer")
    page.click("text=Send invitation")
    ada.check()
    invitation = max(ada.outbox.glob("*.eml"), key=lambda file: file.name).read_text()
    link = next(word for word in invitation.split() if "#invitation=" in word)
    bob = person_of(browser, served, "bob@example.com")
    bob.sign_in()
    bob.page.goto(link)
    bob.page.click("button:has-text('Accept')")
    expect(bob.page.locator("#outcome")).to_contain_text("viewer")
    bob.go("/home")
    expect(bob.page.locator("nav")).not_to_contain_text("Audit log")
    bob.page.click("nav >> text=Team")
    expect(bob.page.locator("text=Invite somebody")).to_have_count(0)
    page.reload()
    page.locator("tr", has_text="bob@example.com").locator("summary").click()
    page.locator("tr", has_text="bob@example.com").locator("text=Remove them now").click()
    bob.expected.append("status of 404")
    bob.page.reload()
    expect(bob.page.locator("h1")).to_have_text("That did not work")
    bob.context.close()
    assert bob.wrong == []


def test_usage_says_what_was_asked_and_what_it_costs(ada: Person) -> None:
    """The figures of requests just made, drawn and as a table, and the same as CSV; and of another time, why not."""
    key = start(ada)
    with httpx.Client(base_url=ada.url, headers={"Authorization": f"Bearer {key}"}) as http:
        http.post("/v1/namespaces", json={"name": "books", "dimension": 2}).raise_for_status()
        for _ in range(3):
            http.post("/v1/namespaces/books/query", json={"vector": [1, 2], "top_k": 1}).raise_for_status()
    ada.page.click("text=On to your project")
    ada.page.click("nav >> text=Usage")
    total = ada.page.locator("tfoot tr td").first

    def counted() -> bool:
        ada.page.reload()
        return total.count() == 1 and total.text_content() == "4"

    assert any(counted() for _ in range(200))
    ada.page.check("[value=operation]")
    ada.page.click("button:has-text('Show')")
    expect(ada.page.locator("tr", has_text="query_vectors").last).to_contain_text("$0.000036")
    expect(ada.page.locator(".chart canvas")).to_have_count(1)
    expect(ada.page.locator("section", has_text="Recommendations")).to_contain_text("nothing to save")
    ada.check()
    with ada.page.expect_download() as download:
        ada.page.click("text=Download CSV")
    assert "query_vectors,3," in download.value.path().read_text()
    ada.expected.append("status of 400")
    ada.page.fill("[name=from]", "2020-01-01")
    ada.page.fill("[name=to]", "2020-01-02")
    ada.page.click("button:has-text('Show')")
    expect(ada.page.locator("[role=alert]")).to_contain_text("usage is kept from")


def test_an_overview_follows_what_happens_and_moves_nothing(ada: Person) -> None:
    """Figures alone change: what has the focus keeps it, and everything stays where it is; held, they stand still."""
    key = start(ada)
    ada.page.click("text=On to your project")
    ada.page.click("nav >> text=Overview")
    expect(ada.page.locator(".chart canvas")).to_have_count(3)
    expect(ada.page.locator("#requests")).to_have_text("0")
    table = ada.page.locator(".table.high")
    table.focus()
    places = "[...document.querySelectorAll('.card, .chart, table')].map(one => one.getBoundingClientRect().toJSON())"
    before = ada.page.evaluate(places)
    with httpx.Client(base_url=ada.url, headers={"Authorization": f"Bearer {key}"}) as http:
        http.get("/v1/namespaces").raise_for_status()
        assert http.get("/v1/namespaces/nothing").status_code == 404
    expect(ada.page.locator("#requests")).to_have_text("2", timeout=60_000)
    expect(ada.page.locator("#errors-what")).to_have_text("1 refused (4xx), 0 failed (5xx)")
    assert ada.page.evaluate(places) == before
    assert table.evaluate("one => one === document.activeElement")
    assert '"Requests": [' in (ada.page.locator("#chart-requests").get_attribute("data-chart") or "")
    ada.check()
    ada.page.click("text=Hold the figures")
    expect(ada.page.locator("[data-paused]")).to_have_count(1)
    ada.page.click("text=Let them follow")
    expect(ada.page.locator("[data-paused]")).to_have_count(0)


def test_a_passkey_is_added_named_used_and_removed(ada: Person) -> None:
    """On the account's page and the one sign-in page; who is asked to sign in again comes back to where they were."""
    ada.authenticator()
    start(ada)
    page = ada.page
    ada.go("/account")
    page.fill("#passkey-name", "laptop")
    page.click("text=Add a passkey")
    expect(page.locator("[aria-label='Name of the passkey laptop']")).to_have_count(1)
    page.fill("[aria-label='Name of the passkey laptop']", "old laptop")
    page.locator("tr", has_text="Remove").locator("text=Rename").click()
    expect(page.locator("[aria-label='Name of the passkey old laptop']")).to_have_count(1)
    ada.check()
    ada.sign_out()
    ada.go("/account")
    ada.check()
    page.click("text=Sign in with a passkey")
    expect(page.locator("h1")).to_have_text("Your account")
    page.locator("tr", has_text="Rename").locator("summary").click()
    ada.check()
    page.click("text=Remove it now")
    expect(page.locator("text=You have none yet.")).to_have_count(1)
    page.fill("#email", "someone@else.com")
    ada.expected.append("status of 400")
    page.click("text=Delete my account")
    expect(page.locator("[role=alert] >> nth=0")).to_contain_text("nothing was deleted")


def test_a_link_in_a_mail_signs_in_where_it_was_asked_for(ada: Person) -> None:
    """After it asked; and a page without a link says so."""
    ada.go("/")
    ada.page.fill("#email", ada.email)
    ada.page.click("text=Send me a code")
    mail = max(ada.outbox.glob("*.eml"), key=lambda file: file.name).read_text()
    link = next(word for word in mail.replace("=\n", "").split() if "#sign-in=" in word)
    ada.page.goto(link)
    expect(ada.page.locator("#offer-sign-in strong")).to_have_text(ada.email)
    ada.check()
    ada.page.click("button:has-text('Sign in')")
    expect(ada.page.locator("h1")).to_have_text("Welcome")
    ada.go("/waitlist")
    expect(ada.page.locator("#offer-join")).to_be_visible()
    ada.check()
    ada.go("/invitation")
    expect(ada.page.locator("#offer-nothing")).to_be_visible()


def test_settings_export_everything_and_end_an_organization(ada: Person) -> None:
    """With progress; its end wants the name typed, and is called off again."""
    start(ada)
    page = ada.page
    page.click("text=On to your project")
    page.click("nav >> text=Settings")
    page.fill("#name", "engine")
    page.click("text=Rename")
    expect(page.locator(".where")).to_contain_text("engine")
    page.click(".where a >> nth=0")
    page.click("nav >> text=Settings")
    with page.expect_download() as download:
        page.click("#export")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        assert "organization.jsonl" in " ".join(archive.namelist())
    expect(page.locator("#export-progress")).to_contain_text("the archive is whole")
    ada.expected.append("status of 400")
    page.fill("#confirm", "something else")
    page.click("text=Delete in thirty days")
    expect(page.locator("[role=alert]")).to_contain_text("not the organization's name")
    page.fill("#confirm", "My organization")
    page.click("text=Delete in thirty days")
    expect(page.locator("[role=alert]")).to_contain_text("Everything in it is deleted on")
    expect(page.locator("dl")).to_contain_text("read only")
    ada.check()
    page.click("text=Keep it after all")
    expect(page.locator("dl")).to_contain_text("active")


def test_a_token_of_an_organization(ada: Person) -> None:
    """Good at once."""
    start(ada)
    ada.go("/home")
    ada.page.click("nav >> text=Management tokens")
    ada.check()
    ada.page.fill("#name", "terraform")
    ada.page.click("text=Create token")
    ada.check()
    token = ada.page.text_content("#token")
    ada.page.click("text=I have it")
    organization = ada.page.url.split("/")[-2]
    answer = httpx.get(
        f"{ada.url}/platform/v1/organizations/{organization}/projects",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert [project["name"] for project in answer.json()] == ["first"]


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1280, "light")])
def test_archives_are_made_fetched_and_deleted(
    browser: Browser, site: Site, tmp_path: Path, width: int, scheme: str
) -> None:
    """Where a deployment keeps them: each state of one, on a phone and on a desk."""
    application = create_app(site.platform)
    add_console(application)
    with serving(application) as url:
        there = {
            "console_url": f"{url.replace('127.0.0.1', 'localhost')}/platform",
            "outbox": str(site.mailbox.directory),
        }
        person = person_of(browser, there, "owner@example.com", width)
        page, main = person.page, person.page.locator("main")
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]

        def looks_well() -> None:
            person.check()
            assert page.evaluate("document.documentElement.scrollWidth") <= width

        person.sign_in()
        page.click("text=Create both, and a key")
        person.go("/home")
        page.click("nav >> text=Settings")
        page.click("main >> text=Archives")
        expect(main).to_contain_text("There are no archives.")
        looks_well()
        page.click("text=Make an archive")
        expect(page.locator("tbody tr")).to_contain_text("being made, 0 steps so far")
        expect(page.locator("text=Make an archive")).to_have_count(0)
        looks_well()
        site.platform.exports.run_due(0)
        page.click("text=See how far it is")
        row = page.locator("tbody tr")
        expect(row).to_contain_text("ready")
        expect(row).to_contain_text(re.compile(r"\d\.\d kB"))
        page.click("tbody >> text=Fetch")
        link = page.locator("text=Download the ZIP file")
        expect(link).to_have_attribute("href", re.compile("^https://archives.example.com/.*for=900$"))
        expect(link).to_have_attribute("rel", "noreferrer")
        looks_well()
        page.screenshot(path=str(tmp_path / "archives.png"), full_page=True)
        site.clock.seconds += 16 * 60
        page.click("tbody >> text=Fetch")
        expect(page.locator("#email")).to_be_visible()  # once more, and then back to the page
        page.fill("#email", person.email)
        page.click("text=Send me a code")
        page.fill("#code", person.code())
        page.click("button:has-text('Sign in')")
        expect(page.locator("h1")).to_have_text("Archives")
        page.click("tbody >> text=Delete")
        expect(row).to_contain_text("being deleted")
        expect(page.locator("tbody button")).to_have_count(0)
        looks_well()
        site.platform.exports.run_due(0)
        page.reload()
        expect(main).to_contain_text("There are no archives.")
        person.context.close()
        assert person.wrong == []


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1280, "light")])
def test_every_page_is_accessible_small_and_fits(
    browser: Browser, served: dict[str, str], width: int, scheme: str
) -> None:
    """In both colours, on a phone and on a desk; what it loads for the first time is little."""
    person = person_of(browser, served, f"{scheme}-{width}@example.com", width)
    person.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    start(person)
    person.page.click("text=On to your project")
    paths = [
        (link.get_attribute("href") or "").removeprefix("/platform")
        for link in person.page.locator("nav a").all()
    ]
    person.page.click(".where a >> nth=0")
    paths += [
        (link.get_attribute("href") or "").removeprefix("/platform")
        for link in person.page.locator("nav a").all()
    ]
    person.expected.append("status of 404")
    paths += [paths[-1].rpartition("/")[0] + "/recommendations", paths[-1] + "/exports"]
    for path in [
        *paths,
        "/organizations",
        "/account",
        "/invitation",
        "/status",
        "/status/console",
        "/?again=1",
        "/nowhere",
    ]:
        person.go(path)
        person.check()
        assert person.page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert 0 < person.page.evaluate(BYTES_LOADED) <= PAGE_BYTES_MAX, path
    person.context.close()
    assert person.wrong == []
