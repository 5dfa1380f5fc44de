"""The numbers of limits as the code has them: `domain/limits.py`, constant by constant."""

from __future__ import annotations

import ast
from pathlib import Path

from docsite.said_below import said_below
from quartzdb.domain import limits

_TOP = """\
# Numbers of limits

Every limit on input, as the code has it; [limits](../limits.md) says what they are about, and which are of a
request, a key or a connection. A plan may allow less: [plans and prices](../plans.md).

| Limit | Value | |
|---|---:|---|
"""


def page() -> str:
    """Markdown."""
    return _TOP + "".join(f"| `{name}` | {value} | {words} |\n" for name, value, words in numbers())


def numbers() -> list[tuple[str, str, str]]:
    """Each number with its name and what is said of it there."""
    body = ast.parse(Path(limits.__file__).read_text("utf-8")).body
    found = []
    for place, node in enumerate(body):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        value = getattr(limits, node.targets[0].id)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        words = said_below(body, place).replace("|", "\\|")
        found.append((node.targets[0].id, f"{value:,}", words))
    return found
