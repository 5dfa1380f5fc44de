"""The one place that turns an error into a status and a document. Nothing below the edge knows either.

`/v1` answers with RFC 9457 problem documents; the Cloudflare-compatible paths with that deployment's own form and its
few statuses. Never says more of an unforeseen error than that there was one.
"""

from __future__ import annotations

import math
from http import HTTPStatus

import orjson

from quartzdb.api.answer import JSON, Answer, Headers
from quartzdb.api.refusals import (
    BodyTimeout,
    BodyTooComplex,
    BodyTooLarge,
    FeedGone,
    HeadersTooLarge,
    IdempotencyMismatch,
    MethodNotAllowed,
    NoEventStream,
    RateLimited,
    UnsupportedMediaType,
)
from quartzdb.api.surface import is_cloudflare
from quartzdb.api.times import rfc3339_or_none
from quartzdb.domain.errors import (
    ChangesGone,
    ClockSkew,
    Conflict,
    Corrupted,
    Forbidden,
    IdempotencyConflict,
    InvalidArgument,
    LimitReached,
    NotFound,
    PreconditionFailed,
    QuartzError,
    Reached,
    TooCostly,
    Unauthenticated,
    Unavailable,
    VersionNotApplied,
)

PROBLEM = "application/problem+json"
PROBLEM_TYPES = "/docs/problems"
"""Where every problem type is explained; `type` is this and the code as a fragment."""
RETRY_AFTER_SECONDS = 1

STATUSES: dict[type[QuartzError], int] = {
    InvalidArgument: 400,
    Unauthenticated: 401,
    LimitReached: 402,
    Forbidden: 403,
    NotFound: 404,
    MethodNotAllowed: 405,
    NoEventStream: 406,
    BodyTimeout: 408,
    Conflict: 409,
    ClockSkew: 409,
    ChangesGone: 410,
    FeedGone: 410,
    PreconditionFailed: 412,
    BodyTooLarge: 413,
    BodyTooComplex: 413,
    UnsupportedMediaType: 415,
    IdempotencyMismatch: 422,
    TooCostly: 422,
    RateLimited: 429,
    HeadersTooLarge: 431,
    QuartzError: 500,
    Corrupted: 503,
    Unavailable: 503,
}
"""By class; a class that is not listed has its parent's status."""

_CLOUDFLARE_STATUSES = {402: 429, 403: 401, 405: 404, 408: 400, 409: 400, 412: 400, 415: 400, 422: 400}
"""What the Cloudflare deployment never answers, as the nearest that it does."""


def status_of(kind: type[QuartzError]) -> int:
    """The status of a class of errors on /v1."""
    return next(STATUSES[parent] for parent in kind.__mro__ if parent in STATUSES)


def title_of(code: str) -> str:
    """A code as words."""
    return code.replace("_", " ").capitalize().replace("json", "JSON")


def error_answer(error: QuartzError, path: str, request_id: str) -> Answer:
    """The answer to a request for `path` that failed."""
    status = status_of(type(error))
    if is_cloudflare(path):
        return _cloudflare(error, _CLOUDFLARE_STATUSES.get(status, status))
    document = {
        "type": f"{PROBLEM_TYPES}#{error.code}",
        "title": title_of(error.code),
        "status": status,
        "detail": error.message,
        "code": error.code,
        "field": error.field,
        "hint": error.hint,
        "request_id": request_id,
    }
    if isinstance(error, LimitReached | RateLimited) and error.reached is not None:
        document |= reached_document(error.reached)
    if isinstance(error, PreconditionFailed) and error.failures:
        document["failures"] = [
            {"id": one.id, "version": one.version, "reason": one.reason} for one in error.failures
        ]
    if isinstance(error, FeedGone | ChangesGone):
        document["cursor"] = error.cursor
    return Answer(status, _dumps(document), PROBLEM, _headers(error))


def reached_document(reached: Reached) -> dict[str, object]:
    """What a problem says of the limit that was reached."""
    return {
        "limit": reached.limit,
        "used": reached.used,
        "allowed": reached.allowed,
        "unit": reached.unit,
        "resets_at": rfc3339_or_none(reached.resets_at_ms),
        "raise_at": reached.raise_at,
    }


def internal_error_answer(path: str, request_id: str) -> Answer:
    """The answer after an unforeseen error: what happened stands in the log, under the request id."""
    error = QuartzError(
        f"Something went wrong inside. The request id is {request_id}.",
        hint="If it happens again, report the request id.",
    )
    return error_answer(error, path, request_id)


def reason(status: int) -> str:
    """A status in words, as documentation has it."""
    return HTTPStatus(status).phrase


def _cloudflare(error: QuartzError, status: int) -> Answer:
    message = f"{error.field}: {error.message}" if error.field else error.message
    return Answer(
        status, _dumps({"success": False, "error": message, "code": error.code}), JSON, _headers(error)
    )


def _headers(error: QuartzError) -> Headers:
    match error:
        case Unauthenticated():
            return (("WWW-Authenticate", 'Bearer realm="QuartzDB"'),)
        case RateLimited():
            return (("Retry-After", str(error.retry_after_seconds)), *error.headers)
        case MethodNotAllowed():
            return (("Allow", error.allowed),)
        case UnsupportedMediaType():
            return (("Accept-Encoding", "gzip"),)
        case ClockSkew() | IdempotencyMismatch():
            return ()  # trying again does not mend it
        case Unavailable(retry_after_s=seconds) | VersionNotApplied(retry_after_s=seconds) if (
            seconds is not None
        ):
            return (("Retry-After", str(max(1, math.ceil(seconds)))),)
        case Unavailable() | IdempotencyConflict():
            return (("Retry-After", str(RETRY_AFTER_SECONDS)),)
        case BodyTooLarge() | BodyTimeout():
            # The rest of the body is not read, so the connection cannot be used again.
            return (("Connection", "close"),)
        case _:
            return ()


def _dumps(document: dict[str, object]) -> bytes:
    # Messages quote what was sent; half a surrogate pair in it must not turn the answer into another error.
    try:
        return orjson.dumps(document)
    except TypeError:
        printable = {
            key: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
            for key, value in document.items()
        }
        return orjson.dumps(printable)
