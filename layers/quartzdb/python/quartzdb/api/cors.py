"""CORS, as the Cloudflare deployment does it: its paths may be called from any page. /v1 may not."""

from __future__ import annotations

from quartzdb.api.answer import Answer

OPEN_TO_PAGES = (b"access-control-allow-origin", b"*")
"""What every answer at those paths carries, errors too."""
PREFLIGHT = Answer(
    200,
    content_type=None,
    headers=(
        ("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS"),
        ("Access-Control-Allow-Headers", "Content-Type, Authorization, X-API-Key"),
        ("Access-Control-Max-Age", "86400"),
    ),
)
