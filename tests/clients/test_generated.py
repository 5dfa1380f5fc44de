"""What clients are made of is what the API says of itself."""

from __future__ import annotations

from clients.generate.__main__ import CLIENTS, made
from clients.generate.document import DOCUMENT, described, written


def test_all_that_is_made_is_up_to_date() -> None:
    """The document, types and the blocking client: `make clients-types` writes them."""
    document = described()
    wanted = {DOCUMENT: written(document), **made(document)}
    stale = [str(path.relative_to(CLIENTS)) for path, text in wanted.items() if path.read_text() != text]
    assert stale == [], "run make clients-types"
