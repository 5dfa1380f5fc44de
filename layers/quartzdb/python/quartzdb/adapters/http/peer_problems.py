"""What the other site's refusals are here: problem documents back to errors."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from quartzdb.domain.errors import (
    ClockSkew,
    Conflict,
    InvalidArgument,
    InvalidCursor,
    InvalidVersion,
    NamespaceDiffers,
    NamespaceNotFound,
    NotFound,
    QuartzError,
    TooLarge,
    Unavailable,
)
from quartzdb.net.http_client import HttpAnswer
from quartzdb.replication.ports import FeedGap
from quartzdb.replication.wire.page_document import parse_cursor

RETRY_AFTER_SECONDS_MAX = 3_600.0
_TEXT_MAX = 500
_BY_CODE: dict[str, type[QuartzError]] = {
    kind.code: kind
    for kind in (
        ClockSkew,
        Conflict,
        InvalidArgument,
        InvalidCursor,
        InvalidVersion,
        NamespaceDiffers,
        NamespaceNotFound,
        TooLarge,
    )
}
_BY_STATUS: dict[int, type[QuartzError]] = {
    400: InvalidArgument,
    404: NotFound,
    405: NotFound,
    409: Conflict,
    413: TooLarge,
    415: InvalidArgument,
    422: InvalidArgument,
}
"""What will not pass. Everything else may: also a secret that is not taken, because it may be about to be rotated."""


def refusal(answer: HttpAnswer, site: str, now_ms: int) -> QuartzError | FeedGap:
    """The error that an answer of no success stands for."""
    problem = _problem(answer.body)
    code = _text(problem, "code") or f"status_{answer.status}"
    if answer.status == 410 and code == "feed_gap":
        try:
            return FeedGap(parse_cursor(problem))
        except InvalidArgument as error:
            return unreadable(site, error)
    kind = _BY_STATUS.get(answer.status)
    said = _text(problem, "detail") or _text(problem, "error")  # `/api/*` calls it `error`
    message = f"{site} answers {answer.status} {code}: {said or 'no more is said'}"
    hint = _text(problem, "hint") or None
    if kind is None:
        return Unavailable(message, hint=hint, retry_after_s=_retry_after(answer, now_ms))
    named = _BY_CODE.get(code, kind)
    # The status says whether it will pass, the code only which error of that sort it is.
    kind = named if issubclass(named, (kind, ClockSkew, InvalidArgument)) else kind
    return kind(message, field=_text(problem, "field") or None, hint=hint)


def unreadable(site: str, error: QuartzError) -> InvalidArgument:
    """The other site's answer breaks the protocol."""
    return InvalidArgument(
        f"The answer of {site} breaks the protocol: {error.message}", field=error.field, hint=error.hint
    )


def _problem(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _text(problem: dict[str, Any], name: str) -> str:
    value = problem.get(name)
    return value[:_TEXT_MAX] if isinstance(value, str) else ""


def _retry_after(answer: HttpAnswer, now_ms: int) -> float | None:
    """Seconds to wait at least: a number of them, or a date (RFC 9110, 10.2.3)."""
    text = answer.header("Retry-After").strip()
    if text.isascii() and text.isdecimal() and len(text) <= 9:
        return min(float(text), RETRY_AFTER_SECONDS_MAX)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - now_ms / 1000
    except ValueError:
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX)
