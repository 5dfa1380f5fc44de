"""Headers that a function may not set, or may not change, as CloudFront's documentation lists them.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/edge-function-restrictions-all.html. Kept apart from
the router's own list: what checks a list must not be that list.
"""

from __future__ import annotations

import re
from typing import Any

DISALLOWED = frozenset(
    [
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "trailer",
        "upgrade",
        "x-accel-buffering",
        "x-accel-charset",
        "x-accel-limit-rate",
        "x-accel-redirect",
        "x-amzn-auth",
        "x-amzn-cf-billing",
        "x-amzn-cf-id",
        "x-amzn-cf-xff",
        "x-amzn-errortype",
        "x-amzn-fle-profile",
        "x-amzn-header-count",
        "x-amzn-header-order",
        "x-amzn-lambda-integration-tag",
        "x-amzn-requestid",
        "x-cache",
        "x-forwarded-proto",
        "x-real-ip",
    ]
)
DISALLOWED_BEGINNINGS = ("x-amz-cf-", "x-edge-")
READ_ONLY_REQUEST = frozenset(
    [
        "accept-encoding",
        "content-length",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "transfer-encoding",
        "via",
    ]
)
READ_ONLY_RESPONSE = frozenset({"transfer-encoding", "via"})
NEVER_GENERATED = frozenset({"content-length", "transfer-encoding", "via"})
"""Read-only, and there is nothing to be read: a generated answer has none of them."""
NEVER_CUSTOM = frozenset(
    [
        "accept-encoding",
        "cache-control",
        "connection",
        "content-length",
        "cookie",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "max-forwards",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "request-range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-real-ip",
    ]
)
"""Not among an origin's custom headers; nor what begins with x-amz- or x-edge-."""
CUSTOM_HEADERS_MAX = 10
CUSTOM_NAME_MAX, CUSTOM_VALUE_MAX, CUSTOM_BYTES_MAX = 256, 1783, 10_240
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")


class RuleBroken(Exception):
    """What a function gave back is against a rule: the viewer gets a 502."""


def is_disallowed(name: str) -> bool:
    """Whether functions neither see nor set it."""
    return name in DISALLOWED or name.startswith(DISALLOWED_BEGINNINGS)


def check_headers(headers: Any, where: str) -> dict[str, list[str]]:
    """Their form, and that none is disallowed. Values by name."""
    if not isinstance(headers, dict):
        raise RuleBroken(f"{where} is no object")
    found: dict[str, list[str]] = {}
    for name, many in headers.items():
        if name != name.lower() or not _NAME.fullmatch(name):
            raise RuleBroken(f"{where}: the key {name!r} is no header name in lower case")
        if not isinstance(many, list):
            raise RuleBroken(f"{where}: {name} is no list")
        for each in many:
            if not isinstance(each, dict) or not isinstance(each.get("value"), str):
                raise RuleBroken(f"{where}: {name} has an entry without a value that is text")
            if str(each.get("key", name)).lower() != name:
                raise RuleBroken(f"{where}: {name} has an entry with the key {each['key']!r}")
            if not _VALUE.fullmatch(each["value"]):
                raise RuleBroken(f"{where}: {name} has a value with control characters")
        if is_disallowed(name):
            raise RuleBroken(f"{where}: {name} is disallowed")
        if many:
            found[name] = [each["value"] for each in many]
    return found


def check_unchanged(before: dict[str, list[str]], after: dict[str, list[str]], names: frozenset[str]) -> None:
    """That read-only headers are as they were: none added, changed or taken away."""
    for name in sorted(names):
        if before.get(name) != after.get(name):
            raise RuleBroken(f"headers: {name} is read-only")
