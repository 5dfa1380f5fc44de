"""The Next.js starter: built as its README says, and used through a real server and a browser.

`make test-starter` runs this; Next.js has 370 MB, so that it is no part of `make test-clients`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.integrations.nextjs_starter.embedding_server import EmbeddingServer
from tests.integrations.nextjs_starter.site import ROOT, STARTER, Site
from tests.server_process import ServerProcess

SECRET = "a-secret-for-senders-of-documents"
SEND = {"Authorization": f"Bearer {SECRET}"}
BUILD = ROOT / "build/starter"
AXE = ROOT / "layers/platform/assets/node_modules/axe-core/axe.min.js"
WHALE = "A whale is seen from the mast. " * 100


@pytest.fixture(scope="module")
def site(server: ServerProcess) -> Site:
    """Built, with the settings in .env.local, where also the build can read them."""
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    made = Site(BUILD)
    example = (made.folder / ".env.example").read_text()
    filled = example.replace("http://127.0.0.1:8787", server.url).replace("qdb_live_…", server.key)
    (made.folder / ".env.local").write_text(filled.replace("INGEST_SECRET=\n", f"INGEST_SECRET={SECRET}\n"))
    said = made.build()
    assert "Compiled successfully" in said
    assert "telemetry" not in said  # which it announces where it is on
    return made


@pytest.fixture(scope="module")
def url(site: Site) -> Iterator[str]:
    with site.served() as served:
        yield served


@pytest.fixture(scope="module")
def library(url: str) -> None:
    """Some documents, of which one has many passages."""
    documents = [
        {
            "id": "dune",
            "title": "Dune",
            "url": "https://example.com/dune",
            "text": "A desert planet, and its giant worms.",
        },
        {"id": "moby", "title": "Moby-Dick", "text": WHALE},
        *({"id": f"note-{n}", "title": f"Note {n}", "text": f"On gardening, part {n}."} for n in range(12)),
    ]
    answer = httpx.post(f"{url}/api/ingest", json={"documents": documents}, headers=SEND, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"documents": 14, "passages": 17, "removed": 0}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium is not None, "Chromium is not installed"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium)
        yield running
        running.close()


def found(url: str, query: str, **more: str) -> list[str]:
    """Which documents are found."""
    answer = httpx.get(f"{url}/api/search", params={"q": query, **more}, timeout=60)
    assert answer.status_code == 200, answer.text
    return [one["document"] for one in answer.json()["results"]]


@pytest.mark.usefixtures("site")
def test_browsers_get_no_key_and_no_client(server: ServerProcess) -> None:
    """Nothing that a browser can load has a key, the name of a setting, or a line of the database's client."""
    static = [
        one.read_text(errors="replace") for one in (BUILD / "site/.next/static").rglob("*") if one.is_file()
    ]
    assert static
    for hidden in (
        server.key,
        SECRET,
        server.url,
        "QUARTZDB_",
        "INGEST_SECRET",
        "quartzdb-javascript",
        "/v1/",
    ):
        assert not any(hidden in one for one in static), hidden


def test_documents_are_found_by_their_words(url: str, library: None) -> None:
    """Each document once, by its best passage, with what the page needs to show it."""
    answer = httpx.get(f"{url}/api/search", params={"q": "deserts"})
    assert answer.headers["cache-control"] == "no-store"
    [only] = answer.json()["results"]
    assert only["title"] == "Dune"
    assert only["url"] == "https://example.com/dune"
    assert only["passage"] == "A desert planet, and its giant worms."
    assert answer.json()["cursor"] is None
    assert found(url, "whales") == ["moby"]
    assert found(url, '"giant worms"') == ["dune"]
    assert found(url, "bicycle") == []


def test_pages_go_on_where_the_last_one_ended(url: str, library: None) -> None:
    """Ten to a page, none twice, none missing."""
    first = httpx.get(f"{url}/api/search", params={"q": "gardening"}).json()
    rest = found(url, "gardening", cursor=first["cursor"])
    every = [one["document"] for one in first["results"]] + rest
    assert len(first["results"]) == 10
    assert sorted(every) == sorted(f"note-{n}" for n in range(12))


def test_questions_that_make_no_sense_are_refused(url: str, library: None) -> None:
    """With a sentence that says what to do."""
    for wrong in ({}, {"q": " "}, {"q": "x" * 301}, {"q": "dune", "cursor": "nonsense"}, {"q": '"'}):
        answer = httpx.get(f"{url}/api/search", params=wrong)
        assert answer.status_code == 400, wrong
        assert len(answer.json()["error"]) > 20


def test_only_who_knows_the_secret_can_send_documents(url: str) -> None:
    """Everybody else is told how to say it, and nothing more."""
    body = {"documents": [{"id": "x", "title": "X", "text": "intruder"}]}
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": SECRET},
        {"Authorization": SEND["Authorization"] + "x"},
    ):
        answer = httpx.post(f"{url}/api/ingest", json=body, headers=headers)
        assert answer.status_code == 401
        assert SECRET not in answer.text
    assert httpx.get(f"{url}/api/ingest").status_code == 405
    assert found(url, "intruder") == []


