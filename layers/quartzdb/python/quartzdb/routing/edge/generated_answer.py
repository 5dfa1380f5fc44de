"""Answers that the function gives in place of an origin, in the form that CloudFront takes.

At most 1 MB, status as text, no header that CloudFront keeps to itself.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-generating-http-responses-in-requests.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from http import HTTPStatus

from quartzdb.routing.edge.cloudfront_event import CfHeaders, CfResponse, is_disallowed

ANSWER_BYTES_MAX = 1024 * 1024
"""Body as it stands in the answer, with all headers."""
_ENVELOPE_BYTES = 1024
_NEVER_GENERATED = frozenset({"content-length", "transfer-encoding", "via", "warning", "date", "server"})
"""CloudFront writes these itself."""


class GeneratedAnswerTooLarge(Exception):
    """It cannot be given by the function; CloudFront could."""


def generated(status: int, headers: Iterable[tuple[str, str]], body: bytes, *, method: str) -> CfResponse:
    """The answer. Raises AnswerTooLarge."""
    kept: CfHeaders = {}
    size = _ENVELOPE_BYTES
    for name, value in headers:
        lower = name.lower()
        if lower not in _NEVER_GENERATED and not is_disallowed(lower):
            kept.setdefault(lower, []).append({"key": name, "value": value})
            size += len(name) + len(value) + 4
    answer: CfResponse = {"status": str(status), "statusDescription": _phrase(status), "headers": kept}
    if body and method != "HEAD" and status not in {204, 304}:
        text, encoding = _as_text(body, coded="content-encoding" in kept)
        size += len(text.encode()) if encoding == "text" else len(text)
        answer |= {"body": text, "bodyEncoding": encoding}
    if size > ANSWER_BYTES_MAX:
        raise GeneratedAnswerTooLarge(f"an answer of {size} bytes")
    return answer


def refusal(status: int, code: str, detail: str, hint: str, *, request: tuple[str, str, str]) -> CfResponse:
    """An error of the router's own, in the form of the surface. `request`: its method, path and id."""
    method, path, request_id = request
    if path in {"/", "/health"} or path.startswith("/api/"):
        content_type = "application/json"
        document: dict[str, object] = {"success": False, "error": f"{detail} {hint}", "code": code}
    else:
        content_type = "application/problem+json"
        document = {
            "type": f"/docs/problems#{code}",
            "title": code.replace("_", " ").capitalize(),
            "status": status,
            "detail": detail,
            "code": code,
            "hint": hint,
            "request_id": request_id,
        }
    headers = [
        ("Content-Type", content_type),
        ("Cache-Control", "no-store"),
        ("Access-Control-Allow-Origin", "*"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Request-Id", request_id),
    ]
    if status == 503:
        headers.append(("Retry-After", "1"))
    return generated(status, headers, json.dumps(document).encode(), method=method)


def _as_text(body: bytes, *, coded: bool) -> tuple[str, str]:
    if not coded:
        try:
            return body.decode("utf-8"), "text"
        except UnicodeDecodeError:
            pass  # not text: as base64, below
    return base64.b64encode(body).decode(), "base64"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"  # Cloudflare has statuses of its own
