"""Pages that are made of the code each time the site is built, so that they cannot be out of date."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from docsite.made import api, limits
from docsite.made.clients.javascript import javascript_page
from docsite.made.clients.python import python_page
from docsite.made.clients.rust import rust_page

PAGES: Mapping[str, Callable[[], str]] = {
    "reference/numbers.md": limits.page,
    "reference/python.md": python_page,
    "reference/javascript.md": javascript_page,
    "reference/rust.md": rust_page,
    **api.pages(),
}
"""By their path below docs/, where no such file is."""


def made() -> dict[str, str]:
    """All of them, and what they load."""
    return {name: page() for name, page in PAGES.items()} | {api.DESCRIPTION: api.description()}
