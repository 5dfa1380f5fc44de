"""How an answer is written to stdout: JSON for scripts, tables by rich for a terminal, plain text for anything else.

Notices about the work itself go to stderr, so that stdout has nothing but the answer.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
import orjson

json_option = click.option("--json", "as_json", is_flag=True, help="Print the answer as one line of JSON.")


def print_json(document: Any) -> None:
    """One line of JSON, flushed at once so that a script that waits for it goes on."""
    click.echo(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY).decode())
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None) -> None:
    """A table; columns of numbers are aligned to the right."""
    right = [
        all(_is_number(row[location]) for row in rows) and bool(rows) for location in range(len(columns))
    ]
    if sys.stdout.isatty():
        _print_rich_table(columns, rows, right, title)
        return
    if title:
        click.echo(title)
    widths = [max(len(row[location]) for row in [columns, *rows]) for location in range(len(columns))]
    for row in [columns, *rows]:
        cells = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def print_facts(facts: Mapping[str, str]) -> None:
    """Names with their values, one a line."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {value}")


def notice(text: str, *, quiet: bool = False) -> None:
    """Say something about the work on stderr. `quiet` is for scripts: then only where somebody is watching."""
    if not quiet or sys.stderr.isatty():
        click.echo(text, err=True)


def size_text(size: int) -> str:
    """Bytes as people read them."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def _print_rich_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], title: str | None
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column, to_right in zip(columns, right, strict=True):
        table.add_column(column, justify="right" if to_right else "left", overflow="fold")
    for row in rows:
        # As Text, because a name may have square brackets, which rich would take for markup.
        table.add_row(*map(Text, row))
    Console().print(table)


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "", 1).lstrip("-").isdigit()
