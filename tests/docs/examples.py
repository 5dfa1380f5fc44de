"""Code blocks of Markdown files: what each is, where it stands, and what is said of it above and below."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from docsite.links import prose
from docsite.sources import ROOT

SHELL_AND_PYTHON = ("sh", "python")
PROGRAMS = ("js", "ts", "rust")
_FENCED = re.compile(
    r"[ ]*(?P<fence>`{3,}|~{3,})(?P<language>[^\n,]*)[^\n]*\n(?P<code>.*?)[ ]*(?P=fence)\s*", re.DOTALL
)
_MARK = re.compile(r"<!-- (not run|is): ([^\n]+?) -->\n*[ ]*\Z")
_FOLDERS = ("docs", "clients", "integrations", "benchmarks", "cloudflare", "functions", "local", ".github")
_GENERATED = {"node_modules", "build", "dist"}


@dataclass(frozen=True, slots=True)
class Block:
    """Code, and what it prints: `…` stands for anything, and where lines break means nothing. `reason`: why it is not
    run, None where it is. `kind`: what data is said to be. `line`: where it begins.
    """

    language: str
    code: str
    printed: str | None
    reason: str | None
    kind: str | None = None
    line: int = 0

    def fits(self, said: str) -> bool:
        """Whether this was printed."""
        if self.printed is None:
            return said.strip() == ""
        parts = re.sub(r"\s", "", self.printed).split("…")
        return re.fullmatch(".*".join(map(re.escape, parts)), re.sub(r"\s", "", said)) is not None


def markdown_files() -> list[Path]:
    """Every file of Markdown that somebody writes for somebody else to read."""
    found = [*ROOT.glob("*.md")]
    for folder in _FOLDERS:
        for path, inside, files in os.walk(ROOT / folder):
            inside[:] = [one for one in inside if one not in _GENERATED]
            found += [Path(path) / one for one in files if one.endswith(".md")]
    return sorted(found)


def every_block(page: Path) -> list[Block]:
    """Of a page, in order, in any language; a language that is not said is "". Code is without its indentation."""
    pieces = list(prose(page.read_text("utf-8")))
    found = []
    line = 1
    for place, (is_prose, piece) in enumerate(pieces):
        fenced = None if is_prose else _FENCED.fullmatch(piece)
        if fenced is not None:
            marks = dict(_marks(pieces[place - 1][1])) if place else {}
            found.append(
                Block(
                    fenced["language"].strip(),
                    dedent(fenced["code"]),
                    _printed(pieces[place + 1 : place + 3]),
                    marks.get("not run"),
                    marks.get("is"),
                    line,
                )
            )
        line += piece.count("\n")
    return found


def blocks(page: Path, languages: tuple[str, ...] = SHELL_AND_PYTHON) -> Iterator[Block]:
    """Of a page, in order, in some languages."""
    return (one for one in every_block(page) if one.language in languages)


def _marks(above: str) -> Iterator[tuple[str, str]]:
    """What comments directly above a block say of it."""
    while found := _MARK.search(above):
        yield found[1], found[2]
        above = above[: found.start()]


def _printed(after: list[tuple[bool, str]]) -> str | None:
    """The block of text that follows, if nothing stands in between."""
    if len(after) < 2 or after[0][1].strip() or after[1][0]:
        return None
    fenced = _FENCED.fullmatch(after[1][1])
    return dedent(fenced["code"]) if fenced is not None and fenced["language"].strip() == "text" else None
