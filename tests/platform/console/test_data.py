"""Pages over data, as a person uses them in a real browser: each asks the database with a key of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, FilePayload, expect

from tests.platform.console.conftest import BYTES_LOADED, Person, person_of
from tests.platform.console.test_browser import PAGE_BYTES_MAX, start
from tests.rust_programs import missing, run_rust


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
        if vectors:
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


def test_the_fields_of_metadata_are_told_and_suggested(library: Library) -> None:
    """What a filter can be about: asked for when somebody wants to know."""
    library.books(30)
    page = library.page
    library.go("/books")
    page.click("summary:has-text('Fields of the metadata')")
    expect(page.locator("#fields tbody tr").last).to_have_text("year30number: 30, from 1900 to 1929")
    library.go("/books/records")
    page.click("text=Add a condition")
    expect(page.locator("#field-names option")).to_have_count(3)
    assert page.locator("#field-names option").last.get_attribute("value") == "year"
    library.person.check()


def test_the_key_is_in_memory_alone_and_renewed(library: Library) -> None:
    """Where a page keeps things for later there is none; before one ends the page asks again, and as no time has passed
    for the server it is given the same.
    """
    page = library.page
    page.clock.install()
    with page.expect_response("**/browser-keys") as answer:
        library.go()
    key = answer.value.json()["key"]
    expect(page.locator("#found")).to_contain_text("no such namespaces")
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert key not in kept
    assert key not in page.content()
    page.clock.fast_forward("02:00")
    page.click("text=Search")
    page.clock.fast_forward("13:00")
    with page.expect_response("**/browser-keys") as renewed:
        page.click("text=Search")
    assert renewed.value.json()["key"].startswith("qdb_live_")
    expect(page.locator("#found")).to_contain_text("no such namespaces")


RUNS = {
    "curl": ["bash", "-c"],
    "python": [sys.executable, "-c"],
    "javascript": ["node", "--input-type=module", "-e"],
}


def test_a_query_with_a_filter_is_answered_and_the_same_as_programs(library: Library) -> None:
    """What the builder makes is what is asked, and what each program asks, as it is printed."""
    library.books(30)
    page = library.page
    library.go("/books/query")
    page.fill("#vector", "1, 2 3")
    page.click("text=Add a condition")
    page.keyboard.type("year")
    page.select_option("[aria-label=Operator]", "$gte")
    page.fill("[aria-label=Value]", "1910")
    page.click("text=Add a group")
    group = page.locator(".filter-group .filter-group")
    group.locator("text=Add a condition").click()
    group.locator("[aria-label=Field]").fill("it's")
    group.locator("[aria-label=Value]").fill('"#"')
    group.locator("[type=checkbox]").check()
    built = '{"$and": [{"year": {"$gte": 1910}}, {"$not": {"it\'s": "\\"#\\""}}]}'
    expect(page.locator("#filter-json")).to_have_value(built)
    page.check("[name=choose_recall]")
    page.fill("[name=top_k]", "4")
    page.select_option("[name=vectors]", "numbers")
    page.click("button:has-text('Search')")
    expect(page.locator("#answer tbody tr")).to_have_count(4)
    expect(page.locator("#answer tbody tr").first).to_contain_text('{"year": 1910, "of": {"n": 10}}')
    expect(page.locator("#answer .tiles")).to_contain_text("20 of 20")
    enough = float(page.locator("#answer tbody tr").nth(2).locator(":scope > :nth-child(3)").inner_text())
    expect(page.locator("#answer .tiles")).to_contain_text("1 read unit, $0.0000")
    library.person.check()
    for name, command in RUNS.items():
        if shutil.which(command[0]) is None:
            continue
        program = page.text_content(f"#program-{name}")
        assert program is not None
        environment = {**os.environ, "QUARTZDB_API_KEY": library.key, "NO_PROXY": "127.0.0.1"}
        ran = subprocess.run(
            [*command, program], capture_output=True, text=True, timeout=60, check=True, env=environment
        )
        assert len(re.findall(r"""["']b1\d["']""", ran.stdout)) == 4, (name, ran.stdout)
    page.click("text=What would it cost?")
    expect(page.locator("#answer")).to_contain_text("Nothing was counted")
    # Of the best only those that score enough; figures are shown with seven digits.
    page.fill("[name=min_score]", str(enough - 1e-6))
    expect(page.locator("#program-curl")).to_contain_text("min_score")
    page.click("button:has-text('Search')")
    expect(page.locator("#answer tbody tr")).to_have_count(3)


def test_words_alone_and_beside_a_vector(library: Library) -> None:
    """Where the namespace declares text; both rankings are shown, and the programs ask the same."""
    library.ask("POST", "", {"name": "notes", "dimension": 2, "text": {"body": {}}}).raise_for_status()
    bodies = ("the red planet", "sand and planets", "a village")
    vectors = [
        {"id": f"n{n}", "vector": [1, n], "metadata": {"body": body, "n": n}} for n, body in enumerate(bodies)
    ]
    library.ask("POST", "/notes/vectors", {"vectors": vectors}).raise_for_status()
    page = library.page
    library.go("/notes/query")
    expect(page.locator("#text-hint")).to_contain_text("In body.")
    page.click("button:has-text('Search')")
    expect(page.locator("#problem")).to_contain_text("Give some words")
    page.fill("#text", "village")
    page.click("button:has-text('Search')")
    expect(page.locator("#answer tbody tr")).to_have_count(1)
    expect(page.locator("#answer thead")).not_to_contain_text("Distance")
    page.check("[name=kind][value=vector]")
    page.fill("#vector", "1, 0")
    page.click("button:has-text('Search')")
    expect(page.locator("#answer tbody tr").first).to_contain_text("near 3. (0.4472), words 1.")
    page.check("[name=fusion][value=weighted]")
    page.fill("[name=share]", "0.9")
    page.click("button:has-text('Search')")
    expect(page.locator("#answer tbody tr").first).to_contain_text("near 1. (1.000)")
    program = page.text_content("#program-javascript")
    assert program is not None
    assert '"text":{"query":"village"},"fusion":{"method":"weighted","vector":0.9,"text":0.1}' in program
    library.person.check()
    library.ask("POST", "", {"name": "alone", "text": {"body": {}}}).raise_for_status()
    words = {"vectors": [{"id": "x", "metadata": {"body": "a zeppelin"}}]}
    library.ask("POST", "/alone/vectors", words).raise_for_status()
    library.go("/alone/query")
    page.fill("#text", "zeppelins")
    page.click("button:has-text('Search')")
    expect(page.locator("#answer tbody tr")).to_have_count(1)
    expect(page.locator("#near")).to_be_hidden()


@pytest.mark.skipif(missing() is not None, reason=missing() or "")
def test_the_same_call_in_rust_is_compiled_and_runs(library: Library, tmp_path: Path) -> None:
    """As it is printed, with whatever marks a filter has in it."""
    library.books(5)
    page = library.page
    library.go("/books/query")
    page.fill("#vector", "1, 2 3")
    page.fill("#filter-json", '{"$not": {"it\'s": "\\"#\\""}}')
    page.fill("[name=top_k]", "4")
    program = page.text_content("#program-rust")
    assert program is not None
    answer = json.loads(run_rust(program, tmp_path, {"QUARTZDB_API_KEY": library.key}))
    assert len(answer["matches"]) == 4


def test_a_pasted_filter_is_taken_over_or_used_as_it_stands(library: Library) -> None:
    """And what is wrong with a question is said before it is sent, or as the database says it."""
    library.books(30)
    page = library.page
    library.go("/books/query")
    page.fill("#filter-json", '{"$or": [{"year": {"$lt": 1902}}, {"of.n": {"$in": [5, 6]}}]}')
    expect(page.locator("[aria-label=Field]").last).to_have_value("of.n")
    expect(page.locator("[aria-label=Value]").last).to_have_value("5, 6")
    page.check("[value=id]")
    page.click("button:has-text('Search')")
    expect(page.locator("#problem")).to_contain_text("Give the id")
    page.fill("#id", "b1")
    page.keyboard.press("Enter")
    expect(page.locator("#answer tbody tr")).to_have_count(4)
    page.fill("#filter-json", '{"year": {"$not": {"$gt": 1900}}}')
    expect(page.locator(".builder")).to_contain_text("no form for this filter")
    page.click("button:has-text('Search')")
    expect(page.locator("#answer tbody tr")).to_have_count(1)
    library.person.expected.append("status of 400")
    page.fill("#filter-json", '{"year": {"$near": 1}}')
    page.click("button:has-text('Search')")
    expect(page.locator("#problem")).to_contain_text("$near is no operator. The operators are $eq")
    page.fill("#filter-json", "{")
    page.click("button:has-text('Search')")
    expect(page.locator("#problem")).to_contain_text("The filter is no JSON")
    page.fill("#filter-json", "")
    page.check("[value=vector]")
    for text, said in (
        ("1 2", "has 2 numbers, and those of this namespace have 3"),
        ("one, two", "neither numbers"),
        ("AACAPw==", "12"),
    ):
        page.fill("#vector", text)
        page.click("button:has-text('Search')")
        expect(page.locator("#problem")).to_contain_text(said)
    page.fill("#vector", "AACAPwAAgD8AAAAA")
    page.click("button:has-text('Search')")
    expect(page.locator("#answer tbody tr").first).to_contain_text("b1")


def test_records_are_listed_by_filter_and_order_and_edited(library: Library) -> None:
    """An edit is of what was shown: who changed the record meanwhile is not overwritten, and nothing typed is lost."""
    library.books(60)
    page = library.page
    library.go("/books/records")
    rows = page.locator("#found tbody tr")
    expect(rows).to_have_count(50)
    page.click("text=Show more")
    expect(rows).to_have_count(60)
    page.fill("#filter-json", '{"year": {"$lt": 1910}}')
    page.fill("[name=order]", "year")
    page.select_option("[name=direction]", "desc")
    page.click("button:text-is('List')")
    expect(rows).to_have_count(10)
    expect(rows.first).to_contain_text("b9")
    page.click("button:text-is('Count')")
    expect(page.locator("#counted")).to_have_text("10 records match.")
    page.click("#found button:text-is('b9')")
    expect(page.locator("#record-title")).to_be_focused()
    page.fill("#record-metadata", '{"year": 1, "tags": ["<b>"]}')
    page.click("text=Save the changes")
    expect(page.locator("#data-status")).to_contain_text("Saved: 1 write unit")
    assert library.ask("GET", "/books/vectors/b9").json()["metadata"] == {"year": 1, "tags": ["<b>"]}
    library.ask("PATCH", "/books/vectors/b9", {"set": {"year": 2}}).raise_for_status()
    library.person.expected.append("status of 412")
    page.fill("#record-metadata", '{"year": 3}')
    page.click("text=Save the changes")
    expect(page.locator("#record .problem")).to_contain_text("nothing was overwritten")
    expect(page.locator("#record-metadata")).to_have_value('{"year": 3}')
    assert library.ask("GET", "/books/vectors/b9").json()["metadata"]["year"] == 2
    page.click("text=Load it again")
    expect(page.locator("#record-metadata")).to_have_value(re.compile('"year": 2'))
    page.click("text=Save the changes")
    expect(page.locator("#record .problem")).to_contain_text("Nothing is different")
    page.fill("#record-metadata", "[]")
    page.click("text=Save the changes")
    expect(page.locator("#record .problem")).to_contain_text("Metadata is a JSON object")


def test_a_record_is_given_an_end_and_kept(library: Library) -> None:
    """Seconds from now on, in the form of a new record and on the page of one; 0 takes it back."""
    library.books(1)
    page = library.page
    library.go("/books/records")
    page.click("summary:text-is('Insert a record')")
    page.fill("#insert #id", "brief")
    page.fill("#insert #vector", "1, 2, 3")
    page.fill("#insert [name=ttl]", "3600")
    page.click("text=Insert it")
    page.click("#found button:text-is('brief')")
    shown = page.locator("#record dl")
    expect(shown).to_contain_text(re.compile(r"Expires\s*20\d\d-.* UTC"))
    library.person.check()
    page.fill("#record-life", "0")
    page.click("text=Save the changes")
    expect(shown).to_contain_text(re.compile(r"Expires\s*never"))
    assert "expires_at" not in library.ask("GET", "/books/vectors/brief").json()
    page.fill("#record-life", "7200")
    page.click("text=Save the changes")
    expect(shown).to_contain_text(re.compile(r"Expires\s*20"))
    assert library.ask("GET", "/books/vectors/brief").json()["metadata"] == {}
    library.person.expected.append("status of 400")
    page.fill("#record-life", "400000000")
    page.click("text=Save the changes")
    expect(page.locator("#record .problem")).to_contain_text("A time to live is")


def test_a_record_is_inserted_deleted_and_erased(library: Library) -> None:
    """What is there is not replaced; what an erasure does not reach is said."""
    library.books()
    page = library.page
    library.go("/books/records")
    library.person.expected.append("status of 412")
    page.click("summary:text-is('Insert a record')")
    page.fill("#insert #id", "b1")
    page.fill("#insert #vector", "AACAPwAAgD8AAAAA")
    page.click("text=Insert it")
    expect(page.locator("#insert-problem")).to_contain_text("must not exist")
    name = "a/b?ü #1"
    page.fill("#insert #id", name)
    page.click("text=Insert it")
    page.click(f"#found button:text-is('{name}')")
    expect(page.locator("#record-title")).to_contain_text(name)
    page.click("#record summary:text-is('Delete')")
    page.click("text=Delete this record")
    expect(page.locator("#record")).to_contain_text("is deleted")
    page.click("text=List again, as something changed")
    expect(page.locator("#found tbody tr")).to_have_count(3)
    page.click("#found button:text-is('b0')")
    page.click("#record summary:text-is('Erase')")
    page.click("text=Erase this record")
    expect(page.locator("#record")).to_contain_text("Backups that were taken before have it")
    expect(page.locator("#record tbody tr")).to_have_count(4)
    library.person.check()
    assert library.ask("POST", "/books/vectors/count").json()["count"] == 2


def test_many_are_deleted_after_a_count_that_is_typed(library: Library) -> None:
    """Of the filter that was counted: another one has to be counted again."""
    library.books(30)
    page = library.page
    library.go("/books/records")
    page.fill("#filter-json", '{"year": {"$lt": 1910}}')
    page.click("summary:text-is('Delete all that match the filter')")
    page.click("text=Count them")
    expect(page.locator("#many-what")).to_contain_text("10 records match now")
    expect(page.locator("#many-what")).to_contain_text("10 write units")
    page.fill("#typed", "9")
    page.click("text=Delete them")
    expect(page.locator("#many-problem")).to_contain_text("nothing was deleted")
    page.fill("#filter-json", '{"year": {"$lt": 1905}}')
    expect(page.locator("#many-confirm")).to_be_hidden()
    page.click("text=Count them")
    page.fill("#typed", "5")
    page.click("text=Delete them")
    expect(page.locator("#many-done")).to_contain_text("5 records were deleted")
    assert library.ask("POST", "/books/vectors/count").json()["count"] == 25
    page.fill("#filter-json", "")
    page.click("text=Count them")
    expect(page.locator("#many-what")).to_contain_text("There is no filter: all 25 records")
    page.check("[name=erase]")
    page.fill("#typed", "25")
    page.click("text=Delete them")
    expect(page.locator("#many-done")).to_contain_text("Being erased: 25 deleted")
    assert library.ask("POST", "/books/vectors/count").json()["count"] == 0


def test_key_values_are_listed_shown_as_what_they_are_and_replaced(library: Library) -> None:
    """On condition that they are as they were shown; a download has the very bytes."""
    library.books()
    items: list[dict[str, object]] = [{"key": f"k/{n:03}", "value": "v"} for n in range(100)]
    items += [
        {"key": "settings", "json": {"theme": "dark"}},
        {"key": "pixel", "value_base64": "iVBORw0KGgo=", "ttl_seconds": 3600},
    ]
    library.ask("POST", "/books/kv-batch/put", {"items": items}).raise_for_status()
    page = library.page
    library.go("/books/key-values")
    rows = page.locator("#found tbody tr")
    expect(rows).to_have_count(100)
    page.click("text=Show more")
    expect(rows).to_have_count(102)
    page.fill("[name=prefix]", "pix")
    page.click("button:text-is('List')")
    expect(rows).to_have_count(1)
    page.click("#found button:text-is('pixel')")
    expect(page.locator("#value")).to_contain_text("89 50 4e 47 0d 0a 1a 0a")
    library.person.check()
    with page.expect_download() as download:
        page.click("text=Download")
    assert download.value.path().read_bytes() == b"\x89PNG\r\n\x1a\n"
    page.fill("#open [name=key]", "settings")
    page.click("text=Open it")
    expect(page.locator("#value")).to_contain_text('"theme": "dark"')
    page.click("text=Replace")
    page.fill("#put-value", "{")
    page.click("button:text-is('Store it')")
    expect(page.locator("#put-problem")).to_contain_text("is to be JSON, and is not")
    page.fill("#put-value", '{"theme": "light"}')
    page.fill("#ttl", "100")
    page.click("button:text-is('Store it')")
    expect(page.locator("#data-status")).to_contain_text("settings is stored")
    stored = library.ask("GET", "/books/kv/settings")
    assert stored.json() == {"theme": "light"}
    assert "x-quartzdb-expires" in stored.headers
    page.click("text=Replace")
    library.http.put("/v1/namespaces/books/kv/settings", content=b"mine").raise_for_status()
    library.person.expected += ["status of 412", "status of 404"]
    page.click("button:text-is('Store it')")
    expect(page.locator("#put-problem")).to_contain_text("Somebody changed this key")
    assert library.ask("GET", "/books/kv/settings").content == b"mine"
    name = "ä/b c?"
    page.fill("#put #key", name)
    page.select_option("#condition", "new")
    page.fill("#type", "")
    file = FilePayload(name="x.bin", mimeType="application/x-thing", buffer=bytes(range(256)))
    page.set_input_files("#file", files=[file])
    page.click("button:text-is('Store it')")
    expect(page.locator("#item-title")).to_contain_text(name)
    stored = library.ask("GET", "/books/kv/%C3%A4%2Fb%20c%3F")
    assert (stored.content, stored.headers["content-type"]) == (bytes(range(256)), "application/x-thing")
    page.click("#item summary:text-is('Delete')")
    page.click("text=Delete this key")
    expect(page.locator("#item")).to_contain_text("is deleted")
    page.fill("#open [name=key]", name)
    page.click("text=Open it")
    expect(page.locator("#problem")).to_contain_text("There is no key")


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


PATHS = (
    "",
    "/books",
    "/books/query",
    "/books/records",
    "/books/records?id=b1",
    "/books/key-values",
    "/books/transfer",
)


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
        assert 0 < person.page.evaluate(BYTES_LOADED) <= PAGE_BYTES_MAX, path
    person.context.close()
    assert person.wrong == []


def test_a_namespace_of_words_alone_from_its_creation_to_its_export(library: Library, tmp_path: Path) -> None:
    """It is made in the form, filled from a table, searched, shown and exported as one of words."""
    page = library.page
    library.go("")
    page.fill("#create [name=name]", "stories")
    page.fill("#create [name=text]", "title, body=german")
    page.click("#create summary")
    page.fill("#create [name=sparse]", "splade")
    page.check("#create [name=key_history]")
    page.click("button:has-text('Create namespace')")
    expect(page.locator("#described")).to_contain_text("body (german), title (english)")
    expect(page.locator("#described")).to_contain_text("without vectors, found by words")
    library.go("/stories/transfer")
    table = tmp_path / "stories.csv"
    table.write_text(
        'id,title,body,splade\na,Red planets,Häuser,"{""indices"":[3],""values"":[2]}"\nb,Villages,Dörfer,\n'
    )
    # A file can be put into a form that nobody sees yet, before the page listens.
    expect(page.locator("#source")).to_be_visible()
    page.set_input_files("input[type=file]", table)
    page.select_option("[aria-label='Type of splade']", "json")
    expect(page.locator("#preview li").first).to_contain_text("a: ")
    page.click("#begin")
    expect(page.locator("#progress")).to_contain_text("2")
    library.go("/stories/query")
    page.fill("#text", "planet")
    page.click("button:has-text('Search')")
    expect(page.locator("#answer tbody tr")).to_have_count(1)
    page.fill("#text", "")
    page.fill("#sparse", "{}")
    page.click("button:has-text('Search')")
    expect(page.locator("#problem")).to_contain_text("The sparse vector is an object like")
    page.fill("#sparse", '{"indices": [3], "values": [1]}')
    page.click("button:has-text('Search')")
    expect(page.locator("#answer tbody tr")).to_have_count(1)
    page.fill("#text", "village")
    page.click("button:has-text('Search')")
    expect(page.locator("#answer tbody tr")).to_have_count(2)
    expect(page.locator("#answer")).to_contain_text("words 1.")
    expect(page.locator("#answer")).to_contain_text("sparse 1.")
    program = page.text_content("#program-python")
    assert program is not None
    assert '"sparse": {"field": "splade", "indices": [3], "values": [1]}' in program
    library.person.check()
    library.go("/stories/records?id=a")
    expect(page.locator("#record")).to_contain_text("Metadata")
    expect(page.locator("#record")).not_to_contain_text("Vector")
    page.click("summary:has-text('Insert a record')")
    expect(page.locator("#insert-vector")).to_be_hidden()
    page.fill("#insert [name=id]", "c")
    page.fill("#metadata", '{"title": "Oceans"}')
    page.click("#insert button")
    expect(page.locator("#found")).to_contain_text("Oceans")
    library.go("/stories/transfer")
    with page.expect_download() as loading:
        page.evaluate("delete window.showSaveFilePicker")
        page.click("button:has-text('Export')")
    lines = [json.loads(line) for line in Path(loading.value.path()).read_text("utf-8").splitlines()]
    assert lines[0]["quartzdb_export"]["settings"]["text"]["body"]["language"] == "german"
    assert lines[0]["quartzdb_export"]["settings"]["sparse"] == ["splade"]
    assert lines[0]["quartzdb_export"]["settings"]["key_history"] is True
    assert [line["id"] for line in lines[1:]] == ["a", "b", "c"]
    assert all("vector" not in line for line in lines[1:])
