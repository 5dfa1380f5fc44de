"""Pages of the application itself: one HTML document with its style inside, so that it needs nothing from elsewhere.

Its policy allows exactly that style.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from quartzdb.domain.values import dataclass

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class DocsPage:
    """An HTML document and its Content-Security-Policy."""

    html: bytes
    policy: str


@cache
def docs_page() -> DocsPage:
    """The page that says where the API is described."""
    return assemble((_HERE / "page.html").read_text("utf-8"))


def assemble(html: str) -> DocsPage:
    """Put the style in its place in a document."""
    style = (_HERE / "page.css").read_text("utf-8")
    html = html.replace("/* style */", style)
    sources = f"style-src {_hash(style)}"
    policy = f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return DocsPage(html.encode("utf-8"), policy)


def _hash(inline: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(inline.encode('utf-8')).digest()).decode('ascii')}'"
