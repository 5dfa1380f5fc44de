"""Code blocks of pages: which of them are run, and what they print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?^```(?P<language>sh|python)\n(?P<code>.*?)^```\n"
    r"(?:\n```text\n(?P<printed>.*?)^```\n)?",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Block:
    """Code, and what it prints: `…` stands for anything, and where lines break means nothing. `reason`: why it is not
    run, None where it is.
    """

    language: str
    code: str
    printed: str | None
    reason: str | None

    def fits(self, said: str) -> bool:
        """Whether this was printed."""
        if self.printed is None:
            return said.strip() == ""
        parts = re.sub(r"\s", "", self.printed).split("…")
        return re.fullmatch(".*".join(map(re.escape, parts)), re.sub(r"\s", "", said)) is not None


def blocks(page: Path) -> Iterator[Block]:
    """Of a page, in order."""
    for one in _BLOCK.finditer(page.read_text("utf-8")):
        yield Block(one["language"], one["code"], one["printed"], one["reason"])
