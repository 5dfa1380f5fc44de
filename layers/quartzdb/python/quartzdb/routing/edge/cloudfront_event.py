"""The parts of CloudFront's events, as they are: dictionaries that the function changes and gives back.

Header names are lower-case keys of lists, since a header may repeat.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-event-structure.html
"""

from __future__ import annotations

import base64
from typing import Any

CfRequest = dict[str, Any]
CfResponse = dict[str, Any]
CfHeaders = dict[str, list[dict[str, str]]]

REQUEST_DISALLOWED = frozenset(
    {
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
    }
)
"""With one of these, in a request or in an answer, CloudFront answers 502."""
DISALLOWED_BEGINNINGS = ("x-amz-cf-", "x-edge-")


def is_disallowed(name: str) -> bool:
    """Whether a function may not set a header."""
    return name in REQUEST_DISALLOWED or name.startswith(DISALLOWED_BEGINNINGS)


def values(headers: CfHeaders, name: str) -> list[str]:
    """All values of a header; its name in lower case."""
    return [each["value"] for each in headers.get(name, [])]


def only_value(headers: CfHeaders, name: str) -> str | None:
    """The value of a header that is there once."""
    found = values(headers, name)
    return found[0] if len(found) == 1 else None


def set_header(headers: CfHeaders, name: str, value: str) -> None:
    """Replace a header."""
    headers[name.lower()] = [{"key": name, "value": value}]


def body_of(request: CfRequest) -> bytes | None:
    """The request's body; None where the event has not all of it."""
    body = request.get("body")
    if not body:
        return b""
    if body.get("inputTruncated"):
        return None
    return _decoded(body)


def beginning_of_body(request: CfRequest) -> bytes:
    """What the event has of a body that CloudFront cut."""
    return _decoded(request.get("body") or {})


def _decoded(body: dict[str, Any]) -> bytes:
    data: str = body.get("data") or ""
    return base64.b64decode(data) if body.get("encoding") == "base64" else data.encode()
