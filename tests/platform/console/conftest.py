"""One server and one browser for all tests of the console, and a person who signs up in it."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

LOADED = """{
    const entries = ["navigation", "resource"].flatMap(kind => performance.getEntriesByType(kind));
    return [...new Map(entries.reverse().map(one => [one.name, one])).values()];
}"""
"""What a page has loaded, as the body of a function: of what it asks for again and again, as overviews do every five
seconds, the first time. How often it has asked until somebody looks says how busy the machine is.
"""
BYTES_LOADED = f"(() => {LOADED})().reduce((sum, one) => sum + one.encodedBodySize, 0)"
SETTLED = """(async () => {
    while (document.getAnimations().length)
        await Promise.allSettled(document.getAnimations().map(one => one.finished));
})()"""
"""Waits until nothing fades any more: in the page itself, as `wait_for_function` needs the `eval` that its policy
forbids as soon as it has to look a second time.
"""
AXE = Path(__file__).parents[3] / "layers/platform/assets/node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Database, platform and console, as `quartzdb platform serve --json` tells of them."""
    directory = tmp_path_factory.mktemp("console")
    command = [sys.executable, "-m", "quartzdb.cli", "platform", "serve"]
    command += ["--data-dir", str(directory / "data"), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Not for the whole session: while it runs, its loop is the thread's, and no other can."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("not installed: chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium)
        yield started
        started.close()


@dataclass
class Person:
    """Somebody before a browser. `said`: what its console, its network or the checker of accessibility said is wrong;
    `expected`: what part of that a test is about.
    """

    context: BrowserContext
    page: Page
    url: str
    outbox: Path
    email: str
    said: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def code(self) -> str:
        newest = max(self.outbox.glob("*.eml"), key=lambda file: file.name)
        return str(re.findall(r"\b\d{6,8}\b", newest.read_text().partition("\n\n")[2])[0])

    def go(self, path: str) -> None:
        self.page.goto(f"{self.url}/platform{path}")

    def until(self, holds: Callable[[], bool]) -> None:
        """Load the page again until it holds. What could not be done at once is done by upkeep, within minutes."""
        for _ in range(300):
            if holds():
                return
            self.page.wait_for_timeout(500)
            self.page.reload()
        raise AssertionError(self.page.text_content("main"))

    def check(self) -> None:
        """Have this page looked at by axe-core, once what fades in is there: until then its colours are others."""
        if not AXE.exists():
            pytest.skip("not installed: axe-core (needs npm)")
        self.page.evaluate(SETTLED)
        found = self.page.evaluate(f"(() => {{ {AXE.read_text('utf-8')}; return axe.run(); }})()")
        self.said += [
            f"{self.page.url}: {one['id']}: {one['nodes'][0]['html']}" for one in found["violations"]
        ]

    @property
    def wrong(self) -> list[str]:
        """What nobody expected."""
        return [one for one in self.said if not any(part in one for part in self.expected)]

    def authenticator(self) -> None:
        """Have a device that makes passkeys, and whose owner is there."""
        session = self.context.new_cdp_session(self.page)
        session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
        }
        options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
        session.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    def sign_out(self) -> None:
        self.page.click(".menu summary")
        self.page.click("text=Sign out >> nth=0")

    def sign_in(self) -> None:
        self.go("/")
        self.page.fill("#email", self.email)
        self.page.click("text=Send me a code")
        self.page.fill("#code", self.code())
        self.page.click("button:has-text('Sign in')")
        self.page.wait_for_url(re.compile("/home$|/organizations/"))


def person_of(browser: Browser, served: dict[str, str], email: str, width: int = 1280) -> Person:
    """With a browser's profile of their own."""
    origin = served["console_url"].removesuffix("/platform")
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.set_default_timeout(60_000)  # of a machine that does other things, too
    page = context.new_page()
    person = Person(context, page, origin, Path(served["outbox"]), email)
    page.on("console", lambda said: person.said.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: person.said.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((origin, "data:", "blob:"))
            else person.said.append(f"asked elsewhere: {request.url}")
        ),
    )
    return person


@pytest.fixture
def ada(browser: Browser, served: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Person]:
    """Somebody new. At the end nothing was wrong."""
    person = person_of(browser, served, f"ada-{request.node.name[:40]}@example.com")
    yield person
    person.context.close()
    assert person.wrong == []
