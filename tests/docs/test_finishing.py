"""What is done to the generator's pages, and that a page which it is not made for is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docsite.finishing import UnexpectedPage, finish
from docsite.links import links, replaced
from docsite.plain import address, title
from docsite.sources import ROOT
from docsite.staging import moved

HEAD = '<!doctype html><html><head><meta charset="utf-8">'


def site_of(folder: Path, **pages: str) -> Path:
    scripts = folder / "assets/javascripts"
    scripts.mkdir(parents=True)
    (scripts / "bundle.0.min.js").write_text("var Tc='.u{top:0}';")
    for name, html in pages.items():
        file = folder / name.replace("__", "/").replace("_html", ".html")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(HEAD + html)
    return folder


def test_scripts_are_files_that_the_policy_allows(tmp_path: Path) -> None:
    """In the place of what was inside the page, found from any depth."""
    site = site_of(tmp_path, index_html="<script>a=1</script>", a__b__index_html="<script>a=1</script>")
    finish(site)
    for name, top in (("index.html", ""), ("a/b/index.html", "../../")):
        html = (site / name).read_text()
        (script,) = re.findall(r'<script src="([^"]*inline[^"]*)"></script>', html)
        assert script.startswith(f"{top}assets/javascripts/inline-")
        assert ((site / name).parent / script).resolve().read_text() == "a=1"
        policy = re.findall(r'Content-Security-Policy" content="([^"]+)"', html)[0]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy


def test_every_page_names_its_markdown(tmp_path: Path) -> None:
    """By a relative link."""
    site = site_of(tmp_path, index_html="", a__b__index_html="")
    finish(site)
    assert 'type="text/markdown" href="index.md"' in (site / "index.html").read_text()
    assert 'type="text/markdown" href="../b.md"' in (site / "a/b/index.html").read_text()


def test_the_page_for_nothing_knows_where_the_site_is(tmp_path: Path) -> None:
    """It is shown at any depth."""
    site = site_of(tmp_path, **{"404_html": '<link href="/assets/x.css"><a href="/">Home</a>'})
    finish(site)
    html = (site / "404.html").read_text()
    assert '<link href="/docs/assets/x.css"><a href="/docs/">' in html


@pytest.mark.parametrize("html", ['<p style="color: red">', "<style>p{}</style>", '<p onclick="x()">'])
def test_a_page_with_what_its_policy_forbids_is_refused(tmp_path: Path, html: str) -> None:
    """It would be shown without it."""
    with pytest.raises(UnexpectedPage, match="policy forbids"):
        finish(site_of(tmp_path, index_html=html))


def test_another_style_of_the_search_is_refused(tmp_path: Path) -> None:
    """Its hash is in the policy."""
    site = site_of(tmp_path, index_html="")
    (site / "assets/javascripts/bundle.0.min.js").write_text("")
    with pytest.raises(UnexpectedPage, match=r"bundle\.0"):
        finish(site)


def test_links_in_code_are_none() -> None:
    """Only prose has links, also with code as their text."""
    text = "[a](b.md) `[c](d.md)` [`e`](f.md#g)\n\n```sh\n[h](i.md)\n```\n![j](k.svg)\n"
    assert [(one.text, one.target, one.image) for one in links(text)] == [
        ("a", "b.md", False), ("`e`", "f.md#g", False), ("j", "k.svg", True),
    ]  # fmt: skip
    assert replaced(text, lambda link: f"<{link.target}>").count("[") == 2


@pytest.mark.parametrize(
    ("name", "file", "link", "becomes"),
    [
        ("metering.md", "docs/metering.md", "[a](../CHANGELOG.md#x)", "[a](changelog.md#x)"),
        ("adr/0001.md", "docs/adr/0001.md", "[a](../queries.md)", "[a](../queries.md)"),
        ("readme.md", "README.md", "[a](docs/queries.md)", "[a](queries.md)"),
        ("readme.md", "README.md", "[a](docs/adr/README.md)", "[a](adr/README.md)"),
        ("metering.md", "docs/metering.md", "[`a`](../app.py)", "`a`"),
        ("metering.md", "docs/metering.md", "[a](#x)", "[a](#x)"),
        ("metering.md", "docs/metering.md", "[a](https://example.com)", "[a](https://example.com)"),
    ],
)
def test_links_are_written_for_where_a_page_is(name: str, file: str, link: str, becomes: str) -> None:
    """What is adopted is linked where it is in the site; a source file becomes words, as nobody publishes it yet."""
    assert moved(link, name, ROOT / file) == becomes


def test_a_folder_s_index_is_named_as_the_folder() -> None:
    """So that .md in the place of the last slash is the page's Markdown."""
    assert [address(one) for one in ("index.md", "adr/README.md", "start/index.md", "cli.md")] == [
        "index.md", "adr.md", "start.md", "cli.md",
    ]  # fmt: skip
    assert title("\n# A page\n") == "A page"
