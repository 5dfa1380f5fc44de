"""JSON bodies: bytes to a document, or an error with the place."""

from __future__ import annotations

import orjson

from quartzdb.api.refusals import InvalidJson, UnsupportedMediaType
from quartzdb.api.request_headers import RequestHeaders


def parse_json(
    body: bytes, headers: RequestHeaders, *, optional: bool = False, any_type: bool = False
) -> object:
    """The document. Strict: no NaN, no half surrogate pairs, no nesting beyond what the parser's stack takes.

    Integers outside 64 bits become floating-point numbers. Raises InvalidJson, UnsupportedMediaType.
    """
    if optional and not body:
        return {}
    if not any_type:
        _check_type(headers)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # orjson's own text names the place too, so only its first part is used.
        reason = error.msg.partition(":")[0]
        where = f"line {error.lineno}, column {error.colno}" if body else "its very beginning: it is empty"
        raise InvalidJson(
            f"The body is not valid JSON at {where} ({reason}).",
            hint="NaN, Infinity, comments, trailing commas and endless nesting are not JSON here.",
        ) from error


def _check_type(headers: RequestHeaders) -> None:
    given = headers.get("content-type")
    essence = (given or "").partition(";")[0].strip().lower()
    if essence == "application/json" or (essence.startswith("application/") and essence.endswith("+json")):
        return
    sent = f"{given[:80]!r}" if given else "none"
    raise UnsupportedMediaType(
        f"The body must be JSON, but its Content-Type is {sent}.",
        field="Content-Type",
        hint="Send Content-Type: application/json.",
    )
