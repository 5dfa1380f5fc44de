"""The examples of a page: what they say that they print is what they print."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_EXAMPLE = re.compile(r"```python\n(.*?)```\s*```text\n(.*?)```", re.DOTALL)


def examples(page: str, heading: str | None = None) -> list[tuple[str, str]]:
    """Programs with what stands below them, of a page or of one `## heading` on it. There must be some.

    Every block of Python has to be followed by one of text: nothing on a page is left out.
    """
    text = (ROOT / page).read_text()
    if heading is not None:
        [text] = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    found: list[tuple[str, str]] = _EXAMPLE.findall(text)
    assert found
    assert len(found) == text.count("```python"), "an example does not say what it prints"
    return found


def check(page: str, heading: str | None = None) -> None:
    """Run its examples, one after another."""
    for program, promised in examples(page, heading):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(program, page, "exec"), {"__name__": "__main__"})
        assert printed.getvalue() == promised
