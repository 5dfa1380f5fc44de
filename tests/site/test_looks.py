"""Kinds of pages in a browser: accessible, dark and light, wide and narrow, small, and by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.server_process import ServerProcess

AXE = Path(__file__).parents[2] / "layers/platform/assets/node_modules/axe-core/axe.min.js"
KINDS = {
    "landing": "",
    "guide": "queries/",
    "long reference": "cli/",
    "operations": "api/vectors/",
    "list of operations": "api/",
    "figures": "growth/",
    "log": "changelog/",
    "nothing": "there-is-no-such-page/",
}
BYTES_MAX = 200_000
"""Of a page with all that it loads, as sent."""


@dataclass
class Reader:
    """One page of a browser. `said`: errors, and addresses elsewhere; `sent`: bytes of each answer."""

    page: Page
    said: list[str] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)


LOOKS = ("light 1300", "dark 400", "dark 1300", "light 400")
CASES = [(kind, look) for kind in KINDS for look in (LOOKS if kind in ("landing", "guide") else LOOKS[:2])]
"""The plainest kinds in every look, the others in the two that differ in both."""


@pytest.fixture
def reader(browser: Browser, server: ServerProcess, request: pytest.FixtureRequest) -> Iterator[Reader]:
    scheme, width = request.getfixturevalue("look").split()
    size = {"width": int(width), "height": 900}
    context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    one = Reader(context.new_page())
    one.page.on("console", lambda said: one.said.append(said.text) if said.type == "error" else None)
    one.page.on("pageerror", lambda error: one.said.append(str(error)))
    one.page.on(
        "request", lambda asked: None if asked.url.startswith(server.url) else one.said.append(asked.url)
    )
    one.page.on("requestfinished", lambda asked: one.sent.append(asked.sizes()["responseBodySize"]))
    yield one
    context.close()


@pytest.mark.parametrize(("kind", "look"), CASES)
def test_a_page_is_accessible_and_small(reader: Reader, server: ServerProcess, kind: str, look: str) -> None:
    """By axe-core's rules; without sideways scrolling, without an error, and without another host."""
    if not AXE.exists():
        pytest.skip("not installed: axe-core (needs npm)")
    reader.page.goto(f"{server.url}/docs/{KINDS[kind]}")
    reader.page.wait_for_load_state("networkidle")
    reader.page.wait_for_selector("h1")
    found = reader.page.evaluate(
        f"(() => {{ {AXE.read_text('utf-8')}; return axe.run({{ resultTypes: ['violations'] }}); }})()"
    )
    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
    assert [one for one in reader.said if kind != "nothing" or "404" not in one] == []
    assert reader.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert 10_000 < sum(reader.sent) <= BYTES_MAX


def test_the_same_call_is_chosen_for_all_operations(browser: Browser, server: ServerProcess) -> None:
    """Who reads Rust chooses it once."""
    page = browser.new_page()
    page.goto(f"{server.url}/docs/api/query/#query_vectors_batch")
    page.locator("label:has-text('Rust')").first.click()
    expect(page.locator(".tabbed-labels--linked").first).to_be_attached()
    for one in page.locator("pre:has-text('use quartzdb_client')").all():
        assert one.is_visible()
    assert page.locator("pre:has-text('from quartzdb_client')").first.is_hidden()
    page.close()


def test_the_search_finds_without_another_host(browser: Browser, server: ServerProcess) -> None:
    """Its index is loaded when somebody begins to search, and not before."""
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url.removeprefix(server.url)))
    page.goto(f"{server.url}/docs/queries/")
    page.wait_for_load_state("networkidle")
    assert "/docs/search.json" not in asked
    page.click(".md-search__button")
    page.locator("input:visible").last.fill("tombstone")
    page.locator("dialog a").first.wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/docs/*/**#*")
    assert "/docs/search.json" in asked
    assert all(one.startswith("/docs/") for one in asked)
    page.close()
