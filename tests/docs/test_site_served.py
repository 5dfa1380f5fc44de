"""A server on this machine shows the documentation at /docs where it is installed, and nothing else of the disk."""

from __future__ import annotations

import asyncio
import gzip
import html
import re
from pathlib import Path

import httpx
import pytest

from quartzdb.api.openapi import describe
from quartzdb.api.routes import FAMILIES
from quartzdb.cli.serve.reference.pages import samples
from quartzdb.cli.serve.site import with_site


async def application(scope: object, receive: object, send: object) -> None:
    """What is below the site: says that it was asked."""
    await send({"type": "http.response.start", "status": 418, "headers": []})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b"the application"})  # type: ignore[operator]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    for name, text in {
        "index.html": "<h1>Home</h1>",
        "404.html": "<h1>Nothing here</h1>",
        "guide/index.html": "<h1>Guide</h1>" + "words " * 1_000,
        "guide.md": "# Guide",
        "empty/inner.txt": "x",
        "assets/site.js": "1",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (tmp_path / "secret.txt").write_text("not yours")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    return folder


class Reader:
    """Asks an application without a port."""

    def __init__(self, folder: Path) -> None:
        self._transport = httpx.ASGITransport(with_site(application, folder))

    async def ask(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=self._transport, base_url="http://here") as client:
            return await client.request(method, path, headers={"Accept-Encoding": "identity", **headers})


@pytest.fixture
def reader(site: Path) -> Reader:
    return Reader(site)


def get(reader: Reader, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    return asyncio.run(reader.ask(path, method, **headers))


def test_pages_are_their_folders_indexes(reader: Reader) -> None:
    """A folder without the slash leads to it, so that relative links of the page hold."""
    assert "Home" in get(reader, "/docs/").text
    assert get(reader, "/docs").headers["location"] == "/docs/"
    assert get(reader, "/docs/guide").headers["location"] == "/docs/guide/"
    page = get(reader, "/docs/guide/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert page.headers["x-content-type-options"] == "nosniff"


def test_markdown_is_markdown(reader: Reader) -> None:
    """Beside the page, for programs."""
    assert get(reader, "/docs/guide.md").headers["content-type"] == "text/markdown; charset=utf-8"


def test_what_is_not_there_has_a_page(reader: Reader) -> None:
    """With the status that says so."""
    for path in ("/docs/nothing", "/docs/empty/", "/docs/guide.md/", "/docs/assets/", "/docs/a%00b"):
        answer = get(reader, path)
        assert (answer.status_code, answer.text) == (404, "<h1>Nothing here</h1>"), path


@pytest.mark.parametrize(
    "path",
    [
        "/docs/../secret.txt",
        "/docs/%2e%2e/secret.txt",
        "/docs//etc/passwd",
        "/docs/out.txt",
        "/docs/..%5csecret.txt",
    ],
)
def test_nothing_else_of_the_disk_is_shown(reader: Reader, path: str) -> None:
    """By dots, by absolute names or by links."""
    answer = get(reader, path)
    assert "not yours" not in answer.text
    assert "root:" not in answer.text
    assert answer.status_code in (404, 418)


def test_only_what_is_read_below_docs_is_the_site_s(reader: Reader) -> None:
    """Everything else is asked of the application, and so is where problem types are explained."""
    assert get(reader, "/docs/", "POST").status_code == 418
    for path in ("/", "/docsearch", "/v1/namespaces", "/docs/problems"):
        assert get(reader, path).status_code == 418


def test_problem_types_lead_to_the_page_of_errors(reader: Reader, site: Path) -> None:
    """Where the site has one. A browser keeps the fragment, which is the code."""
    (site / "reference/errors").mkdir(parents=True)
    answer = get(reader, "/docs/problems")
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs/reference/errors/")


def test_an_answer_is_compressed_once_and_not_sent_again(reader: Reader) -> None:
    """Who says what it has gets 304; HEAD has the headers alone."""
    plain = get(reader, "/docs/guide/")
    zipped = get(reader, "/docs/guide/", **{"Accept-Encoding": "gzip"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert int(zipped.headers["content-length"]) == len(gzip.compress(plain.content, 6, mtime=0))
    assert zipped.content == plain.content
    assert zipped.headers["etag"] != plain.headers["etag"]
    again = get(reader, "/docs/guide/", **{"If-None-Match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = get(reader, "/docs/guide/", "HEAD")
    assert (head.content, head.headers["content-length"]) == (b"", str(len(plain.content)))


def test_where_no_site_is_installed_there_is_the_page_of_the_api(tmp_path: Path) -> None:
    """From the package alone, with no script and nothing of another host; what it lacks, the application answers."""
    reader = Reader(tmp_path)
    page = get(reader, "/docs/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script" not in page.text
    loaded = re.findall(r'(?:src|<link rel="stylesheet" href)="([^"]+)"', page.text)
    assert loaded == ["reference.css"]
    sent = [get(reader, f"/docs/{name}", **{"Accept-Encoding": "gzip"}) for name in ("", *loaded)]
    assert [one.status_code for one in sent] == [200, 200]
    assert sum(int(one.headers["content-length"]) for one in sent) < 60_000
    assert get(reader, "/docs/", **{"If-None-Match": page.headers["etag"]}).status_code == 304
    for path in ("/docs/nothing/", "/docs/pages.py", "/docs/../pages.py"):
        assert get(reader, path).status_code == 418


def test_the_page_of_the_api_has_every_operation_and_sample(tmp_path: Path) -> None:
    """At its own address, in four languages where clients have a method for it."""
    page = get(Reader(tmp_path), "/docs/").text
    described = describe(FAMILIES, title="", version="")["paths"]
    for path, methods in described.items():
        for method, one in methods.items():
            assert f'<h3 id="{one["operationId"]}">' in page
            assert f"<code>{html.escape(f'{method.upper()} {path}')}</code>" in page
    for calls in samples().values():
        for call in calls:
            assert html.escape(call["source"], quote=False).replace('"', "&quot;") in page
    anchors = re.findall(r' id="([^"]+)"', page)
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r'href="#([^"]+)"', page)) == set(anchors)
