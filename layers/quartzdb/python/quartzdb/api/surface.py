"""The two surfaces, told apart by path alone: an error before routing must already have the right form."""

from __future__ import annotations


def is_cloudflare(path: str) -> bool:
    """Whether the path belongs to the Cloudflare-compatible surface."""
    return path in {"/", "/health"} or path == "/api" or path.startswith("/api/")
