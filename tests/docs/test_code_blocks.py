"""Blocks of code are of kinds that somebody looks at: run here or by the tests of a package, parsed, or output."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from docsite.links import prose
from docsite.sources import written

PAGES = written()
RUN = {"sh", "python"}
"""By tests/docs/test_examples.py, for pages of docs/."""
OF_PACKAGES = {"ts": {"integrations.md"}, "js": set[str](), "rust": set[str]()}
"""Programs that the tests of their packages run, and the pages that may have them."""
SHOWN = {"", "text", "json", "sql", "toml"}
_BLOCK = re.compile(r"\s*```([^\n]*)\n(.*?)\s*```\s*", re.DOTALL)
_LEFT_OUT = re.compile(r"…|\.\.\.")


def blocks(name: str) -> list[tuple[str, str]]:
    """Language and text of each block of a page."""
    pieces = [piece for is_prose, piece in prose(PAGES[name].read_text("utf-8")) if not is_prose]
    found = [_BLOCK.fullmatch(piece) for piece in pieces]
    return [(one[1].split(",")[0].strip(), one[2]) for one in found if one is not None]


@pytest.mark.parametrize("name", [name for name in PAGES if blocks(name)])
def test_every_block_is_of_a_known_kind(name: str) -> None:
    """Data is well formed, unless it leaves something out and says so."""
    for language, text in blocks(name):
        assert language in RUN | SHOWN or name in OF_PACKAGES.get(language, ()), f"{language}:\n{text}"
        if language == "json" and not _LEFT_OUT.search(text):
            for line in [text] if _is_one(text) else text.splitlines():
                json.loads(line)
        if language == "toml":
            tomllib.loads(text)


def _is_one(text: str) -> bool:
    """One document, or one in each line."""
    return not all(line.startswith("{") and line.endswith("}") for line in text.strip().splitlines())
