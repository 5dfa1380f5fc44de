"""The way of somebody who is new, from the first page to a first answer of a real server; and the calculators."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.server_process import ServerProcess

pytest.importorskip("wordllama", reason="the demo's model is an optional dependency")


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


def test_from_the_first_page_to_a_first_answer(demo: Demo, page: Page) -> None:
    """By links alone; the answer is that of the server, with what it took and the same call as programs."""
    page.goto(f"{demo.url}/docs/")
    page.locator("article a", has_text="playground").first.click()
    expect(page.locator("[data-part=matches] li")).to_have_count(5)
    expect(page.locator("[data-part=work]")).to_contain_text("read unit")
    page.select_option("[name=question]", "send an email")
    page.check("[name=mode][value=words]")
    page.fill("[name=words]", '"mime type"')
    page.click("form[data-playground] button")
    expect(page.locator("[data-part=curl]")).to_contain_text('"query":"\\"mime type\\""')
    page.check("[name=mode][value=meaning]")
    page.fill("[name=recall]", "1")
    page.fill("[name=module]", "email.mime")
    page.click("form[data-playground] button")
    expect(page.locator("[data-part=python]")).to_contain_text('"recall": 1')
    expect(page.locator("[data-part=work]")).to_contain_text("exact")
    for name in page.locator("[data-part=matches] code").all_text_contents():
        assert name.startswith("email.mime")
    page.locator("[data-part=matches] button").first.click()
    expect(page.locator("[data-part=javascript]")).to_contain_text('"id":"email-mime')
    page.check("[name=mode][value=words]")
    page.fill("[name=words]", "")
    page.click("form[data-playground] button")
    expect(page.locator("[data-part=problem]")).to_contain_text("asks for no word")


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
