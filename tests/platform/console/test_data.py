"""Pages over data, as a person uses them in a real browser: each asks the database with a key of its own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.platform.console.conftest import Person, person_of
from tests.platform.console.test_browser import PAGE_BYTES_MAX, start


class Library:
    """Somebody with a project, its data page open, and a client of the same database."""

    def __init__(self, person: Person) -> None:
        self.person, self.page = person, person.page
        self.key = start(person)
        self.page.click("text=On to your project")
        self.project = self.page.url.rpartition("/")[2]
        self.http = httpx.Client(
            base_url=person.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=30, trust_env=False
        )

    def go(self, path: str = "") -> None:
        self.person.go(f"/projects/{self.project}/data{path}")

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        return self.http.request(method, f"/v1/namespaces{path}", json=body)

    def books(self, count: int = 3) -> None:
        """A namespace with so many records: `b0`, of the year 1900, and so on."""
        self.ask("POST", "", {"name": "books", "dimension": 3}).raise_for_status()
        vectors = [
            {"id": f"b{n}", "vector": [1, n, 0], "metadata": {"year": 1900 + n, "of": {"n": n}}}
            for n in range(count)
        ]
        self.ask("POST", "/books/vectors", {"vectors": vectors}).raise_for_status()


@pytest.fixture
def library(ada: Person) -> Iterator[Library]:
    library = Library(ada)
    with library.http:
        yield library


def test_a_namespace_is_made_looked_at_and_deleted(library: Library) -> None:
    """What is wrong is said as the database says it; a deletion has to be meant."""
    page = library.page
    page.click("nav >> text=Data")
    expect(page.locator("#found")).to_contain_text("no such namespaces")
    library.person.expected.append("status of 400")
    page.fill("#name", "No Name")
    page.click("text=Create namespace")
    expect(page.locator("#create-problem")).to_contain_text("is no namespace name. Use 1 to 63 characters")
    page.fill("#name", "books")
    page.fill("#dimension", "3")
    page.select_option("#precision", "f16")
    page.click("text=Create namespace")
    expect(page.locator("dl")).to_contain_text("f16: 2 bytes a number")
    expect(page.locator("dl")).to_contain_text("30 days")
    vectors = {"vectors": [{"id": "a", "vector": [1, 2, 3]}]}
    library.ask("POST", "/books/vectors", vectors).raise_for_status()
    page.click("text=Look again")
    expect(page.locator(".tiles .card").first).to_contain_text("1")
    page.click("summary:has-text('Delete this namespace')")
    library.person.check()
    page.fill("#typed", "book")
    page.click("text=Delete it with all")
    expect(page.locator("#delete-problem")).to_contain_text("nothing was deleted")
    assert library.ask("GET", "/books").status_code == 200
    page.fill("#typed", "books")
    page.click("text=Delete it with all")
    expect(page.locator("#found")).to_contain_text("no such namespaces")
    assert library.ask("GET", "/books").status_code == 404


def test_the_key_is_in_memory_alone_and_renewed(library: Library) -> None:
    """Where a page keeps things for later there is none; before one ends there is another."""
    page = library.page
    page.clock.install()
    with page.expect_response("**/browser-keys") as answer:
        library.go()
    key = answer.value.json()["key"]
    expect(page.locator("#found")).to_contain_text("no such namespaces")
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert key not in kept
    assert key not in page.content()
    page.clock.fast_forward("13:00")
    page.click("text=Search")
    page.clock.fast_forward("02:00")
    with page.expect_response("**/browser-keys") as renewed:
        page.click("text=Search")
    assert renewed.value.json()["key"] != key
    expect(page.locator("#found")).to_contain_text("no such namespaces")


def test_who_may_read_is_offered_nothing_else(
    library: Library, browser: Browser, served: dict[str, str]
) -> None:
    """Nor would the database do it."""
    library.books()
    library.person.go("/home")
    page = library.page
    page.click("nav >> text=Team")
    page.fill("#email", "reader@example.com")
    page.select_option("#role", "viewer")
    page.click("text=Send invitation")
    expect(page.locator("text=reader@example.com")).to_have_count(1)
    link = next(
        word
        for file in library.person.outbox.glob("*.eml")
        for word in file.read_text().split()
        if "#invitation=" in word and "reader@example.com" in file.read_text()
    )
    reader = person_of(browser, served, "reader@example.com")
    reader.sign_in()
    reader.page.goto(link)
    reader.page.click("button:has-text('Accept')")
    expect(reader.page.locator("#outcome")).to_contain_text("viewer")
    reader.go(f"/projects/{library.project}/data")
    expect(reader.page.locator("#found")).to_contain_text("books")
    assert reader.page.locator("#create").count() == 0
    reader.go(f"/projects/{library.project}/data/books")
    expect(reader.page.locator(".tiles .card").first).to_contain_text("3")
    assert reader.page.locator("#delete").count() == 0
    reader.context.close()
    assert reader.wrong == []


PATHS = ("", "/books")


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1280, "light")])
def test_every_page_is_accessible_small_and_fits(
    browser: Browser, served: dict[str, str], width: int, scheme: str
) -> None:
    """In both colours, on a phone and on a desk; what it loads for the first time is little."""
    person = person_of(browser, served, f"data-{scheme}@example.com", width)
    person.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    library = Library(person)
    library.books()
    library.http.close()
    for path in PATHS:
        library.go(path)
        expect(person.page.locator("#data-status")).not_to_be_empty()
        person.check()
        assert person.page.evaluate("document.documentElement.scrollWidth") <= width, path
        loaded = person.page.evaluate(
            "[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]"
            ".reduce((sum, entry) => sum + entry.encodedBodySize, 0)"
        )
        assert 0 < loaded <= PAGE_BYTES_MAX, path
    person.context.close()
    assert person.wrong == []
