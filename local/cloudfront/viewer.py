"""What a viewer sends, and what of it CloudFront shows to functions and origins."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from local.cloudfront.header_rules import is_disallowed

Pairs = list[tuple[str, str]]
VIA = "1.1 6f5e4d3c2b1a.cloudfront.net (CloudFront)"
_NEVER_FORWARDED = frozenset({"host", "te", "transfer-encoding", "content-length", "x-forwarded-for", "via"})


@dataclass(frozen=True, slots=True)
class ViewerRequest:
    """`uri` and `query` as they stand in the request line."""

    method: str
    uri: str
    query: str
    headers: Pairs
    body: bytes
    client_ip: str
    protocol: str = "HTTP/1.1"

    @property
    def target(self) -> str:
        """Path and query."""
        return self.uri + (f"?{self.query}" if self.query else "")


def new_request_id() -> str:
    """As long and as odd as CloudFront's."""
    return f"{secrets.token_urlsafe(40)}=="


def forwarded_headers(viewer: ViewerRequest, host: str) -> dict[str, list[dict[str, str]]]:
    """As the policy "all of the viewer's but Host" has them: by name in lower case, in lists."""
    headers: dict[str, list[dict[str, str]]] = {}

    def add(name: str, value: str) -> None:
        headers.setdefault(name.lower(), []).append({"key": name, "value": value})

    for name, value in viewer.headers:
        if name.lower() not in _NEVER_FORWARDED and not is_disallowed(name.lower()):
            add(name, value)
    before = [value for name, value in viewer.headers if name.lower() == "x-forwarded-for"]
    add("X-Forwarded-For", ", ".join([*before, viewer.client_ip]))
    add("Via", VIA)
    add("Host", host)
    if viewer.body or any(name.lower() == "content-length" for name, _ in viewer.headers):
        add("Content-Length", str(len(viewer.body)))
    return headers
