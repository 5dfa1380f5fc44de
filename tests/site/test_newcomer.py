"""The way of somebody who is new, from the first page to a first answer of a real server; and the calculators."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.rust_programs import missing, run_rust
from tests.server_process import ServerProcess

pytest.importorskip("wordllama", reason="the demo's model is an optional dependency")


_COMMANDS = {
    "curl": ["bash", "-c"],
    "python": [sys.executable, "-c"],
    "javascript": ["node", "--input-type=module", "-e"],
}
"""How a program that is pasted is run."""


@dataclass(frozen=True, slots=True)
class Demo:
    """`quartzdb demo --serve`."""

    url: str
    key: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Of a small part of the standard library."""
    from quartzdb.cli.demo.build import build_demo
    from quartzdb.cli.demo.docstrings import standard_library
    from quartzdb.cli.demo.embedding import Embedder
    from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded

    folder = tmp_path_factory.mktemp("demo")
    data = folder / "data"
    shutil.copytree(standard_library() / "email", folder / "library/email")
    database = open_embedded(EmbeddedSettings(data))
    build_demo(database, database.tenant, Embedder(), root=folder / "library", quiet=True)
    command = [
        sys.executable,
        "-m",
        "quartzdb.cli",
        "demo",
        "--serve",
        "--json",
        "--port",
        "0",
        "--data-dir",
        str(data),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield Demo(told["url"], told["key"])
        process.terminate()


def _client(demo: Demo, key: str) -> httpx.Client:
    return httpx.Client(base_url=f"{demo.url}/v1", headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """One that fails where its console says that something went wrong."""
    opened = browser.new_page()
    wrong: list[str] = []
    opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    yield opened
    opened.close()
    # Of an answer that refuses a question the browser says so.
    assert [text for text in wrong if "a status of 400" not in text] == []


def _ask(page: Page, **fields: str) -> list[str]:
    """Fill in the form, send it, and wait for the answer: the names of its matches, best first."""
    for name, value in fields.items():
        field = page.locator(f"[name={name}]").first
        kind = field.evaluate("one => one.type")
        if kind == "radio":
            page.check(f"[name={name}][value={value}]")
        elif kind == "select-one":
            field.select_option(value)
        else:
            field.fill(value)
    with page.expect_response("**/query"):
        page.click("form[data-playground] button")
    expect(page.locator("form[data-playground] button")).to_have_text("Search")
    return page.locator("[data-part=matches] li > code").all_text_contents()


def _shown(page: Page, language: str) -> str:
    return page.locator(f"[data-part={language}]").text_content() or ""


def test_from_the_first_page_to_a_first_answer(demo: Demo, page: Page) -> None:
    """By links alone; the answer is that of the server, with how it was found, what it took and what it cost."""
    page.goto(f"{demo.url}/docs/")
    page.locator("article a", has_text="playground").first.click()
    expect(page.locator("[data-part=matches] li")).to_have_count(5)
    expect(page.locator("[data-part=work]")).to_contain_text("1 read unit")
    expect(page.locator("[data-part=work]")).to_contain_text("exact")


def test_questions_by_words_by_meaning_and_by_both(demo: Demo, page: Page) -> None:
    """Each part ranks for itself, and both together say where a match stands in either."""
    page.goto(f"{demo.url}/docs/playground/")
    by_words = _ask(page, question="send an email", mode="words", words='"mime type"')
    assert by_words
    assert '"query":"\\"mime type\\""' in _shown(page, "curl")
    assert '"vector"' not in _shown(page, "curl")
    by_meaning = _ask(page, mode="meaning", recall="1")
    assert len(by_meaning) == 5
    assert '"recall": 1' in _shown(page, "python")
    assert '"text"' not in _shown(page, "python")
    _ask(page, mode="both", words="message", top_k="3")
    expect(page.locator("[data-part=matches] li")).to_have_count(3)
    expect(page.locator("[data-part=matches]")).to_contain_text("meaning: place")
    expect(page.locator("[data-part=matches]")).to_contain_text("words: place")


def test_filters_and_more_like_this(demo: Demo, page: Page) -> None:
    """A filter is part of the question, in the programs, too; a match is a question of its own."""
    page.goto(f"{demo.url}/docs/playground/")
    found = _ask(page, mode="meaning", module="email.mime", kind="class")
    assert found
    assert all(name.startswith("email.mime") for name in found)
    assert '"filter":{"kind":"class","module":{"$prefix":"email.mime"}}' in _shown(page, "curl")
    with page.expect_response("**/query"):
        page.locator("[data-part=matches] button").first.click()
    expect(page.locator("[data-part=javascript]")).to_contain_text('"id":"email-mime')
    _ask(page, mode="words", words="")
    expect(page.locator("[data-part=problem]")).to_contain_text("asks for no word")


def test_the_same_call_gives_the_same_answer_in_four_languages(
    demo: Demo, page: Page, tmp_path: Path
) -> None:
    """As the page shows it, pasted: with a key that is made for it, the ids that the page had."""
    page.goto(f"{demo.url}/docs/playground/")
    _ask(page, mode="both", words="message", module="email", top_k="4")
    with _client(demo, demo.key) as owner:
        made = owner.post("/keys", json={"name": "me", "scopes": ["read"]}).json()
        asked = json.loads(_shown(page, "curl").rpartition(" -d '")[2].strip().removesuffix("'"))
        matches = owner.post("/namespaces/demo/query", json=asked).json()["matches"]
    names = page.locator("[data-part=matches] li > code").all_text_contents()
    ids = [one["id"] for one in matches]
    assert [f"{one['metadata']['name']}{one['metadata'].get('signature') or ''}" for one in matches] == names
    assert len(ids) == 4
    key = {"QUARTZDB_API_KEY": made["key"]}
    for language, command in _COMMANDS.items():
        said = subprocess.run(
            [*command, _shown(page, language)],
            env={**os.environ, **key},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        answer = ast.literal_eval(said) if language == "python" else json.loads(said)
        assert [one["id"] for one in answer["matches"]] == ids, language
    if missing() is None:
        answer = json.loads(run_rust(_shown(page, "rust"), tmp_path, key))
        assert [one["id"] for one in answer["matches"]] == ids
    else:
        assert "ureq::post" in _shown(page, "rust")


def test_the_page_of_a_server_without_a_demo_says_how_there_can_be_one(
    server: ServerProcess, browser: Browser
) -> None:
    """And gives nobody a key."""
    page = browser.new_page()
    page.goto(f"{server.url}/docs/playground/")
    expect(page.locator("[data-part=away]")).to_contain_text("quartzdb demo --serve")
    expect(page.locator("form[data-playground]")).to_be_hidden()
    page.close()
    assert httpx.get(f"{server.url}/docs/playground.json").status_code == 404


def test_the_key_of_the_playground_reads_the_demo_and_nothing_else(demo: Demo) -> None:
    """Nor does it write, list what there is, or make keys."""
    told = httpx.get(f"{demo.url}/docs/playground.json").json()
    assert told["namespace"] == "demo"
    with _client(demo, demo.key) as owner, _client(demo, told["key"]) as visitor:
        owner.post("/namespaces", json={"name": "private", "dimension": 1}).raise_for_status()
        assert visitor.post("/namespaces/demo/query", json={"text": {"query": "mail"}}).status_code == 200
        for method, path, body in (
            ("POST", "/namespaces/private/query", {"vector": [1]}),
            ("POST", "/namespaces/demo/vectors/delete", {"filter": {}}),
            ("POST", "/namespaces", {"name": "another", "dimension": 1}),
            ("DELETE", "/namespaces/demo", None),
            ("GET", "/keys", None),
        ):
            assert visitor.request(method, path, json=body).status_code == 403
    assert httpx.get(f"{demo.url}/docs/playground.json").json() == told


def test_the_calculators_answer_each_change(demo: Demo, page: Page) -> None:
    """And say what is wrong with a field."""
    page.goto(f"{demo.url}/docs/calculators/")
    price = page.locator("form[data-calculator=price]")
    expect(price.locator("output")).to_contain_text("QuartzDB Pro (the one to take)")
    price.locator("[name=records]").fill("1000")
    price.locator("[name=queries]").fill("1000")
    price.locator("[name=writes]").fill("1000")
    expect(price.locator("output")).to_contain_text("QuartzDB Free (the one to take)")
    price.locator("[name=dimension]").fill("0")
    expect(price.locator("output")).to_contain_text("Dimensions:")
    capacity = page.locator("form[data-calculator=capacity]")
    expect(capacity.locator("output")).to_contain_text("0.89 / 2.02 ms")
    capacity.locator("[name=dimension]").fill("1536")
    expect(capacity.locator("output")).to_contain_text("not measured")
    returns = page.locator("form[data-calculator=roi]")
    expect(returns.locator("output")).to_contain_text("$1,041.00")
