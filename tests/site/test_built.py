"""The built site is whole: links, anchors, Markdown beside every page, and nothing of another host."""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import quartzdb
from docsite.plain import address
from docsite.sources import pages

_ELSEWHERE = re.compile(r"[a-z]+:|//")
_LOADS = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """What a page links to, loads, and can be linked at."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value for name, value in attrs if value is not None}
        self.ids |= {named[name] for name in ("id", "name") if name in named}
        self.links += [named[name] for name in ("href", "src") if name in named]
        if tag in _LOADS and _LOADS[tag] in named:
            self.loads.append(named[_LOADS[tag]])


@pytest.fixture(scope="module")
def parsed(site: Path) -> dict[Path, Page]:
    return {file: Page(file) for file in site.rglob("*.html")}


def test_every_link_and_anchor_is_there(site: Path, parsed: dict[Path, Page]) -> None:
    """Also those of what is loaded."""
    broken = set()
    followed = 0
    for file, page in parsed.items():
        for link in page.links:
            if _ELSEWHERE.match(link):
                continue
            path, _, anchor = link.partition("#")
            top = site / path.removeprefix("/docs/") if path.startswith("/") else file.parent / path
            target = file if not path else Path(os.path.normpath(top))
            target = target / "index.html" if target.is_dir() else target
            followed += 1
            if not target.exists() or (anchor and target in parsed and anchor not in parsed[target].ids):
                broken.add(f"{file.relative_to(site)}: {link}")
    assert sorted(broken) == []
    assert followed > 1_000


def test_nothing_is_loaded_from_another_host(parsed: dict[Path, Page]) -> None:
    """Pages say so themselves, too."""
    for file, page in parsed.items():
        assert [one for one in page.loads if _ELSEWHERE.match(one) and one != "data:,"] == [], file
        assert "default-src 'none'" in file.read_text("utf-8"), file


def test_every_page_is_markdown_too(site: Path) -> None:
    """Under its own address, and listed; and all of them in one file."""
    listed = (site / "llms.txt").read_text()
    whole = (site / "llms-full.txt").read_text()
    for name in pages():
        markdown = (site / address(name)).read_text("utf-8")
        assert markdown.strip().startswith(("# ", "---")), name
        assert f"({address(name)})" in listed
        assert markdown.strip() in whole
        folder = address(name).removesuffix(".md")
        assert (site / ("index.html" if folder == "index" else f"{folder}/index.html")).is_file(), name


def test_links_of_markdown_lead_to_markdown(site: Path) -> None:
    """Whoever reads the text can go on from it."""
    for name in pages():
        text = (site / address(name)).read_text("utf-8")
        for target in re.findall(
            r"\]\(([^)#:\s]+\.md)", re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
        ):
            assert (site / address(name)).parent.joinpath(target).resolve().is_file(), (name, target)


def test_the_version_is_shown(site: Path) -> None:
    """On each page, and in a file for whoever asks which versions there are."""
    assert json.loads((site / "versions.json").read_text())[0]["version"] == quartzdb.__version__
    assert f"QuartzDB {quartzdb.__version__}" in (site / "limits/index.html").read_text()
