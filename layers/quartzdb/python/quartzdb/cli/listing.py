"""Lists that come in pages: the options that choose some of them, and the pages one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

import click

from quartzdb.cli.numbers import WholeNumber
from quartzdb.cli.output import notice
from quartzdb.domain.limits import LIST_LIMIT_MAX

if TYPE_CHECKING:
    from quartzdb.services.page import Page

T = TypeVar("T")


def listing_options(what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command `prefix`, `limit`, `everything` and `cursor`; `what` is listed: ids, or keys."""
    options = (
        click.option("--prefix", default="", help=f"Only {what} that begin with this."),
        click.option(
            "--limit",
            type=WholeNumber(1, LIST_LIMIT_MAX),
            default=100,
            show_default=True,
            help="The most to list.",
        ),
        click.option("--all", "everything", is_flag=True, help="All of them, whatever --limit says."),
        click.option("--cursor", help="Go on after an earlier list: its `cursor` with --json."),
    )

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return with_options


def pages(
    read: Callable[[str | None, int], Page[T]], *, limit: int, everything: bool, cursor: str | None
) -> Iterator[Page[T]]:
    """One page of `limit` after the cursor, or every page. `read` makes a page of a cursor and a limit."""
    while True:
        page = read(cursor, LIST_LIMIT_MAX if everything else limit)
        yield page
        cursor = page.cursor
        if cursor is None or not everything:
            return


def tell_of_more(cursor: str | None) -> None:
    """Say so where a list does not end with what was shown."""
    if cursor is not None:
        notice("There are more: --all lists them.")
