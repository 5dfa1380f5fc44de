"""Records from a file, and into one, as a person does it in a real browser."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Error, FilePayload, Route, expect

from quartzdb.cli.main import cli
from tests.platform.console.conftest import Person
from tests.platform.console.test_data import Library

PARQUET = Path(__file__).parent / "books.parquet"
"""Fifty rows in three row groups, Snappy: id, embedding (floats), year, seen (a time), tags (texts)."""
CSV = """\
id;vector;title;year;in print\r
1;"[1, 2, 3]";"A ""quoted""; title\nof two lines";1965;true\r
2;1 2;bad;x;no\r
3;4 5 6;"";007;false\r
;1 2 3;no id;1;true\r
5;1 2 3\r
"""


@pytest.fixture
def library(ada: Person) -> Iterator[Library]:
    library = Library(ada)
    with library.http:
        library.books(0)
        library.go("/books/transfer")
        expect(library.page.locator("#data-status")).to_have_text("A file can be chosen.")
        yield library


def choose(library: Library, name: str, content: bytes) -> None:
    """A file, and wait until its columns are there."""
    file = FilePayload(name=name, mimeType="application/octet-stream", buffer=content)
    # A file can be put into a form that nobody sees yet, before the page listens.
    expect(library.page.locator("#source")).to_be_visible()
    library.page.set_input_files("#source [name=file]", files=[file])
    expect(library.page.locator("#mapped")).to_be_visible()


def record(library: Library, record_id: str) -> dict[str, object]:
    found = library.ask("GET", f"/books/vectors/{record_id}").raise_for_status().json()
    return {name: found[name] for name in ("vector", "metadata")}


def lines(count: int) -> bytes:
    return b"".join(
        json.dumps({"id": f"r{n}", "vector": [1, n, 0], "metadata": {"n": n}}).encode() + b"\n"
        for n in range(count)
    )


def test_csv_with_a_mapping_and_what_is_refused_of_it(library: Library) -> None:
    """Each refused line with its number and the reason; the others are written."""
    page = library.page
    choose(library, "books.csv", CSV.encode())
    expect(page.locator("#preview")).to_contain_text("Line 4 is refused: The vector has 2 numbers")
    expect(page.locator("#preview li").first).to_contain_text('"year": 1965, "in print": true')
    page.fill("[aria-label='Field for title']", "name")
    page.select_option("[aria-label='Type of year']", "text")
    page.select_option("[aria-label='What becomes of in print']", "none")
    library.person.check()
    page.click("#begin")
    expect(page.locator("#data-status")).to_have_text("Done: 2 are written, 3 were refused.")
    refused = page.locator("#progress tbody tr")
    expect(refused).to_have_text(
        [
            "4The vector has 2 numbers, and those of this namespace have 3.",
            "6There is no id.",
            "7This line has 2 cells, and the first one 5.",
        ]
    )
    library.person.check()
    title = 'A "quoted"; title\nof two lines'
    assert record(library, "1") == {"vector": [1, 2, 3], "metadata": {"name": title, "year": "1965"}}
    assert record(library, "3") == {"vector": [4, 5, 6], "metadata": {"year": "007"}}
    with page.expect_download() as download:
        page.click("text=Download what was refused")
    assert [json.loads(line)["line"] for line in download.value.path().read_text().splitlines()] == [4, 6, 7]


def test_what_an_export_says_of_an_end_is_taken_over(library: Library) -> None:
    """Under the names of both formats, as milliseconds; what is no moment is refused by its line."""
    page = library.page
    rows = [
        {"id": "a", "vector": [1, 2, 3], "expires_at_ms": 2_000_000_000_125},
        {"id": "b", "vector": [1, 2, 3]},
        {"id": "c", "vector": [1, 2, 3], "expires_at_ms": "soon"},
    ]
    choose(library, "books.jsonl", b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    library.person.check()
    page.click("#begin")
    expect(page.locator("#data-status")).to_have_text("Done: 2 are written, 1 were refused.")
    expect(page.locator("#progress tbody")).to_contain_text("is no moment")
    found = library.ask("GET", "/books/vectors/a").json()
    assert (found["metadata"], found["expires_at"]) == ({}, "2033-05-18T03:33:20.125Z")
    assert "expires_at" not in library.ask("GET", "/books/vectors/b").json()


def test_numbers_of_a_vector_in_columns_of_their_own(library: Library) -> None:
    """A thousand rows, in two batches; what the database refuses of one is named by its line."""
    page = library.page
    rows = [f"k{n},{n},1,2,{1900 + n}" for n in range(1_000)]
    rows[700] = "..,1,2,3,1"
    choose(library, "books.csv", "\n".join(["id,v0,v1,v2,year", *rows]).encode())
    library.person.expected.append("status of 400")
    page.click("#begin")
    expect(page.locator("#data-status")).to_contain_text("Done: 999 are written, 1 were refused.")
    expect(page.locator("#progress tbody tr")).to_contain_text("702")
    expect(page.locator("#progress > p").first).to_contain_text("Used 999 write units, about $0.00")
    assert library.ask("POST", "/books/vectors/count").json()["count"] == 999
    assert record(library, "k7") == {"vector": [7, 1, 2], "metadata": {"year": 1907}}


def test_parquet_is_read_when_one_is_chosen(library: Library) -> None:
    """And what reads it is loaded no sooner."""
    page = library.page
    loaded = "performance.getEntriesByType('resource').some(entry => entry.name.includes('hyparquet'))"
    assert not page.evaluate(loaded)
    choose(library, PARQUET.name, PARQUET.read_bytes())
    assert page.evaluate(loaded)
    page.click("#begin")
    expect(page.locator("#data-status")).to_contain_text("Done: 50 are written, 0")
    metadata = {"year": 1949, "seen": "2026-01-01T00:00:00.000Z", "tags": ["a", "b"]}
    assert record(library, "p49") == {"vector": [1, 49, 0.5], "metadata": metadata}
    file = FilePayload(name="no.parquet", mimeType="", buffer=b"PAR1" * 9)
    page.set_input_files("#source [name=file]", files=[file])
    expect(page.locator("#import-problem")).to_contain_text("The Parquet file cannot be read")
    expect(page.locator("#mapped")).to_be_hidden()


def test_an_import_goes_on_where_it_was_stopped(library: Library) -> None:
    """After an error, and where an answer was lost: the batch is sent again under the same key."""
    page = library.page
    library.ask("DELETE", "/books").raise_for_status()
    library.person.expected += ["status of 404", "ERR_FAILED"]
    choose(library, "books.jsonl.gz", gzip.compress(lines(3) + b"{\n"))
    page.click("#begin")
    expect(page.locator("#data-status")).to_contain_text("Stopped by an error: 0 are written")
    expect(page.locator("#progress .problem")).to_contain_text("books")
    library.books(0)
    sent: list[tuple[str | None, str | None]] = []

    def lose_the_first(route: Route) -> None:
        sent.append((route.request.headers.get("idempotency-key"), route.request.post_data))
        if len(sent) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/vectors", lose_the_first)
    page.click("text=Go on")
    expect(page.locator("#data-status")).to_contain_text("Done: 3 are written, 1", timeout=30_000)
    assert len(sent) == 2
    assert sent[0] == sent[1]
    assert sent[0][0]
    assert library.ask("POST", "/books/vectors/count").json()["count"] == 3
    expect(page.locator("#progress tbody tr")).to_contain_text("4This line is no JSON")


def test_an_import_is_cancelled_or_begins_later(library: Library) -> None:
    """What is on its way is not waited for; the next one may begin at any line."""
    page = library.page
    choose(library, "books.jsonl", lines(10))
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/vectors", hold)
    library.person.expected.append("ERR_ABORTED")
    page.click("#begin")
    page.click("#progress >> text=Cancel")
    expect(page.locator("#data-status")).to_contain_text("Cancelled: 0 are written")
    page.unroute("**/vectors")
    with suppress(Error):  # nobody waits for it any more
        held[0].abort()
    page.fill("[name=first]", "8")
    page.click("#begin")
    expect(page.locator("#data-status")).to_contain_text("Done: 3 are written")


def test_an_export_is_what_the_command_line_takes(library: Library, tmp_path: Path) -> None:
    """Written into a file that the browser was given, or downloaded where it gives none."""
    vectors = [{"id": f"b{n}", "vector": [1, n, 0], "metadata": {"n": n}} for n in range(20)]
    vectors[7]["expires_at"] = "2033-05-18T03:33:20.125Z"
    library.ask("POST", "/books/vectors", {"vectors": vectors}).raise_for_status()
    page = library.page
    page.evaluate(
        "window.showSaveFilePicker = async () => "
        "(await navigator.storage.getDirectory()).getFileHandle('export', {create: true})"
    )
    page.fill("#filter-json", '{"n": {"$lt": 5}}')
    page.click("#export >> button:text-is('Export')")
    expect(page.locator("#data-status")).to_have_text("5 records were exported.")
    read = (
        "navigator.storage.getDirectory().then(one => one.getFileHandle('export')).then(one => one.getFile())"
    )
    assert page.evaluate(f"{read}.then(file => file.text())").count("\n") == 6
    page.evaluate("delete window.showSaveFilePicker")
    page.fill("#filter-json", "")
    with page.expect_download() as download:
        page.click("#export >> button:text-is('Export')")
    expect(page.locator("#exported")).to_contain_text("20 records were exported to books.jsonl")
    library.person.check()
    file = tmp_path / "books.jsonl"
    download.value.save_as(file)
    arguments = ["import", str(file), "--namespace", "copy", "--create", "--json"]
    ran = CliRunner().invoke(cli, [*arguments, "--data-dir", str(tmp_path / "data")])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["written"] == 20
    lines = [json.loads(line) for line in file.read_text().splitlines()[1:]]
    assert {one["id"]: one["expires_at_ms"] for one in lines if "expires_at_ms" in one} == {
        "b7": 2_000_000_000_125
    }
