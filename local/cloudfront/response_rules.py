"""What a function may give back as the answer: instead of a request, or in place of an origin's.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-generating-http-responses-in-requests.html
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from local.cloudfront.header_rules import (
    NEVER_GENERATED,
    READ_ONLY_RESPONSE,
    RuleBroken,
    check_headers,
    check_unchanged,
)

GENERATED_BYTES_MAX = 1024 * 1024
_STATUS = re.compile(r"[2-5][0-9][0-9]")


def check_generated(response: dict[str, Any]) -> None:
    """Of an origin-request event. Raises RuleBroken."""
    _check_status(response)
    headers = check_headers(response.get("headers", {}), "headers")
    for name in sorted(NEVER_GENERATED & headers.keys()):
        raise RuleBroken(f"headers: {name} is read-only")
    body_bytes(response)
    size = len(response.get("body", "").encode()) + sum(
        len(name) + len(value) for name, many in headers.items() for value in many
    )
    if size > GENERATED_BYTES_MAX:
        raise RuleBroken(f"a generated answer of {size} bytes: at most 1 MB, headers included")


def check_response(before: dict[str, Any], after: Any) -> None:
    """Of an origin-response event. Raises RuleBroken."""
    if not isinstance(after, dict):
        raise RuleBroken("the result is no answer")
    _check_status(after)
    headers = check_headers(after.get("headers", {}), "headers")
    check_unchanged(check_headers(before["headers"], "the event"), headers, READ_ONLY_RESPONSE)
    if len(body_bytes(after) or b"") > GENERATED_BYTES_MAX:
        raise RuleBroken("a body of more than 1 MB")


def body_bytes(response: dict[str, Any]) -> bytes | None:
    """A body that a function wrote; None where it wrote none."""
    if "body" not in response:
        return None
    body, encoding = response["body"], response.get("bodyEncoding", "text")
    if not isinstance(body, str) or encoding not in {"text", "base64"}:
        raise RuleBroken("body is text, and bodyEncoding text or base64")
    if encoding == "text":
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RuleBroken("body is no base64") from error


def _check_status(response: dict[str, Any]) -> None:
    status = response.get("status")
    if not isinstance(status, str) or not _STATUS.fullmatch(status):
        raise RuleBroken("status is text of three digits, 200 to 599")
    if not isinstance(response.get("statusDescription", ""), str):
        raise RuleBroken("statusDescription is text")
