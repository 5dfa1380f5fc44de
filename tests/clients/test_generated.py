"""What clients are made of is what the API says of itself."""

from __future__ import annotations

from clients.generate.__main__ import CLIENTS, made
from clients.generate.document import DOCUMENT, described, written
from tests.clients.table import PAGE, all_pass, found


def test_the_page_says_that_every_client_passes_every_scenario() -> None:
    """`make conformance` writes it; that it is so is what the other tests here are about."""
    assert found(PAGE.read_text()) == all_pass()


def test_all_that_is_made_is_up_to_date() -> None:
    """The document, types and the blocking client: `make clients-types` writes them."""
    document = described()
    wanted = {DOCUMENT: written(document), **made(document)}
    stale = [str(path.relative_to(CLIENTS)) for path, text in wanted.items() if path.read_text() != text]
    assert stale == [], "run make clients-types"