GOOD: dict[str, Any] = {"id": "good", "title": "Good", "text": "halfway"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "documents"),
        ({"documents": []}, "documents"),
        ({"documents": [GOOD] * 101}, "documents"),
        ({"documents": [GOOD, GOOD]}, "documents[1].id"),
        ({"documents": [GOOD, "text"]}, "documents[1]"),
        ({"documents": [GOOD, {**GOOD, "id": "a b"}]}, "documents[1].id"),
        ({"documents": [GOOD, {**GOOD, "id": "b", "title": " "}]}, "documents[1].title"),
        ({"documents": [GOOD, {**GOOD, "id": "b", "text": "x" * 200_001}]}, "documents[1].text"),
        ({"documents": [GOOD, {**GOOD, "id": "b", "url": "javascript:alert(1)"}]}, "documents[1].url"),
        ({"documents": [GOOD, {**GOOD, "id": "b", "colour": "red"}]}, "documents[1].colour"),
    ],
)
def test_what_is_no_list_of_documents_is_refused_whole(
    url: str, library: None, body: Any, field: str
) -> None:
    """The place that is wrong is named, and none of the others is written."""
    answer = httpx.post(f"{url}/api/ingest", json=body, headers=SEND)
    assert answer.status_code == 400, answer.text
    assert answer.json()["field"] == field
    assert found(url, "halfway") == []


def test_bodies_that_are_no_json_or_too_large_are_refused(url: str) -> None:
    """Before all of a large one was taken."""
    assert httpx.post(f"{url}/api/ingest", content=b"{", headers=SEND).status_code == 400
    assert httpx.post(f"{url}/api/ingest", content=b" " * 1_000_001, headers=SEND).status_code == 413


def test_the_same_id_again_replaces_a_document(url: str, library: None) -> None:
    """Also the passages that it has no more."""
    send = {"documents": [{"id": "long", "title": "Long", "text": "The lighthouse keeper sleeps. " * 100}]}
    assert httpx.post(f"{url}/api/ingest", json=send, headers=SEND).json()["passages"] == 4
    send["documents"][0]["text"] = "The baker is awake."
    answer = httpx.post(f"{url}/api/ingest", json=send, headers=SEND).json()
    assert answer == {"documents": 1, "passages": 1, "removed": 3}
    assert found(url, "lighthouse") == []
    assert found(url, "baker") == ["long"]


TITLES = """() => {
    window.titles = new Set([document.title]);
    new MutationObserver(() => titles.add(document.title)).observe(document, { childList: true, subtree: true });
}"""
"""Keeps every title that the page has from here on, however briefly."""


def _looked_at(page: Page) -> None:
    problems = page.evaluate(f"(() => {{ {AXE.read_text('utf-8')}; return axe.run(); }})()")["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in problems] == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize(
    ("width", "scheme"), [(1300, "light"), (1300, "dark"), (400, "light"), (400, "dark")]
)
def test_somebody_searches(url: str, library: None, browser: Browser, width: int, scheme: Any) -> None:
    """Types words, reads what was found and where the words are; nothing is asked of another host, and nothing is wrong
    with the page for who cannot see it. Pictures are in build/starter."""
    with browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme) as context:
        page = context.new_page()
        asked: list[str] = []
        problems: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(url)
        _looked_at(page)
        page.evaluate(TITLES)
        page.get_by_label("What are you looking for?").fill("giant worm")
        page.keyboard.press("Enter")
        link = page.get_by_role("link", name="Dune")
        link.wait_for()
        assert link.get_attribute("href") == "https://example.com/dune"
        assert page.locator("mark").all_inner_texts() == ["giant", "worms"]
        assert page.get_by_role("status").inner_text() == "1 document"
        _looked_at(page)
        page.screenshot(path=BUILD / f"{width}-{scheme}.png")
        page.get_by_label("What are you looking for?").fill("gardening")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name="More documents").click()
        page.get_by_text("2 documents").wait_for()
        assert page.evaluate("[...titles]") == ["Search"]
        assert problems == []
        assert {httpx.URL(one).host for one in asked} == {"127.0.0.1"}


def test_it_works_without_scripts(url: str, library: None, browser: Browser) -> None:
    """As a form, and as links; what was asked for stays in the field, and nothing that was typed is taken as markup."""
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(url)
        page.get_by_label("What are you looking for?").fill("<img src=x> planet")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Dune").wait_for()
        assert page.get_by_label("What are you looking for?").input_value() == "<img src=x> planet"
        assert page.locator("img").count() == 0
        page.goto(f"{url}/?q=bicycle")
        assert page.get_by_role("status").inner_text() == "Nothing was found for “bicycle”."


