"""Pages that are made of the code say all that is in it."""

from __future__ import annotations

from docsite.links import links
from docsite.made import limits
from docsite.sources import DOCS
from quartzdb.domain.limits import TOP_K_MAX


def test_every_limit_is_there() -> None:
    """With its number."""
    assert f"| `TOP_K_MAX` | {TOP_K_MAX:,} |" in limits.page()
    assert len(limits.numbers()) > 50


def test_links_of_made_pages_go_somewhere() -> None:
    """As those of written ones."""
    found = links(limits.page())
    assert found
    assert all((DOCS / "reference" / one.target).is_file() for one in found)
