"""The documentation page: one HTML document with its style and script inside, so that it needs nothing from elsewhere.

Its policy allows exactly that style and that script, and connections to this server only.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class DocsPage:
    """An HTML document and its Content-Security-Policy."""

    html: bytes
    policy: str


@cache
def docs_page() -> DocsPage:
    """The page that shows /openapi.json."""
    return assemble((_HERE / "page.html").read_text("utf-8"), script=(_HERE / "page.js").read_text("utf-8"))


def assemble(html: str, *, script: str | None = None) -> DocsPage:
    """Put the style, and the script if there is one, in their places in a document."""
    style = (_HERE / "page.css").read_text("utf-8")
    html = html.replace("/* style */", style).replace("/* script */", script or "")
    sources = f"style-src {_hash(style)}"
    if script is not None:
        sources += f"; script-src {_hash(script)}; connect-src 'self'"
    policy = f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return DocsPage(html.encode("utf-8"), policy)


def _hash(inline: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(inline.encode('utf-8')).digest()).decode('ascii')}'"
