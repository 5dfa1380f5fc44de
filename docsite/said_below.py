"""What the source says below a constant or a field: the string that stands there, as PEP 257 has it."""

from __future__ import annotations

import ast
from collections.abc import Sequence


def said_below(body: Sequence[ast.stmt], place: int) -> str:
    """On one line; empty where nothing is said."""
    after = body[place + 1] if place + 1 < len(body) else None
    if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
        return " ".join(str(after.value.value).split())
    return ""
