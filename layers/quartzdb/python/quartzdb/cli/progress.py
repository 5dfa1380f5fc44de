"""How far long work has got: a bar where stderr is a terminal, a line every few seconds where it is not."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

LINE_EVERY_SECONDS = 2.0

Report = Callable[[int], None]
"""Called with how much is done so far, in all."""


@contextmanager
def progress(what: str, *, total: int | None, unit: str, quiet: bool = False) -> Iterator[Report]:
    """Report progress towards `total` (None: unknown). `quiet` leaves out the lines, not the bar."""
    if sys.stderr.isatty():
        with _bar(what, total, unit) as report:
            yield report
    elif quiet:
        yield lambda _: None
    else:
        yield _lines(what, total, unit)


@contextmanager
def _bar(what: str, total: int | None, unit: str) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} " + unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def _lines(what: str, total: int | None, unit: str) -> Report:
    said_at = time.monotonic()

    def report(done: int) -> None:
        nonlocal said_at
        now = time.monotonic()
        if now - said_at >= LINE_EVERY_SECONDS:
            said_at = now
            of = f" of {total:,}" if total is not None else ""
            click.echo(f"{what}: {done:,}{of} {unit}", err=True)

    return report
