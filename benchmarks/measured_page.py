"""What was measured, kept under docs/benchmarks/, from where pages have their tables and figures."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from docsite import figures, results


def keep(
    name: str, table: str, markdown: str, *, command: str, measured: datetime.date | None = None
) -> None:
    """Put a table into docs/benchmarks/NAME.json, with its date and what measured it, then bring pages to it.

    What the conditions were is said in the file by hand: look at it. Raises ValueError where it is no table.
    """
    day = measured or datetime.datetime.now(datetime.UTC).date()
    results.put(name, {table: results.parsed(markdown)}, measured=day.isoformat(), command=command)
    figures.main()


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """As Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
