"""The one place that turns an error into a status and a problem document (RFC 9457).

Says nothing of unforeseen errors but that there was one.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from quartzdb.domain.errors import (
    Conflict,
    Forbidden,
    InvalidArgument,
    NotFound,
    QuartzError,
    Reached,
    Unauthenticated,
    Unavailable,
)
from quartzdb.domain.errors import LimitReached as PlanLimitReached
from quartzdb_platform.api.models import at
from quartzdb_platform.domain.errors import PaymentDeclined, TooManyAttempts

logger = logging.getLogger(__name__)
STATUSES: dict[type[QuartzError], int] = {
    InvalidArgument: 400,
    Unauthenticated: 401,
    PlanLimitReached: 402,
    PaymentDeclined: 402,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooManyAttempts: 429,
    Unavailable: 503,
}
MEDIA_TYPE = "application/problem+json"


def install(app: FastAPI) -> None:
    """Have every error of the application told as a problem."""
    app.add_exception_handler(QuartzError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    field: str | None = None,
    hint: str | None = None,
    headers: dict[str, str] | None = None,
    more: Mapping[str, object] | None = None,
) -> JSONResponse:
    """A problem document; `more` are members of its kind."""
    document = {
        "type": f"/docs/problems#{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "field": field,
        "hint": hint,
        **(more or {}),
    }
    present = {name: value for name, value in document.items() if value is not None}
    return JSONResponse(present, status, headers, MEDIA_TYPE)


def status_of(error: QuartzError) -> int:
    """The status that an error is answered with."""
    return next((STATUSES[kind] for kind in type(error).mro() if kind in STATUSES), 500)


def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, QuartzError)
    status = status_of(error)
    headers = {}
    if isinstance(error, TooManyAttempts):
        headers["Retry-After"] = str(error.retry_after_seconds)
    elif isinstance(error, Unavailable):
        headers["Retry-After"] = str(math.ceil(error.retry_after_s or 1))
    elif isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    more = _reached(error.reached) if isinstance(error, PlanLimitReached) else {}
    return problem(
        status, error.code, error.message, field=error.field, hint=error.hint, headers=headers, more=more
    )


def _reached(reached: Reached) -> dict[str, object]:
    resets_at = None if reached.resets_at_ms is None else at(reached.resets_at_ms)
    return {**reached._asdict(), "resets_at_ms": None, "resets_at": resets_at}


def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return problem(400, "invalid_json", "The body is not JSON.", hint="Send a JSON object.")
    where = _field(first["loc"][1:])
    return problem(400, "invalid_argument", f"{where or 'body'}: {first['msg']}.", field=where)


def _field(location: Sequence[Any]) -> str | None:
    return ".".join(str(part) for part in location) or None


def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    codes = {404: "route_not_found", 405: "method_not_allowed"}
    headers = dict(error.headers or {})
    return problem(
        error.status_code, codes.get(error.status_code, "refused"), str(error.detail), headers=headers
    )


def _unforeseen(_: Request, error: Exception) -> JSONResponse:
    logger.error("unforeseen", exc_info=error)
    return problem(500, "internal_error", "Something went wrong here; it was logged.", hint="Try again.")