def test_pages_say_what_browsers_may_do(url: str) -> None:
    """Load what is here, and be in no frame."""
    headers = httpx.get(url).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe-eval" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "x-powered-by" not in headers


def test_what_the_readme_says_is_what_happens(url: str, library: None) -> None:
    """Its commands, word for word, against this server."""
    [commands] = re.findall(r"```sh\n(curl.*?)```", (STARTER / "README.md").read_text(), re.DOTALL)
    program = commands.replace("http://localhost:3000", url).replace("curl ", "curl --silent --show-error ")
    ran = subprocess.run(
        ["bash", "-c", program],
        env={"INGEST_SECRET": SECRET, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.startswith(
        '{"documents":2,"passages":2,"removed":0}{"results":[{"document":"dune","title":"Dune",'
    )
    assert ran.stderr == ""


def test_a_database_that_is_not_there_is_said_kindly(site: Site, server: ServerProcess) -> None:
    """Visitors are told to come again; the log has what happened, without the key."""
    with site.served(QUARTZDB_URL="http://127.0.0.1:9") as served:
        page = httpx.get(served, params={"q": "dune"}, timeout=60)
        assert "The search is not available now." in page.text
        assert httpx.get(f"{served}/api/search", params={"q": "dune"}, timeout=60).status_code == 502
        send = {"documents": [GOOD]}
        assert httpx.post(f"{served}/api/ingest", json=send, headers=SEND, timeout=60).status_code == 502
    said = site.log.read_text()
    assert "QuartzDB: connection_failed" in said
    assert server.key not in said + page.text
    with site.served(INGEST_SECRET="short", QUARTZDB_API_KEY="") as served:
        assert httpx.get(f"{served}/api/search", params={"q": "dune"}).status_code == 503
        answer = httpx.post(f"{served}/api/ingest", json=send, headers={"Authorization": "Bearer short"})
        assert (answer.status_code, answer.json()) == (503, {"error": "This server is not set up yet."})


def test_with_an_embedding_model_meaning_counts_too(site: Site) -> None:
    """What has no word of the question is found, beside what has its words. A model that is down is told, too."""
    with EmbeddingServer() as embedding:
        threading.Thread(target=embedding.serve_forever, daemon=True).start()
        settings = {
            "QUARTZDB_NAMESPACE": "by-meaning",
            "EMBEDDING_URL": embedding.url,
            "EMBEDDING_API_KEY": "sk-test",
            "EMBEDDING_MODEL": "small",
            "EMBEDDING_DIMENSION": "3",
        }
        with site.served(**settings) as served:
            documents = [
                {"id": "dune", "title": "Dune", "text": "A desert planet."},
                {"id": "moby", "title": "Moby-Dick", "text": "A whale, and Quincey."},
                {"id": "emma", "title": "Emma", "text": "Of matchmaking in a village."},
            ]
            answer = httpx.post(
                f"{served}/api/ingest", json={"documents": documents}, headers=SEND, timeout=60
            )
            assert answer.json() == {"documents": 3, "passages": 3, "removed": 0}
            assert found(served, "a wedding")[0] == "emma"
            # "Quincey" is a matter of words, "sand" one of meaning: both come before what is neither.
            assert sorted(found(served, "Quincey in the sand")[:2]) == ["dune", "moby"]
            assert set(embedding.keys) == {"Bearer sk-test"}
            embedding.shutdown()
            embedding.server_close()
            assert httpx.get(f"{served}/api/search", params={"q": "dune"}, timeout=60).status_code == 502


def test_it_can_be_developed(site: Site, library: None, tmp_path: Path) -> None:
    """`npm run dev` serves it, and lets Next.js reload what was changed. Of others it asks npm alone, which version of
    Next.js is the newest: that cannot be switched off."""
    outside = tmp_path / "outside"
    outside.touch()
    with site.served("dev", QUARTZDB_OUTSIDE=str(outside)) as served:
        answer = httpx.get(served, params={"q": "giant"}, timeout=120)
        assert "A desert planet" in answer.text
        policy = answer.headers["content-security-policy"]
        assert "'unsafe-eval'" in policy
        assert "connect-src 'self' ws:" in policy
    assert set(outside.read_text().split()) <= {"registry.npmjs.org"}


def test_nothing_was_asked_of_another_host(site: Site) -> None:
    """By the build, and by every server before this test, which is the last but one."""
    assert site.outside.read_text() == ""
    assert "telemetry" not in site.log.read_text()


def test_the_starter_overwrites_nothing(site: Site, tmp_path: Path) -> None:
    """A folder that is there is left as it is; what is written is a project of its own."""
    again = subprocess.run(
        ["node", ROOT / "integrations/starter.mjs", tmp_path], capture_output=True, text=True, check=False
    )
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert not list(tmp_path.iterdir())
    described = (site.folder / "package.json").read_text()
    assert re.search(r'"@quartzdb/client": "\^\d+\.\d+\.\d+"', described)
    assert "file:" not in described
