"""Figures that a page quotes are those of the page that a measurement writes.

A page says what it quotes, where nobody sees it: `<!-- quoted from drill.md: 6,349; 8 -->`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from docsite.sources import DOCS, written

_QUOTED = re.compile(r"(?<!`)<!-- quoted from (\S+): ([^>]+?) -->")
PAGES = written()


def quotes(text: str) -> Iterator[tuple[str, str]]:
    """Each figure that a page says it quotes, with where it is from."""
    for source, figures in _QUOTED.findall(text):
        for figure in figures.split(";"):
            yield source, figure.strip()


def has(text: str, figure: str) -> bool:
    """Whether a text has a figure, and not as a part of a longer one. `.98` and `0.98` are the same."""
    digits = re.escape(figure.removeprefix("0") if figure.startswith("0.") else figure)
    before = "0?" if digits.startswith("\\.") else ""
    return re.search(rf"(?<![\d.,]){before}{digits}(?!\d|[.,]\d)", _QUOTED.sub("", text)) is not None


@pytest.mark.parametrize(
    "name", [name for name, file in PAGES.items() if _QUOTED.search(file.read_text("utf-8"))]
)
def test_what_is_quoted_is_what_was_measured(name: str) -> None:
    """Both pages have it."""
    file = PAGES[name]
    text = file.read_text("utf-8")
    for source, figure in quotes(text):
        assert has(text, figure), f"{figure} is not in {name}"
        measured = (file.parent / source).resolve()
        assert measured.is_relative_to(DOCS)
        assert has(measured.read_text("utf-8"), figure), (
            f"{figure} is not in {source} any more: what does it say?"
        )


def test_pages_that_quote_say_so() -> None:
    """Those that sell."""
    assert all(_QUOTED.search(PAGES[name].read_text("utf-8")) for name in ("index.md", "blog/why.md"))


def test_a_part_of_a_figure_is_none() -> None:
    """So that .98 is not found in .985."""
    assert has("recall .98, and", ".98")
    assert has("recall 0.98, and", ".98")
    assert not has("recall .985", ".98")
    assert not has("6,349,000", "6,349")
    assert not has("<!-- quoted from x.md: 7 -->", "7")
