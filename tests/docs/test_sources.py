"""Every page has its place. Where its links go, test_links.py asks."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from docsite.links import file_of, links
from docsite.made import PAGES as MADE
from docsite.sources import ADOPTED, DOCS, EXCLUDED, ROOT, pages, written

PAGES = written()


def test_every_page_has_one_place() -> None:
    """A file of docs/ is in mkdocs.yml's `nav`, or left out by name in docsite/sources.py."""
    named = pages()
    assert [name for name, times in Counter(named).items() if times > 1] == []
    assert sorted(set(PAGES) - set(named)) == [], "not in mkdocs.yml: nav"
    assert sorted(set(named) - set(PAGES) - set(MADE)) == [], "in mkdocs.yml, but no file"
    assert set(MADE) <= set(named)
    assert not set(MADE) & set(PAGES), "a file would be written over"


def test_what_is_left_out_is_there() -> None:
    """And what is adopted."""
    assert all((DOCS / name).is_file() for name in EXCLUDED)
    assert all((ROOT / name).is_file() for name in ADOPTED)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_one_title(name: str) -> None:
    """In its first line, which is what menus, the search and llms.txt call it."""
    text = PAGES[name].read_text("utf-8")
    assert re.match(r"# \S", text.removeprefix("---\n")), "no heading at the top"


def _seen_also(guide: Path) -> set[Path]:
    _, see = guide.read_text("utf-8").split("**See also**", 1)
    return {file_of(link.target, guide)[0] for link in links(see)}


@pytest.mark.parametrize(
    "guide",
    sorted(set(DOCS.glob("how-to/*.md")) - {DOCS / "how-to/index.md"}),
    ids=lambda file: file.stem,
)
def test_guides_are_short_and_seen_from_what_they_name(guide: Path) -> None:
    """Whoever reads a long page finds the guide, as the guide finds it; and all of them are in their list."""
    assert 20 <= len(guide.read_text("utf-8").splitlines()) <= 60
    listed = {file_of(link.target, DOCS)[0] for link in links((DOCS / "how-to/index.md").read_text("utf-8"))}
    assert guide.name in {file.name for file in listed}
    one_way = []
    for page in _seen_also(guide):
        found = {file_of(link.target, page)[0].resolve() for link in links(page.read_text("utf-8"))}
        if guide.resolve() not in found:
            one_way.append(str(page.relative_to(DOCS)))
    assert one_way == []
