"""A page whose tables are what was last measured; each stands between two comments that name it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path


def replace_block(page: Path, name: str, text: str) -> None:
    """Put `text` into the block of that name. Raises KeyError where the page has none."""
    before = page.read_text()
    block = re.compile(rf"(<!-- measured: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    after, found = block.subn(lambda match: f"{match[1]}{text.rstrip()}\n{match[2]}", before)
    if not found:
        raise KeyError(f"{page} has no block {name!r}.")
    page.write_text(after)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """As Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
